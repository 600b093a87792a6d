"""Vector tiles out of PostGIS, each made for what lies in it.

Each layer takes the objects that touch the tile. Where they are more than FULL, it takes of each cell of a grid laid
over the tile the one object nearest to the cell's middle, found by the spatial index: the cost of a tile is bounded
however many objects there are, and the choice is the same each time. Should the layers together still be too many
bytes, the smallest objects of all layers are left out. Either may leave an object across an edge on one side only.
Coordinates are snapped to the tile's grid, so borders that are shared stay shared.

What there is, is counted first: most tiles have room for it, and nothing need be weighed. Where labels stand is found
beside the objects, by a connection that is free.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import shapely
from psycopg import sql
from psycopg_pool import ConnectionPool

from sdi.store.columns import Column
from sdi.store.companion import beside, is_free
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

OBJECT, VALUE = 55, 9
"""Bytes that an object takes in a tile with its identifier, and each other value, as the registers are: they tell
whether to try and show all objects without weighing them.
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

_SHOWN = """
select fid, {columns},
       st_asmvtgeom({geometry}, st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s),
                    {extent}, {buffer}) as geom
from ({chosen}) chosen
"""

# The names that begin with an underscore cannot be those of attributes.
_WEIGHED = """
{table} as materialized (
    select fid, {columns}, geom, {costs} as _cost,
           greatest(st_xmax(geom) - st_xmin(geom), st_ymax(geom) - st_ymin(geom)) * %(pixels)s
               + (hashint8(fid) & 1023) / 1024.0 as _weight
    from ({chosen}) chosen
)
"""

# More than it takes: coordinates rarely two bytes each, keys and values of a property about eight besides their text.
_COST = "24 + 4 * {points} + {texts}"

# As ST_AsMVTGeom does: what lies beyond the tile is cut off, and what is finer than half a unit of it left out.
_POINTS = """
coalesce(st_npoints(st_simplify(
    case when geom @ %(area)s::geometry then geom else st_clipbybox2d(geom, %(area)s::geometry) end,
    {half_units} / %(pixels)s, true)), 0)
"""

_CUT = """
cut as materialized (
    select coalesce(max(_weight) filter (where _sum > {bytes}), -1) as _below
    from (select _weight, sum(_cost) over (order by _weight desc) as _sum from ({costs}) each_) summed
)
"""

_COSTS = "select _weight, _cost from {table}"

_LEFT = "select * from {table}, cut where _weight > _below"

# What has no geometry there is left out by ST_AsMVT itself.
_ENCODED = "coalesce((select st_asmvt(kept, {name}, {extent}, 'geom', 'fid') from ({kept}) kept), '')"

# What a branch does not need is not looked for.
_AT_ONCE = """
select counts, case when {full} >= all (counts) and {bytes} <= {bytes_max} then {encoded} end
from (select array[{counts}] as counts offset 0) counted
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
class Part:
    """The SQL of some layers of a tile."""

    at_once: bytes
    """How many objects of each table touch the tile, up to one more than FULL, as an array; and the part with all of
    its objects where the tile is likely to have room for them.
    """
    weighed: bytes
    """The part with the objects that weigh enough."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The SQL of the tiles of some layers in a CRS; its values are the tile, and what the tenant's filter binds.

    `overview`: the tiles are smaller than the scale at which the objects are to be seen, so some stand for all.
    """

    overview: bool
    cells: bytes
    tables: dict[str, tuple[bytes, bytes]]
    """What the layers are of, each once, and its weighed objects: all, and those for the cells."""
    cut: bytes
    """From which weight on there is room."""
    whole: Part
    halves: tuple[Part, Part] | None
    """The same in two: objects, and where labels stand. None where nothing is labelled."""

    @classmethod
    def of(cls, layers: Sequence[Layer], crs: Crs, overview: bool) -> Recipe:
        """The recipe for some layers, one at least."""
        objects, labels = ([layer for layer in layers if layer.middle is middle] for middle in (False, True))
        layers = [*objects, *labels]
        tables = {layer.table.name: [each for each in layers if each.table is layer.table] for layer in layers}
        return cls(
            overview,
            _text(sql.SQL(_CELL).format(srid=crs.srid, stored=STORED_SRID,
                                        cells=CELLS_OVERVIEW if overview else CELLS)),
            {name: (_text(_weighed(its, _ALL)), _text(_weighed(its, _NEAREST))) for name, its in tables.items()},
            _text(sql.SQL(_CUT).format(bytes=BYTES_MAX, costs=sql.SQL(" union all ").join(
                sql.SQL(_COSTS).format(table=sql.Identifier(name)) for name in tables))),
            _part(layers, tables, crs), (_part(objects, tables, crs), _part(labels, tables, crs)) if labels else None)

    def statement(self, part: Part, crowded: Collection[str]) -> bytes:
        """The statement for a part of a tile in which these tables are crowded."""
        chosen = [nearest if name in crowded else all_ for name, (all_, nearest) in self.tables.items()]
        return b"with " + b", ".join([*([self.cells] if crowded else []), *chosen, self.cut]) + part.weighed


def encode(
    pool: ConnectionPool, recipe: Recipe, values: dict[str, Any], square: Square,
    home: tuple[float, float, float, float],
) -> bytes:
    """One tile (Mapbox Vector Tile 2.1) by its recipe; empty where there is nothing in it.

    `values`: what the tenant's filter binds. `home`: bounds in EPSG:2180 (x = easting) of the objects of the tenant.
    Raises psycopg errors.
    """
    bound = _bound(values, square, home)
    if bound is None:
        return b""
    with pool.connection() as connection:
        if recipe.overview:
            return _crowded(connection, recipe, recipe.tables, bound)
        made = _made(pool, connection, recipe, lambda each, part: _row(each, part.at_once, bound))
        tile = [part for _, part in made if part is not None]
        if len(tile) == len(made) and sum(map(len, tile)) <= BYTES_MAX:
            return b"".join(tile)
        if crowded := [name for name, count in zip(recipe.tables, made[0][0], strict=True) if count > FULL]:
            return _crowded(connection, recipe, crowded, bound)
        return b"".join(_made(pool, connection, recipe,
                              lambda each, part: _row(each, recipe.statement(part, ()), bound)[0]))


def _made[T](
    pool: ConnectionPool, connection: psycopg.Connection[Any], recipe: Recipe,
    make: Callable[[psycopg.Connection[Any], Part], T],
) -> list[T]:
    """The parts of a tile, by two connections where they are free."""
    if recipe.halves is None or not is_free(pool):
        return [make(connection, recipe.whole)]
    first, second = recipe.halves
    with connection.transaction():
        labels = beside(pool, connection, lambda other: make(other, second))
        return [make(connection, first), labels()]


def _crowded(
    connection: psycopg.Connection[Any], recipe: Recipe, crowded: Collection[str], bound: dict[str, Any]
) -> bytes:
    """A tile with some objects of these tables only."""
    with connection.transaction():
        # Else each cell is looked for by a bitmap of all the tenant's objects.
        connection.execute("set local enable_bitmapscan = off")
        (tile,) = _row(connection, recipe.statement(recipe.whole, crowded), bound)
    return bytes(tile)


def _bound(
    values: dict[str, Any], square: Square, home: tuple[float, float, float, float]
) -> dict[str, Any] | None:
    """What the statements of a tile bind; None where it is nowhere."""
    # What lies in the buffer alone must be there, too.
    margin = (square.east - square.west) * BUFFER / EXTENT
    lower, upper = (square.west - margin, square.south - margin), (square.east + margin, square.north + margin)
    if square.crs.flipped:
        lower, upper = lower[::-1], upper[::-1]
    area = box_as_stored((*lower, *upper), square.crs)
    if area is None:
        return None
    edges = zip(("home_west", "home_south", "home_east", "home_north"), bounds_in(home, square.crs.srid), strict=True)
    return {
        **values, **dict(edges),
        "west": square.west, "south": square.south, "east": square.east, "north": square.north,
        "area": shapely.to_wkb(shapely.set_srid(area.outline, STORED_SRID), hex=True, include_srid=True),
        # Roughly: it only says which objects are left out first.
        "pixels": PIXELS / (area.outline.bounds[2] - area.outline.bounds[0]),
    }


def _row(connection: psycopg.Connection[Any], statement: bytes, values: dict[str, Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(statement, values, binary=True).fetchone()
    assert row is not None
    return row


def _of(text: LiteralString, table: Table) -> sql.Composed:
    """SQL about the objects of a table."""
    here = sql.SQL("geom && %(area)s::geometry and {}").format(table.mine)
    return sql.SQL(text).format(relation=table.relation, mine=table.mine, here=here, full=FULL)


def _part(part: Sequence[Layer], tables: dict[str, list[Layer]], crs: Crs) -> Part:
    """The SQL of some layers; whether there is room is asked of all, by their tables."""
    sizes = [sql.SQL("{} * counts[{}]").format(OBJECT + VALUE * len(layer.columns), number)
             for number, its in enumerate(tables.values(), 1) for layer in its]
    at_once = sql.SQL(_AT_ONCE).format(
        counts=sql.SQL(", ").join(_of(_COUNT, its[0].table) for its in tables.values()), full=FULL,
        bytes=sql.SQL(" + ").join(sizes), bytes_max=BYTES_MAX,
        encoded=_encoded(part, crs, lambda layer: _of(_ALL, layer.table)))
    left = _encoded(part, crs, lambda layer: sql.SQL(_LEFT).format(table=sql.Identifier(layer.table.name)))
    return Part(_text(at_once), _text(sql.SQL("select {}").format(left)))


def _weighed(layers: Sequence[Layer], chosen: LiteralString) -> sql.Composed:
    """The objects of a table that these layers are of, with what they weigh and cost."""
    table = layers[0].table
    points = sql.SQL(_POINTS).format(half_units=PIXELS / EXTENT / 2)
    costs = [sql.SQL(_COST).format(points=sql.SQL("1") if layer.middle else points, texts=_texts(layer.columns))
             for layer in layers]
    columns = dict.fromkeys(column.name for layer in layers for column in layer.columns)
    return sql.SQL(_WEIGHED).format(
        table=sql.Identifier(table.name), columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        costs=sql.SQL(" + ").join(costs), chosen=_of(chosen, table))


def _encoded(layers: Sequence[Layer], crs: Crs, chosen: Callable[[Layer], sql.Composed]) -> sql.Composed:
    return sql.SQL(" || ").join(
        sql.SQL(_ENCODED).format(name=layer.name, extent=EXTENT, kept=_shown(layer, crs, chosen(layer)))
        for layer in layers)


def _shown(layer: Layer, crs: Crs, chosen: sql.Composed) -> sql.Composed:
    geometry = sql.SQL("st_pointonsurface(geom)" if layer.middle else "geom").format()
    if crs.srid != STORED_SRID:
        geometry = sql.SQL("st_transform({}, {})").format(geometry, crs.srid)
    return sql.SQL(_SHOWN).format(
        chosen=chosen, extent=EXTENT, geometry=geometry, buffer=0 if layer.middle else BUFFER,
        columns=sql.SQL(", ").join(map(_value, layer.columns)))


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
