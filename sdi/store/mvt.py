"""Vector tiles out of PostGIS: one statement for one tile, whatever lies in it.

Each layer takes the objects that touch the tile. Where they are more than FULL, it takes of each cell of a grid laid
over the tile the one object nearest to the cell's middle, found by the spatial index: the cost of a tile is bounded
however many objects there are, and the choice is the same each time. Should the layers together still be too many
bytes, the smallest objects of all layers are left out. Either may leave an object across an edge on one side only.
Coordinates are snapped to the tile's grid, so borders that are shared stay shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

# The names that begin with an underscore cannot be those of attributes. BEWARE: a second key beside the distance, and
# the index no longer gives the nearest without all others of the cell.
_LAYER = """
{crowd} as (
    select {overview} or (
        select count(*) > {full}
        from (select from {relation} where geom && %(area)s::geometry and {mine} limit {full} + 1) counted
    ) as _is
), {layer} as materialized (
    select fid, {columns}, {size} + (hashint8(fid) & 1023) / 1024.0 as _weight,
           st_asmvtgeom({geometry}, st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s),
                        {extent}, {buffer}) as geom
    from (
        select * from {relation} where not (select _is from {crowd}) and geom && %(area)s::geometry and {mine}
        union all
        (select distinct on (fid) nearest.* from cell cross join lateral (
            select * from {relation} where geom && cell.box and {mine} order by geom <-> cell.middle limit 1
        ) nearest where (select _is from {crowd}))
    ) chosen
)
"""

# An upper bound: coordinates take at most two bytes each, keys and values of a property about eight besides their text.
_COST = "select _weight, 24 + 4 * st_npoints(geom) + {texts} as _cost from {layer} where geom is not null"

_TILE = """
with {cell}, {layers}, cut as (
    select coalesce(max(_weight) filter (where _sum > {bytes}), -1) as _below
    from (select _weight, sum(_cost) over (order by _weight desc) as _sum from ({costs}) each_) summed
)
select {encoded}
"""

_ENCODED = """
coalesce((
    select st_asmvt(kept, {name}, {extent}, 'geom', 'fid') from (
        select fid, {names}, geom from {layer}, cut where _weight > _below and geom is not null order by fid
    ) kept
), '')
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


def statement(layers: Sequence[Layer], crs: Crs, overview: bool) -> sql.Composed:
    """The statement for tiles of these layers in a CRS; its one value is the tile.

    `overview`: the tiles are smaller than the scale at which the objects are to be seen, so some stand for all.
    """
    return sql.SQL(_TILE).format(
        cell=sql.SQL(_CELL).format(srid=crs.srid, stored=STORED_SRID, cells=CELLS_OVERVIEW if overview else CELLS),
        layers=sql.SQL(", ").join(_layer(layer, crs, overview) for layer in layers),
        costs=sql.SQL(" union all ").join(
            sql.SQL(_COST).format(texts=_texts(layer.columns), layer=_name(layer)) for layer in layers),
        bytes=BYTES_MAX,
        encoded=sql.SQL(" || ").join(
            sql.SQL(_ENCODED).format(
                name=layer.name, extent=EXTENT, layer=_name(layer),
                names=sql.SQL(", ").join(sql.Identifier(column.name) for column in layer.columns))
            for layer in layers),
    )


def encode(
    connection: psycopg.Connection[Any], tile: bytes, values: dict[str, Any], square: Square,
    home: tuple[float, float, float, float],
) -> bytes:
    """One tile (Mapbox Vector Tile 2.1) by its `statement`; empty where there is nothing in it.

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
    with connection.transaction():
        # Else each cell of an overview is looked for by a bitmap of all the tenant's objects.
        connection.execute("set local enable_bitmapscan = off")
        row = connection.execute(tile, values, binary=True).fetchone()
    return bytes(row[0]) if row else b""


def _layer(layer: Layer, crs: Crs, overview: bool) -> sql.Composed:
    geometry = sql.SQL("st_pointonsurface(geom)" if layer.middle else "geom").format()
    if crs.srid != STORED_SRID:
        geometry = sql.SQL("st_transform({}, {})").format(geometry, crs.srid)
    return sql.SQL(_LAYER).format(
        crowd=sql.Identifier(f"_{layer.name}"), layer=_name(layer), relation=layer.table.relation,
        mine=layer.table.mine, full=FULL, overview=overview, extent=EXTENT, geometry=geometry,
        buffer=0 if layer.middle else BUFFER,
        columns=sql.SQL(", ").join(map(_shown, layer.columns)),
        size=sql.SQL("greatest(st_xmax(geom) - st_xmin(geom), st_ymax(geom) - st_ymin(geom)) * %(pixels)s"),
    )


def _name(layer: Layer) -> sql.Identifier:
    return sql.Identifier(layer.name)


def _shown(column: Column) -> sql.Composed:
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
