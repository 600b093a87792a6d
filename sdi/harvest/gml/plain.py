"""Geometries of one coordinate list: nearly all that registers hold, built many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from sdi.harvest.gml.coordinates import NAMESPACES, RING, GeometryError, floats
from sdi.harvest.gml.srs import Srs


class Plain(NamedTuple):
    """A geometry of one coordinate list, kept as numbers in text so that many are built at once."""

    kind: Literal["point", "line", "polygon"]
    numbers: list[str]
    srs: Srs


_Path = tuple[Literal["point", "line", "polygon"], tuple[str, ...]]
_PLAIN_PATHS: dict[str, _Path] = {
    "Point": ("point", ("pos",)),
    "LineString": ("line", ("posList",)),
    "Curve": ("line", ("segments", "LineStringSegment", "posList")),
    "Polygon": ("polygon", ("exterior", "LinearRing", "posList")),
}
PLAIN: dict[str, _Path] = {
    f"{{{uri}}}{name}": (kind, tuple(f"{{{uri}}}{step}" for step in path))
    for uri in NAMESPACES
    for name, (kind, path) in _PLAIN_PATHS.items()
}
"""Kind of geometry and the tags down to its numbers, by the tag of the geometry."""


def build(plains: Sequence[Plain]) -> list[BaseGeometry | GeometryError]:
    """Geometries of Plains, in their order; one that cannot be built is a GeometryError in its place."""
    built: list[BaseGeometry | GeometryError] = [GeometryError("not built")] * len(plains)
    for kind in ("point", "line", "polygon"):
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
        return GeometryError(str(error))


def _build_alike(kind: str, plains: Sequence[Plain]) -> Sequence[BaseGeometry]:
    """Many geometries of one kind in few calls. Raises GeometryError or GEOSException if any is wrong."""
    sizes = np.fromiter((len(plain.numbers) // 2 for plain in plains), dtype=np.intp, count=len(plains))
    coordinates = floats(chain.from_iterable(plain.numbers for plain in plains)).reshape(-1, 2)
    swapped = np.repeat([plain.srs.swapped for plain in plains], sizes)
    coordinates[swapped] = coordinates[swapped, ::-1]
    if kind == "point":
        return shapely.points(coordinates)  # type: ignore[no-any-return]
    indices = np.repeat(np.arange(len(plains)), sizes)
    if kind == "line":
        if (sizes < 2).any():
            raise GeometryError("a line has at least two positions")
        return shapely.linestrings(coordinates, indices=indices)  # type: ignore[no-any-return]
    ends = np.cumsum(sizes)
    if (sizes < 4).any() or (coordinates[ends - sizes] != coordinates[ends - 1]).any():
        raise GeometryError(RING)
    return shapely.polygons(shapely.linearrings(coordinates, indices=indices))  # type: ignore[no-any-return]
