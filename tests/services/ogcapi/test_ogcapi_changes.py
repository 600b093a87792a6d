"""The change feed as clients see it: pages, tokens, errors, what it costs."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import shapely

from sdi.db.database import Database
from tests.services.ogcapi.conftest import PUBLIC_URL, Client, Table

CHANGES = "/0415/ogcapi/collections/dzialki/changes"
PL1992 = "http://www.opengis.net/def/crs/EPSG/0/2180"


class Feed:
    """Changes put straight into the feed, as commits write them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def execute(self, statement: str, *values: Any) -> list[Any]:
        with self.database.connect("owner") as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def note(self, op: str, *ids: str, county: str = "0415", commune: str | None = None) -> None:
        self.execute("insert into sdi.run (source, kind, state) values ('s', 'gml', 'committed')")
        self.execute("insert into sdi.version (run, source, county, committed_at, lineage)"
                     " select max(run), 's', %s, '2024-05-06T07:08:09Z', '{}' from sdi.run", county)
        for name in ids:
            self.execute("insert into sdi.change (version, feature_type, fid, id, county, commune, op)"
                         " select max(version), 'dzialki', 1, %s, %s, %s, %s from sdi.version",
                         name, county, commune, op)


@pytest.fixture
def feed(database: Database) -> Feed:
    return Feed(database)


def following(client: Client, page: Any) -> Any:
    """The page that the next link leads to."""
    (link,) = [link for link in page["links"] if link["rel"] == "next"]
    response = client.get(link["href"].removeprefix(PUBLIC_URL))
    assert response.status_code == 200, response.text
    return response.json()


def told(page: Any) -> tuple[list[str], list[str], bool]:
    assert page["numberReturned"] == len(page["features"]) and page["numberRemoved"] == len(page["removed"])
    return [f["id"] for f in page["features"]], [r["id"] for r in page["removed"]], page["complete"]


def test_first_what_there_is_then_what_changed(client: Client, dzialki: Table, feed: Feed) -> None:
    dzialki.insert([{"id": name, "geom": shapely.Point(472_000.5, 551_000)} for name in "abc"])
    feed.note("u", "a", "b", "c")
    page = client.get(f"{CHANGES}?limit=2").json()
    assert told(page) == (["a", "b"], [], False)
    page = following(client, page)
    assert told(page) == (["c"], [], True)
    page = following(client, page)
    assert told(page) == ([], [], True)
    feed.execute("delete from egib.dzialki where id = 'b'")
    feed.note("d", "b")
    feed.note("u", "a")
    feed.note("u", "a")
    page = following(client, page)
    assert told(page) == (["a"], ["b"], False)
    assert page["removed"] == [{"id": "b", "when": "2024-05-06T07:08:09+00:00"}]
    page = following(client, page)
    assert told(page) == (["a"], [], True)
    assert told(following(client, page)) == ([], [], True)


def test_a_change_before_a_removal_of_a_later_page_is_left_to_it(client: Client, dzialki: Table, feed: Feed) -> None:
    page = client.get(f"{CHANGES}?limit=1").json()
    feed.note("u", "a")
    feed.note("d", "a")
    page = following(client, page)
    assert told(page) == ([], [], False)
    assert told(following(client, page)) == ([], ["a"], True)


def test_features_are_those_of_the_items(client: Client, dzialki: Table, feed: Feed) -> None:
    dzialki.insert([{"id": "1.2/3", "numer_dzialki": 'a"b', "geom": shapely.box(472_000, 551_000, 472_020, 551_010)}])
    feed.note("u", "1.2/3")
    response = client.get(CHANGES, params={"crs": PL1992})
    assert response.headers["Content-Type"] == "application/geo+json"
    assert response.headers["Content-Crs"] == f"<{PL1992}>"
    page = response.json()
    assert page["type"] == "FeatureCollection" and page["timeStamp"].endswith("Z")
    assert page["features"] == client.items("0415", crs=PL1992)["features"]
    feed.note("u", "1.2/3")
    assert following(client, page)["features"] == page["features"]


def test_a_tenant_is_told_of_its_own_only(client: Client, dzialki: Table, feed: Feed) -> None:
    pages = {tenant: client.get(CHANGES.replace("0415", tenant)).json() for tenant in (
        "region", "0415", "0463", "041501")}
    dzialki.insert([{"id": "a", "commune": "041502"}, {"id": "b", "county": "0463"}])
    feed.note("d", "a", commune="041501")
    feed.note("u", "a", commune="041502")
    feed.note("u", "b", county="0463")
    assert {tenant: told(following(client, page))[:2] for tenant, page in pages.items()} == {
        "region": (["a", "b"], []), "0415": (["a"], []), "0463": (["b"], []), "041501": ([], ["a"])}


def test_bad_requests_are_refused_and_say_why(client: Client, dzialki: Table, feed: Feed) -> None:
    feed.note("u", "a")
    token = client.get(CHANGES).json()["links"][1]["href"].rsplit("=")[-1]
    for query in ("since=", "since=x", "since=%C5%82", f"since={token[:-4]}", f"since={token}A", "limit=0", "limit=-1",
                  "limit=x", "crs=EPSG:2180", "bbox=1,2,3,4", "f=html", "f=jsonld", "since=a&since=b"):
        response = client.get(f"{CHANGES}?{query}")
        assert response.status_code == 400, query
        assert len(response.text) > 60
    assert client.get(f"{CHANGES}?since={token}").status_code == 200
    for other in ("/0463/ogcapi/collections/dzialki", "/041501/ogcapi/collections/dzialki",
                  "/0415/ogcapi/collections/budynki"):
        assert client.get(f"{other}/changes?since={token}").status_code == 400
    assert client.get("/0415/ogcapi/collections/nothing/changes").status_code == 404
    assert client.get("/0415/ogcapi/collections/uwagi/changes").status_code == 404


def test_a_feed_that_is_no_more_is_gone(client: Client, dzialki: Table, feed: Feed) -> None:
    feed.note("u", "a")
    page = client.get(CHANGES).json()
    href = next(link["href"] for link in page["links"] if link["rel"] == "next").removeprefix(PUBLIC_URL)
    feed.execute("delete from sdi.change")
    for change in (None, "update sdi.feed set feed = gen_random_uuid()"):
        if change:
            feed.note("u", "a", "b", "c")
            feed.execute(change)
        response = client.get(href, headers={"Accept-Language": "en"})
        assert response.status_code == 410
        assert "begin again without since" in response.json()["description"]


def test_the_collection_and_the_api_definition_name_it(client: Client) -> None:
    links = client.get("/0415/ogcapi/collections/dzialki?lang=en").json()["links"]
    assert [link["href"] for link in links if link["rel"] == "monitor"] == [f"{PUBLIC_URL}{CHANGES}"]
    document = client.get("/0415/ogcapi/openapi").json()
    assert "/collections/uwagi/changes" not in document["paths"]
    operation = document["paths"]["/collections/dzialki/changes"]["get"]
    names = [document["components"]["parameters"][p["$ref"].rsplit("/", 1)[1]]["name"] for p in operation["parameters"]]
    assert names == ["since", "limit", "crs", "f", "lang"]
    schema = document["components"]["responses"]["Changes"]["content"]["application/geo+json"]["schema"]
    page = client.get(CHANGES).json()
    assert set(page) == set(schema["properties"]) >= set(schema["required"])


@pytest.mark.parametrize(("column", "value"), [("county", "0415"), ("commune", "041501"), (None, None)])
def test_the_cost_is_that_of_the_tenants_changes(database: Database, column: str | None, value: str | None) -> None:
    """However much else changes: an index gives the tenant's changes in order."""
    with database.connect("owner") as connection:
        connection.execute("""
            insert into sdi.change (version, feature_type, fid, id, county, commune, op)
            select 1, case when g % 50 = 0 then 'dzialki' else 'budynki' end, g, g::text, '04' || (g % 23 + 10)::text,
                   '04' || (g % 23 + 10)::text || '0' || (g % 7)::text, 'u' from generate_series(1, 50000) g""")
        connection.execute("""
            insert into sdi.change (version, feature_type, fid, id, county, commune, op)
            values (1, 'dzialki', 1, 'mine', '0415', '041501', 'u')""")
        connection.execute("analyze sdi.change")
    with psycopg.connect(database.conninfo("serve")) as connection:
        where = f"{column} = %(value)s and" if column else ""
        (plan,), = connection.execute(f"""
            explain (analyze, format json) select seq from sdi.change
            where feature_type = 'dzialki' and {where} seq > 100 and seq <= 50001
            order by seq limit 100""".encode(), {"value": value}).fetchall()
    (scan,) = plan[0]["Plan"]["Plans"]
    assert scan["Node Type"].startswith("Index") and scan["Index Name"] in (
        "change_feature_type", "change_county", "change_commune")
    assert scan.get("Rows Removed by Filter", 0) == 0
