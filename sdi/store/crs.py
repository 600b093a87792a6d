"""The coordinate reference systems that features are published in, their axes, and boxes given in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import pairwise

import pyproj
import shapely
from pyproj.enums import TransformDirection
from shapely.geometry.base import BaseGeometry

STORED_SRID = 2180
"""The CRS of every stored geometry (PL-1992), axes x = easting."""

_GEOGRAPHIC = (4326, 4258)
"""In degrees."""

DOMAIN = (0.0, 0.0, 1_000_000.0, 1_000_000.0)
"""Poland with a wide margin in EPSG:2180; nothing that is stored lies outside, so boxes are cut to it."""

_STEP_M, _STEPS_MAX = 600.0, 200
"""Length of the pieces into which an edge of a box is cut before it is transformed (a sagitta of 1 cm), and how many
at most (10 cm on an edge of 400 km)."""

_DEGREE_M = 111_000.0

_POSITIONS_MAX = 20_000
"""About how many positions a shape may get by that."""

AWAY = {
    0: shapely.Point(-1e7, -1e7), 1: shapely.LineString([(-1e7, -1e7), (-1e7, -9e6)]),
    2: shapely.box(-1e7, -1e7, -9e6, -9e6),
}
"""By dimension, a place in EPSG:2180 where nothing is stored."""


@dataclass(frozen=True, slots=True)
class Crs:
    """A CRS that services publish."""

    uri: str
    srid: int
    flipped: bool
    """The authority's axis order is northing/easting or latitude/longitude."""
    digits: int
    """Decimals of a published coordinate: millimetres in metres, about a centimetre in degrees."""


def _epsg(srid: int, *, flipped: bool, digits: int) -> Crs:
    return Crs(f"http://www.opengis.net/def/crs/EPSG/0/{srid}", srid, flipped, digits)


CRS84 = Crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84", 4326, False, 7)
PL1992 = _epsg(2180, flipped=True, digits=3)

PUBLISHED_CRS: dict[str, Crs] = {
    crs.uri: crs
    for crs in (
        CRS84,
        _epsg(4326, flipped=True, digits=7),
        _epsg(4258, flipped=True, digits=7),
        PL1992,
        *(_epsg(zone, flipped=True, digits=3) for zone in (2176, 2177, 2178, 2179)),
        _epsg(3857, flipped=False, digits=3),
        _epsg(3035, flipped=True, digits=3),
    )
}
"""By URI, the default first (OGC API - Features part 2, requirement 2: CRS84 is always among them)."""


@cache
def _from_stored(srid: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(STORED_SRID, srid, always_xy=True)


@cache
def _domain(srid: int) -> tuple[float, float, float, float]:
    return bounds_in(DOMAIN, srid)


@lru_cache(10_000)
def bounds_in(bounds: tuple[float, float, float, float], srid: int) -> tuple[float, float, float, float]:
    """Bounds of an EPSG:2180 extent (x = easting) in another CRS, x first whatever the authority says.

    The same few extents are asked for at each request, and PROJ takes a third of a millisecond.
    """
    if srid == STORED_SRID:
        return bounds
    west, south, east, north = _from_stored(srid).transform_bounds(*bounds, densify_pts=21)
    return west, south, east, north


@dataclass(frozen=True, slots=True)
class Area:
    """A box in EPSG:2180, x = easting, where its edges may bend."""

    outline: BaseGeometry
    """A polygon; a line or a point where the box has no breadth; two of them where it goes around the world."""
    within: BaseGeometry | None
    """A rectangle along the axes that the outline covers: what lies in it needs no further look."""


def box_as_stored(values: tuple[float, ...], crs: Crs) -> Area | None:
    """The area of a bbox parameter in EPSG:2180, x = easting; None where it lies wholly outside of Poland.

    `values` are 4 or 6 numbers in the axis order of `crs` (OGC API - Features 7.15.3); heights are ignored.
    A west edge east of the east edge means a geographic box across the antimeridian: what lies between either edge
    and the antimeridian.
    Raises ValueError for other counts, for numbers that are not finite and for edges in the wrong order.
    """
    if len(values) not in (4, 6) or not all(math.isfinite(value) for value in values):
        raise ValueError("a bbox has 4 or 6 finite numbers")
    half = len(values) // 2
    (west, south), (east, north) = values[:2], values[half : half + 2]
    if crs.flipped:
        west, south, east, north = south, west, north, east
    across = west > east and crs.srid in _GEOGRAPHIC
    if (west > east and not across) or south > north:
        raise ValueError("the lower corner of a bbox comes first")
    spans = [(west, 180.0), (-180.0, east)] if across else [(west, east)]
    parts = [part for start, end in spans if (part := _part((start, south, end, north), crs.srid)) is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    # A box around nearly all of the world, with a gap that lies in Poland. Of two rectangles one is told: bounding
    # boxes are compared with it, and the two have one across the gap.
    within = [part.within for part in parts if part.within is not None]
    return Area(shapely.union_all([part.outline for part in parts]), max(within, key=shapely.area, default=None))


def _part(box: tuple[float, float, float, float], srid: int) -> Area | None:
    """The area of a box that does not cross the antimeridian; None where it lies wholly outside of Poland."""
    (west, south, east, north), (low_x, low_y, high_x, high_y) = box, _domain(srid)
    west, south, east, north = max(west, low_x), max(south, low_y), min(east, high_x), min(north, high_y)
    if west > east or south > north:
        return None
    # A polygon cannot say a box without breadth: that is a line or a point.
    corners = list(dict.fromkeys(((west, south), (east, south), (east, north), (west, north))))
    if len(corners) < 4:
        path = _transformed(corners, srid)
        return Area(shapely.Point(path) if len(path) == 1 else shapely.LineString(path), None)
    outline = shapely.Polygon(_transformed([*corners, corners[0]], srid))
    return Area(outline, _rectangle_within(outline, [_transformed([corner], srid)[0] for corner in corners]))


def shape_as_stored(shape: BaseGeometry, crs: Crs) -> BaseGeometry:
    """A valid shape with coordinates in `crs` (its axis order) in EPSG:2180, x = easting; heights are dropped.

    Its edges are straight in `crs`. What lies outside of Poland cannot be transformed: it is cut off, and a place far
    away stands for it, so that whatever is stored has the same relation to both (contains, equals, overlaps …).
    """
    shape = shapely.force_2d(shape)
    if crs.flipped:
        shape = shapely.transform(shape, lambda xy: xy[:, ::-1])
    frame = shapely.box(*_domain(crs.srid))
    parts, away = [], set()
    for part in _single(shape):
        dimension = shapely.get_dimensions(part)
        if frame.covers(part):
            parts.append(part)
        else:
            cut = shapely.get_parts(shapely.intersection(part, frame))
            parts += [piece for piece in cut if shapely.get_dimensions(piece) == dimension and not piece.is_empty]
            away.add(dimension)
    stored = shapely.get_parts(_bent(shapely.GeometryCollection(parts), crs.srid))
    parts = [*stored, *(AWAY[dimension] for dimension in away)]
    return parts[0] if len(parts) == 1 else _gathered(parts)


def _single(shape: BaseGeometry) -> list[BaseGeometry]:
    """The points, lines and polygons of a shape."""
    if shape.geom_type == "GeometryCollection":
        return [part for inner in shape.geoms for part in _single(inner)]
    return list(shapely.get_parts(shape))


def _gathered(parts: list[BaseGeometry]) -> BaseGeometry:
    gather = {0: shapely.MultiPoint, 1: shapely.MultiLineString, 2: shapely.MultiPolygon}
    dimensions = {shapely.get_dimensions(part) for part in parts}
    return gather[dimensions.pop()](parts) if len(dimensions) == 1 else shapely.GeometryCollection(parts)


def _bent(shape: BaseGeometry, srid: int) -> BaseGeometry:
    if srid == STORED_SRID:
        return shape
    step = max(_STEP_M / _DEGREE_M if srid in _GEOGRAPHIC else _STEP_M, shape.length / _POSITIONS_MAX)
    return shapely.transform(
        shapely.segmentize(shape, step), partial(_from_stored(srid).transform, direction=TransformDirection.INVERSE),
        interleaved=False)


def _rectangle_within(outline: BaseGeometry, corners: list[tuple[float, float]]) -> BaseGeometry | None:
    """The rectangle between the inner ones of four corners (from the lower left on), smaller where edges bend in."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    west, south, east, north = max(x0, x3), max(y0, y1), min(x1, x2), min(y2, y3)
    for share in (0.0, 0.01, 0.05, 0.2):
        dx, dy = (east - west) * share, (north - south) * share
        rectangle = shapely.box(west + dx, south + dy, east - dx, north - dy)
        if west < east and south < north and outline.covers(rectangle):
            return rectangle
    return None


def _transformed(path: list[tuple[float, float]], srid: int) -> list[tuple[float, float]]:
    """A path in EPSG:2180, with points set between where its edges would bend."""
    if srid == STORED_SRID:
        return path
    step_length = _STEP_M / _DEGREE_M if srid in _GEOGRAPHIC else _STEP_M
    between = []
    for (x0, y0), (x1, y1) in pairwise(path):
        steps = min(math.ceil(math.hypot(x1 - x0, y1 - y0) / step_length), _STEPS_MAX)
        between += [(x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps) for step in range(steps)]
    xs, ys = zip(*between, path[-1], strict=True)
    eastings, northings = _from_stored(srid).transform(xs, ys, direction=TransformDirection.INVERSE)
    return list(zip(eastings, northings, strict=True))
