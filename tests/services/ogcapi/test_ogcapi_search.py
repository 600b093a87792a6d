"""The search form: from what is filled in to the query, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdi.model.register import Register
from sdi.services.ogcapi.pages.search import Part, composed, condition, fields, taken_apart, without
from sdi.services.ogcapi.pages.values import Kind, Property
from sdi.store.cql2.reading import read
from sdi.store.selection import InvalidQuery


def property_(name: str, kind: Kind, format_: str = "", **codes: str) -> Property:
    return Property(name, name.title(), None, kind, format_, codes, "en")


PROPERTIES: Mapping[str, Property] = {described.name: described for described in (
    property_("id", "text"), property_("nazwa", "text"), property_("pole", "number"), property_("dzien", "day", "date"),
    property_("valid_from", "day", "date-time"), property_("rodzaj", "code", m="mieszkalny"),
    property_("czynny", "boolean"))}


@pytest.mark.parametrize(("form", "query"), [
    ({}, {}),
    ({"q": " ", "limit": "25", "nazwa": "", "pole.min": "", "filter": ""}, {"limit": "25"}),
    ({"nazwa": " Nowa ", "rodzaj": "m", "czynny": "true"}, {"nazwa": "Nowa", "rodzaj": "m", "czynny": "true"}),
    ({"pole.min": "5,5", "pole.max": "5,5"}, {"pole": "5.5"}),
    ({"pole.min": "-5,5", "pole.max": "10"}, {"filter": "pole >= -5.5 AND pole <= 10"}),
    ({"dzien.min": "2020-01-01", "dzien.max": "2020-01-02"},
     {"filter": "dzien >= DATE('2020-01-01') AND dzien <= DATE('2020-01-02')"}),
    # A day is Poland's: in winter it begins at 23:00 UTC, in summer at 22:00.
    ({"valid_from.min": "2020-01-01", "valid_from.max": "2020-07-01"},
     {"filter": "valid_from >= TIMESTAMP('2019-12-31T23:00:00Z') AND valid_from < TIMESTAMP('2020-07-01T22:00:00Z')"}),
    ({"nazwa": "50%_\\*'"}, {"filter": r"CASEI(ACCENTI(nazwa)) LIKE CASEI(ACCENTI('50\\%\\_\\\\%'''))"}),
    ({"filter": "pole > 1 OR pole < 0", "pole.min": "3"}, {"filter": "(pole > 1 OR pole < 0) AND pole >= 3"}),
    ({"bbox": "1,2,3,4", "filter": "pole > 1", "filter-crs": "x"},
     {"bbox": "1,2,3,4", "filter": "pole > 1", "filter-crs": "x"}),
    ({"filter-crs": "x", "filter-lang": "cql2-json"}, {}),
])
def test_a_form_asks_for_a_query(form: dict[str, str], query: dict[str, str]) -> None:
    assert composed(form, PROPERTIES) == {"f": "html", **query}
    assert set(form) <= fields(PROPERTIES)


def test_a_filter_in_json_stays_in_json() -> None:
    node = {"op": "isNull", "args": [{"property": "pole"}]}
    query = composed({"filter": json.dumps(node), "nazwa": "Ł*"}, PROPERTIES)
    assert query["filter-lang"] == "cql2-json"
    assert json.loads(query["filter"])["args"] == [node, read(
        "CASEI(ACCENTI(nazwa)) LIKE CASEI(ACCENTI('Ł%'))", "cql2-text")]


@pytest.mark.parametrize(("form", "named"), [
    ({"pole.min": "x"}, "Pole: 'x'"), ({"dzien.max": "2020-02-30"}, "Dzien: '2020-02-30'"),
    ({"valid_from.min": "20200101"}, "Valid_From"), ({"dzien.min": "9999-12-31"}, "Dzien"),
    ({"filter": "a) OR (b"}, "filter"), ({"filter": "{", "pole.min": "1"}, "filter"), ({"pole.min": "1e5"}, "Pole"),
])
def test_what_is_filled_in_wrongly_is_named(form: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidQuery, match=named):
        composed(form, PROPERTIES)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(str.strip).filter(bool)
DAYS = st.dates(min_value=date(1900, 1, 1)).filter(lambda day: day.year < 9000).map(str)
NUMBERS = st.one_of(st.integers(-10**9, 10**9).map(str), st.decimals(-1000, 1000, places=2).map(float).map(str))


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={
    "nazwa": TEXTS, "id": TEXTS, "pole.min": NUMBERS, "pole.max": NUMBERS, "dzien.min": DAYS, "dzien.max": DAYS,
    "valid_from.min": DAYS, "valid_from.max": DAYS, "rodzaj": st.just("m")}))
def test_what_was_filled_in_comes_back(form: dict[str, str]) -> None:
    query = composed(form, PROPERTIES)
    parts, raw = taken_apart(query, PROPERTIES)
    assert raw == ""
    again: dict[str, str] = {}
    for part in parts:
        ends = (".min", ".max") if not part.end and PROPERTIES[part.name].kind == "number" else (part.end,)
        again |= {part.name + end: part.value for end in ends}
    assert composed(again, PROPERTIES) == query
    for part in parts:
        less, rest = taken_apart(without(query, part, parts, PROPERTIES), PROPERTIES)
        assert rest == "" and sorted(map(repr, less)) == sorted(repr(other) for other in parts if other != part)


@pytest.mark.parametrize("filter_", [
    "pole > 1", "pole >= 1 OR pole <= 0", "pole >= 1 AND pole >= 2", "pole >= 1 AND NOT czynny = true", "1 <= pole",
    "nazwa LIKE 'a%'", "CASEI(ACCENTI(nazwa)) LIKE CASEI(ACCENTI('a*'))",
    "valid_from < TIMESTAMP('2020-01-01T00:00:00Z')",
    "valid_from < TIMESTAMP('0001-01-01T00:00:00Z')", "other >= 1", "dzien >= DATE('x')", "czynny = true",
    "nazwa >= 'a'", "S_INTERSECTS(geometry, POINT(1 2))", "pole >= 1.5e300 AND nazwa IN ('a')",
])
def test_a_filter_that_the_form_cannot_hold_stays_whole(filter_: str) -> None:
    query = {"filter": filter_, "nazwa": "x", "cursor": "c"}
    parts, raw = taken_apart(query, PROPERTIES)
    assert (parts, raw) == ([Part("nazwa", "", "x")], filter_)
    assert without(query, parts[0], parts, PROPERTIES) == {"filter": filter_}


def test_names_of_attributes_are_names_in_cql2(registers: dict[str, Register]) -> None:
    """Else conditions over them would have to quote them."""
    for register in registers.values():
        for feature_type in register.feature_types.values():
            for name in feature_type.attributes:
                text: Any = condition(Part(name, ".min", "1"), property_(name, "number"))
                assert read(text, "cql2-text") == {"op": ">=", "args": [{"property": name}, 1]}
