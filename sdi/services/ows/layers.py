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

from sdi.db.feature_tables import current_table, history_table
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

AS_OF = "asof"
"""The parameter that carries TIME from the normaliser into DATA; MapServer checks it by AS_OF_PATTERN."""

AS_OF_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"

# What was current at %asof%: still is, or was until a later commit.
_STANDS = sql.SQL(f"x.known_from <= '%{AS_OF}%'")
_STOOD = sql.SQL(f"x.why <> 'd' AND x.known_from <= '%{AS_OF}%' AND x.known_to > '%{AS_OF}%'")


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

    def data(self, tenant: Tenant, *, as_of: bool = False) -> str:
        """The DATA of the layer: its rows within the tenant, now or as they were known at `%asof%`.

        Dates and times come as the text that OGC API gives them; columns of type boolean as true and false.
        """
        if not as_of:
            select = self._select(tenant, current_table(self.feature_type)).as_string()
        else:
            select = " UNION ALL ".join(part.as_string() for part in (
                self._select(tenant, current_table(self.feature_type), _STANDS),
                self._select(tenant, history_table(self.feature_type), _STOOD)))
        return f"geom FROM ({select}) AS t USING UNIQUE fid USING SRID=2180"

    def _select(self, tenant: Tenant, table: sql.Identifier, *more: sql.Composable) -> sql.Composed:
        conditions: list[sql.Composable] = [sql.SQL("x.geom IS NOT NULL")]
        if tenant.filter is not None:
            column, value = tenant.filter
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier("x", column), sql.Literal(value)))
        if self.partial:
            conditions.append(sql.SQL("ST_Dimension(x.geom) = {}").format(sql.Literal(_DIMENSION[self.kind])))
        return sql.SQL("SELECT x.fid, {}, x.geom FROM {} AS x WHERE {}").format(
            sql.SQL(", ").join(map(_expression, self.columns.values())), table,
            sql.SQL(" AND ").join([*conditions, *more]),
        )


def layers_of(feature_type: FeatureType) -> tuple[Layer, ...]:
    """The layers of one feature type."""
    if feature_type.geometry == "any":
        return tuple(Layer(feature_type, kind) for kind in _PARTS)
    return (Layer(feature_type, feature_type.geometry),)


def tenant_layers(tenant: Tenant) -> Iterator[Layer]:
    """All layers of a tenant, in the order of its feature types."""
    for feature_type in tenant.feature_types:
        yield from layers_of(feature_type)


def layer_names(tenant: Tenant) -> dict[str, str]:
    """Every name that a request may give a layer of the tenant or a group of them, by itself in lower case."""
    names = {tenant.id, *tenant.register_ids}
    names |= {name for layer in tenant_layers(tenant) for name in (layer.feature_type.name, layer.name)}
    return {name.lower(): name for name in names}


def _expression(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    match column.type:
        case "datetime":
            form = "trim('\"' from to_json(x.{0})::text) AS {0}"
        case "date":
            form = "to_char(x.{0}, 'YYYY-MM-DD') AS {0}"
        case "boolean":
            form = "x.{0}::text AS {0}"
        case _:
            form = "x.{0}"
    return sql.SQL(form).format(name)
