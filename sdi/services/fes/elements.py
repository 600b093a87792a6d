"""What WFS and CSW read alike in filters (FES 2.0, Filter Encoding 1.1 and 1.0); elements are known by local names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from lxml import etree

from sdi.errors import Told
from sdi.model.text import Text

COMPARISONS = {
    "PropertyIsEqualTo": "=", "PropertyIsNotEqualTo": "<>", "PropertyIsLessThan": "<", "PropertyIsGreaterThan": ">",
    "PropertyIsLessThanOrEqualTo": "<=", "PropertyIsGreaterThanOrEqualTo": ">=",
}
SPATIAL = {
    "Intersects": "st_intersects", "Contains": "st_contains", "Crosses": "st_crosses", "Disjoint": "st_disjoint",
    "Equals": "st_equals", "Overlaps": "st_overlaps", "Touches": "st_touches", "Within": "st_within",
}
REFERENCES = ("ValueReference", "PropertyName")
"""Elements that name a property."""
IDENTIFIERS = ("ResourceId", "GmlObjectId", "FeatureId")
"""Predicates that name one object."""
_OF_VERSIONS = ("version", "previousRid", "startDate", "endDate")
"""Attributes of ResourceId."""
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_METRES = {"": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0,
           "kilometer": 1000.0, "urn:ogc:def:uom:epsg::9001": 1.0}


class FilterError(Told):
    """A filter that cannot be answered; the message goes to the client."""


def wrong(pl: str, en: str) -> FilterError:
    """What is wrong with a filter."""
    return FilterError(Text(pl=pl, en=en))


def local(element: etree._Element) -> str:
    """An element's name without its namespace; empty for a comment."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def children(element: etree._Element) -> list[etree._Element]:
    """The elements in an element."""
    return [child for child in element if isinstance(child.tag, str)]


def identifier(element: etree._Element) -> str:
    """The identifier in one of IDENTIFIERS. Raises FilterError, also where a version of the object is asked for."""
    given = {etree.QName(key).localname: str(value) for key, value in element.attrib.items()}
    for name in _OF_VERSIONS:
        if name in given:
            raise wrong(f"{local(element)}: {name} nie jest obsługiwane; są tylko obecne stany obiektów",
                        f"{local(element)}: {name} is not supported; there are present states of objects only")
    found = next((given[name] for name in ("rid", "id", "fid") if given.get(name)), None)
    if found is None:
        raise wrong(f"{local(element)} bez identyfikatora", f"{local(element)} without an identifier")
    return found


def literal(elements: Sequence[etree._Element]) -> str:
    """The text of the one Literal that stands at a place. Raises FilterError."""
    if len(elements) != 1 or local(elements[0]) != "Literal":
        raise wrong("brak wartości (Literal)", "a Literal is missing")
    return "".join(str(text) for text in elements[0].itertext()).strip()


def match_case(element: etree._Element) -> bool:
    """Whether a comparison minds the case of letters. Raises FilterError."""
    text = element.get("matchCase", "true")
    found = _TRUTH.get(text.strip().lower())
    if found is None:
        name = f"matchCase={text[:80]!r}"
        raise wrong(f"{name}: może być true albo false", f"{name}: can be true or false")
    return found


def like_pattern(element: etree._Element, text: str, wild: str, single: str) -> str:
    """The pattern of SQL that a PropertyIsLike means; `wild` and `single` where it names none.

    What it names may have several characters, as FES allows.
    """
    wild, single = element.get("wildCard") or wild, element.get("singleChar") or single
    escape = element.get("escapeChar") or element.get("escape") or "\\"
    many, one, out = map(re.escape, (wild, single, escape))
    parts = f"{out}(?P<escaped>{many}|{one}|{out}|.|$)|(?P<many>{many})|(?P<one>{one})|(?P<plain>.)"

    def meant(found: re.Match[str]) -> str:
        if found["many"] or found["one"]:
            return "%" if found["many"] else "_"
        return re.sub(r"[%_\\]", r"\\\g<0>", found["escaped"] or found["plain"] or "")

    return re.sub(parts, meant, text, flags=re.DOTALL)


def number(text: str) -> float:
    """A finite number as XML writes it. Raises ValueError, also where Python reads more: 1_0, nan, other digits."""
    found = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    if not math.isfinite(found):
        raise ValueError(f"not a number: {text[:80]!r}")
    return found


def metres(element: etree._Element) -> float:
    """The Distance of a DWithin or Beyond. Raises FilterError where it is negative, endless or no number."""
    distance = next((child for child in children(element) if local(child) == "Distance"), None)
    if distance is None:
        raise wrong(f"{local(element)} bez odległości (Distance)", f"{local(element)} without a Distance")
    text, unit = (distance.text or "").strip(), distance.get("uom") or distance.get("units") or ""
    try:
        length = number(text) * _METRES[unit.lower()]
    except (ValueError, KeyError):
        length = math.nan
    if not 0 <= length < math.inf:
        raise wrong(f"odległość {text[:80]!r} {unit[:80]!r}: liczba od 0, jednostki: m, km",
                    f"distance {text[:80]!r} {unit[:80]!r}: a number from 0, units: m, km")
    return length
