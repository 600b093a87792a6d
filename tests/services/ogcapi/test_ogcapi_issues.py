"""Issues of the data as a collection: the tenant's own, of the last run, without what is not for the public."""

from __future__ import annotations

import json
from typing import Any

import pytest
import shapely

from sdi.db.database import Database
from sdi.model.issues import ISSUE_CODES
from sdi.model.region import Region
from tests.services.ogcapi.conftest import Client

ITEMS = "/0415/ogcapi/collections/uwagi/items"
PL1992 = "http://www.opengis.net/def/crs/EPSG/0/2180"


def note(database: Database, state: str, *issues: dict[str, Any], source: str = "0415-egib") -> None:
    """A run with issues."""
    with database.connect("owner") as connection:
        run = connection.execute(
            "insert into sdi.run (source, kind, state, ended_at) values (%s, 'gml', %s, '2024-05-06T07:08:09Z')"
            " returning run", [source, state]).fetchone()
        assert run
        for issue in issues:
            full = {"run": run[0], "source": source, "county": source[:4], "severity": "warning", "code": "bad-value",
                    "message": "m", "excerpt": "PESEL 12345678901", **issue}
            full["message_pl"] = f"po polsku: {full['message']}"
            if "geom" in full:
                full["geom"] = shapely.to_wkb(shapely.set_srid(full["geom"], 2180), hex=True, include_srid=True)
            marks = ", ".join(f"%({key})s" for key in full)
            connection.execute(f"insert into sdi.issue ({', '.join(full)}) values ({marks})".encode(), full)


@pytest.fixture
def issues(database: Database) -> None:
    note(database, "committed", {"message": "old"})
    note(database, "committed",
         {"message": "placed", "feature_type": "dzialki", "object_id": "1.2/3", "field": "numer_dzialki",
          "commune": "041501", "position": "a.gml:12", "severity": "quarantined",
          "geom": shapely.Point(472_000, 551_000)},
         {"message": "elsewhere", "feature_type": "budynki", "commune": "041502"},
         {"message": "of the source"},
         {"message": "not published", "feature_type": "punkty_graniczne", "commune": "041501"})
    note(database, "failed", {"message": "of a run that failed"})
    note(database, "committed", {"message": "other county"}, source="0463-egib")


def messages(client: Client, tenant: str, query: str = "") -> list[str]:
    response = client.get(f"/{tenant}/ogcapi/collections/uwagi/items?{query}")
    assert response.status_code == 200, response.text
    return [feature["properties"]["message"] for feature in response.json()["features"]]


def test_tenants_see_their_own(client: Client, issues: None) -> None:
    assert messages(client, "0415") == ["placed", "elsewhere", "of the source"]
    assert messages(client, "041501") == ["placed"]
    assert messages(client, "0463") == ["other county"]
    assert messages(client, "region") == ["placed", "elsewhere", "of the source", "other county"]


def test_an_issue_is_a_feature_without_the_excerpt(client: Client, issues: None) -> None:
    page = client.get(ITEMS, params={"crs": PL1992, "severity": "quarantined"}).json()
    assert page["numberMatched"] == 1
    (feature,) = page["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [551_000, 472_000]}
    assert feature["properties"] == {
        "source": "0415-egib", "severity": "quarantined", "code": "bad-value", "feature_type": "dzialki",
        "object_id": "1.2/3", "field": "numer_dzialki", "message": "placed", "position": "a.gml:12",
        "noted_at": "2024-05-06T07:08:09+00:00", "county": "0415", "commune": "041501",
        "message_pl": "po polsku: placed"}
    alone = client.get(f"{ITEMS}/{feature['id']}").json()
    assert alone["properties"] == feature["properties"]
    for path in (ITEMS, f"{ITEMS}/{feature['id']}", ITEMS.removesuffix("/items"), ITEMS.replace("items", "queryables")):
        for kind in ("json", "html", "jsonld"):
            response = client.get(f"{path}?f={kind}")
            assert response.status_code == 200 and "PESEL" not in response.text, (path, kind)


def test_codes_are_explained_in_the_reader_s_language(client: Client, issues: None) -> None:
    for language, meaning, weight in (("pl", "wartość nie pasuje do typu atrybutu", "obiekt wstrzymany"),
                                      ("en", "a value is not of the attribute", "set aside")):
        page = client.get(f"{ITEMS}?f=html&lang={language}").text
        assert meaning in page and weight in page
        schema = client.get(ITEMS.replace("items", "schema"), params={"lang": language}).json()
        told = {entry["const"]: entry["title"] for entry in schema["properties"]["code"]["oneOf"]}
        assert told["bad-value"].startswith(meaning) and set(told) == set(ISSUE_CODES)


def test_issues_are_filtered_like_features(client: Client, issues: None) -> None:
    assert messages(client, "0415", "bbox=18.5,52.5,19,53") == ["placed"]
    assert messages(client, "0415", "bbox=18.5,50.5,19,51") == []
    assert messages(client, "0415", "feature_type=budynki") == ["elsewhere"]
    assert messages(client, "0415", "sortby=-message&limit=2") == ["placed", "of the source"]
    assert messages(client, "0415", "datetime=../2024-05-05") == []
    assert len(messages(client, "0415", "datetime=2024-05-07")) == 3
    assert client.get(f"{ITEMS}?excerpt=x").status_code == 400
    assert client.get(f"{ITEMS}?fid=1").status_code == 400


def test_issues_are_a_collection_and_no_data_set(client: Client, region: Region) -> None:
    collection = client.get("/0415/ogcapi/collections/uwagi?lang=en").json()
    assert collection["title"] == "Data issues"
    relations = {link["rel"] for link in collection["links"]}
    assert not relations & {"describedby", "monitor"} and "/wfs" not in json.dumps(collection)
    assert all(tenant.feature_type("uwagi") is None for tenant in region.tenants.values())
