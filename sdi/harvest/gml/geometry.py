"""GML geometries as shapely geometries: two-dimensional, x = easting or longitude, arcs as strokes.

GML 2.1 (OGC 02-069), 3.1.1 (03-105r1) and 3.2 (ISO 19136) are read by local name. What is not read (clothoids,
splines, geometries behind an xlink) raises GeometryError; nothing is guessed and nothing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from sdi.errors import told
from sdi.harvest.geometry import GeometryError
from sdi.harvest.gml import arcs
from sdi.harvest.gml.arcs import Coordinates
from sdi.harvest.gml.coordinates import (
    ANGLE,
    METRE,
    NAMESPACES,
    RING,
    XLINK_HREF,
    dimension_of,
    gml2_tuples,
    measure,
    positions,
)
from sdi.harvest.gml.names import local, namespace
from sdi.harvest.gml.plain import PLAIN, Kind, Plain, plain
from sdi.harvest.srs import Axis, Srs, parse_srs
from sdi.model.text import Text

type Shape = Plain | BaseGeometry


class _Scope(NamedTuple):
    """What a geometry inherits from the elements around it."""

    srs: Srs | None
    dimension: int | None


class GeometryReader:
    """Reads the geometries of one document or source.

    `default_srs` is the srsName of geometries that name none, `axis` overrules the order of all coordinates,
    `short_axis` is their order where the srsName is `EPSG:n`.
    """

    def __init__(
        self, default_srs: str | None = None, axis: Axis | None = None, short_axis: Axis = "xy"
    ) -> None:
        self._axis, self._short_axis = axis, short_axis
        self._default = self._srs(default_srs) if default_srs else None
        self._seen: set[Srs] = set()
        self._readers: dict[str, Callable[[etree._Element, _Scope], BaseGeometry]] = {
            "Point": self._point,
            "LineString": self._line,
            "LinearRing": self._line,
            "Curve": self._line,
            "CompositeCurve": self._line,
            "OrientableCurve": self._line,
            "Polygon": self._polygon,
            "Surface": self._surface,
            "PolyhedralSurface": self._surface,
            "CompositeSurface": self._surface,
            "MultiPoint": self._collection(shapely.MultiPoint, "Point"),
            "MultiCurve": self._collection(shapely.MultiLineString, "LineString"),
            "MultiLineString": self._collection(shapely.MultiLineString, "LineString"),
            "MultiSurface": self._collection(shapely.MultiPolygon, "Polygon"),
            "MultiPolygon": self._collection(shapely.MultiPolygon, "Polygon"),
            "MultiGeometry": self._collection(shapely.GeometryCollection),
            "GeometryCollection": self._collection(shapely.GeometryCollection),
        }
        self._segments: dict[str, Callable[[etree._Element, _Scope], Coordinates]] = {
            "LineStringSegment": self._coordinates,
            "GeodesicString": self._coordinates,
            "Arc": self._arc,
            "ArcString": self._arc,
            "Circle": self._circle,
            "ArcByCenterPoint": self._arc_by_centre,
            "CircleByCenterPoint": self._arc_by_centre,
        }

    def read_property(self, element: etree._Element, inherited: str | None = None) -> tuple[Shape | None, int | None]:
        """The geometry in a property element, and its EPSG code; (None, None) where the property is empty.

        `inherited` is the srsName of the nearest gml:Envelope around it. A Plain is to be built by `build`.
        Raises GeometryError.
        """
        try:
            scope = _Scope(self._srs(inherited) if inherited else self._default, None)
            if len(element) == 0:
                return self._bare(element, scope)
            if len(element) > 1:
                raise GeometryError(Text(
                    pl=f"geometrii w jednej właściwości jest {len(element)}",
                    en=f"{len(element)} geometries in one property"))
            shape = self._plain(element[0], scope)
            if shape is not None:
                return shape, shape.srs.srid
            self._seen.clear()
            geometry = self._geometry(element[0], scope)
        except GeometryError:
            raise
        except (ValueError, shapely.GEOSException) as error:
            raise GeometryError(told(error)) from error
        except RecursionError as error:
            raise GeometryError(Text(pl="zbyt głęboko zagnieżdżona", en="nested too deeply")) from error
        srids = {srs.srid for srs in self._seen}
        if len(srids) != 1:
            raise GeometryError(Text(
                pl=f"różne układy współrzędnych w jednej geometrii: {len(srids)}",
                en=f"{len(srids)} different CRSs in one geometry"))
        return geometry, srids.pop()

    def _srs(self, name: str) -> Srs:
        return parse_srs(name, self._axis, self._short_axis)

    def _bare(self, element: etree._Element, scope: _Scope) -> tuple[Shape | None, int | None]:
        """A property without a geometry element: empty, a link, or a gml:DirectPosition written into it."""
        if XLINK_HREF in element.attrib:
            raise GeometryError(Text(
                pl=f"odsyłacz do {element.get(XLINK_HREF, '')[:100]!r}; za odsyłaczami się nie idzie",
                en=f"a link to {element.get(XLINK_HREF, '')[:100]!r}; links are not followed"))
        numbers = (element.text or "").split()
        if not numbers:
            return None, None
        point = Plain("point", numbers[:2], _known(self._enter(element, scope)))
        if len(numbers) not in (2, 3):
            raise GeometryError(Text(
                pl=f"oczekiwano dwóch lub trzech liczb, jest ich {len(numbers)}",
                en=f"expected two or three numbers, found {len(numbers)}"))
        return point, point.srs.srid

    def plain_place(self, element: etree._Element, inherited: str | None) -> tuple[Kind, str, Srs] | None:
        """What `plain` makes the geometry in a property element of; None where it is not that plain.

        `inherited` as of `read_property`. Raises GeometryError.
        """
        scope = _Scope(self._srs(inherited) if inherited else self._default, None)
        return self._plain_place(element[0], scope) if len(element) == 1 else None

    def _plain(self, element: etree._Element, scope: _Scope) -> Plain | None:
        """The fast way for what most objects are; None sends the geometry the thorough way."""
        place = self._plain_place(element, scope)
        return None if place is None else plain(*place)

    def _plain_place(self, element: etree._Element, scope: _Scope) -> tuple[Kind, str, Srs] | None:
        known = PLAIN.get(element.tag)
        if known is None:
            return None
        kind, path = known
        scope = self._enter(element, scope)
        for tag in path:
            if len(element) != 1:
                return None
            element = element[0]
            if element.tag != tag:
                return None
            if element.attrib:
                scope = self._enter(element, scope)
        if scope.srs is None or scope.dimension == 3:
            return None
        return kind, element.text or "", scope.srs

    def _enter(self, element: etree._Element, scope: _Scope) -> _Scope:
        name, dimension = element.get("srsName"), element.get("srsDimension")
        if name is None and dimension is None:
            return scope
        if dimension is not None and dimension not in ("2", "3"):
            raise GeometryError(Text(
                pl=f"srsDimension {dimension[:20]!r} to ani 2, ani 3",
                en=f"srsDimension {dimension[:20]!r} is neither 2 nor 3"))
        return _Scope(
            self._srs(name) if name is not None else scope.srs,
            int(dimension) if dimension is not None else scope.dimension,
        )

    def _geometry(self, element: etree._Element, scope: _Scope) -> BaseGeometry:
        reader = self._readers.get(_local(element))
        if reader is None:
            raise GeometryError(Text(
                pl=f"{_local(element)} to nie geometria, którą się czyta",
                en=f"{_local(element)} is not a geometry that is read"))
        return reader(element, self._enter(element, scope))

    def _point(self, element: etree._Element, scope: _Scope) -> BaseGeometry:
        coordinates = self._coordinates(element, scope)
        if len(coordinates) != 1:
            raise GeometryError(Text(
                pl=f"Point ma jeden punkt, nie {len(coordinates)}",
                en=f"a Point has one position, not {len(coordinates)}"))
        return shapely.Point(coordinates[0])

    def _line(self, element: etree._Element, scope: _Scope) -> BaseGeometry:
        coordinates = self._curve(element, scope)
        if len(coordinates) < 2:
            raise GeometryError(Text(
                pl=f"{_local(element)} ma co najmniej dwa punkty, nie {len(coordinates)}",
                en=f"a {_local(element)} has at least two positions, not {len(coordinates)}"))
        return shapely.LineString(coordinates)

    def _curve(self, element: etree._Element, scope: _Scope) -> Coordinates:
        """The vertices of any curve; `scope` has the element's own attributes already."""
        match _local(element):
            case "LineString" | "LinearRing":
                return self._coordinates(element, scope)
            case "Curve":
                segments = [segment for part in element if _local(part) == "segments" for segment in part]
                return self._joined([self._segment(segment, scope) for segment in segments], scope)
            case "CompositeCurve" | "Ring":
                members = [self._only(part) for part in element if _local(part) == "curveMember"]
                return self._joined([self._curve(member, self._enter(member, scope)) for member in members], scope)
            case "OrientableCurve":
                base = next((self._only(part) for part in element if _local(part) == "baseCurve"), None)
                if base is None:
                    raise GeometryError(Text(
                        pl="OrientableCurve bez baseCurve",
                        en="an OrientableCurve without a baseCurve"))
                coordinates = self._curve(base, self._enter(base, scope))
                return coordinates[::-1] if element.get("orientation") == "-" else coordinates
        raise GeometryError(Text(
            pl=f"{_local(element)} to nie krzywa, którą się czyta",
            en=f"{_local(element)} is not a curve that is read"))

    def _joined(self, parts: list[Coordinates], scope: _Scope) -> Coordinates:
        """Curves end to end as one; each must start where the one before ends."""
        if not parts or not all(map(len, parts)):
            raise GeometryError(Text(pl="krzywa bez punktów", en="a curve without positions"))
        tolerance = self._tolerance(scope)
        for before, after in pairwise(parts):
            if np.abs(before[-1] - after[0]).max() > tolerance:
                raise GeometryError(Text(
                    pl="części krzywej się nie stykają",
                    en="the parts of a curve do not meet"))
        return np.concatenate((parts[0], *(part[1:] for part in parts[1:])))

    def _tolerance(self, scope: _Scope) -> float:
        """Of the CRS in scope, or where only the positions name one, of theirs."""
        return (scope.srs or next(iter(self._seen), None) or _known(scope)).tolerance

    def _segment(self, element: etree._Element, scope: _Scope) -> Coordinates:
        reader = self._segments.get(_local(element))
        if reader is None:
            raise GeometryError(Text(
                pl=f"{_local(element)} to nie odcinek krzywej, który się czyta",
                en=f"{_local(element)} is not a curve segment that is read"))
        return reader(element, scope)

    def _arc(self, element: etree._Element, scope: _Scope) -> Coordinates:
        points = self._coordinates(element, scope)
        if len(points) < 3 or len(points) % 2 == 0:
            raise GeometryError(Text(
                pl=f"{_local(element)} o liczbie punktów {len(points)}; łuki wymagają 3, 5, 7 …",
                en=f"{_local(element)} with {len(points)} positions; arcs need 3, 5, 7 …"))
        return arcs.arc_string(points, self._tolerance(scope))

    def _circle(self, element: etree._Element, scope: _Scope) -> Coordinates:
        points = self._coordinates(element, scope)
        if len(points) != 3:
            raise GeometryError(Text(
                pl=f"Circle ma trzy punkty, nie {len(points)}",
                en=f"a Circle has three positions, not {len(points)}"))
        try:
            return arcs.circle(points, self._tolerance(scope))
        except ValueError as error:
            raise GeometryError(told(error)) from error

    def _arc_by_centre(self, element: etree._Element, scope: _Scope) -> Coordinates:
        """Angles count from the first axis of the CRS to its second: bearings where northing comes first."""
        srs = _known(scope)
        if srs.geographic:
            raise GeometryError(Text(
                pl=f"{_local(element)} w stopniach się nie czyta",
                en=f"{_local(element)} in degrees is not read"))
        centre = self._coordinates(element, scope)
        if len(centre) != 1:
            raise GeometryError(Text(
                pl=f"{_local(element)} ma jeden środek, nie {len(centre)}",
                en=f"{_local(element)} has one centre, not {len(centre)}"))
        radius = measure(element, "radius", METRE)
        if radius <= 0:
            raise GeometryError(Text(
                pl=f"promień {radius} nie jest dodatni",
                en=f"radius {radius} is not positive"))
        if _local(element) == "CircleByCenterPoint":
            strokes = arcs.sweep(centre[0], radius, 0.0, math.tau, srs.tolerance)
            strokes[-1] = strokes[0]
            return strokes
        start, end = measure(element, "startAngle", ANGLE), measure(element, "endAngle", ANGLE)
        if srs.swapped:
            start, end = math.pi / 2 - start, math.pi / 2 - end
        return arcs.sweep(centre[0], radius, start, end - start, srs.tolerance)

    def _polygon(self, element: etree._Element, scope: _Scope) -> BaseGeometry:
        shell: list[Coordinates] = []
        holes: list[Coordinates] = []
        for part in element:
            match _local(part):
                case "exterior" | "outerBoundaryIs":
                    shell.append(self._ring(self._only(part), scope))
                case "interior" | "innerBoundaryIs":
                    holes.append(self._ring(self._only(part), scope))
        if len(shell) != 1:
            raise GeometryError(Text(
                pl=f"{_local(element)} ma jeden obrys, nie {len(shell)}",
                en=f"a {_local(element)} has one exterior, not {len(shell)}"))
        return shapely.Polygon(shell[0], holes)

    def _ring(self, element: etree._Element, scope: _Scope) -> Coordinates:
        scope = self._enter(element, scope)
        coordinates = self._curve(element, scope)
        if _local(element) != "LinearRing" and len(coordinates):
            gap = np.abs(coordinates[0] - coordinates[-1]).max()
            if 0 < gap <= self._tolerance(scope):
                coordinates[-1] = coordinates[0]
        if len(coordinates) < 4 or (coordinates[0] != coordinates[-1]).any():
            raise GeometryError(RING)
        return coordinates

    def _surface(self, element: etree._Element, scope: _Scope) -> BaseGeometry:
        """One surface of several patches: their union; kept apart where a patch is invalid."""
        parts: list[BaseGeometry] = []
        for part in element:
            match _local(part):
                case "patches" | "polygonPatches" | "trianglePatches":
                    parts += [self._patch(patch, self._enter(patch, scope)) for patch in part]
                case "surfaceMember":
                    parts.append(self._geometry(self._only(part), scope))
        polygons = [polygon for part in parts for polygon in shapely.get_parts(part)]
        if not polygons:
            raise GeometryError(Text(
                pl=f"{_local(element)} bez płatów",
                en=f"a {_local(element)} without patches"))
        if len(polygons) == 1:
            return polygons[0]
        if shapely.is_valid(polygons).all():
            return shapely.union_all(polygons)
        return shapely.MultiPolygon(polygons)

    def _patch(self, element: etree._Element, scope: _Scope) -> BaseGeometry:
        if _local(element) not in ("PolygonPatch", "Triangle", "Rectangle"):
            raise GeometryError(Text(
                pl=f"{_local(element)} to nie płat powierzchni, który się czyta",
                en=f"{_local(element)} is not a surface patch that is read"))
        return self._polygon(element, scope)

    def _collection(
        self, build: Callable[[list[BaseGeometry]], BaseGeometry], *kinds: str
    ) -> Callable[[etree._Element, _Scope], BaseGeometry]:
        """A reader of a multi geometry of the given kinds; a MultiPolygon may hold surfaces of several parts."""

        def read(element: etree._Element, scope: _Scope) -> BaseGeometry:
            members: list[BaseGeometry] = []
            for part in element:
                name = _local(part)
                if name.endswith("Members"):
                    members += [self._geometry(member, scope) for member in part]
                elif name.endswith("Member"):
                    members.append(self._geometry(self._only(part), scope))
            if kinds:
                members = list(shapely.get_parts(members)) if members else []
            wrong = {member.geom_type for member in members}.difference(kinds or {m.geom_type for m in members})
            if wrong:
                raise GeometryError(Text(
                    pl=f"{_local(element)} nie może zawierać {', '.join(sorted(wrong))}",
                    en=f"a {_local(element)} cannot hold {', '.join(sorted(wrong))}"))
            if not members:
                raise GeometryError(Text(
                    pl=f"{_local(element)} bez części",
                    en=f"a {_local(element)} without members"))
            return build(members)

        return read

    def _only(self, element: etree._Element) -> etree._Element:
        if XLINK_HREF in element.attrib:
            raise GeometryError(Text(
                pl=f"{_local(element)} odsyła do {element.get(XLINK_HREF, '')[:100]!r}; za odsyłaczami się nie idzie",
                en=f"{_local(element)} is a link to {element.get(XLINK_HREF, '')[:100]!r}; not followed"))
        if len(element) != 1:
            raise GeometryError(Text(
                pl=f"{_local(element)} zawiera geometrii {len(element)}; oczekiwano jednej",
                en=f"{_local(element)} holds {len(element)} geometries; one is expected"))
        return element[0]

    def _coordinates(self, element: etree._Element, scope: _Scope) -> Coordinates:
        """All positions written directly in an element, shape (n, 2), x first."""
        parts: list[Coordinates] = []
        for part in element:
            inner = self._enter(part, scope)
            match _local(part):
                case "pos":
                    numbers = (part.text or "").split()
                    parts.append(positions(numbers, len(numbers), _known(inner).swapped))
                case "posList":
                    numbers = (part.text or "").split()
                    parts.append(positions(numbers, dimension_of(len(numbers), inner.dimension), _known(inner).swapped))
                case "coordinates":
                    parts += [positions(numbers, len(numbers), _known(inner).swapped) for numbers in gml2_tuples(part)]
                case "coord":
                    numbers = [(axis.text or "").strip() for axis in part if _local(axis) in ("X", "Y", "Z")]
                    parts.append(positions(numbers, len(numbers), _known(inner).swapped))
                case "pointProperty" | "pointRep":
                    point = self._only(part)
                    parts.append(self._coordinates(point, self._enter(point, inner)))
                    continue
                case _:
                    continue
            self._seen.add(_known(inner))
        return np.concatenate(parts) if parts else np.empty((0, 2))


def _local(element: etree._Element) -> str:
    if namespace(element.tag) not in NAMESPACES:
        raise GeometryError(Text(
            pl=f"{local(element.tag)} w przestrzeni nazw {namespace(element.tag)[:100]!r} to nie GML",
            en=f"{local(element.tag)} in the namespace {namespace(element.tag)[:100]!r} is no GML"))
    return local(element.tag)


def _known(scope: _Scope) -> Srs:
    if scope.srs is None:
        raise GeometryError(Text(
            pl="brak srsName tu i wokół; zadeklaruj układ współrzędnych źródła",
            en="no srsName, neither here nor around it; declare the CRS of the source"))
    return scope.srs


