"""The columns of a feature table that every service shows: first its own attributes, then the same few for all."""

from __future__ import annotations

from dataclasses import dataclass

from sdi.model.register import AttributeType, FeatureType
from sdi.model.text import Text


@dataclass(frozen=True, slots=True)
class Column:
    """A published column of a feature table; its name is also the name of the property or field."""

    name: str
    type: AttributeType
    title: Text
    unit: str | None = None
    code_list: str | None = None


ID = Column("id", "text", Text(pl="Identyfikator lokalny", en="Local identifier"))
"""The identifier of a feature within its feature type; a member of its own in GeoJSON, a field in WFS and WMS."""

PUBLISHED: tuple[Column, ...] = (
    Column("namespace", "text", Text(pl="Przestrzeń nazw", en="Namespace")),
    Column("version_id", "text", Text(pl="Identyfikator wersji", en="Version identifier")),
    Column("valid_from", "datetime", Text(pl="Początek wersji obiektu", en="Start of the object's version")),
    Column("known_from", "datetime", Text(pl="Data pobrania wersji", en="When the version was harvested")),
    Column("county", "text", Text(pl="TERYT powiatu", en="TERYT code of the county")),
    Column("commune", "text", Text(pl="TERYT gminy", en="TERYT code of the commune")),
)
"""What every feature shows after its own attributes."""


def is_worded(column: Column) -> bool:
    """Whether a column holds what people wrote, such as names and numbers of parcels: no identifier and no code."""
    return (column.type == "text" and column.code_list is None
            and column.name not in {shared.name for shared in (ID, *PUBLISHED)})


def published(feature_type: FeatureType) -> dict[str, Column]:
    """The columns of a feature type that services show, by name, in order; without `id` and geometries."""
    attributes = (
        Column(name, attribute.type, attribute.title, attribute.unit, attribute.code_list)
        for name, attribute in feature_type.attributes.items()
    )
    return {column.name: column for column in (*attributes, *PUBLISHED)}
