"""OGC Filter 1.1 and FES 2.0 as SQL over sdi.csw_record.

Every value of a client is bound, every name is looked up. A predicate over null is false, so that Not finds the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import shapely
from lxml import etree
from pyproj import CRS, Transformer

Condition = tuple[str, list[Any]]
"""SQL with a `%s` for each of the values."""

COMPARISONS = {
    "PropertyIsEqualTo": "=", "PropertyIsNotEqualTo": "<>", "PropertyIsLessThan": "<", "PropertyIsGreaterThan": ">",
    "PropertyIsLessThanOrEqualTo": "<=", "PropertyIsGreaterThanOrEqualTo": ">=",
}
SPATIAL = {
    "BBOX": "st_intersects", "Intersects": "st_intersects", "Contains": "st_contains", "Crosses": "st_crosses",
    "Disjoint": "st_disjoint", "Equals": "st_equals", "Overlaps": "st_overlaps", "Touches": "st_touches",
    "Within": "st_within",
}
FUNCTIONS = {"length": "length", "lower": "lower", "upper": "upper", "trim": "trim", "ltrim": "ltrim", "rtrim": "rtrim"}
METRES = {"": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "meters": 1.0, "metres": 1.0, "km": 1000.0}
TIMES = frozenset({"date", "date_modified"})
"""Columns that show `modified_at`."""
NUMBERS = frozenset({"denominator"})
DEFAULT_CRS = "urn:ogc:def:crs:EPSG::4326"
"""Of geometries without srsName, as CSW 2.0.2 has it for ows:BoundingBox: latitude before longitude."""


class FilterError(ValueError):
    """A filter that cannot be answered; the message goes to the client."""


def compile_filter(element: etree._Element, queryables: Mapping[str, Any]) -> Condition:
    """The condition that an ogc:Filter or fes:Filter means.

    `queryables`: column (or {"dbcol": column}) by property name. Raises FilterError.
    """
    children = _children(element)
    if not children:
        raise FilterError("the filter is empty")
    if all(_name(child) in ("FeatureId", "GmlObjectId", "ResourceId") for child in children):
        return "identifier = any(%s)", [[str(child.attrib.values()[0]) for child in children]]
    if len(children) > 1:
        raise FilterError("a filter has one predicate; join several with And or Or")
    return _predicate(children[0], queryables)


def _predicate(element: etree._Element, queryables: Mapping[str, Any]) -> Condition:
    name = _name(element)
    if name in ("And", "Or"):
        parts = [_predicate(child, queryables) for child in _children(element)]
        if not parts:
            raise FilterError(f"{name} has no operands")
        return f"({f' {name.lower()} '.join(sql for sql, _ in parts)})", [v for _, values in parts for v in values]
    if name == "Not":
        sql, values = _predicate(_only(element), queryables)
        return f"(not {sql})", values
    sql, values = _leaf(name, element, queryables)
    return f"coalesce({sql}, false)", values


def _leaf(name: str, element: etree._Element, queryables: Mapping[str, Any]) -> Condition:
    if name in SPATIAL:
        return f"{SPATIAL[name]}(geom, st_geomfromewkb(%s))", [_ewkb(_geometry(element, queryables))]
    if name in ("DWithin", "Beyond"):
        sql = "st_dwithin(geom::geography, st_geomfromewkb(%s)::geography, %s)"
        return f"not {sql}" if name == "Beyond" else sql, [_ewkb(_geometry(element, queryables)), _distance(element)]
    column, expression = _operand(element, queryables)
    if name == "PropertyIsNull":
        return f"{expression} is null", []
    if name == "PropertyIsLike" or (name == "PropertyIsEqualTo" and column == "anytext"):
        return _like(element, column, expression)
    if name in COMPARISONS:
        return _comparison(element, column, expression, COMPARISONS[name], _literal(element))
    if name == "PropertyIsBetween":
        low, high = (_comparison(element, column, expression, operator, _literal(_child(element, boundary)))
                     for operator, boundary in ((">=", "LowerBoundary"), ("<=", "UpperBoundary")))
        return f"({low[0]} and {high[0]})", [*low[1], *high[1]]
    raise FilterError(f"the operator {name} is not supported")


def _comparison(element: etree._Element, column: str, expression: str, operator: str, literal: str) -> Condition:
    if expression == column and column in TIMES:
        moment = _moment(literal)
        whole_days = not isinstance(moment, datetime)
        return f"{"(modified_at at time zone 'UTC')::date" if whole_days else 'modified_at'} {operator} %s", [moment]
    if expression == column and column in NUMBERS:
        try:
            return f"{column}::numeric {operator} %s", [float(literal)]
        except ValueError:
            raise FilterError(f"{literal!r} is not a number") from None
    if expression.startswith("length("):
        if not literal.isdecimal():
            raise FilterError(f"{literal!r} is not a length")
        return f"{expression} {operator} %s", [int(literal)]
    if element.get("matchCase") == "false":
        return f"lower({expression}) {operator} lower(%s)", [literal]
    return f"{expression} {operator} %s", [literal]


def _like(element: etree._Element, column: str, expression: str) -> Condition:
    wild = element.get("wildCard") or "%"
    single = element.get("singleChar") or "_"
    escape = element.get("escapeChar") or element.get("escape") or "\\"
    pattern, characters = "", iter(_literal(element))
    for character in characters:
        if character == escape:
            pattern += _escaped(next(characters, ""))
        elif character == wild:
            pattern += "%"
        elif character == single:
            pattern += "_"
        else:
            pattern += _escaped(character)
    if column == "anytext":  # a word anywhere, in whatever case: what every client means by it
        return f"{expression} ilike %s", [f"%{pattern.strip('%')}%"]
    return f"{expression} {'ilike' if element.get('matchCase') == 'false' else 'like'} %s", [pattern]


def _escaped(character: str) -> str:
    return f"\\{character}" if character and character in "%_\\" else character


def _operand(element: etree._Element, queryables: Mapping[str, Any]) -> tuple[str, str]:
    """The column that a predicate is about, and the SQL expression over it."""
    for child in _children(element):
        if _name(child) in ("PropertyName", "ValueReference"):
            column = _column(child, queryables)
            return column, column
        if _name(child) == "Function":
            function = FUNCTIONS.get(child.get("name", "").lower())
            if function is None:
                raise FilterError(f"no function {child.get('name')!r}; there are: {', '.join(FUNCTIONS)}")
            column, inner = _operand(child, queryables)
            return column, f"{function}({inner})"
    raise FilterError(f"{_name(element)} names no property")


def _column(element: etree._Element, queryables: Mapping[str, Any]) -> str:
    name = (element.text or "").strip()
    found = queryables.get(name)
    if found is None:
        raise FilterError(f"no queryable property {name!r}")
    return str(found["dbcol"] if isinstance(found, Mapping) else found)


def _geometry(element: etree._Element, queryables: Mapping[str, Any]) -> shapely.Geometry:
    """The geometry that a spatial operator compares with, in EPSG:4326, x = longitude."""
    for child in _children(element):
        if _name(child) in ("PropertyName", "ValueReference"):
            if _column(child, queryables) != "wkt_geometry":
                raise FilterError(f"{child.text} is not a geometry; use ows:BoundingBox")
        elif _name(child) not in ("Distance", "Literal"):
            shape = _in_crs84(_shape(child), child.get("srsName") or DEFAULT_CRS)
            if not shape.is_valid:
                raise FilterError(f"gml:{_name(child)} is not valid: {shapely.is_valid_reason(shape)}")
            return shape
    raise FilterError(f"{_name(element)} has no geometry")


def _shape(element: etree._Element) -> shapely.Geometry:
    name = _name(element)
    if name in ("Envelope", "Box"):
        points = [point for child in _children(element) for point in _points(child)]
        if len(points) != 2:
            raise FilterError(f"gml:{name} needs its lower and its upper corner")
        return shapely.box(*points[0], *points[1])
    if name == "Polygon":
        rings = [[point for child in ring.iter("{*}posList", "{*}pos", "{*}coordinates") for point in _points(child)]
                 for ring in element.iter("{*}LinearRing")]
        if not rings or any(len(ring) < 4 for ring in rings):
            raise FilterError("gml:Polygon needs rings of at least four positions")
        return shapely.Polygon(rings[0], rings[1:])
    points = [point for child in _children(element) for point in _points(child)]
    if name == "Point" and len(points) == 1:
        return shapely.Point(points[0])
    if name == "LineString" and len(points) > 1:
        return shapely.LineString(points)
    raise FilterError(f"no way to read gml:{name}; use Envelope, Point, LineString or Polygon")


def _points(element: etree._Element) -> list[tuple[float, float]]:
    try:
        numbers = [float(number) for number in (element.text or "").replace(",", " ").split()]
        return list(zip(numbers[::2], numbers[1::2], strict=True))
    except ValueError:
        raise FilterError(f"gml:{_name(element)} is not a list of coordinate pairs") from None


def _in_crs84(geometry: shapely.Geometry, srs_name: str) -> shapely.Geometry:
    to_crs84, northing_first = _crs(srs_name)
    if northing_first:
        geometry = shapely.transform(geometry, lambda coordinates: coordinates[:, ::-1])
    geometry = shapely.transform(geometry, to_crs84.transform, interleaved=False)
    if not all(abs(degrees) <= 360 for degrees in geometry.bounds):
        raise FilterError(f"the coordinates lie outside {srs_name}")
    return geometry


@lru_cache(maxsize=64)  # the name is the client's
def _crs(srs_name: str) -> tuple[Transformer, bool]:
    """How to get from a CRS (x before y) to CRS84, and whether `srs_name` means northing before easting."""
    code = re.search(r"(?:[:/#]|^)(CRS84|\d{4,5})$", srs_name)
    if code is None:
        raise FilterError(f"unknown srsName {srs_name!r}")
    try:
        crs = CRS.from_user_input("OGC:CRS84" if code[1] == "CRS84" else f"EPSG:{code[1]}")
        to_crs84 = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except Exception:
        raise FilterError(f"unknown srsName {srs_name!r}") from None
    by_authority = srs_name.startswith(("urn:", "http://www.opengis.net/def/", "https://www.opengis.net/def/"))
    return to_crs84, by_authority and crs.axis_info[0].direction == "north"


def _ewkb(geometry: shapely.Geometry) -> bytes:
    return bytes(shapely.to_wkb(shapely.set_srid(geometry, 4326), include_srid=True))


def _distance(element: etree._Element) -> float:
    distance = _child(element, "Distance")
    unit = distance.get("units") or distance.get("uom") or ""
    try:
        return float(distance.text or "") * METRES[unit.lower()]
    except (ValueError, KeyError):
        raise FilterError(f"no distance {distance.text!r} {unit!r}; use m or km") from None


def _moment(literal: str) -> date | datetime:
    try:
        if len(literal) == 10:
            return date.fromisoformat(literal)
        moment = datetime.fromisoformat(literal)
    except ValueError:
        raise FilterError(f"{literal!r} is not a date: write 2026-01-31 or 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _literal(element: etree._Element) -> str:
    return (_child(element, "Literal").text or "").strip()


def _child(element: etree._Element, name: str) -> etree._Element:
    for child in _children(element):
        if _name(child) == name:
            return child
    raise FilterError(f"{_name(element)} has no {name}")


def _only(element: etree._Element) -> etree._Element:
    children = _children(element)
    if len(children) != 1:
        raise FilterError(f"{_name(element)} takes one operand")
    return children[0]


def _children(element: etree._Element) -> list[etree._Element]:
    return [child for child in element if isinstance(child.tag, str)]


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname
