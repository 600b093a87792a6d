"""The layers of a WMS: one for each feature type and kind of geometry, and how MapServer reads it from PostGIS.

A MapServer layer holds points, lines or polygons. A feature type of any geometry (devices, structures) has a layer for
each kind, below a parent that carries the feature type's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from psycopg import sql

from sdi.db.feature_tables import current_table
from sdi.model.region import Tenant
from sdi.model.register import FeatureType
from sdi.model.text import Text
from sdi.store.columns import ID, Column, published

Kind = Literal["polygon", "line", "point"]

_PARTS: dict[Kind, tuple[str, Text]] = {
    "polygon": ("powierzchnie", Text(pl="powierzchnie", en="areas")),
    "line": ("linie", Text(pl="linie", en="lines")),
    "point": ("punkty", Text(pl="punkty", en="points")),
}
"""Name and title of the parts of a feature type of any geometry, in drawing order."""

_DIMENSION: dict[Kind, int] = {"point": 0, "line": 1, "polygon": 2}


@dataclass(frozen=True)
class Layer:
    """One MapServer layer: a feature type, or those of its features that have one kind of geometry."""

    feature_type: FeatureType
    kind: Kind

    @property
    def partial(self) -> bool:
        """Whether it is one of several layers of its feature type."""
        return self.feature_type.geometry == "any"

    @property
    def name(self) -> str:
        """Layer name: the feature type's, with a suffix where there is one layer for each kind."""
        return f"{self.feature_type.name}_{_PARTS[self.kind][0]}" if self.partial else self.feature_type.name

    @property
    def title(self) -> Text:
        """What users see."""
        title, part = self.feature_type.title, _PARTS[self.kind][1]
        return Text(pl=f"{title.pl} – {part.pl}", en=f"{title.en} – {part.en}") if self.partial else title

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns shown, by name, `id` first."""
        return {ID.name: ID, **published(self.feature_type)}

    def data(self, tenant: Tenant) -> str:
        """The DATA of the layer: its rows within the tenant.

        Dates come as ISO 8601 text (times in UTC), so that they compare and sort as text; columns of type boolean as
        true and false.
        """
        conditions: list[sql.Composable] = [sql.SQL("x.geom IS NOT NULL")]
        if tenant.filter is not None:
            column, value = tenant.filter
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier("x", column), sql.Literal(value)))
        if self.partial:
            conditions.append(sql.SQL("ST_Dimension(x.geom) = {}").format(sql.Literal(_DIMENSION[self.kind])))
        select = sql.SQL("SELECT x.fid, {}, x.geom FROM {} AS x WHERE {}").format(
            sql.SQL(", ").join(map(_expression, self.columns.values())),
            current_table(self.feature_type),
            sql.SQL(" AND ").join(conditions),
        )
        return f"geom FROM ({select.as_string()}) AS t USING UNIQUE fid USING SRID=2180"


def layers_of(feature_type: FeatureType) -> tuple[Layer, ...]:
    """The layers of one feature type."""
    if feature_type.geometry == "any":
        return tuple(Layer(feature_type, kind) for kind in _PARTS)
    return (Layer(feature_type, feature_type.geometry),)


def tenant_layers(tenant: Tenant) -> Iterator[Layer]:
    """All layers of a tenant, in the order of its feature types."""
    for feature_type in tenant.feature_types:
        yield from layers_of(feature_type)


def _expression(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    match column.type:
        case "datetime":
            form = "to_char(x.{0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS {0}"
        case "date":
            form = "to_char(x.{0}, 'YYYY-MM-DD') AS {0}"
        case "boolean":
            form = "x.{0}::text AS {0}"
        case _:
            form = "x.{0}"
    return sql.SQL(form).format(name)
