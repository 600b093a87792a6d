"""Geometries in filters, read by the CRS that they name in a version of WFS, in EPSG:2180 with x = easting."""

from __future__ import annotations

import math
from functools import cache

import pyproj
import shapely
from lxml import etree
from pyproj.enums import TransformDirection
from shapely.geometry.base import BaseGeometry

from sdi.services.fes.elements import local, wrong
from sdi.services.fes.shapes import ENVELOPES, check_valid, corners, shape_of, srs_name
from sdi.services.wfs.versions import Version
from sdi.store.crs import STORED_SRID, Area, Crs, box_as_stored

_STEPS_MAX = 1000
_DEGREE_M, _STEP_M = 111_000.0, 600.0
"""Edges are cut to pieces of this length before they are transformed, since they bend."""
_FAR = 1e12
"""A coordinate beyond any CRS; the lengths of such edges overflow."""


def area_of(element: etree._Element, version: Version) -> Area | None:
    """A gml:Envelope or gml:Box; None where it lies outside of Poland. Raises FilterError, OwsError."""
    box = corners(element)
    try:
        return box_as_stored(box, version.crs(srs_name(element), "FILTER"))
    except ValueError as error:
        raise wrong(f"gml:{local(element)}: najpierw mniejszy narożnik", f"gml:{local(element)}: {error}") from error


def geometry_of(element: etree._Element, version: Version) -> BaseGeometry | None:
    """Any geometry; None for a box that lies outside of Poland. Raises FilterError, OwsError."""
    if local(element) in ENVELOPES:
        area = area_of(element, version)
        return area.outline if area else None
    stored = _as_stored(shape_of(element), version.crs(srs_name(element), "FILTER"))
    check_valid(stored, element)
    return stored


def _as_stored(shape: BaseGeometry, crs: Crs) -> BaseGeometry:
    outside = wrong("współrzędne leżą poza układem srsName", "the coordinates lie outside of their srsName")
    if not all(abs(value) < _FAR for value in shape.bounds):
        raise outside
    if crs.flipped:
        shape = shapely.transform(shape, lambda xy: xy[:, ::-1])
    if crs.srid != STORED_SRID:
        step = _STEP_M / _DEGREE_M if crs.srid in (4326, 4258) else _STEP_M
        if shape.geom_type not in ("Point", "MultiPoint"):
            shape = shapely.segmentize(shape, max(step, shape.length / _STEPS_MAX))
        to = _from_stored(crs.srid)
        shape = shapely.transform(
            shape, lambda x, y: to.transform(x, y, direction=TransformDirection.INVERSE), interleaved=False)
    if not all(math.isfinite(value) for value in shape.bounds):
        raise outside
    return shape


@cache
def _from_stored(srid: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(STORED_SRID, srid, always_xy=True)
