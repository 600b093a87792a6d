"""The search form of a collection: from what is filled in to a query of its items, and back.

What a plain parameter can say stays one (`rodzaj=m`); ranges and patterns become a filter in CQL2. The form takes apart
only filters that it could have written; any other stays whole, as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sdi.model.schedule import WARSAW
from sdi.model.text import Text
from sdi.services.ogcapi.filtering import LANGUAGES
from sdi.services.ogcapi.pages.values import Property
from sdi.store.cql2.reading import Node, read
from sdi.store.selection import InvalidQuery

LOW, HIGH = ".min", ".max"
"""What follows the name of a property in the fields of a range."""

KEPT = ("q", "bbox", "bbox-crs", "crs", "datetime", "asOf", "ids", "properties", "sortby", "limit", "skipGeometry",
        "lang")
"""Parameters of items that the form hands on as they are."""

PLACE = ("cursor", "offset")
"""Parameters that say where in the answer a page is; another question begins at its first page."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """One condition of the form."""

    name: str
    end: str
    """LOW or HIGH of a range, empty for a value or pattern."""
    value: str


def fields(properties: Mapping[str, Property]) -> frozenset[str]:
    """The names of all fields of the form."""
    ends = [name + end for name, described in properties.items() if described.kind in ("number", "day")
            for end in (LOW, HIGH)]
    return frozenset({*KEPT, *properties, *ends, "filter", "filter-lang", "filter-crs", "f"})


def composed(form: Mapping[str, str], properties: Mapping[str, Property]) -> dict[str, str]:
    """The query of items that a form asks for. Raises InvalidQuery."""
    filled = {name: value.strip() for name, value in form.items() if value.strip()}
    query = {"f": "html", **{name: filled[name] for name in KEPT if name in filled}}
    if "bbox" not in query:
        query.pop("bbox-crs", None)
    conditions = []
    for part in _filled(filled, properties):
        if (text := condition(part, properties[part.name])) is None:
            described = properties[part.name]
            query[part.name] = _number(part, described) if described.kind == "number" else part.value
        else:
            conditions.append(text)
    return query | joined(filled.get("filter", ""), conditions, filled.get("filter-crs"))


def joined(given: str, conditions: list[str], crs: str | None = None) -> dict[str, str]:
    """The parameters of a filter that was given as it is, and of further conditions. Raises InvalidQuery."""
    if not given:
        return {"filter": " AND ".join(conditions)} if conditions else {}
    language = LANGUAGES[1 if given.startswith("{") else 0]
    tree = read(given, language)
    if language == "cql2-json":
        parts = [tree, *(read(text, "cql2-text") for text in conditions)]
        given = json.dumps({"op": "and", "args": parts}, ensure_ascii=False) if conditions else given
    elif conditions:
        given = " AND ".join([f"({given})", *conditions])
    return {"filter": given, **({"filter-lang": language} if language != LANGUAGES[0] else {}),
            **({"filter-crs": crs} if crs else {})}


def condition(part: Part, described: Property) -> str | None:
    """A condition as CQL2 text; None where a plain parameter says it. Raises InvalidQuery."""
    if part.end:
        operator, value = (">=" if part.end == LOW else "<="), part.value
        if described.kind == "number":
            return f"{part.name} {operator} {_number(part, described)}"
        day = _day(part, described)
        if described.format == "date":
            return f"{part.name} {operator} DATE('{day}')"
        moment = midnight(day if part.end == LOW else day + timedelta(days=1))
        return f"{part.name} {'>=' if part.end == LOW else '<'} TIMESTAMP('{moment:%Y-%m-%dT%H:%M:%SZ}')"
    if described.kind == "text" and "*" in part.value:
        value = re.sub(r"([\\%_])", r"\\\1", part.value).replace("*", "%")
        return f"CASEI(ACCENTI({part.name})) LIKE CASEI(ACCENTI({_quoted(value)}))"
    return None


def taken_apart(query: Mapping[str, str], properties: Mapping[str, Property]) -> tuple[list[Part], str]:
    """The conditions of a query that the form has fields for, and the filter that it has none for.

    Raises InvalidQuery.
    """
    plain = [Part(name, "", query[name]) for name in properties if name in query]
    given = query.get("filter", "")
    if not given:
        return plain, ""
    tree = read(given, query.get("filter-lang", LANGUAGES[0]))
    nodes = tree["args"] if isinstance(tree, dict) and tree.get("op") == "and" else [tree]
    parts = [_part(node, properties) for node in nodes]
    known = [part for part in parts if part is not None]
    fields_taken = {(part.name, part.end) for part in (*plain, *known)}
    if len(known) < len(parts) or len(fields_taken) < len(plain) + len(known):
        return plain, given
    return [*plain, *known], ""


def without(query: Mapping[str, str], part: Part, others: list[Part], properties: Mapping[str, Property]
            ) -> dict[str, str]:
    """The query less one condition of the form; `others` are all that it was taken apart into."""
    kept = {name: value for name, value in query.items() if name not in PLACE}
    if _is_plain(part, query):
        return {name: value for name, value in kept.items() if name != part.name}
    texts = [condition(other, properties[other.name]) for other in others
             if other != part and not _is_plain(other, query)]
    kept = {name: value for name, value in kept.items() if not name.startswith("filter")}
    return kept | joined("", [text for text in texts if text is not None])


def _is_plain(part: Part, query: Mapping[str, str]) -> bool:
    """Whether a condition stands in the query as a parameter: `name=1*` does, though the form would write a pattern."""
    return not part.end and part.name in query


def _filled(filled: Mapping[str, str], properties: Mapping[str, Property]) -> Iterator[Part]:
    for name, described in properties.items():
        low, high = filled.get(name + LOW), filled.get(name + HIGH)
        if name in filled:
            yield Part(name, "", filled[name])
        if described.kind == "number" and low == high and low is not None:
            yield Part(name, "", low)
        elif described.kind in ("number", "day"):
            yield from (Part(name, end, value) for end, value in ((LOW, low), (HIGH, high)) if value is not None)


def _part(node: Node, properties: Mapping[str, Property]) -> Part | None:
    """The condition of the form that a node of CQL2 is, if there is such."""
    match node:
        case {"op": ">=" | "<=" | "<" as operator, "args": [{"property": str(name)}, value]} if name in properties:
            part = Part(name, LOW if operator == ">=" else HIGH, _filled_in(operator, value))
        case {"op": "like", "args": [
            {"op": "CASEI", "args": [{"op": "ACCENTI", "args": [{"property": str(name)}]}]},
            {"op": "CASEI", "args": [{"op": "ACCENTI", "args": [str(value)]}]},
        ]} if name in properties:
            part = Part(name, "", re.sub(r"\\(.)|%", lambda found: found[1] or "*", value))
        case _:
            return None
    try:
        text = condition(part, properties[part.name])
        # Only what the form would write again in just this way.
        return part if text is not None and read(text, "cql2-text") == node else None
    except InvalidQuery:
        return None


def _filled_in(operator: str, value: Any) -> str:
    match value:
        case {"date": str(day)}:
            return day
        case {"timestamp": str(moment)}:
            try:
                day_ = datetime.fromisoformat(moment).astimezone(WARSAW).date()
            except (ValueError, OverflowError):
                return ""
            return str(day_ - timedelta(days=1) if operator == "<" and day_ > date.min else day_)
    return str(value)


def _number(part: Part, described: Property) -> str:
    text = part.value.replace(",", ".")
    if not _NUMBER.match(text):
        raise InvalidQuery(Text(pl=f"{described.title}: {part.value!r} nie jest liczbą",
                                en=f"{described.title}: {part.value!r} is not a number"))
    return text


def _day(part: Part, described: Property) -> date:
    try:
        day = date.fromisoformat(part.value)
        if not 1800 <= day.year < 9000 or part.value != day.isoformat():
            raise ValueError
    except ValueError:
        raise InvalidQuery(Text(pl=f"{described.title}: {part.value!r} nie jest datą RRRR-MM-DD",
                                en=f"{described.title}: {part.value!r} is not a date YYYY-MM-DD")) from None
    return day


def midnight(day: date) -> datetime:
    """When a day begins in Poland, in UTC."""
    return datetime.combine(day, time.min, WARSAW).astimezone(UTC)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
