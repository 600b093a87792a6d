"""What is asked wrongly is refused with 400 or 404 and a sentence, never with 500."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import shapely
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from sdi.db.database import Database
from sdi.model.region import Region
from sdi.services.contract import Engines
from sdi.services.ogcapi.app import OgcApi
from tests.services.ogcapi.conftest import PUBLIC_URL, Client, Table, application

ITEMS = "/0415/ogcapi/collections/dzialki/items"


BAD = [
    "nonsense=1", "county_=0415", "geom=x", "fid=1", "source=x", "q=", "q=,", "q=%00", "q=a+b+c+d+e+f+g+h+i+j+k",
    "filter=", "filter=nothing=1", "filter=county=1", "filter=county='0415'&filter-lang=cql-text", "filter=a%00",
    "filter=county='0415'&filter-crs=EPSG:2180", "filter=true&filter-lang=cql2-json&filter-lang=cql2-text",
    "filter=1e300*1e300*pole_ewidencyjne=1", "filter={&filter-lang=cql2-json",
    "limit=0", "limit=-1", "limit=ten", "limit=1_0", "limit=%D9%A3", "offset=1_0", "pole_ewidencyjne=1_0", "limit=%2B1",
    "pole_ewidencyjne=nan", "pole_ewidencyjne=inf", "limit=1.5", "limit=", "offset=-1", "offset=x",
    "bbox=1,2,3", "bbox=a,b,c,d", "bbox=nan,50,20,51", "bbox=18,54,19,53", "bbox=inf,0,0,0", "bbox=",
    "bbox=500000,600000,400000,700000&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/2180",
    "bbox=600000,500000,700000,400000&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/2180",
    "bbox-crs=http://www.opengis.net/def/crs/EPSG/0/2180", "bbox=1,2,3,4&bbox-crs=EPSG:2180",
    "crs=http://www.opengis.net/def/crs/EPSG/0/32633", "crs=EPSG:2180", "crs=nonsense",
    "datetime=yesterday", "datetime=2021-13-01", "datetime=2021-01-01/2020-01-01", "datetime=a/b/c", "datetime=../..x",
    "datetime=/", "datetime=", "datetime=..", "datetime=../..", "datetime=2020-01-01T00:00:00",
    "pole_ewidencyjne=big", "valid_from=2020", "valid_from=2020-01-01T00:00:00", "numer_dzialki=a%00b", "ids=%00",
    "properties=nonsense", "properties=geom", "sortby=geom", "sortby=nonsense", "sortby=-",
    "skipGeometry=perhaps", "resulttype=all", "f=xml", "limit=1&limit=2",
    "resulttype=hits&sortby=nonsense", "resulttype=hits&properties=nonsense",
]


def test_bad_parameters_are_refused(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a", "geom": shapely.Point(472_000, 551_000)}])
    assert client.get(ITEMS).json()["numberMatched"] == 1
    for query in BAD:
        response = client.get(f"{ITEMS}?{query}")
        assert response.status_code == 400, query
        problem = response.json()
        assert problem["code"] and len(problem["description"]) > 10, query
        html = client.get(f"{ITEMS}?{query}", headers={"Accept": "text/html"})
        assert html.status_code == 400, query


def test_numbers_without_end_are_refused(client: Client) -> None:
    for query in ("items?limit=", "items?offset=", "items?asOf=", "changes?limit="):
        response = client.get(f"/0415/ogcapi/collections/dzialki/{query}{'9' * 5000}")
        assert response.status_code == 400, query


INJECTIONS = [
    "'; drop table egib.dzialki; --", "1 or 1=1", '") or true --', "%(tenant)s", "\\'", "{}", "$1", "%s",
]


def test_injection_finds_nothing_and_harms_nothing(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a", "county": "0463"}, {"id": "b"}])
    for value in INJECTIONS:
        for name in ("numer_dzialki", "id", "ids", "county"):
            response = client.get(ITEMS, params={name: value})
            assert response.status_code == 200 and response.json()["features"] == [], (name, value)
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        for made in (f"numer_dzialki = '{quoted}'", f"CASEI(id) LIKE '{quoted}'", f"county IN ('{quoted}')"):
            assert client.items("0415", filter=made)["features"] == [], made
        assert client.get(ITEMS, params={"q": value}).json()["features"] == []
        for name in ("sortby", "properties", "crs", "datetime", "bbox", "filter", "filter-crs", value):
            assert client.get(ITEMS, params={name: value}).status_code == 400, (name, value)
        assert client.get(f"{ITEMS}/{quote(value)}").status_code == 404, value
        assert client.items("0415")["numberMatched"] == 1, value


def test_an_odd_offset_gives_an_empty_page(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a"}])
    assert client.items("0415", offset=10**30)["features"] == []


UNKNOWN = [
    "nothing", "collections/nothing", "collections/nothing/items", "collections/nothing/items/a",
    "collections/nothing/schema", "collections/dzialki/nothing", "collections/dzialki/items/nothing", "processes",
    "TileMatrixSets", "collections/dzialki/items/a/b/c",
]


def test_unknown_things_are_not_found(client: Client) -> None:
    for path in UNKNOWN:
        for headers, kind in (({}, "application/json"), ({"Accept": "text/html"}, "text/html; charset=utf-8")):
            response = client.get(f"/0415/ogcapi/{path}", headers=headers)
            assert response.status_code == 404, path
            assert response.headers["Content-Type"] == kind


def test_other_methods_are_refused(client: Client) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = client.request(method, ITEMS)
        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_unknown_parameters_are_refused_everywhere(client: Client) -> None:
    for path in ("", "/conformance", "/collections", "/collections/dzialki", "/openapi",
                 "/collections/dzialki/schema", "/collections/dzialki/queryables"):
        assert client.get(f"/0415/ogcapi{path}?nonsense=1").status_code == 400, path
        assert client.get(f"/0415/ogcapi{path}?f=json&lang=en").status_code == 200, path


def test_a_language_is_one_that_the_openapi_document_names(client: Client) -> None:
    document = client.get("/0415/ogcapi/openapi?f=json").json()
    languages = document["components"]["parameters"]["lang"]["schema"]["enum"]
    for path in ("", "/collections/dzialki", "/collections/dzialki/items", "/collections/dzialki/changes", "/tiles"):
        for language in languages:
            assert client.get(f"/0415/ogcapi{path}", params={"lang": language}).status_code == 200, path
        for language in ("de", "en-GB", "EN", "\0", ""):
            assert client.get(f"/0415/ogcapi{path}", params={"lang": language}).status_code == 400, (path, language)
    assert client.get(f"{ITEMS}?lang=de").json()["description"] == "lang='de': może być en, pl"


def test_complaints_are_in_the_language_of_the_user(client: Client) -> None:
    assert "nieznany parametr" in client.get(f"{ITEMS}?x=1&lang=pl").json()["description"]
    english = client.get(f"{ITEMS}?x=1", headers={"Accept-Language": "en"})
    assert "unknown query parameter" in english.json()["description"]


def test_a_query_that_takes_too_long_is_unavailable(database: Database, region: Region, tmp_path: Path) -> None:
    conninfo = conninfo_to_dict(database.conninfo("serve"))
    conninfo["options"] = f"{conninfo['options']} -c statement_timeout=150"
    with (
        ConnectionPool(make_conninfo("", **conninfo), min_size=0, max_size=1, kwargs={"autocommit": True}) as pool,
        database.connect("owner") as owner,
    ):
        client = Client(application(
            OgcApi(Engines(pool=pool, mapserv_socket=tmp_path, home=tmp_path)), region, tmp_path, PUBLIC_URL))
        assert client.get(ITEMS).status_code == 200
        owner.execute("lock table egib.dzialki in access exclusive mode")
        response = client.get(ITEMS, params={"lang": "en"})
    assert response.status_code == 503
    assert "took too long" in response.json()["description"]


def test_without_the_database_every_answer_says_so(service: OgcApi, client: Client) -> None:
    assert client.get(ITEMS).status_code == 200
    service.engines.pool.close()
    for path in ("items", "items/a", ""):
        response = client.get(f"/0415/ogcapi/collections/dzialki/{path}", headers={"Accept": "text/html"})
        assert response.status_code == 503
        assert "baza danych jest chwilowo niedostępna" in response.text
    assert client.get("/0415/ogcapi/").status_code == 200
