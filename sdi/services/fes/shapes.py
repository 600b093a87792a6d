"""Geometries in filters: GML 2, 3.1 and 3.2 as shapely geometries, with the coordinates as they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from sdi.services.fes.elements import FilterError, children, local, number, wrong

ENVELOPES = ("Envelope", "Box")


class _Many(NamedTuple):
    """A geometry of several."""

    gather: type[BaseGeometry]
    dimension: int | None
    """Of its members; None takes any."""


_MANY = {
    "MultiPoint": _Many(shapely.MultiPoint, 0), "MultiLineString": _Many(shapely.MultiLineString, 1),
    "MultiCurve": _Many(shapely.MultiLineString, 1), "MultiPolygon": _Many(shapely.MultiPolygon, 2),
    "MultiSurface": _Many(shapely.MultiPolygon, 2), "MultiGeometry": _Many(shapely.GeometryCollection, None),
}
_PATHS = ("LineString", "LinearRing", "Curve")
_POSITIONS = ("pos", "lowerCorner", "upperCorner", "posList", "coordinates", "coord")
_KNOWN = ", ".join((*ENVELOPES, "Point", *_PATHS, "Polygon", "Surface", *_MANY))

Position = tuple[float, float]


def srs[T](element: etree._Element, meant: Callable[[str | None], T]) -> T:
    """What the srsName of a geometry is `meant` to be; it may stand on the geometry or on what is in it.

    Raises FilterError where positions are in several, and whatever `meant` raises.
    """
    names = dict.fromkeys(_inherited(e, "srsName") for e in element.iter() if local(e) in _POSITIONS) or {None: None}
    found = {meant(name): name for name in names}
    if len(found) > 1:
        several = ", ".join(name[:80] if name else "–" for name in found.values())
        raise wrong(f"gml:{local(element)} w kilku układach: {several}; srsName ma być jeden",
                    f"gml:{local(element)} in several systems: {several}; there can be one srsName")
    return next(iter(found))


def corners(element: etree._Element) -> tuple[float, float, float, float]:
    """The two corners of one of ENVELOPES. Raises FilterError."""
    found = _positions(element)
    if len(found) != 2:
        raise wrong(f"gml:{local(element)} ma mieć dwa narożniki", f"gml:{local(element)} has two corners")
    return *found[0], *found[1]


def shape_of(element: etree._Element) -> BaseGeometry:
    """Any geometry; heights are dropped. Raises FilterError."""
    shape = _shape(element)
    if shape.geom_type in ("LineString", "Polygon") and shape.length == 0:
        return shapely.Point(shape.bounds[:2])  # the extent of a single point, as programs write it
    return shape


def check_valid(shape: BaseGeometry, element: etree._Element) -> None:
    """Refuse a shape, made of `element`, for which spatial relations are undefined. Raises FilterError."""
    if not shape.is_valid:
        reason = shapely.is_valid_reason(shape)
        raise wrong(f"gml:{local(element)} jest niepoprawne: {reason}", f"gml:{local(element)} is not valid: {reason}")


def _shape(element: etree._Element) -> BaseGeometry:
    name = local(element)
    if name in _MANY:
        return _many(element, *_MANY[name])
    if name in ENVELOPES:
        return shapely.box(*corners(element))
    if name == "Point":
        found = _positions(element)
        if len(found) != 1:
            raise wrong("gml:Point ma mieć jedno położenie", "gml:Point has one position")
        return shapely.Point(found[0])
    if name in _PATHS:
        path = _path(element)
        if len(path) < 2:
            raise wrong(f"gml:{name} ma mieć co najmniej dwa położenia", f"gml:{name} has at least two positions")
        return shapely.LineString(path)
    if name == "Polygon":
        return _polygon(element)
    if name == "Surface":
        return _surface(element)
    raise _unknown(name)


def _many(element: etree._Element, gather: type[BaseGeometry], dimension: int | None) -> BaseGeometry:
    members = [e for holder in children(element) if local(holder).endswith(("Member", "Members"))
               for e in children(holder)]
    parts = [part for member in members for part in shapely.get_parts(_shape(member))]
    if not parts or any(dimension not in (None, shapely.get_dimensions(part)) for part in parts):
        names = ", ".join(map(local, members))
        raise wrong(f"gml:{local(element)} nie może składać się z: {names or 'niczego'}",
                    f"gml:{local(element)} cannot be made of: {names or 'nothing'}")
    return gather(parts)


def _polygon(element: etree._Element) -> BaseGeometry:
    outer, inner = (
        [_path(ring) for boundary in children(element) if local(boundary) in names for ring in children(boundary)]
        for names in (("exterior", "outerBoundaryIs"), ("interior", "innerBoundaryIs")))
    if len(outer) != 1 or any(len(ring) < 4 for ring in (*outer, *inner)):
        raise wrong(f"gml:{local(element)} ma mieć jeden pierścień zewnętrzny, a każdy pierścień co najmniej cztery "
                    "położenia",
                    f"gml:{local(element)} has one exterior ring, and each ring at least four positions")
    return shapely.Polygon(outer[0], inner)


def _surface(element: etree._Element) -> BaseGeometry:
    patches = [e for holder in children(element) if local(holder) == "patches" for e in children(holder)]
    for patch in patches:
        if local(patch) != "PolygonPatch":
            raise _unknown(local(patch))
    try:
        shape: BaseGeometry = shapely.union_all([_polygon(patch) for patch in patches])
    except shapely.errors.GEOSException as error:
        raise wrong(f"gml:Surface jest niepoprawne: {error}", f"gml:Surface is not valid: {error}") from error
    if shape.is_empty:
        raise wrong("gml:Surface nie ma powierzchni", "gml:Surface has no area")
    return shape


def _path(element: etree._Element) -> list[Position]:
    """The positions of a line, or of the parts of a curve or ring one after the other."""
    if local(element) in ("Curve", "Ring"):
        return [position for holder in children(element) if local(holder) in ("segments", "curveMember")
                for part in children(holder) for position in _path(part)]
    if local(element) not in ("LineString", "LinearRing", "LineStringSegment"):
        raise _unknown(local(element))
    return _positions(element)


def _positions(element: etree._Element) -> list[Position]:
    """The positions below an element, in the order of the document."""
    found: list[Position] = []
    for e in element.iter():
        match local(e):
            case "pos" | "lowerCorner" | "upperCorner":
                found.append(_position(e, (e.text or "").split()))
            case "posList":
                numbers, size = (e.text or "").split(), _dimension(e)
                found += [_position(e, numbers[at : at + size]) for at in range(0, len(numbers), size)]
            case "coordinates":
                between = e.get("cs") or ","
                found += [_position(e, together.split(between)) for together in (e.text or "").split()]
            case "coord":
                found.append(_position(e, [e.findtext("{*}X") or "", e.findtext("{*}Y") or ""]))
    return found


def _position(element: etree._Element, texts: list[str]) -> Position:
    try:
        numbers = [number(text) for text in texts]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        given = f"gml:{local(element)}: {' '.join(texts)[:80]!r}"
        raise wrong(f"{given} to nie położenie: dwie lub trzy liczby, ułamki z kropką",
                    f"{given} is no position: two or three numbers, with decimal points")
    return numbers[0], numbers[1]


def _dimension(element: etree._Element) -> int:
    """How many numbers a position of a posList has: as it says, or what it stands in."""
    given = _inherited(element, "srsDimension") or "2"
    if given not in ("2", "3"):
        name = f"srsDimension={given[:80]!r}"
        raise wrong(f"{name}: może być 2 lub 3", f"{name}: can be 2 or 3")
    return int(given)


def _inherited(element: etree._Element, attribute: str) -> str | None:
    """An attribute of an element, or of the nearest that it stands in."""
    return next((str(e.get(attribute)) for e in (element, *element.iterancestors()) if e.get(attribute)), None)


def _unknown(name: str) -> FilterError:
    return wrong(f"nieobsługiwana geometria gml:{name}; są: {_KNOWN}",
                 f"no way to read gml:{name}; there are: {_KNOWN}")
