"""Queryables, schema and sortables as JSON Schema in the language asked for."""

from __future__ import annotations

import jsonschema
import pytest

from sdi.services.ogcapi.filtering import conditions
from tests.services.ogcapi.conftest import PUBLIC_URL, Client, Table

COLLECTION = "/0415/ogcapi/collections/budynki"


@pytest.mark.parametrize("sort", ["queryables", "schema", "sortables"])
def test_it_is_the_schema_that_part_3_asks_for(client: Client, sort: str) -> None:
    """OGC 19-079r2, /req/queryables/get-queryables-response."""
    answer = client.get(f"{COLLECTION}/{sort}?lang=en")
    schema = answer.json()
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"{PUBLIC_URL}{COLLECTION}/{sort}"
    assert (schema["type"], schema["title"], schema["additionalProperties"]) == ("object", "Buildings", False)
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert properties["id"] == {"title": "Local identifier", "type": "string", "x-ogc-role": "id"}
    assert properties["valid_from"] | {"title": ""} == {
        "title": "", "type": "string", "format": "date-time", "x-ogc-role": "primary-instant"}
    assert properties["powierzchnia_zabudowy"]["x-ogc-unit"] == "m2"
    assert {"const": "m", "title": "residential"} in properties["rodzaj"]["oneOf"]
    geometry = properties.pop("geometry", None)
    assert geometry == (None if sort == "sortables" else {
        "title": "Geometry", "format": "geometry-polygon-or-multipolygon", "x-ogc-role": "primary-geometry"})
    assert all("type" in described and "title" in described for described in properties.values())


def test_codes_and_titles_are_in_the_language(client: Client) -> None:
    polish = client.get(f"{COLLECTION}/queryables", headers={"Accept-Language": "pl"}).json()
    assert polish["title"] == "Budynki"
    assert {"const": "m", "title": "mieszkalny"} in polish["properties"]["rodzaj"]["oneOf"]
    page = client.get(f"{COLLECTION}/queryables", params={"f": "html", "lang": "en"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "residential" in page.text and "Queryables" in page.text and "powierzchnia_zabudowy" in page.text


def test_every_queryable_can_be_asked_for_and_every_sortable_sorted_by(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a"}])
    for name in ("dzialki", "uwagi"):
        collection = f"/0415/ogcapi/collections/{name}"
        for queryable in client.get(f"{collection}/queryables").json()["properties"]:
            answer = client.get(f"{collection}/items", params={"filter": f'"{queryable}" IS NULL'})
            assert answer.status_code == 200, queryable
        for sortable in client.get(f"{collection}/sortables").json()["properties"]:
            assert client.get(f"{collection}/items?sortby=-{sortable}").status_code == 200, sortable


def test_features_keep_their_schema(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a", "numer_dzialki": "1", "pole_ewidencyjne": 1.5, "dokladnosc_reprezentacji_pola": "1",
                     "valid_from": "2020-01-01T00:00:00Z"}])
    schema = client.get("/0415/ogcapi/collections/dzialki/schema").json()
    [feature] = client.items("0415")["features"]
    given = {name: value for name, value in feature["properties"].items() if value is not None}
    assert "dokladnosc_reprezentacji_pola" in given
    jsonschema.validate({"id": feature["id"], **given}, schema)


def test_collections_link_to_all_of_them(client: Client) -> None:
    for name in ("dzialki", "uwagi"):
        links = client.get(f"/0415/ogcapi/collections/{name}").json()["links"]
        for sort in ("queryables", "schema", "sortables"):
            [link] = [link for link in links if link["rel"].endswith(f"/rel/ogc/1.0/{sort}")
                      and link["type"] == "application/schema+json"]
            assert client.get(link["href"]).status_code == 200


def test_no_filter_is_no_condition() -> None:
    assert conditions({}, {}) == ()
