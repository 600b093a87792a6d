"""Vector tiles out of PostGIS: one statement for one tile, made for what lies in it.

Each layer takes the objects that touch the tile. Where they are more than FULL, it takes of each cell of a grid laid
over the tile the one object nearest to the cell's middle, found by the spatial index: the cost of a tile is bounded
however many objects there are, and the choice is the same each time. Should the layers together still be too many
bytes, the smallest objects of all layers are left out. Either may leave an object across an edge on one side only.
Coordinates are snapped to the tile's grid, so borders that are shared stay shared.

What there is, is counted first: most tiles have room for it, and nothing need be weighed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import shapely
from psycopg import sql

from sdi.store.columns import Column
from sdi.store.crs import STORED_SRID, Crs, bounds_in, box_as_stored
from sdi.store.table import Table

EXTENT, BUFFER = 4096, 64
"""Units of a tile along its side, and how many of them geometries go beyond it."""

PIXELS = 512
"""Across a tile when it is drawn."""

FULL = 20_000
"""Most objects of a layer that are looked at one by one."""

CELLS, CELLS_OVERVIEW = 128, 64
"""Along the side of a tile: where a layer has more objects than FULL, and in an overview."""

BYTES_MAX = 500_000
"""Of a tile, before it is compressed."""

OBJECT, VALUE = 20, 9
"""Bytes that an object takes in a tile, and each of its values, as the registers are: they tell whether to try and show
all objects without weighing them.
"""

# Cut to where the tenant is, as what lies far outside of Poland cannot be transformed.
_CELL = """
cell as materialized (
    select st_transform(st_makeenvelope(greatest(x, %(home_west)s), greatest(y, %(home_south)s),
                                        least(x + side, %(home_east)s), least(y + side, %(home_north)s), {srid}),
                        {stored}) as box,
           st_transform(st_setsrid(st_makepoint(least(greatest(x + side / 2, %(home_west)s), %(home_east)s),
                                                least(greatest(y + side / 2, %(home_south)s), %(home_north)s)),
                                   {srid}), {stored}) as middle
    from (
        select %(west)s + i * side as x, %(south)s + j * side as y, side
        from (select (%(east)s::float8 - %(west)s) / {cells} as side) s,
             generate_series(-1, {cells}) i, generate_series(-1, {cells}) j
    ) corner
    where x < %(home_east)s and x + side > %(home_west)s and y < %(home_north)s and y + side > %(home_south)s
)
"""

_COUNT = "(select count(*) from (select from {relation} where {here} limit {full} + 1) counted)"

_ALL = "select * from {relation} where {here}"

# BEWARE: a second key beside the distance, and the index no longer gives the nearest without all others of the cell.
_NEAREST = """
select distinct on (fid) nearest.* from cell cross join lateral (
    select * from {relation} where geom && cell.box and {mine} order by geom <-> cell.middle limit 1
) nearest
"""

# The names that begin with an underscore cannot be those of attributes.
_SHOWN = """
select fid, {columns}, {weight}
       st_asmvtgeom({geometry}, st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s),
                    {extent}, {buffer}) as geom
from ({chosen}) chosen
"""

_WEIGHT = """
greatest(st_xmax(geom) - st_xmin(geom), st_ymax(geom) - st_ymin(geom)) * %(pixels)s
    + (hashint8(fid) & 1023) / 1024.0 as _weight,
"""

# What has no geometry there is left out by ST_AsMVT itself.
_ENCODED = "coalesce((select st_asmvt(kept, {name}, {extent}, 'geom', 'fid') from ({kept}) kept), '')"

_LEFT = "select fid, {names}, geom from {layer}, cut where _weight > _below"

# An upper bound: coordinates take at most two bytes each, keys and values of a property about eight besides their text.
_COST = "select _weight, 24 + 4 * st_npoints(geom) + {texts} as _cost from {layer} where geom is not null"

# What a branch does not need is not looked for.
_AT_ONCE = """
select counts, case when {full} >= all (counts) and {bytes} <= {bytes_max} then {encoded} end
from (select array[{counts}] as counts offset 0) counted
"""

_CUT = """
cut as materialized (
    select coalesce(max(_weight) filter (where _sum > {bytes}), -1) as _below
    from (select _weight, sum(_cost) over (order by _weight desc) as _sum from ({costs}) each_) summed
)
select {encoded}
"""


@dataclass(frozen=True, slots=True)
class Layer:
    """The objects of a feature type in a tile."""

    name: str
    table: Table
    columns: tuple[Column, ...]
    """What is shown of each object."""
    middle: bool = False
    """In place of each area one point in it: where its label stands, in one tile only, wherever it is cut."""


@dataclass(frozen=True, slots=True)
class Square:
    """Where a tile lies: its edges in its CRS, x first whatever the authority says."""

    crs: Crs
    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """The SQL of the tiles of some layers in a CRS; its values are the tile, and what the tenant's filter binds.

    `overview`: the tiles are smaller than the scale at which the objects are to be seen, so some stand for all.
    """

    overview: bool
    tables: tuple[str, ...]
    """What the layers are of, each once."""
    at_once: bytes
    """How many objects of each table touch the tile, up to one more than FULL, as an array; and the tile with all of
    them where it is likely to have room for them.
    """
    cells: bytes
    layers: tuple[tuple[str, bytes, bytes], ...]
    """The table of each, and its weighed objects: all, and those for the cells."""
    rest: bytes
    """The tile of those that weigh enough."""

    @classmethod
    def of(cls, layers: Sequence[Layer], crs: Crs, overview: bool) -> Recipe:
        """The recipe for some layers, one at least."""
        tables = {layer.table.name: layer.table for layer in layers}
        cells = CELLS_OVERVIEW if overview else CELLS
        return cls(
            overview, tuple(tables), _text(_at_once(layers, tables, crs)),
            _text(sql.SQL(_CELL).format(srid=crs.srid, stored=STORED_SRID, cells=cells)),
            tuple((layer.table.name, _text(_weighed(layer, crs, _ALL)), _text(_weighed(layer, crs, _NEAREST)))
                  for layer in layers),
            _text(sql.SQL(_CUT).format(
                bytes=BYTES_MAX, costs=sql.SQL(" union all ").join(map(_cost, layers)),
                encoded=sql.SQL(" || ").join(_encoded(layer, _left(layer)) for layer in layers))))

    def statement(self, crowded: Collection[str]) -> bytes:
        """The statement for a tile in which these tables are crowded."""
        chosen = [nearest if table in crowded else all_ for table, all_, nearest in self.layers]
        return b"with " + b", ".join([*([self.cells] if crowded else []), *chosen, self.rest])


def encode(
    connection: psycopg.Connection[Any], recipe: Recipe, values: dict[str, Any], square: Square,
    home: tuple[float, float, float, float],
) -> bytes:
    """One tile (Mapbox Vector Tile 2.1) by its recipe; empty where there is nothing in it.

    `values`: what the tenant's filter binds. `home`: bounds in EPSG:2180 (x = easting) of the objects of the tenant.
    Raises psycopg errors.
    """
    # What lies in the buffer alone must be there, too.
    margin = (square.east - square.west) * BUFFER / EXTENT
    lower, upper = (square.west - margin, square.south - margin), (square.east + margin, square.north + margin)
    if square.crs.flipped:
        lower, upper = lower[::-1], upper[::-1]
    area = box_as_stored((*lower, *upper), square.crs)
    if area is None:
        return b""
    edges = zip(("home_west", "home_south", "home_east", "home_north"), bounds_in(home, square.crs.srid), strict=True)
    values = {
        **values, **dict(edges),
        "west": square.west, "south": square.south, "east": square.east, "north": square.north,
        "area": shapely.to_wkb(shapely.set_srid(area.outline, STORED_SRID), hex=True, include_srid=True),
        # Roughly: it only says which objects are left out first.
        "pixels": PIXELS / (area.outline.bounds[2] - area.outline.bounds[0]),
    }
    crowded: Collection[str] = recipe.tables
    if not recipe.overview:
        counts, tile = _row(connection, recipe.at_once, values)
        if tile is not None and len(tile) <= BYTES_MAX:
            return bytes(tile)
        crowded = [table for table, count in zip(recipe.tables, counts, strict=True) if count > FULL]
    with connection.transaction():
        if crowded:  # else each cell is looked for by a bitmap of all the tenant's objects
            connection.execute("set local enable_bitmapscan = off")
        (tile,) = _row(connection, recipe.statement(crowded), values)
    return bytes(tile)


def _row(connection: psycopg.Connection[Any], statement: bytes, values: dict[str, Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(statement, values, binary=True).fetchone()
    assert row is not None
    return row


def _of(text: LiteralString, table: Table) -> sql.Composed:
    """SQL about the objects of a table."""
    here = sql.SQL("geom && %(area)s::geometry and {}").format(table.mine)
    return sql.SQL(text).format(relation=table.relation, mine=table.mine, here=here, full=FULL)


def _at_once(layers: Sequence[Layer], tables: dict[str, Table], crs: Crs) -> sql.Composed:
    numbers = {name: number for number, name in enumerate(tables, 1)}
    sizes = [sql.SQL("{} * counts[{}]").format(OBJECT + VALUE * len(layer.columns), numbers[layer.table.name])
             for layer in layers]
    return sql.SQL(_AT_ONCE).format(
        counts=sql.SQL(", ").join(_of(_COUNT, table) for table in tables.values()), full=FULL,
        bytes=sql.SQL(" + ").join(sizes), bytes_max=BYTES_MAX,
        encoded=sql.SQL(" || ").join(_encoded(layer, _shown(layer, crs, _ALL)) for layer in layers))


def _left(layer: Layer) -> sql.Composed:
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in layer.columns)
    return sql.SQL(_LEFT).format(layer=_name(layer), names=names)


def _shown(layer: Layer, crs: Crs, chosen: LiteralString, weight: LiteralString = "") -> sql.Composed:
    geometry = sql.SQL("st_pointonsurface(geom)" if layer.middle else "geom").format()
    if crs.srid != STORED_SRID:
        geometry = sql.SQL("st_transform({}, {})").format(geometry, crs.srid)
    return sql.SQL(_SHOWN).format(
        chosen=_of(chosen, layer.table), extent=EXTENT, geometry=geometry, buffer=0 if layer.middle else BUFFER,
        columns=sql.SQL(", ").join(map(_value, layer.columns)), weight=sql.SQL(weight))


def _weighed(layer: Layer, crs: Crs, chosen: LiteralString) -> sql.Composed:
    return sql.SQL("{} as materialized ({})").format(_name(layer), _shown(layer, crs, chosen, _WEIGHT))


def _cost(layer: Layer) -> sql.Composed:
    return sql.SQL(_COST).format(texts=_texts(layer.columns), layer=_name(layer))


def _encoded(layer: Layer, kept: sql.Composed) -> sql.Composed:
    return sql.SQL(_ENCODED).format(name=layer.name, extent=EXTENT, kept=kept)


def _name(layer: Layer) -> sql.Identifier:
    return sql.Identifier(layer.name)


def _text(statement: sql.Composed) -> bytes:
    # PostgreSQL's own way of writing constants needs no connection where all of them are ASCII.
    return statement.as_bytes(None)


def _value(column: Column) -> sql.Composed:
    """A column as a value of a tile, which knows texts, numbers and booleans: times and dates by ISO 8601."""
    form = {
        "datetime": "to_char({0} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as {0}",
        "date": "to_char({0}, 'YYYY-MM-DD') as {0}",
    }.get(column.type, "{0}")
    return sql.SQL(form).format(sql.Identifier(column.name))


def _texts(columns: Sequence[Column]) -> sql.Composed:
    """How many bytes the properties may take."""
    texts = [sql.Identifier(column.name) for column in columns if column.type not in ("integer", "number", "boolean")]
    return sql.SQL("{} + octet_length(concat({}))").format(8 * len(columns), sql.SQL(", ").join(texts))
