"""Geometries in filters: GML 2, 3.1 and 3.2 as shapely geometries in EPSG:2180, x = easting."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache

import pyproj
import shapely
from lxml import etree
from pyproj.enums import TransformDirection
from shapely.geometry.base import BaseGeometry

from sdi.model.text import Text
from sdi.services.ows.exceptions import OwsError
from sdi.services.wfs.versions import Version
from sdi.store.crs import STORED_SRID, Area, Crs, box_as_stored

_POSITIONS = frozenset({"pos", "posList", "coordinates", "coord", "lowerCorner", "upperCorner", "pointProperty"})
_MANY = {
    "MultiPoint": shapely.MultiPoint, "MultiLineString": shapely.MultiLineString, "MultiCurve": shapely.MultiLineString,
    "MultiPolygon": shapely.MultiPolygon, "MultiSurface": shapely.MultiPolygon,
    "MultiGeometry": shapely.GeometryCollection,
}
_STEPS_MAX = 1000
_DEGREE_M, _STEP_M = 111_000.0, 600.0
"""Edges are cut to pieces of this length before they are transformed, since they bend."""


def local(element: etree._Element) -> str:
    """An element's name without its namespace; empty for a comment."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def children(element: etree._Element) -> list[etree._Element]:
    """The elements in an element."""
    return [child for child in element if isinstance(child.tag, str)]


def wrong(pl: str, en: str, code: str = "InvalidParameterValue", status: int = 400) -> OwsError:
    """A filter that cannot be answered; the status is that of the code in WFS 2.0, annex D."""
    return OwsError(code, Text(pl=f"FILTER: {pl}", en=f"FILTER: {en}"), "filter", status)


def area_of(element: etree._Element, version: Version) -> Area | None:
    """A gml:Envelope or gml:Box; None where it lies outside of Poland. Raises OwsError."""
    points = list(_points(element))
    if len(points) != 2:
        raise wrong(f"{local(element)} ma mieć dwa narożniki", f"{local(element)} has two corners")
    try:
        return box_as_stored((*points[0], *points[1]), version.crs(element.get("srsName"), "FILTER"))
    except ValueError as error:
        raise wrong(f"{local(element)}: najpierw mniejszy narożnik", f"{local(element)}: {error}") from error


def geometry_of(element: etree._Element, version: Version) -> BaseGeometry | None:
    """Any geometry; None for a box that lies outside of Poland. Raises OwsError."""
    if local(element) in ("Envelope", "Box"):
        area = area_of(element, version)
        return area.outline if area else None
    inner = next((e.get("srsName") for e in element.iter() if e.get("srsName")), None)
    crs = version.crs(inner, "FILTER")
    try:
        shape = _shape(element)
    except (ValueError, shapely.errors.ShapelyError) as error:
        raise wrong(f"gml:{local(element)} jest niepoprawne", f"gml:{local(element)}: {error}") from error
    if shape.length == 0 and not shape.is_empty and shape.geom_type in ("LineString", "Polygon"):
        shape = shapely.Point(shape.bounds[:2])  # the extent of a single point, as programs write it
    stored = _as_stored(shape, crs)
    if not stored.is_valid:
        reason = shapely.is_valid_reason(stored)
        raise wrong(f"gml:{local(element)} jest niepoprawne: {reason}", f"gml:{local(element)} is invalid: {reason}")
    return stored


def _as_stored(shape: BaseGeometry, crs: Crs) -> BaseGeometry:
    if crs.flipped:
        shape = shapely.transform(shape, lambda xy: xy[:, ::-1])
    if crs.srid != STORED_SRID:
        step = _STEP_M / _DEGREE_M if crs.srid in (4326, 4258) else _STEP_M
        if shape.geom_type not in ("Point", "MultiPoint"):
            shape = shapely.segmentize(shape, max(step, shape.length / _STEPS_MAX))
        to = _from_stored(crs.srid)
        shape = shapely.transform(
            shape, lambda x, y: to.transform(x, y, direction=TransformDirection.INVERSE), interleaved=False)
    if shape.is_empty or not all(math.isfinite(value) for value in shape.bounds):
        raise wrong("współrzędne leżą poza układem srsName", "the coordinates lie outside of their srsName")
    return shape


@cache
def _from_stored(srid: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(STORED_SRID, srid, always_xy=True)


def _shape(element: etree._Element) -> BaseGeometry:
    name = local(element)
    if name in _MANY:
        return _MANY[name]([_shape(e) for member in children(element) for e in children(member)])
    if name == "Point":
        return shapely.Point(*_points(element))
    if name in ("LineString", "LinearRing", "LineStringSegment"):
        return shapely.LineString(list(_points(element)))
    if name == "Curve":
        parts = [_shape(e) for segments in element.iterfind("{*}segments") for e in children(segments)]
        return shapely.LineString([xy for part in parts for xy in part.coords])
    if name in ("Polygon", "PolygonPatch"):
        rings = [list(_points(ring)) for boundary in children(element) for ring in children(boundary)
                 if local(boundary) in ("exterior", "interior", "outerBoundaryIs", "innerBoundaryIs")]
        return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
    if name == "Surface":
        return shapely.union_all([_shape(e) for patches in element.iterfind("{*}patches") for e in children(patches)])
    raise wrong(f"nieobsługiwana geometria gml:{name}", f"no way to read gml:{name}")


def _points(element: etree._Element) -> Iterator[tuple[float, float]]:
    """The positions below an element, in the order of the document; heights are dropped."""
    for e in element.iter():
        name = local(e)
        if name == "coord":
            yield float(e.findtext("{*}X") or ""), float(e.findtext("{*}Y") or "")
        elif name in _POSITIONS:
            text, size = e.text or "", int(e.get("srsDimension") or element.get("srsDimension") or 2)
            if name == "coordinates":
                between = e.get("cs") or ","
                size = len(text.split()[0].split(between)) if text.strip() else 2
                text = text.replace(between, " ")
            numbers = [float(number) for number in re.split(r"\s+", text.strip()) if number]
            if name in ("pos", "lowerCorner", "upperCorner"):
                size = len(numbers)
            if size < 2 or len(numbers) % size:
                raise wrong(f"gml:{name} nie jest listą współrzędnych", f"gml:{name} is no list of coordinates")
            yield from zip(numbers[::size], numbers[1::size], strict=True)
