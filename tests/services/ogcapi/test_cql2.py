"""CQL2 in both encodings against a naive evaluation in Python, feature by feature; its grammar, limits and mistakes."""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import psycopg
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from sdi.db.database import Database
from sdi.model.text import Text
from sdi.store.columns import Column
from sdi.store.cql2.conditions import ARITHMETIC, COMPARISONS, SPATIAL, condition
from sdi.store.cql2.reading import DEPTH_MAX, LENGTH_MAX, read
from sdi.store.cql2.times import OF_INSTANTS, RELATIONS
from sdi.store.crs import PL1992, Crs, shape_as_stored
from sdi.store.folding import folded
from sdi.store.selection import InvalidQuery
from tests.services.ogcapi.cql2_oracle import as_text, evaluate

NAMELESS = Text(pl="", en="")
COLUMNS = {name: Column(name, type_, NAMELESS) for name, type_ in (
    ("id", "text"), ("name", "text"), ("n", "integer"), ("x", "number"), ("b", "boolean"), ("d", "date"),
    ("t", "datetime"), ("t2", "datetime"))}

ORIGIN = 500_000
TEXTS = ["Łódź", "lodz", "Chełmża", "CHEŁMŻA", "o\u0301", "ó", "Straße", "STRASSE", "ΟΔΟΣ", "οδος", "50%", "a_b",
         "a\\b", "it's", "", "żółć", "a\nb"]
SHAPES = ["POINT (1 1)", "POINT (2 2)", "MULTIPOINT ((0 0), (1 1))", "LINESTRING (0 0, 2 2)", "LINESTRING (0 2, 2 0)",
          "LINESTRING (2 2, 3 3)", "POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))", "POLYGON ((1 1, 3 1, 3 3, 1 3, 1 1))",
          "POLYGON ((2 0, 4 0, 4 2, 2 2, 2 0))", "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))",
          "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)), ((2 2, 3 2, 3 3, 2 3, 2 2)))"]
MOMENTS = ["2020-01-01T00:00:00Z", "2020-01-01T12:00:00Z", "2020-06-01T00:00:00Z", "2021-01-01T00:00:00Z"]
DAYS = ["2019-12-31", "2020-01-01", "2020-06-01", "2021-01-01"]


def placed(wkt: str) -> shapely.Geometry:
    """A shape near the origin: first northing, then easting."""
    return shapely.transform(shapely.from_wkt(wkt), lambda xy: xy + ORIGIN)


def rows() -> list[dict[str, Any]]:
    """Features that hold each text, shape and time, some with nulls."""
    made = []
    for number in range(max(len(TEXTS), len(SHAPES))):
        row = {
            "id": str(number), "name": unicodedata.normalize("NFC", TEXTS[number % len(TEXTS)]),
            "n": number - 3, "x": number / 4 - 1,
            "b": number % 2 == 0, "d": date.fromisoformat(DAYS[number % 4]),
            "t": datetime.fromisoformat(MOMENTS[number % 4]),
            "t2": datetime.fromisoformat(MOMENTS[min(3, number % 4 + number // 5)]),
            "geometry": placed(SHAPES[number % len(SHAPES)]),
        }
        made.append(row if number % 5 != 4 else row | dict.fromkeys([*row][number % 8 + 1 :]))
    return made


ROWS = rows()


@pytest.fixture
def table(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The features in a table of the connection, geometries in EPSG:2180 with x = easting."""
    with database.connect("owner") as connection:
        connection.execute("set timezone to 'America/New_York'")
        connection.execute("""create temporary table feature (id text, name text, n bigint, x double precision,
            b boolean, d date, t timestamptz, t2 timestamptz, geom geometry(Geometry, 2180))""")
        for row in ROWS:
            shape = row["geometry"] and shapely.transform(row["geometry"], lambda xy: xy[:, ::-1]).wkt
            connection.execute(
                """insert into feature values (%(id)s, %(name)s, %(n)s, %(x)s, %(b)s, %(d)s, %(t)s, %(t2)s,
                st_geomfromtext(%(shape)s, 2180))""", {**row, "shape": shape})
        yield connection


def found(table: psycopg.Connection[Any], filter_: str, language: str = "cql2-text", crs: Crs = PL1992) -> list[str]:
    """Identifiers of the features that a filter finds."""
    made = condition(read(filter_, language), COLUMNS, crs)
    statement = sql.SQL("select id from feature where {} order by id::int").format(made.sql)
    return [row[0] for row in table.execute(statement, made.values)]


def call(op: str, *args: Any) -> dict[str, Any]:
    return {"op": op, "args": list(args)}


def named(*names: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([{"property": name} for name in names])


texts = st.recursive(named("id", "name") | st.sampled_from(TEXTS), lambda inner: st.builds(
    call, st.sampled_from(["casei", "accenti"]), inner), max_leaves=3)
patterns = st.recursive(
    st.lists(st.sampled_from([*"aAłŁlóo%_ßsς'\n", "\\%", "\\_", "\\\\"]), max_size=5).map("".join),
    lambda inner: st.builds(call, st.sampled_from(["casei", "accenti"]), inner), max_leaves=3)
numbers = st.recursive(
    named("n", "x") | st.integers(-5, 5) | st.sampled_from([0.25, -1.5, 2.0]),
    lambda inner: st.builds(call, st.sampled_from(["+", "-", "*", "/", "div"]), inner, inner)
    | st.builds(call, st.just("%"), named("n"), st.integers(-3, 3)) | st.builds(call, st.just("^"), inner, st.just(2)),
    max_leaves=4)
days = st.sampled_from([{"date": day} for day in DAYS]) | named("d")
moments = st.sampled_from([{"timestamp": moment} for moment in MOMENTS]) | named("t", "t2")
intervals = st.builds(
    lambda ends, open_: {"interval": [".." if 0 in open_ else ends[0], ".." if 1 in open_ else ends[1]]},
    st.tuples(st.sampled_from(MOMENTS), st.sampled_from(MOMENTS)).map(sorted) | st.just(
        ({"property": "t"}, {"property": "t2"})) | st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(sorted),
    st.sets(st.sampled_from([0, 1])))
shapes = named("geometry") | st.sampled_from(SHAPES).map(lambda wkt: shapely.geometry.mapping(placed(wkt))).map(
    lambda shape: json.loads(json.dumps(shape))) | st.just({"bbox": [ORIGIN, ORIGIN, ORIGIN + 2, ORIGIN + 2]})
comparisons = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])

predicates = st.one_of(
    st.builds(call, st.sampled_from(["=", "<>"]), texts, texts),
    st.builds(call, st.just("like"), texts, patterns),
    st.builds(call, comparisons, numbers, numbers),
    st.builds(call, st.just("between"), numbers, numbers, numbers),
    st.builds(call, st.just("in"), texts, st.lists(texts, min_size=1, max_size=3)),
    st.builds(call, st.just("in"), numbers, st.lists(numbers, min_size=1, max_size=3)),
    st.builds(call, st.just("="), named("b"), st.booleans()),
    st.builds(call, comparisons, days | moments, days | moments),
    st.builds(call, st.just("isNull"), texts | numbers | days | moments | shapes),
    st.builds(call, st.sampled_from([op for op in SPATIAL]), shapes, shapes),
    st.builds(call, st.sampled_from(sorted(OF_INSTANTS)), days | moments | intervals, days | moments | intervals),
    st.builds(call, st.sampled_from(["t_contains", "t_during", "t_finishedBy", "t_finishes", "t_meets", "t_metBy",
                                     "t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts"]), intervals, intervals),
)
filters = st.recursive(predicates, lambda inner: st.builds(call, st.just("not"), inner) | st.builds(
    lambda op, parts: call(op, *parts), st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    max_leaves=5)


def test_what_is_found_is_what_the_standard_says(table: psycopg.Connection[Any]) -> None:
    """Both encodings of random filters, feature by feature."""

    @settings(max_examples=200, deadline=None)
    @given(filters)
    def check(tree: Any) -> None:
        assert lowered(read(as_text(tree), "cql2-text")) == lowered(tree)
        expected = [row["id"] for row in ROWS if evaluate(tree, row) is True]
        assert found(table, json.dumps(tree), "cql2-json") == expected
        assert found(table, as_text(tree)) == expected

    check()


def lowered(node: Any) -> Any:
    """CQL2 JSON with operators in lower case and numbers as floats."""
    match node:
        case Mapping():
            return {key: value.lower() if key == "op" else lowered(value) for key, value in node.items()}
        case list() | tuple():
            return [lowered(part) for part in node]
        case int() if not isinstance(node, bool):
            return float(node)
    return node


OPERATORS = {"and", "or", "not", "like", "between", "in", "isnull", "casei", "accenti",
             *COMPARISONS, *ARITHMETIC, *SPATIAL, *RELATIONS}


def test_every_operator_finds_some_and_leaves_some(table: psycopg.Connection[Any]) -> None:
    """One example of each, so that none is only ever compared on empty answers."""
    a, b = "INTERVAL(t, t2)", "INTERVAL('2020-01-01T12:00:00Z', '2020-06-01T00:00:00Z')"
    box = f"BBOX({ORIGIN}, {ORIGIN}, {ORIGIN + 2}, {ORIGIN + 2})"
    line = f"LINESTRING({ORIGIN} {ORIGIN + 2}, {ORIGIN + 2} {ORIGIN})"
    examples = {
        "and": "n > 0 and b = true", "or": "n > 9 OR b = false", "not": "not n > 3", "like": "name LIKE '%o%'",
        "between": "n BETWEEN 2 AND 5", "in": "id IN ('1', '2')", "isnull": "geometry IS NULL",
        "casei": "CASEI(name) = CASEI('straSSe')", "accenti": "ACCENTI(name) = ACCENTI('Lódz')",
        **{op: f"n {op} 3" for op in COMPARISONS},
        **{op: f"n {op} 2 = 2" for op in ("+", "-", "/", "div")}, "*": "n * 2 = 4", "%": "n % 2 = 1", "^": "n ^ 2 = 4",
        **{op: f"{op}(geometry, {box})" for op in SPATIAL}, "s_crosses": f"S_CROSSES(geometry, {line})",
        "s_disjoint": f"S_DISJOINT(geometry, POINT({ORIGIN} {ORIGIN}))",
        "s_equals": f"S_EQUALS(geometry, {line})", "s_contains": f"S_CONTAINS(geometry, POINT({ORIGIN+1} {ORIGIN+1}))",
        **{op: f"{op}(t, {b})" if op in OF_INSTANTS else f"{op}({a}, {b})" for op in RELATIONS},
        "t_equals": "T_EQUALS(t, t2)",
        "t_contains": f"T_CONTAINS({a}, INTERVAL('2020-02-01', '2020-03-01'))",
        "t_during": f"T_DURING({a}, INTERVAL('2019-01-01', '..'))",
        "t_metby": f"T_METBY({b}, {a})", "t_meets": f"T_MEETS({a}, {b})",
        "t_overlaps": f"T_OVERLAPS({a}, INTERVAL('2020-03-01', '2023-01-01'))",
        "t_overlappedby": f"T_OVERLAPPEDBY({a}, INTERVAL('2019-01-01', '2020-03-01'))",
        "t_starts": f"T_STARTS({a}, INTERVAL('2020-01-01T12:00:00Z', '..'))",
        "t_finishedby": f"T_FINISHEDBY({a}, INTERVAL('2020-02-01T00:00:00Z', '2020-06-01T00:00:00Z'))",
        "t_finishes": f"T_FINISHES({a}, INTERVAL('2019-02-01T00:00:00Z', '2021-01-01T00:00:00Z'))",
        "t_startedby": f"T_STARTEDBY({a}, INTERVAL('2020-01-01T12:00:00Z', '2020-01-02T12:00:00Z'))",
    }
    assert set(examples) == OPERATORS
    for op, example in examples.items():
        assert 0 < len(found(table, example)) < len(ROWS), (op, example)


@pytest.mark.parametrize(("text", "tree"), [
    ("a=1 OR b=2 AND NOT c=3", call("or", call("=", {"property": "a"}, 1), call(
        "and", call("=", {"property": "b"}, 2), call("not", call("=", {"property": "c"}, 3))))),
    ("n-1 = -1", call("=", call("-", {"property": "n"}, 1), -1)),
    ("-2^2 = 4", call("=", call("^", -2, 2), 4)),
    ("- n * 2 + 1 < +3.5e2", call("<", call("+", call("*", call("*", -1, {"property": "n"}), 2), 1), 350.0)),
    ("a BETWEEN 1 AND 2 AND b NOT LIKE 'x%'", call("and", call("between", {"property": "a"}, 1, 2), call(
        "not", call("like", {"property": "b"}, "x%")))),
    ("orzeł IS NOT NULL", call("not", call("isNull", {"property": "orzeł"}))),
    ("android.in:x in (1)", call("in", {"property": "android.in:x"}, [1])),
    ('"like" = true', call("=", {"property": "like"}, True)),
    (r"a = 'it''s \'\t\\ \%'", call("=", {"property": "a"}, "it's '\t\\ \\%")),
    ("a = ''", call("=", {"property": "a"}, "")),
    ("s_within(g, MultiPoint Z((1 -2 3), (4 5 6)))", call("s_within", {"property": "g"}, {
        "type": "MultiPoint", "coordinates": [[1, -2, 3], [4, 5, 6]]})),
    ("S_WITHIN(g, MULTIPOINT(1 2, 4 5))", call("S_WITHIN", {"property": "g"}, {
        "type": "MultiPoint", "coordinates": [[1, 2], [4, 5]]})),
    ("S_WITHIN(g, GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2,3 4)))", call("S_WITHIN", {"property": "g"}, {
        "type": "GeometryCollection", "geometries": [
            {"type": "Point", "coordinates": [1, 2]}, {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}]})),
    ("T_AFTER(t, date ('2020-01-01'))", call("T_AFTER", {"property": "t"}, {"date": "2020-01-01"})),
])
def test_text_is_read_as_the_grammar_has_it(text: str, tree: Any) -> None:
    assert read(text, "cql2-text") == tree


WRONG = [
    ("n = 'one'", "n (number) cannot be compared with 'one' (text)"), ("name = 1", "name (text)"),
    ("n = b", "n (number)"), ("nothing = 1", "there are: id, name"), ("geom IS NULL", "unknown property 'geom'"),
    ("foo(n) = 1", "unknown function 'foo'; there are:"), ("A_EQUALS(n, n)", "unknown function"),
    ("pg_sleep(10) = 1", "unknown function"), ("n", "n (number): expected a condition"),
    ("'text'", "expected a condition"), ("n LIKE 'x'", "n (number): expected a text"),
    ("name LIKE name", "a pattern in quotes"), (r"name LIKE 'a\\'", r"without \ at its end"),
    ("CASEI(n) = 'a'", "expected a text"), ("n + name = 1", "name (text)"), ("geometry = geometry", "geometry"),
    ("n IN ('a')", "cannot be compared"), ("t > 5", "t (time)"), ("t > 'soon'", "a time such as"),
    ("d = '2020-13-41'", "a date YYYY-MM-DD"), ("d = DATE('20200101')", "a date"),
    ("t = TIMESTAMP('2020-01-01T00:00:00')", "a time such as"),
    ("T_DURING(t, INTERVAL('..','..'))", "takes two intervals"), ("T_AFTER(n, DATE('2020-01-01'))", "a date or a time"),
    ("T_AFTER(t, INTERVAL('2020-01-01'))", "the start and the end"), ("INTERVAL('..','..') = t", "cannot stand here"),
    ("S_WITHIN(n, geometry)", "n (number): expected a geometry"), ("S_WITHIN(geometry, BBOX(1,2,3))", "4 or 6 numbers"),
    ("S_WITHIN(geometry, BBOX(3,3,1,1))", "4 or 6 numbers"), ("S_WITHIN(geometry, BBOX(n,1,2,3))", "4 or 6 numbers"),
    ("S_WITHIN(geometry, POLYGON((0 0,1 1,1 0)))", "Polygon"),
    ("S_WITHIN(geometry, POLYGON((0 0,1 1,0 1,1 0,0 0)))", "Self-intersection"),
    ("S_WITHIN(geometry)", "s_within: the number of arguments is 1, expected: 2"),
    ("S_WITHIN(geometry, POINT(1e400 2))", "Point"), ("S_WITHIN(geometry, POINT(1))", "not CQL2 from character"),
    ("n = 1e999", "a number up to"), (f"n = {'9' * 400}", "a number up to"), ("name = 'a\0'", "null character"),
    ("n = 1 AND", "it breaks off"), ("", "it breaks off"), ("n == 1", "not CQL2"),
    ("name = 'open", "not CQL2 from character 8"), ("n = 1; drop table feature", "not CQL2 from character 6"),
    ("n = 1 /* comment */", "not CQL2"), ("(" * 3_000, "it breaks off"), ("NOT " * 100 + "b = true", "nested deeper"),
    ("n=1 OR " * 3_000 + "n=1", "longer than"),
]


@pytest.mark.parametrize(("filter_", "complaint"), WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_named(filter_: str, complaint: str) -> None:
    with pytest.raises(InvalidQuery) as error:
        condition(read(filter_, "cql2-text"), COLUMNS, PL1992)
    assert complaint in error.value.text.en
    assert error.value.text.pl != error.value.text.en


@pytest.mark.parametrize(("node", "pl", "en"), [
    ({"op": "and", "args": []}, "filter: and: liczba argumentów to 0, oczekiwano: co najmniej 1",
     "filter: and: the number of arguments is 0, expected: at least 1"),
    ({"op": "not", "args": [True, True]}, "filter: not: liczba argumentów to 2, oczekiwano: 1",
     "filter: not: the number of arguments is 2, expected: 1"),
    (None, "filter: null nie może tu stać", "filter: null cannot stand here"),
    ({"op": "żółw"}, 'filter: {"op": "żółw"} nie może tu stać', 'filter: {"op": "żółw"} cannot stand here'),
    ({"op": "in", "args": ["a", "\ud800"]}, 'filter: "\\ud800": oczekiwano listy wartości',
     'filter: "\\ud800": expected a list of values'),
    ({"op": "s_within", "args": [{"property": "geometry"}, {"bbox": [{"property": "n"}, None]}]},
     'filter: BBOX [{"property": "n"}, null]: oczekiwano 4 lub 6 liczb, najpierw dolny narożnik, w kolejności osi '
     "filter-crs", 'filter: BBOX [{"property": "n"}, null]: expected 4 or 6 numbers, lower corner first, in the axis '
     "order of filter-crs"),
])
def test_messages_speak_json_and_count(node: Any, pl: str, en: str) -> None:
    with pytest.raises(InvalidQuery) as error:
        condition(read(json.dumps(node), "cql2-json"), COLUMNS, PL1992)
    assert error.value.text == Text(pl=pl, en=en)


@pytest.mark.parametrize("text", [
    "{", "nul", "[1]", "1", "null", "{}", '{"op": "="}', '{"op": "=", "args": 1}', '{"op": "and", "args": []}',
    '{"op": 1, "args": []}', '{"op": "in", "args": ["a", []]}', '{"op": "in", "args": ["a", "b"]}', '{"property": 1}',
    '{"op": "=", "args": [NaN, 1]}', '{"op": "not", "args": [true, true]}', '{"type": "Point"}',
    '{"op": "s_within", "args": [{"property": "geometry"}, {"type": "Feature", "geometry": null}]}',
    '{"op": "s_within", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": []}]}',
    '{"op": "s_within", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": ["1", {}]}]}',
    '{"op": "s_within", "args": [{"property": "geometry"}, {"bbox": [1, 2, "x", null]}]}',
    '{"op": "t_after", "args": [{"property": "t"}, {"interval": [1, null]}]}', '{"date": "2020-01-01"}',
    "[" * 15_000, '{"op":"not","args":[' * 100 + "true" + "]}" * 100, f'{{"op": "=", "args": [1, {"9" * 5_000}]}}',
])
def test_bad_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        condition(read(text, "cql2-json"), COLUMNS, PL1992)


def test_the_deepest_filter_is_answered(table: psycopg.Connection[Any]) -> None:
    """Neither Python nor PostgreSQL runs out of stack before the limits are met."""
    deep = "NOT " * (DEPTH_MAX // 2 - 3) + "b = true"
    assert found(table, deep)
    wide = " OR ".join(["n=1"] * ((LENGTH_MAX - 10) // 7))
    assert found(table, wide) == found(table, "n=1")
    assert found(table, "CASEI(" * 25 + "name" + ")" * 25 + " = 'lodz'") == found(table, "CASEI(name) = 'lodz'")


def test_what_cannot_be_reckoned_is_an_error_of_data(table: psycopg.Connection[Any]) -> None:
    """Such as the provider tells as a mistake of the client."""
    assert found(table, "n / 0 = 1 OR n % 0 = 1 OR n div 0 = 1") == []
    with pytest.raises(psycopg.DataError):
        found(table, "1e300 * 1e300 > n")


def test_case_is_folded_as_unicode_has_it(database: Database) -> None:
    """For each letter, the same others are equal to it as by Python's casefold; accents go from all Polish letters."""
    letters = [chr(code) for code in range(0x20, 0x2000) if unicodedata.category(chr(code)).startswith("L")]
    with database.connect("owner") as connection:
        fold = sql.SQL("select {} from unnest(%s::text[]) with ordinality l (letter, place) order by place")
        case = connection.execute(fold.format(folded(sql.Identifier("letter"), {"case"})), [letters]).fetchall()
        polish = connection.execute(
            fold.format(folded(sql.Identifier("letter"), {"accents"})),
            [[*"ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "z\u0307", "é", "ü", "đ"]]).fetchall()
    assert "".join(row[0] for row in polish) == "acelnoszzACELNOSZZzeud"
    ours, theirs = defaultdict(set), defaultdict(set)
    for letter, (ours_is,) in zip(letters, case, strict=True):
        ours[ours_is].add(letter)
        theirs[letter.casefold()].add(letter)
    assert {frozenset(group) for group in ours.values()} ^ {frozenset(group) for group in theirs.values()} == {
        frozenset("iIı"), frozenset("iI"), frozenset("ı")}


def test_a_shape_beyond_poland_keeps_its_relations() -> None:
    inside, far = "19 52", "144 -30"
    crs = Crs("", 4326, False, 7)
    both = shape_as_stored(shapely.from_wkt(f"MULTIPOINT(({inside}), ({far}))"), crs)
    alone = shape_as_stored(shapely.from_wkt(f"POINT({inside})"), crs)
    assert both.covers(alone) and not alone.covers(both)
    world = shape_as_stored(shapely.box(-180, -90, 180, 90), crs)
    assert world.is_valid and world.covers(alone) and not shapely.box(0, 0, 1_000_000, 1_000_000).covers(world)
    away = shape_as_stored(shapely.box(100, 10, 110, 20), crs)
    assert away.is_valid and away.disjoint(world.geoms[0])


def test_a_long_edge_bends(table: psycopg.Connection[Any]) -> None:
    """The parallel 53 N between 17.5 and 20.5 E lies 5 km off the straight line of its ends in EPSG:2180."""
    shape = shape_as_stored(shapely.from_wkt("LINESTRING(17.5 53, 20.5 53)"), Crs("", 4326, False, 7))
    middle = shape_as_stored(shapely.from_wkt("POINT(19 53)"), Crs("", 4326, False, 7))
    assert shape.distance(middle) < 0.02
    ends = shapely.LineString([shape.coords[0], shape.coords[-1]])
    assert ends.distance(middle) > 500

