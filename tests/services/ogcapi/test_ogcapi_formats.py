"""JSON-FG and CSV: what the standards say, by the same parameters as GeoJSON, and how a format is chosen."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
import shapely
from starlette.responses import StreamingResponse

from sdi.db.database import Database
from sdi.services import body
from sdi.services.ogcapi.formats import FORMATS, JSON_FG_CONFORMANCE, negotiated
from sdi.store.crs import CRS84, PL1992
from tests.services.ogcapi.conftest import Client, Table
from tests.services.ogcapi.test_ogcapi_items import EASTING, EPSG, ITEMS, NORTHING, ids, link

TEXT = 'a "b", c\r\n=1+1;zażółć'


@pytest.fixture
def parcels(dzialki: Table) -> Table:
    dzialki.insert([
        {"id": "a", "numer_dzialki": TEXT, "pole_ewidencyjne": 0.1, "valid_from": "2020-01-01T00:00:00.5Z",
         "geom": shapely.Point(EASTING, NORTHING)},
        {"id": "b,1", "numer_dzialki": "", "valid_from": "2021-01-01T00:00:00Z",
         "geom": shapely.box(EASTING, NORTHING, EASTING + 10, NORTHING + 10)},
        {"id": "c"},
    ])
    return dzialki


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_json_fg_has_the_place_in_the_crs_of_the_register(client: Client, parcels: Table) -> None:
    response = client.get(ITEMS, params={"f": "jsonfg"})
    assert response.headers["Content-Type"] == "application/vnd.ogc.fg+json"
    assert response.headers["Content-Crs"] == f"<{PL1992.uri}>"
    page, plain = response.json(), client.get(ITEMS).json()
    assert page["conformsTo"] == list(JSON_FG_CONFORMANCE) and page["coordRefSys"] == PL1992.uri
    assert page["featureType"] == "dzialki"
    assert client.get(page["featureSchema"]).status_code == 200
    assert link(page, "profile") == "http://www.opengis.net/def/profile/OGC/0/jsonfg-plus"
    point, _, bare = page["features"]
    assert point["place"] == {"type": "Point", "coordinates": [NORTHING, EASTING]}
    assert [f["geometry"] for f in page["features"]] == [f["geometry"] for f in plain["features"]]
    assert [f["properties"] for f in page["features"]] == [f["properties"] for f in plain["features"]]
    assert [f["time"] for f in page["features"]] == [
        {"interval": ["2020-01-01T00:00:00.5Z", ".."]}, {"interval": ["2021-01-01T00:00:00Z", ".."]}, None]
    assert bare["place"] is None and bare["geometry"] is None
    assert page["numberMatched"] == page["numberReturned"] == 3
    alone = client.get(f"{ITEMS}/a", params={"f": "jsonfg"}).json()
    assert alone["place"] == point["place"] and alone["coordRefSys"] == PL1992.uri and alone["featureType"] == "dzialki"


def test_json_fg_in_a_crs_that_is_asked_for(client: Client, parcels: Table) -> None:
    [feature] = client.items("0415", f="jsonfg", id="a", crs=CRS84.uri)["features"]
    assert feature["place"] is None and feature["geometry"]["coordinates"][0] == pytest.approx(18.59, abs=0.01)
    page = client.items("0415", f="jsonfg", id="a", crs=f"{EPSG}4326")
    latitude, longitude = page["features"][0]["place"]["coordinates"]
    assert page["features"][0]["geometry"]["coordinates"] == [longitude, latitude]
    assert page["coordRefSys"] == f"{EPSG}4326"
    [bare] = client.items("0415", f="jsonfg", id="a", skipGeometry="true", properties="county")["features"]
    assert bare["place"] is None and bare["geometry"] is None and bare["properties"] == {"county": "0415"}


def test_json_fg_says_when_a_past_state_ended(client: Client, parcels: Table, database: Database) -> None:
    with database.connect("owner") as connection:
        connection.execute("""insert into egib.dzialki_history
            (fid, id, county, source, known_from, known_to, valid_from, valid_to, version, why, content) values
            (99, 'old', '0415', 't', '2024-01-01Z', '2024-02-01Z', '2015-01-01Z', '2016-01-01Z', 1, 's',
             gen_random_uuid())""")
    [feature] = client.items("0415", f="jsonfg", datetime="2015-06-01")["features"]
    assert feature["time"] == {"interval": ["2015-01-01T00:00:00Z", "2016-01-01T00:00:00Z"]}


def test_csv_is_read_back_as_it_was(client: Client, parcels: Table) -> None:
    response = client.get(ITEMS, params={"f": "csv"})
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["OGC-NumberReturned"] == response.headers["OGC-NumberMatched"] == "3"
    assert response.text.endswith("\r\n") and response.text.startswith("id,id_dzialki,")
    first, second, third = rows(response.text)
    assert (first["id"], first["numer_dzialki"], first["pole_ewidencyjne"]) == ("a", TEXT, "0.1")
    assert first["valid_from"] == client.get(f"{ITEMS}/a").json()["properties"]["valid_from"]
    assert shapely.from_wkt(first["WKT"]).coords[0] == pytest.approx(
        tuple(client.get(f"{ITEMS}/a").json()["geometry"]["coordinates"]))
    assert second["id"] == "b,1" and third["WKT"] == ""
    assert '"b,1",,"",' in response.text  # no value, and a text without letters
    [chosen] = rows(client.get(ITEMS, params={
        "f": "csv", "properties": "county", "ids": "a", "crs": PL1992.uri}).text)
    assert list(chosen) == ["id", "county", "WKT"] and chosen["WKT"] == f"POINT({NORTHING} {EASTING})"
    assert rows(client.get(f"{ITEMS}/b,1", params={"f": "csv"}).text) == [second]
    assert client.get(ITEMS, params={"f": "csv", "properties": "id", "skipGeometry": "true"}).text == (
        'id\r\n"a"\r\n"b,1"\r\n"c"\r\n')
    assert client.get(ITEMS, params={"f": "csv", "ids": "none", "properties": "id"}).text == "id,WKT\r\n"


def test_json_ld_is_in_wgs_84_only(client: Client, parcels: Table) -> None:
    """As schema.org has it, with the latitude first in shapes, and WKT without the name of a CRS (GeoSPARQL)."""
    point, area, _ = client.get(ITEMS).json()["features"]
    x, y = point["geometry"]["coordinates"]
    linked = client.get(ITEMS, params={"f": "jsonld", "crs": CRS84.uri}).json()["features"]
    assert (linked[0]["schema:geo"]["schema:longitude"], linked[0]["schema:geo"]["schema:latitude"]) == (x, y)
    assert linked[0]["gsp:hasGeometry"]["gsp:asWKT"]["@value"] == shapely.Point(x, y).wkt
    path = [[*map(float, place.split(","))] for place in linked[1]["schema:geo"]["schema:polygon"].split(" ")]
    assert path == [[y, x] for x, y in area["geometry"]["coordinates"][0]]
    assert linked[1]["geometry"] == area["geometry"]
    for address in (ITEMS, f"{ITEMS}/a"):
        for crs in (EPSG + "2180", EPSG + "4326"):
            refused = client.get(address, params={"f": "jsonld", "crs": crs})
            assert (refused.status_code, refused.json()["code"]) == (400, "InvalidParameterValue")
            links = client.get(address, params={"crs": crs}).json()["links"]
            (other,) = [each["href"] for each in links if each["type"] == "application/ld+json"]
            assert client.get(other).status_code == 200


def test_pages_of_csv_are_linked_by_headers(client: Client, parcels: Table) -> None:
    response = client.get(ITEMS, params={"f": "csv", "limit": 2})
    assert response.links["next"]["type"] == "text/csv" and "prev" not in response.links
    following = client.get(response.links["next"]["url"])
    assert [row["id"] for row in rows(following.text)] == ["c"]
    assert "next" not in following.links
    assert [row["id"] for row in rows(client.get(following.links["prev"]["url"]).text)] == ["a", "b,1"]
    assert client.get(ITEMS, params={"f": "csv", "resulttype": "hits"}).headers["OGC-NumberMatched"] == "3"


def test_ogr_reads_both(client: Client, parcels: Table, tmp_path: Path) -> None:
    for kind, name in (("csv", "a.csv"), ("jsonfg", "a.json")):
        (tmp_path / name).write_bytes(client.get(ITEMS, params={"f": kind}).content)
        said = subprocess.run(
            ["ogrinfo", "-ro", "-al", str(tmp_path / name)], capture_output=True, text=True, check=True)
        assert "Feature Count: 3" in said.stdout and "(18.589" in said.stdout, said.stdout


def test_a_collection_links_to_its_features_in_every_format(client: Client, parcels: Table) -> None:
    address = ITEMS.removesuffix("/items")
    listed = client.get(address.rpartition("/")[0]).json()["collections"]
    for collection in (client.get(address).json(), *listed):
        links = {link["type"]: link["href"] for link in collection["links"] if link["rel"] == "items"}
        assert list(links) == [format_.media_type for format_ in FORMATS.values()]
        for media_type, href in links.items():
            answer = client.get(href, headers={"Accept": media_type})
            assert answer.headers["content-type"].partition(";")[0] == media_type
        assert links["application/geo+json"].endswith("/items")  # GDAL appends an identifier
    page = client.get(address, headers={"Accept": "text/html"}).text
    assert '/items?f=json"' in page and '/items?f=csv"' in page


def test_every_format_is_linked_and_declared(client: Client, parcels: Table) -> None:
    document = client.get("/0415/ogcapi/openapi").json()
    answers: dict[str, Any] = document["components"]["responses"]
    for path, name in ((ITEMS, "Features"), (f"{ITEMS}/a", "Feature")):
        links = [found for found in client.get(path).json()["links"] if found["rel"] in ("self", "alternate")]
        assert len(links) == 5
        for found in links:
            response = client.get(found["href"])
            assert response.status_code == 200 and response.headers["Content-Type"].startswith(found["type"])
            assert client.get(path, headers={"Accept": found["type"]}).headers["Content-Type"].startswith(found["type"])
            assert found["type"] in answers[name]["content"]
        assert client.request("HEAD", f"{path}?f=csv").headers["Content-Length"] == str(
            len(client.get(f"{path}?f=csv").content))
    assert set(JSON_FG_CONFORMANCE) <= set(client.get("/0415/ogcapi/conformance").json()["conformsTo"])


@pytest.mark.parametrize(("accept", "name"), [
    ("", None), ("*/*", "json"), ("application/json", "json"), ("text/csv", "csv"), ("text/csv;q=0", None),
    ("application/vnd.ogc.fg+json, application/geo+json;q=0.9", "jsonfg"), ("text/csv;q=0.5,text/html", "html"),
    ("application/vnd.ogc.fg+json;q=x", None), ("text/*", "html"), ("image/png, text/csv;q=0.1", "csv"), (";;,", None),
])
def test_the_accept_field_is_weighed(accept: str, name: str | None) -> None:
    assert negotiated(accept) == name


def test_a_page_that_is_too_large_for_memory_goes_through_a_file(
    client: Client, parcels: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {kind: client.get(ITEMS, params={"f": kind}) for kind in ("json", "jsonfg", "csv")}
    sent: list[StreamingResponse] = []
    init = StreamingResponse.__init__

    def noted(self: StreamingResponse, *arguments: Any, **named: Any) -> None:
        sent.append(self)
        init(self, *arguments, **named)

    monkeypatch.setattr(StreamingResponse, "__init__", noted)
    monkeypatch.setattr(body, "KEPT", 10)
    monkeypatch.setattr(body, "PIECE", 7)
    monkeypatch.setattr("sdi.store.reader.BATCH", 2)
    for kind, before in expected.items():
        response = client.get(ITEMS, params={"f": kind})
        assert response.headers["Content-Length"] == before.headers["Content-Length"] == str(len(response.content))
        if kind == "csv":
            assert response.content == before.content
        else:
            assert ids(response.json()) == ids(before.json()) and response.json().keys() == before.json().keys()
        assert client.request("HEAD", ITEMS, params={"f": kind}).content == b""
    assert len(sent) == 3
