"""Geometries in filters, read by the CRS that they name in a version of WFS, in EPSG:2180 with x = easting."""

from __future__ import annotations

from functools import partial

from lxml import etree
from shapely.geometry.base import BaseGeometry

from sdi.services.fes.elements import local, wrong
from sdi.services.fes.shapes import ENVELOPES, check_valid, corners, shape_of, srs
from sdi.services.wfs.versions import Version
from sdi.store.crs import AWAY, DOMAIN, Area, Crs, box_as_stored, shape_as_stored

MARGIN_M = 100_000
"""Nothing that is stored is as near as this to the edge of DOMAIN."""
_FAR = 1e12
"""A coordinate beyond any CRS in metres; the lengths of such edges overflow."""
_DEGREES = {4326: 360.0, 4258: 360.0}
"""The same for CRSs in degrees: metres are not taken for degrees in silence."""


def area_of(element: etree._Element, version: Version) -> Area | None:
    """A gml:Envelope or gml:Box; None where it lies outside of Poland. Raises FilterError, OwsError."""
    box = corners(element)
    try:
        return box_as_stored(box, _crs(element, version))
    except ValueError as error:
        raise wrong(f"gml:{local(element)}: najpierw mniejszy narożnik", f"gml:{local(element)}: {error}") from error


def geometry_of(element: etree._Element, version: Version) -> BaseGeometry:
    """Any geometry; what lies outside of Poland is cut off, and a place far away stands for it.

    Raises FilterError, OwsError.
    """
    if local(element) in ENVELOPES:
        area = area_of(element, version)
        return AWAY[2] if area is None else area.outline
    shape, crs = shape_of(element), _crs(element, version)
    if not all(abs(value) <= _DEGREES.get(crs.srid, _FAR) for value in shape.bounds):
        raise wrong("współrzędne leżą poza układem srsName", "the coordinates lie outside of their srsName")
    check_valid(shape, element)
    return shape_as_stored(shape, crs)


def check_distance(metres: float, shape: BaseGeometry) -> None:
    """Refuse a distance from a shape of `geometry_of` that would have to be measured from what was cut off.

    Raises FilterError.
    """
    west, south, east, north = shape.bounds
    inside = DOMAIN[0] < west and DOMAIN[1] < south and east < DOMAIN[2] and north < DOMAIN[3]
    if metres > MARGIN_M and not inside:
        raise wrong(f"odległość {metres:g} m od geometrii, która sięga daleko poza Polskę; może być do {MARGIN_M} m",
                    f"a distance of {metres:g} m from a geometry that reaches far beyond Poland; at most {MARGIN_M} m")


def _crs(element: etree._Element, version: Version) -> Crs:
    return srs(element, partial(version.crs, parameter="FILTER"))
