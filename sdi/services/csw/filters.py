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

from sdi.services.fes.elements import (
    COMPARISONS,
    IDENTIFIERS,
    REFERENCES,
    SPATIAL,
    FilterError,
    children,
    identifier,
    like_pattern,
    literal,
    local,
    match_case,
    metres,
    number,
)
from sdi.services.fes.shapes import check_valid, shape_of, srs

Condition = tuple[str, list[Any]]
"""SQL with a `%s` for each of the values."""

FUNCTIONS = {"length": "length", "lower": "lower", "upper": "upper", "trim": "trim", "ltrim": "ltrim", "rtrim": "rtrim"}
TIMES = frozenset({"date", "date_modified"})
"""Columns that show `modified_at`."""
NUMBERS = frozenset({"denominator"})
DEFAULT_CRS = "urn:ogc:def:crs:EPSG::4326"
"""Of geometries without srsName, as CSW 2.0.2 has it for ows:BoundingBox: latitude before longitude."""


def compile_filter(element: etree._Element, queryables: Mapping[str, Any]) -> Condition:
    """The condition that an ogc:Filter or fes:Filter means.

    `queryables`: column (or {"dbcol": column}) by property name. Raises FilterError.
    """
    predicates = children(element)
    if not predicates:
        raise FilterError("the filter is empty")
    if all(local(predicate) in IDENTIFIERS for predicate in predicates):
        return "identifier = any(%s)", [[identifier(predicate) for predicate in predicates]]
    if len(predicates) > 1:
        raise FilterError("a filter has one predicate; join several with And or Or")
    return _predicate(predicates[0], queryables)


def _predicate(element: etree._Element, queryables: Mapping[str, Any]) -> Condition:
    name = local(element)
    if name in ("And", "Or"):
        parts = [_predicate(child, queryables) for child in children(element)]
        if not parts:
            raise FilterError(f"{name} has no operands")
        return f"({f' {name.lower()} '.join(sql for sql, _ in parts)})", [v for _, values in parts for v in values]
    if name == "Not":
        sql, values = _predicate(_only(element), queryables)
        return f"(not {sql})", values
    sql, values = _leaf(name, element, queryables)
    return f"coalesce({sql}, false)", values


def _leaf(name: str, element: etree._Element, queryables: Mapping[str, Any]) -> Condition:
    if name == "BBOX" or name in SPATIAL:
        function = SPATIAL.get(name, "st_intersects")
        return f"{function}(geom, st_geomfromewkb(%s))", [_ewkb(_geometry(element, queryables))]
    if name in ("DWithin", "Beyond"):
        sql = "st_dwithin(geom::geography, st_geomfromewkb(%s)::geography, %s)"
        return f"not {sql}" if name == "Beyond" else sql, [_ewkb(_geometry(element, queryables)), metres(element)]
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


def _comparison(element: etree._Element, column: str, expression: str, operator: str, value: str) -> Condition:
    if expression == column and column in TIMES:
        moment = _moment(value)
        whole_days = not isinstance(moment, datetime)
        return f"{"(modified_at at time zone 'UTC')::date" if whole_days else 'modified_at'} {operator} %s", [moment]
    if expression == column and column in NUMBERS:
        try:
            return f"{column}::numeric {operator} %s", [number(value)]
        except ValueError:
            raise FilterError(f"{value!r} is not a number") from None
    if expression.startswith("length("):
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise FilterError(f"{value!r} is not a length")
        return f"{expression} {operator} %s", [int(value)]
    if not match_case(element):
        return f"lower({expression}) {operator} lower(%s)", [value]
    return f"{expression} {operator} %s", [value]


def _like(element: etree._Element, column: str, expression: str) -> Condition:
    if expression.startswith("length("):
        raise FilterError("a length is like no text; compare it with a number")
    pattern = like_pattern(element, _literal(element), wild="%", single="_")
    if column == "anytext":  # a word anywhere, in whatever case: what every client means by it
        return f"{expression} ilike %s", [f"%{pattern}%"]
    return f"{expression} {'like' if match_case(element) else 'ilike'} %s", [pattern]


def _operand(element: etree._Element, queryables: Mapping[str, Any]) -> tuple[str, str]:
    """The column that a predicate is about, and the SQL expression over it."""
    for child in children(element):
        if local(child) in REFERENCES:
            column = _column(child, queryables)
            return column, column
        if local(child) == "Function":
            function = FUNCTIONS.get(child.get("name", "").lower())
            if function is None:
                raise FilterError(f"no function {child.get('name')!r}; there are: {', '.join(FUNCTIONS)}")
            column, inner = _operand(child, queryables)
            if inner.startswith("length("):
                raise FilterError(f"{function} of a length; it is of texts")
            return column, f"{function}({inner})"
    raise FilterError(f"{local(element)} names no property")


def _column(element: etree._Element, queryables: Mapping[str, Any]) -> str:
    name = (element.text or "").strip()
    found = queryables.get(name)
    if found is None:
        raise FilterError(f"no queryable property {name!r}")
    return str(found["dbcol"] if isinstance(found, Mapping) else found)


def _geometry(element: etree._Element, queryables: Mapping[str, Any]) -> shapely.Geometry:
    """The geometry that a spatial operator compares with, in EPSG:4326, x = longitude."""
    for child in children(element):
        if local(child) in REFERENCES:
            if _column(child, queryables) != "wkt_geometry":
                raise FilterError(f"{child.text} is not a geometry; use ows:BoundingBox")
        elif local(child) not in ("Distance", "Literal"):
            shape = _in_crs84(shape_of(child), srs(child, lambda name: name or DEFAULT_CRS))
            check_valid(shape, child)
            return shape
    raise FilterError(f"{local(element)} has no geometry")


def _in_crs84(geometry: shapely.Geometry, name: str) -> shapely.Geometry:
    to_crs84, northing_first = _crs(name)
    if northing_first:
        geometry = shapely.transform(geometry, lambda coordinates: coordinates[:, ::-1])
    geometry = shapely.transform(geometry, to_crs84.transform, interleaved=False)
    if not all(abs(degrees) <= 360 for degrees in geometry.bounds):
        raise FilterError(f"the coordinates lie outside {name}")
    return geometry


@lru_cache(maxsize=64)  # the name is the client's
def _crs(name: str) -> tuple[Transformer, bool]:
    """How to get from a CRS (x before y) to CRS84, and whether `name` means northing before easting."""
    code = re.search(r"(?:[:/#]|^)(CRS84|\d{4,5})$", name)
    if code is None:
        raise FilterError(f"unknown srsName {name!r}")
    try:
        crs = CRS.from_user_input("OGC:CRS84" if code[1] == "CRS84" else f"EPSG:{code[1]}")
        to_crs84 = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except Exception:
        raise FilterError(f"unknown srsName {name!r}") from None
    by_authority = name.startswith(("urn:", "http://www.opengis.net/def/", "https://www.opengis.net/def/"))
    return to_crs84, by_authority and crs.axis_info[0].direction == "north"


def _ewkb(geometry: shapely.Geometry) -> bytes:
    return bytes(shapely.to_wkb(shapely.set_srid(geometry, 4326), include_srid=True))


def _moment(value: str) -> date | datetime:
    try:
        if len(value) == 10:
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise FilterError(f"{value!r} is not a date: write 2026-01-31 or 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _literal(element: etree._Element) -> str:
    return literal([child for child in children(element) if local(child) == "Literal"])


def _child(element: etree._Element, name: str) -> etree._Element:
    for child in children(element):
        if local(child) == name:
            return child
    raise FilterError(f"{local(element)} has no {name}")


def _only(element: etree._Element) -> etree._Element:
    operands = children(element)
    if len(operands) != 1:
        raise FilterError(f"{local(element)} takes one operand")
    return operands[0]
