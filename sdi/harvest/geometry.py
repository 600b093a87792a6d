"""Geometries on their way in, a batch at a time: to EPSG:2180, checked, repaired where that keeps their dimension."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from sdi.errors import Told
from sdi.model.register import GeometryType
from sdi.model.text import Text

SRID = 2180
DECIMALS = 4
"""Coordinates are kept to 0.1 mm, so that another release of PROJ does not make every object look changed."""
MARGIN_M = 20_000.0

_TYPES: dict[GeometryType, frozenset[int]] = {
    "point": frozenset({0, 4}),
    "line": frozenset({1, 2, 5}),
    "polygon": frozenset({3, 6}),
    "any": frozenset(range(8)),
}
"""Shapely type ids that each geometry type allows."""
_NAMES = ("Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
          "GeometryCollection")
_SORTS: dict[GeometryType, Text] = {
    "point": Text(pl="punkt", en="point"),
    "line": Text(pl="linia", en="line"),
    "polygon": Text(pl="wielokąt", en="polygon"),
    "any": Text(pl="geometria", en="geometry"),
}
_REASONS = {
    "Self-intersection": "samoprzecięcie",
    "Ring Self-intersection": "pierścień przecina sam siebie",
    "Hole lies outside shell": "dziura leży poza obrysem",
    "Holes are nested": "dziury leżą jedna w drugiej",
    "Nested shells": "części leżą jedna w drugiej",
    "Interior is disconnected": "wnętrze nie jest spójne",
    "Duplicate Rings": "powtórzony pierścień",
    "Too few points in geometry component": "za mało punktów",
    "Invalid Coordinate": "niedozwolona współrzędna",
    "Ring is not closed": "pierścień nie jest zamknięty",
}
"""What GEOS finds wrong with a geometry (geos::operation::valid::TopologyValidationError), in Polish."""
_MULTI = {0: shapely.multipoints, 1: shapely.multilinestrings, 3: shapely.multipolygons}

_AXES_WRONG = Text(pl="zła jest kolejność osi", en="the order of the axes is wrong")
_CRS_WRONG = Text(pl="zły jest układ współrzędnych", en="the CRS is wrong")

Geometries = NDArray[np.object_]


class GeometryError(Told, ValueError):
    """A geometry cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one geometry; without `repaired` it cannot be used."""

    code: str
    message: Text
    repaired: bool = False
    excerpt: str = ""


@dataclass(slots=True)
class Prepared:
    """A batch of geometries in EPSG:2180 (None: not given, or faulty) and the faults by index."""

    geometries: Geometries
    faults: dict[int, Fault] = field(default_factory=dict)

    def _refuse(self, indexes: NDArray[np.intp], code: str, message: Text, original: Geometries) -> None:
        for index in indexes.tolist():
            self.faults[index] = Fault(code, message, excerpt=_wkt(original[index]))
        self.geometries[indexes] = None


def prepare(original: Geometries, srids: NDArray[np.int_], wanted: GeometryType) -> Prepared:
    """Transform, check and repair geometries (x = easting or longitude) given in the CRS `srids` (EPSG codes)."""
    batch = Prepared(shapely.force_2d(original))
    _check_types(batch, original, wanted)
    for srid in np.unique(srids).tolist():
        given = np.flatnonzero((srids == srid) & ~shapely.is_missing(batch.geometries))
        if given.size:
            _transform(batch, original, given, srid)
    _repair(batch, original, wanted)
    return batch


def _check_types(batch: Prepared, original: Geometries, wanted: GeometryType) -> None:
    empty = np.flatnonzero(shapely.is_empty(batch.geometries))
    batch._refuse(empty, "empty-geometry", Text(
        pl="geometria nie ma współrzędnych", en="the geometry has no coordinates"), original)
    types = shapely.get_type_id(batch.geometries)
    wrong = (types >= 0) & ~np.isin(types, list(_TYPES[wanted]))
    for found in np.unique(types[wrong]).tolist():
        batch._refuse(np.flatnonzero(wrong & (types == found)), "wrong-geometry-type", Text(
            pl=f"{_NAMES[found]} tam, gdzie powinna być geometria typu {_SORTS[wanted].pl}",
            en=f"a {_NAMES[found]} where a {_SORTS[wanted].en} belongs"), original)


def _transform(batch: Prepared, original: Geometries, given: NDArray[np.intp], srid: int) -> None:
    """Move the geometries at `given` from `srid` to EPSG:2180, all coordinates at once."""
    try:
        transformer = _transformer(srid)
    except CRSError:
        batch._refuse(given, "unknown-crs", Text(
            pl=f"EPSG:{srid} nie jest układem współrzędnych znanym bibliotece PROJ",
            en=f"EPSG:{srid} is no coordinate reference system that PROJ knows"), original)
        return
    subset = batch.geometries[given]
    coordinates, owner = shapely.get_coordinates(subset, return_index=True)
    coordinates = _transformed(coordinates, transformer)
    possible = _possible(coordinates)
    bad = np.unique(owner[~possible])
    if bad.size:
        mirrored, owner_of = shapely.get_coordinates(subset[bad], return_index=True)
        fitting = np.ones(len(bad), dtype=bool)
        fitting[np.unique(owner_of[~_possible(_transformed(mirrored[:, ::-1], transformer))])] = False
        for chosen, cause in ((bad[fitting], _AXES_WRONG), (bad[~fitting], _CRS_WRONG)):
            batch._refuse(given[chosen], "impossible-coordinates", Text(
                pl=f"odczytane w EPSG:{srid} nie leży w Polsce: {cause.pl}",
                en=f"not in Poland when read as EPSG:{srid}: {cause.en}"), original)
    good = np.ones(len(subset), dtype=bool)
    good[bad] = False
    batch.geometries[given[good]] = shapely.set_coordinates(
        subset[good], np.round(coordinates[good[owner]], DECIMALS)
    )


def _transformed(coordinates: NDArray[np.float64], transformer: pyproj.Transformer | None) -> NDArray[np.float64]:
    if transformer is None:
        return coordinates
    return np.column_stack(transformer.transform(coordinates[:, 0], coordinates[:, 1]))


def _possible(coordinates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which positions (n x 2, EPSG:2180) lie in Poland."""
    west, south, east, north = poland()
    x, y = coordinates[:, 0], coordinates[:, 1]
    inside: NDArray[np.bool_] = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return inside


def _repair(batch: Prepared, original: Geometries, wanted: GeometryType) -> None:
    invalid = np.flatnonzero(~shapely.is_valid(batch.geometries) & ~shapely.is_missing(batch.geometries))
    for index in invalid.tolist():
        what, mark, place = shapely.is_valid_reason(batch.geometries[index]).partition("[")
        repaired = _of_type(shapely.make_valid(batch.geometries[index]), wanted)
        batch.geometries[index] = repaired
        batch.faults[index] = Fault(
            "invalid-geometry",
            Text(pl=f"niepoprawna: {_REASONS.get(what, what)}{mark}{place}; "
                    + ("nic z niej nie zostaje" if repaired is None else "naprawiono"),
                 en=f"invalid: {what}{mark}{place}; "
                    + ("nothing is left of it" if repaired is None else "repaired")),
            repaired=repaired is not None,
            excerpt=_wkt(original[index]),
        )


def _of_type(geometry: BaseGeometry, wanted: GeometryType) -> BaseGeometry | None:
    """The parts of a geometry that are of the wanted type, as one geometry; None where there are none."""
    if wanted == "any" or shapely.get_type_id(geometry) in _TYPES[wanted]:
        return None if geometry.is_empty else geometry
    parts = shapely.get_parts(shapely.get_parts(geometry))
    parts = parts[np.isin(shapely.get_type_id(parts), list(_TYPES[wanted])) & ~shapely.is_empty(parts)]
    if len(parts) < 2:
        return parts[0] if len(parts) else None
    collected: BaseGeometry = _MULTI[min(_TYPES[wanted])](parts)
    return collected


def _wkt(geometry: BaseGeometry) -> str:
    return str(shapely.to_wkt(geometry, rounding_precision=4)) if geometry is not None else ""


@cache
def _transformer(srid: int) -> pyproj.Transformer | None:
    """To EPSG:2180 with x = easting on both sides; None where there is nothing to do. Raises CRSError."""
    return None if srid == SRID else pyproj.Transformer.from_crs(srid, SRID, always_xy=True)


@cache
def poland() -> tuple[float, float, float, float]:
    """The area of use of EPSG:2180 in its own coordinates, with a margin: west, south, east, north, in metres."""
    area: Any = pyproj.CRS.from_epsg(SRID).area_of_use
    to_2180 = pyproj.Transformer.from_crs("OGC:CRS84", SRID, always_xy=True)
    west, south, east, north = to_2180.transform_bounds(*area.bounds)
    return west - MARGIN_M, south - MARGIN_M, east + MARGIN_M, north + MARGIN_M
