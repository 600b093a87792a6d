"""Geometries of one coordinate list: nearly all that registers hold, built many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Literal, NamedTuple, get_args

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from sdi.errors import told
from sdi.harvest.geometry import GeometryError
from sdi.harvest.gml.coordinates import NAMESPACES, RING, floats
from sdi.harvest.srs import Srs
from sdi.model.text import Text

Kind = Literal["point", "line", "polygon", "multiline", "multipolygon"]
"""What is built; a multi geometry has one part."""


class Plain(NamedTuple):
    """A geometry of one coordinate list, kept as numbers in text so that many are built at once."""

    kind: Kind
    numbers: list[str]
    srs: Srs


class PlainPlace(NamedTuple):
    """Where an object has a plain geometry: what `plain` takes, by the column of the geometry."""

    column: str
    kind: Kind
    texts: list[str | None]
    """The one text of its numbers."""
    srs: Srs

    def plain(self) -> Plain | None:
        """The geometry that stands there."""
        return plain(self.kind, self.texts[0] or "", self.srs)


def plain(kind: Kind, text: str, srs: Srs) -> Plain | None:
    """The geometry of a coordinate list; None where it has no pairs of numbers."""
    numbers = text.split()
    if not numbers or len(numbers) % 2 or (kind == "point" and len(numbers) != 2):
        return None
    return Plain(kind, numbers, srs)


_Path = tuple[Kind, tuple[str, ...]]
_PLAIN_PATHS: dict[str, _Path] = {
    "Point": ("point", ("pos",)),
    "LineString": ("line", ("posList",)),
    "Curve": ("line", ("segments", "LineStringSegment", "posList")),
    "Polygon": ("polygon", ("exterior", "LinearRing", "posList")),
    "Surface": ("polygon", ("patches", "PolygonPatch", "exterior", "LinearRing", "posList")),
    "MultiCurve": ("multiline", ("curveMember", "LineString", "posList")),
    "MultiSurface": ("multipolygon", ("surfaceMember", "Polygon", "exterior", "LinearRing", "posList")),
}
PLAIN: dict[str, _Path] = {
    f"{{{uri}}}{name}": (kind, tuple(f"{{{uri}}}{step}" for step in path))
    for uri in NAMESPACES
    for name, (kind, path) in _PLAIN_PATHS.items()
}
"""Kind of geometry and the tags down to its numbers, by the tag of the geometry."""


_NOT_BUILT = GeometryError("not built")


def build(plains: Sequence[Plain]) -> list[BaseGeometry | GeometryError]:
    """Geometries of Plains, in their order; one that cannot be built is a GeometryError in its place."""
    built: list[BaseGeometry | GeometryError] = [_NOT_BUILT] * len(plains)
    for kind in get_args(Kind):
        places = [place for place, plain in enumerate(plains) if plain.kind == kind]
        if not places:
            continue
        chosen = [plains[place] for place in places]
        try:
            geometries: Iterable[BaseGeometry | GeometryError] = _build_alike(kind, chosen)
        except (ValueError, shapely.GEOSException):
            geometries = map(_build_one, chosen)
        for place, geometry in zip(places, geometries, strict=True):
            built[place] = geometry
    return built


def _build_one(plain: Plain) -> BaseGeometry | GeometryError:
    try:
        geometry: BaseGeometry = _build_alike(plain.kind, [plain])[0]
        return geometry
    except (ValueError, shapely.GEOSException) as error:
        return GeometryError(told(error))


def _build_alike(kind: Kind, plains: Sequence[Plain]) -> Sequence[BaseGeometry]:
    """Many geometries of one kind in few calls. Raises GeometryError or GEOSException if any is wrong."""
    sizes = np.fromiter((len(plain.numbers) // 2 for plain in plains), dtype=np.intp, count=len(plains))
    coordinates = floats(chain.from_iterable(plain.numbers for plain in plains)).reshape(-1, 2)
    swapped = np.repeat([plain.srs.swapped for plain in plains], sizes)
    coordinates[swapped] = coordinates[swapped, ::-1]
    if kind == "point":
        return shapely.points(coordinates)  # type: ignore[no-any-return]
    indices = np.repeat(np.arange(len(plains)), sizes)
    each = np.arange(len(plains))
    if kind in ("line", "multiline"):
        if (sizes < 2).any():
            raise GeometryError(Text(
                pl="linia ma co najmniej dwa punkty", en="a line has at least two positions"))
        lines: Sequence[BaseGeometry] = shapely.linestrings(coordinates, indices=indices)
        return lines if kind == "line" else shapely.multilinestrings(lines, indices=each)
    ends = np.cumsum(sizes)
    if (sizes < 4).any() or (coordinates[ends - sizes] != coordinates[ends - 1]).any():
        raise GeometryError(RING)
    polygons: Sequence[BaseGeometry] = shapely.polygons(shapely.linearrings(coordinates, indices=indices))
    return polygons if kind == "polygon" else shapely.multipolygons(polygons, indices=each)
