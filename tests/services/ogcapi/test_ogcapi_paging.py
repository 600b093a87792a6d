"""Pages by cursor: any order, both ways, of one query and one dataset version, at the cost of the first page."""

from __future__ import annotations

import base64
import itertools
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import shapely

from sdi.db.database import Database
from sdi.model.region import Region
from sdi.services.ogcapi.app import OgcApi
from sdi.store.crs import PL1992, box_as_stored
from sdi.store.paging import Paging
from sdi.store.reader import Reader
from sdi.store.selection import Page, Selection
from tests.reading import read_page
from tests.services.ogcapi.conftest import Client, Table
from tests.services.ogcapi.test_ogcapi_items import ITEMS, ids, link, walk

ORDERS = ["", "numer_dzialki", "-numer_dzialki", "pole_ewidencyjne,-numer_dzialki", "-pole_ewidencyjne,valid_from",
          "valid_from,-id", "-id", "commune,-valid_from,numer_dzialki"]


@pytest.fixture
def parcels(dzialki: Table) -> Table:
    """Thirty parcels with few different values and many that are null."""
    numbers, sizes = ["1/2", "zażółć", "Łąka", None], [0.1, None, 1 / 3]
    starts = [None, "2020-01-01T00:00:00.123456Z", "2021-01-01T00:00:00Z"]
    dzialki.insert([
        {"id": f"p{n * 7 % 30}", "numer_dzialki": numbers[n % 4], "pole_ewidencyjne": sizes[n % 3],
         "valid_from": starts[n // 5 % 3], "commune": [None, "041501"][n % 2],
         "geom": shapely.Point(470_000 + n, 550_000)} for n in range(30)])
    return dzialki


def test_pages_in_any_order_are_the_whole_and_lead_back(client: Client, parcels: Table) -> None:
    for order, limit in itertools.product(ORDERS, (1, 4, 29)):
        query = f"sortby={order}&" if order else ""
        whole = ids(client.get(f"{ITEMS}?{query}limit=100").json())
        pages = list(walk(client, f"{ITEMS}?{query}limit={limit}"))
        assert [id_ for page in pages for id_ in ids(page)] == whole and len(whole) == 30, (order, limit)
        assert {page["numberMatched"] for page in pages} == {30}
        back = [pages[-1]]
        while previous := link(back[-1], "prev"):
            back.append(client.get(previous).json())
        assert [id_ for page in reversed(back) for id_ in ids(page)] == whole, (order, limit)
        for page, after in itertools.pairwise(reversed(back)):
            assert ids(client.get(link(page, "next") or "").json())[:len(ids(after))] == ids(after), (order, limit)


def test_texts_are_in_the_order_of_the_polish_alphabet(client: Client, dzialki: Table) -> None:
    """Ties of the alphabet, here a letter in two forms of Unicode, are told apart; identifiers go by their index."""
    streets = ["Lipowa", "lipowa", "Łąkowa", "Z\u0307wirowa", "\u017bwirowa", "Zielona", "Źródlana", "Ćwiartki",
               "Cicha"]
    dzialki.insert([{"id": f"Ż{n}" if n % 2 else f"z{n}", "numer_dzialki": name} for n, name in enumerate(streets)])
    alphabet = ["Cicha", "Ćwiartki", "lipowa", "Lipowa", "Łąkowa", "Zielona", "Źródlana", "Z\u0307wirowa",
                "\u017bwirowa"]
    for sign, expected in (("", alphabet), ("-", alphabet[::-1])):
        pages = list(walk(client, f"{ITEMS}?limit=2&sortby={sign}numer_dzialki"))
        found = [feature["properties"]["numer_dzialki"] for page in pages for feature in page["features"]]
        assert found == expected
        back = client.get(link(pages[-1], "prev") or "").json()["features"]
        assert [feature["properties"]["numer_dzialki"] for feature in back] == expected[-3:-1]
    assert ids(client.get(f"{ITEMS}?sortby=id").json())[-1] == "Ż7"


def test_an_offset_leads_to_cursors(client: Client, parcels: Table) -> None:
    whole = ids(client.get(f"{ITEMS}?limit=100").json())
    page = client.get(f"{ITEMS}?limit=4&offset=6").json()
    assert ids(page) == whole[6:10]
    assert ids(client.get(link(page, "prev") or "").json()) == whole[2:6]
    assert ids(client.get(link(page, "next") or "").json()) == whole[10:14]


def token_of(client: Client, query: str = "") -> str:
    following = link(client.get(f"{ITEMS}?limit=4{query}").json(), "next")
    return parse_qs(urlsplit(following or "").query)["cursor"][0]


def test_a_token_is_good_for_its_query_only(client: Client, parcels: Table) -> None:
    token = token_of(client)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[-2] ^= 1
    forged = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    other = "/0463/ogcapi/collections/dzialki/items", "/0415/ogcapi/collections/budynki/items"
    for address in (
        *(f"{ITEMS}?cursor={wrong}" for wrong in ("", "x", "*", forged, token[:-4], token + "AAAA", "%00", "zażółć")),
        f"{ITEMS}?sortby=id&cursor={token}", f"{ITEMS}?county=0415&cursor={token}",
        f"{ITEMS}?bbox=18,52,19,53&cursor={token}", f"{ITEMS}?datetime=2025-01-01&cursor={token}",
        *(f"{address}?cursor={token}" for address in other),
    ):
        response = client.get(address)
        assert (response.status_code, response.json()["code"]) == (400, "InvalidParameterValue"), address
        assert "cursor" in response.json()["description"]
    for more in ("limit=2", "properties=id", "skipGeometry=true", "f=html", f"crs={PL1992.uri}"):
        assert client.get(f"{ITEMS}?{more}&cursor={token}").status_code == 200, more


def test_a_token_of_a_database_that_is_no_more_is_gone(client: Client, parcels: Table, database: Database) -> None:
    token = token_of(client)
    with database.connect("owner") as connection:
        connection.execute("update sdi.feed set feed = gen_random_uuid()")
    response = client.get(f"{ITEMS}?cursor={token}&lang=pl")
    assert response.status_code == 410 and "zacznij od pierwszej strony" in response.json()["description"]


def test_a_token_of_a_version_that_is_no_more_is_gone(client: Client, parcels: Table, database: Database) -> None:
    with database.connect("owner") as connection:
        connection.execute("insert into sdi.run (source, kind) values ('s', 'gml')")
        connection.execute("insert into sdi.version (run, source, county, lineage) values (1, 's', '0415', '{}')")
    token = token_of(client)
    with database.connect("owner") as connection:
        connection.execute("delete from sdi.version")
    assert client.get(f"{ITEMS}?cursor={token}").status_code == 410


@pytest.fixture
def many(database: Database) -> Database:
    """50,000 parcels of two counties, and history of them."""
    with database.connect("owner") as connection:
        connection.execute("""insert into egib.dzialki (id, county, source, known_from, version, content, geom)
            select 'n' || n, case when n % 2 = 0 then '0415' else '0463' end, 'test', '2024-01-02', 1,
                   gen_random_uuid(), st_setsrid(st_point(470000 + n % 250 * 10, 550000 + n / 250 * 10), 2180)
            from generate_series(1, 50000) n""")
        connection.execute("""insert into egib.dzialki_history
            (fid, id, county, source, known_from, known_to, version, why, content, geom)
            select fid, id, county, source, '2024-01-01', '2024-01-02', 1, 'c', content, geom from egib.dzialki""")
        connection.execute("insert into sdi.run (source, kind) values ('s', 'gml')")
        connection.execute("insert into sdi.version (run, source, county, committed_at, lineage)"
                           " select 1, 's', '0415', day::date, '{}' from unnest(array['2024-01-02', '2024-01-03']) day")
        connection.execute("analyze egib.dzialki; analyze egib.dzialki_history")
    return database


def test_a_deep_page_costs_no_more_than_the_first(service: OgcApi, region: Region, many: Database) -> None:
    """Whether or not a commit came since; in the order of arrival nothing is sorted but what a box finds."""
    area = box_as_stored((550_500, 471_000, 550_600, 471_100), PL1992)
    asked = [(Reader(service.engines.pool, region.tenants[tenant]), Selection(area=box))
             for tenant in ("0415", "region") for box in (None, area)]
    cursors = [read_page(reader, "dzialki", selection, Page(limit=20))[1].next for reader, selection in asked]
    for later in (False, True):
        if later:
            with many.connect("owner") as connection:
                connection.execute("insert into sdi.version (run, source, county, committed_at, lineage)"
                                   " values (1, 's', '0415', '2024-01-04', '{}')")
        for (reader, selection), cursor in zip(asked, cursors, strict=True):
            for page in (Page(limit=20), Page(limit=20, cursor=cursor)):
                plan = list(nodes(plan_of(reader, selection, page)))
                indexes = {node["Index Name"] for node in plan if "Index Name" in node}
                assert not [node for node in plan if node["Node Type"] == "Seq Scan"]
                assert max(node["Actual Rows"] for node in plan) <= (21 if selection.area is None else 300)
                assert ("dzialki_geom" in indexes) == (selection.area is not None)


def plan_of(reader: Reader, selection: Selection, page: Page) -> dict[str, Any]:
    with reader.pool.connection() as connection:
        paging = Paging.of(connection, reader.table("dzialki"), selection, page)
        statement, values = paging.table.rows(paging.selection, page, paging.cursor)
        explain = b"explain (analyze, format json) " + statement.as_bytes(connection)
        [([plan],)] = connection.execute(explain, {**values, "limit": 20}).fetchall()
    return dict(plan["Plan"])


def nodes(plan: dict[str, Any]) -> Any:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def test_as_of_and_datetime_over_http(client: Client, dzialki: Table, database: Database) -> None:
    """One parcel replaced by a later version, one gone; what each of the two times finds."""
    dzialki.insert([{"id": "a", "known_from": "2024-02-01T00:00:00Z", "valid_from": "2024-01-15T00:00:00Z"}])
    with database.connect("owner") as connection:
        connection.execute("""insert into egib.dzialki_history
            (fid, id, county, source, known_from, known_to, valid_from, valid_to, version, why, content, geom) values
            (1, 'a', '0415', 't', '2024-01-01Z', '2024-02-01Z', '2020-01-01Z', '2024-01-15Z', 1, 's',
             gen_random_uuid(), st_setsrid(st_point(470000, 550000), 2180)),
            (9, 'b', '0415', 't', '2024-01-01Z', '2024-02-01Z', '2020-01-01Z', null, 1, 'g', gen_random_uuid(), null),
            (8, 'town', '0463', 't', '2024-01-01Z', '2024-02-01Z', '2020-01-01Z', null, 1, 'g', gen_random_uuid(), null)
        """)
        connection.execute("insert into sdi.run (source, kind) values ('s', 'gml')")
        connection.execute("insert into sdi.version (run, source, county, committed_at, lineage)"
                           " select 1, 's', '0415', at::timestamptz, '{}' from unnest(array["
                           "'2024-01-01T00:00:00Z', '2024-02-01T00:00:00Z']) at")

    def found(**parameters: object) -> list[tuple[str, str]]:
        return [(f["id"], f["properties"]["valid_from"][:4]) for f in client.items("0415", **parameters)["features"]]

    now, then = [("a", "2024")], [("a", "2020"), ("b", "2020")]
    assert found() == found(asOf=2) == found(asOf="2024-02-01") == found(asOf="2030-01-01") == now
    assert found(asOf=1) == found(asOf="2024-01-31T23:59:59Z") == found(asOf="2024-01-31") == then
    assert found(asOf="2023-12-31") == []
    assert found(datetime="2022-05-05") == found(datetime="2020-01-01T00:00:00Z") == then
    assert found(datetime="2024-01-20/2024-03-01") == found(datetime="2024-01-20") == [("a", "2024"), ("b", "2020")]
    assert found(datetime="2024-02-01T00:00:00Z") == now
    assert found(datetime="2019-12-31") == found(datetime="2022-01-01", asOf="2023-01-01") == []
    assert found(datetime="2022-05-05", bbox="18,52,19,53") == [("a", "2020")]
    assert client.get(f"{ITEMS}/a?asOf=1").json()["properties"]["valid_from"].startswith("2020")
    assert client.get(f"{ITEMS}/b?asOf=1").json()["id"] == "b"
    gone = client.get(f"{ITEMS}/b?lang=en")
    assert gone.status_code == 404 and "asOf=2024-01-01T00:00:00Z" in gone.json()["description"]
    assert "asOf" not in client.get(f"{ITEMS}/town").json()["description"]
    for wrong in ("asOf=yesterday", "asOf=77", "asOf=", "asOf=2024-13-01"):
        assert client.get(f"{ITEMS}?{wrong}").status_code == client.get(f"{ITEMS}/a?{wrong}").status_code == 400, wrong
    assert client.get("/0415/ogcapi/collections/uwagi/items?asOf=1").status_code == 400
