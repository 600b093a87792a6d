"""The parameters filter, filter-lang, filter-crs and q: places in every CRS, tenants, indexes, pages."""

from __future__ import annotations

import json
from typing import Any

import pyproj
import pytest
import shapely
from psycopg import sql

from sdi.model.register import Register
from sdi.services.ogcapi.filtering import conditions
from sdi.store.columns import published
from sdi.store.crs import CRS84, PL1992, PUBLISHED_CRS
from sdi.store.search import searched
from tests.services.ogcapi.conftest import Client, Table

ITEMS = "/0415/ogcapi/collections/dzialki/items"
EASTING, NORTHING = 472_345.678, 551_234.567


def ids(collection: Any) -> list[str]:
    return [feature["id"] for feature in collection["features"]]


@pytest.mark.parametrize("uri", PUBLISHED_CRS)
def test_a_known_place_is_found_in_every_crs(client: Client, dzialki: Table, uri: str) -> None:
    """The place by pyproj with the authority's axes; a parcel north and one east of it must not be taken for it."""
    dzialki.insert([
        {"id": "here", "geom": shapely.Point(EASTING, NORTHING).buffer(20)},
        {"id": "east", "geom": shapely.Point(EASTING + 100, NORTHING).buffer(20)},
        {"id": "north", "geom": shapely.Point(EASTING, NORTHING + 100).buffer(20)}])
    name = "OGC:CRS84" if uri == CRS84.uri else f"EPSG:{uri.rsplit('/', 1)[1]}"
    first, second = pyproj.Transformer.from_crs("EPSG:2180", name).transform(NORTHING, EASTING)
    reach = 0.0001 if PUBLISHED_CRS[uri].digits == 7 else 5
    low_a, low_b, high_a, high_b = first - reach, second - reach, first + reach, second + reach
    ring = f"{low_a} {low_b},{high_a} {low_b},{high_a} {high_b},{low_a} {high_b},{low_a} {low_b}"
    box = json.dumps({"op": "s_intersects", "args": [
        {"property": "geometry"}, {"bbox": [low_a, low_b, high_a, high_b]}]})
    for given in (
        {"filter": f"S_CONTAINS(geometry, POINT({first} {second}))"},
        {"filter": f"S_INTERSECTS(POLYGON(({ring})), geometry)"},
        {"filter": f"S_INTERSECTS(geometry, BBOX({low_a}, {low_b}, {high_a}, {high_b}))", "filter-lang": "cql2-text"},
        {"filter": box, "filter-lang": "cql2-json"},
    ):
        found = client.get(ITEMS, params={**given, "filter-crs": uri}).json()
        assert (ids(found), found["numberMatched"]) == (["here"], 1), given
    if uri == CRS84.uri:
        assert ids(client.items("0415", filter=f"S_CONTAINS(geometry, POINT({first} {second}))")) == ["here"]


def test_letters_are_the_same_composed_or_not(client: Client, dzialki: Table) -> None:
    """Texts are stored in normal form C (tests of pitfall 16)."""
    dzialki.insert([{"id": "cheł\u017c", "nazwa_obrebu": "Chełm\u017ca", "numer_dzialki": "1"}, {"id": "b"}])
    for name in ("Chełm\u017ca", "Chełmz\u0307a"):
        for given in ({"nazwa_obrebu": name}, {"filter": f"nazwa_obrebu = '{name}'"}, {"ids": f"b,cheł{name[5:-1]}",
                      "numer_dzialki": "1"}, {"filter": f"nazwa_obrebu LIKE '{name[:-1]}_'"}, {"q": name}):
            assert ids(client.get(ITEMS, params=given).json()) == ["cheł\u017c"], given
        assert client.get(f"{ITEMS}/cheł{name[5:-1]}").status_code == 200


def test_filters_hold_beside_all_other_parameters(client: Client, dzialki: Table) -> None:
    dzialki.insert([
        {"id": f"p{n}", "numer_dzialki": f"{n % 4}/{n}", "pole_ewidencyjne": n,
         "geom": shapely.Point(EASTING, NORTHING)} for n in range(20)])
    asked = {"filter": "numer_dzialki LIKE '1/%' OR pole_ewidencyjne > 17", "limit": 3, "sortby": "-pole_ewidencyjne"}
    pages = [client.get(ITEMS, params=asked).json()]
    while following := next((link["href"] for link in pages[-1]["links"] if link["rel"] == "next"), None):
        pages.append(client.get(following).json())
    assert [ids(page) for page in pages] == [["p19", "p18", "p17"], ["p13", "p9", "p5"], ["p1"]]
    assert all(page["numberMatched"] == 7 for page in pages)
    assert client.get(ITEMS, params={**asked, "resulttype": "hits"}).json()["numberMatched"] == 7
    assert ids(client.items("0415", **asked, numer_dzialki="1/5")) == ["p5"]
    assert ids(client.items("0415", **asked, q="1/9")) == ["p9"]
    assert ids(client.items("0415", **asked, bbox="10,50,11,51")) == []
    assert client.get(ITEMS, params={**asked, "f": "html"}).status_code == 200


def test_a_filter_reaches_the_rows_of_the_tenant_only(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "mine", "numer_dzialki": "Łąka", "commune": "041501"},
                    {"id": "other", "numer_dzialki": "Łąka", "county": "0463", "commune": "046301"}])
    for given in ({"filter": "true"}, {"filter": "county = '0463' OR county <> '0463'"}, {"q": "łąka"},
                  {"filter": "NOT county = 'x'"}, {"filter": "id IN ('mine', 'other')"}):
        assert ids(client.items("0415", **given)) == ["mine"]
        assert ids(client.items("041501", **given)) == ["mine"]
        assert ids(client.items("region", **given)) == ["mine", "other"]


def test_filters_find_by_the_indexes(dzialki: Table, registers: dict[str, Register]) -> None:
    columns = published(registers["egib"].feature_types["dzialki"])
    with dzialki.database.connect("owner") as connection:
        connection.execute("""insert into egib.dzialki (id, county, commune, source, known_from, version, content, geom)
            select 'n' || n, '0415', '04150' || n % 9, 'test', now(), 1, gen_random_uuid(),
                   st_buffer(st_setsrid(st_point(470000 + n % 100 * 20, 550000 + n / 100 * 20), 2180), 5)
            from generate_series(1, 10000) n""")
        connection.execute("analyze egib.dzialki")
        for filter_, index in (
            ("S_INTERSECTS(geometry, POINT(551000 471000))", "dzialki_geom"),
            ("S_WITHIN(geometry, BBOX(551000, 471000, 551100, 471100))", "dzialki_geom"),
            ("S_CONTAINS(geometry, POINT(551000 471000)) AND county = '0415'", "dzialki_geom"),
            ("S_TOUCHES(LINESTRING(551000 471000, 551100 471000), geometry)", "dzialki_geom"),
            ("id = 'n77'", "dzialki_id_key"), ("id IN ('n77', 'n78') AND pole_ewidencyjne > 1", "dzialki_id_key"),
        ):
            [made] = conditions({"filter": filter_, "filter-crs": PL1992.uri}, columns)
            plan = connection.execute(
                sql.SQL("explain select * from egib.dzialki where {}").format(made.sql), made.values).fetchall()
            assert any(index in line for (line,) in plan), (filter_, plan)


def test_words_are_found_whatever_their_case_and_accents(client: Client, dzialki: Table) -> None:
    dzialki.insert([
        {"id": "a1", "numer_dzialki": "12/3", "nazwa_obrebu": "Łąki Małe"},
        {"id": "b2", "numer_dzialki": "12/4", "nazwa_obrebu": "Z\u0307abno 100%"},
        {"id": "c3", "numer_dzialki": "7", "nazwa_gminy": "Chełmża", "county": "0415", "version_id": "hidden"}])
    for words, found in {
        "lak": ["a1"], "ŁĄKI": ["a1"], "laki 12/3": ["a1"], "12/3 laki": ["a1"], "laki,chelmza": ["a1", "c3"],
        "12/": ["a1", "b2"], "żab": ["b2"], "zab 12/4, 7 chelm": ["b2", "c3"], "0%": ["b2"], "a1": ["a1"], "_": [],
        "hidden": [], "0415": [], "312": [], "12/3 chelmza": [],
    }.items():
        page = client.items("0415", q=words)
        assert (ids(page), page["numberMatched"]) == (found, len(found)), words


def test_codes_and_what_all_share_are_not_searched(registers: dict[str, Register]) -> None:
    names = {name: {column.name for column in searched(published(feature_type).values())}
             for name, feature_type in registers["egib"].feature_types.items()}
    assert names["adresy"] == {"nazwa_miejscowosci", "id_miejscowosci", "nazwa_ulicy", "id_nazwy_ulicy",
                               "numer_porzadkowy", "numer_lokalu"}
    assert "rodzaj" not in names["budynki"] and "id_budynku" in names["budynki"]


def test_issues_are_filtered_too(client: Client) -> None:
    issues = ITEMS.replace("dzialki", "uwagi")
    answer = client.get(issues, params={"filter": "severity = 'warning' AND noted_at > DATE('2020-01-01')", "q": "x"})
    assert answer.status_code == 200 and answer.json()["features"] == []
    assert client.get(issues, params={"filter": "excerpt IS NULL"}).status_code == 400


def test_mistakes_are_told_in_the_language_of_the_user(client: Client) -> None:
    for language, words in (("pl", "nieznana właściwość 'x'; są: id, id_dzialki"),
                            ("en", "unknown property 'x'; there are: id, id_dzialki")):
        answer = client.get(ITEMS, params={"filter": "x = 1", "lang": language})
        assert answer.status_code == 400 and words in answer.json()["description"]
