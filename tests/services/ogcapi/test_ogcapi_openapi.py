"""The OpenAPI document is whole, and its schemas are those of the answers."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import shapely

from sdi.services.ogcapi.app import targeted
from sdi.services.ogcapi.parameters import PARAMETERS
from tests.services.ogcapi.conftest import Client, Table

ITEMS = "/collections/dzialki/items"


def test_the_document_refers_to_nothing_outside_itself(client: Client) -> None:
    text = client.get("/0415/ogcapi/openapi").text
    assert {reference[:2] for reference in re.findall(r'"\$ref": ?"([^"]+)"', text)} == {"#/"}


@pytest.mark.parametrize(("path", "operation"), [
    ("/", "/"),
    ("/conformance", "/conformance"),
    ("/collections", "/collections"),
    ("/collections/dzialki", "/collections/dzialki"),
    (ITEMS, ITEMS),
    (f"{ITEMS}/line", ITEMS + "/{featureId}"),
])
def test_answers_are_as_the_document_describes_them(
    client: Client, dzialki: Table, path: str, operation: str
) -> None:
    dzialki.insert([{"id": "line", "geom": shapely.box(470_000, 570_000, 470_010, 570_020)}])
    document = client.get("/0415/ogcapi/openapi").json()
    response = client.get(f"/0415/ogcapi{path}")
    media_type = response.headers["Content-Type"].partition(";")[0]
    content = inline(document, document["paths"][operation]["get"]["responses"]["200"])["content"]
    jsonschema.validate(response.json(), as_json_schema(content[media_type]["schema"]) | {
        "components": as_json_schema(document["components"])})


def test_an_error_is_as_the_document_describes_it(client: Client) -> None:
    document = client.get("/0415/ogcapi/openapi").json()
    response = client.get(f"/0415/ogcapi{ITEMS}?limit=0")
    described = inline(document, document["paths"][ITEMS]["get"]["responses"][str(response.status_code)])
    jsonschema.validate(response.json(), as_json_schema(described["content"]["application/json"]["schema"]) | {
        "components": as_json_schema(document["components"])})


def test_conditional_requests_are_described_where_there_are_tags(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "line", "geom": shapely.box(470_000, 570_000, 470_010, 570_020)}])
    document, feature = client.get("/0415/ogcapi/openapi").json(), f"{ITEMS}/{{featureId}}"
    tagged = {path: "ETag" in client.get("/0415/ogcapi" + path.format(featureId="line")).headers
              for path in document["paths"] if "{" not in path or path == feature}
    assert tagged[feature] and tagged["/collections"] and not tagged["/collections/uwagi/items"]
    (tile,) = [path for path in document["paths"] if path.startswith("/tiles") and path.endswith("{tileCol}")]
    for path, expected in {**tagged, tile: True}.items():
        assert [status in document["paths"][path]["get"]["responses"] for status in ("304", "412")] == [expected] * 2


def test_every_parameter_is_described(client: Client) -> None:
    document = client.get("/0415/ogcapi/openapi").json()
    for path in document["paths"]:
        target = targeted(path)
        assert target is not None
        known = PARAMETERS[target.resource] - ({"asOf"} if target.collection == "uwagi" else set())
        assert known <= {body["name"] for body in parameters(document, path) if body["in"] == "query"}, path


def test_what_openapi_forbids_is_not_there(client: Client) -> None:
    """Empty lists of what is required, two tags or two parameters of an operation with the same name."""
    document = client.get("/0415/ogcapi/openapi").json()
    assert '"required":[]' not in json.dumps(document, separators=(",", ":"))
    tags = [tag["name"] for tag in document["tags"]]
    assert sorted(tags) == sorted(set(tags))
    for path in document["paths"]:
        names = [parameter["name"] for parameter in parameters(document, path)]
        assert sorted(names) == sorted(set(names)), path


def test_each_operation_says_how_it_may_fail(client: Client) -> None:
    """By what the gateway answers to a failure, and this service where there is no database (test_ogcapi_errors)."""
    document = client.get("/0415/ogcapi/openapi").json()
    for path, operations in document["paths"].items():
        answers = {status: inline(document, operations["get"]["responses"][status]) for status in ("500", "503")}
        assert "application/problem+json" in answers["500"]["content"], path
        assert {"application/json", "text/html"} <= set(answers["503"]["content"]), path


@pytest.mark.parametrize(("name", "good", "bad"), [
    ("bbox", "18,52,19,53", "18,52,19"), ("bbox", "18,52,0,19,53,9", "18,52,0,19,53"),
    ("datetime", "2020-01-01/..", ""), ("datetime", "/2020-02-29T12:00:00+01:00", "../.."),
    ("datetime", "2020-01-01", "2020-13-01"), ("datetime", "2020-01-01T00:00:00.123456Z", "2020-01-01T00:00:00"),
    ("asOf", "2020-01-01T00:00:00Z", ""), ("asOf", "2020-01-01", "2020-01-01/.."),
    ("sortby", "-pole_ewidencyjne,id", "pole"), ("sortby", "+id", ""), ("limit", "10000", "0"),
    ("q", "Łódź, 1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8 9 10 11"), ("q", "a", " , "), ("q", "a" * 200, "a" * 201),
    ("resulttype", "hits", "all"), ("properties", "id,county", "owner"), ("skipGeometry", "true", "1"),
])
def test_a_parameter_is_as_the_document_describes_it(client: Client, name: str, good: str, bad: str) -> None:
    document = client.get("/0415/ogcapi/openapi").json()
    [schema] = [parameter["schema"] for parameter in parameters(document, ITEMS) if parameter["name"] == name]
    for value, right in ((good, True), (bad, False)):
        described: Any = value
        if schema["type"] != "string":
            described = [read(schema["items"]["type"], part) for part in value.split(",")] if (
                schema["type"] == "array") else read(schema["type"], value)
        assert jsonschema.Draft4Validator(schema).is_valid(described) is right, value
        assert client.get(f"/0415/ogcapi{ITEMS}", params={name: value}).status_code == (200 if right else 400), value


def test_a_token_is_never_empty(client: Client) -> None:
    document = client.get("/0415/ogcapi/openapi").json()
    for path, name in ((ITEMS, "cursor"), ("/collections/dzialki/changes", "since")):
        [schema] = [parameter["schema"] for parameter in parameters(document, path) if parameter["name"] == name]
        assert schema["minLength"] == 1
        assert client.get(f"/0415/ogcapi{path}", params={name: ""}).status_code == 400
    assert client.get(f"/0415/ogcapi{ITEMS}", params={"cursor": "", "resulttype": "hits"}).status_code == 400


def test_issues_have_no_history_to_ask_for(client: Client) -> None:
    document = client.get("/0415/ogcapi/openapi").json()
    for path in ("/collections/uwagi/items", "/collections/uwagi/items/{featureId}"):
        assert "asOf" not in [parameter["name"] for parameter in parameters(document, path)]


@pytest.mark.parametrize("path", ["/tiles/WebMercatorQuad/99/0/0?f=mvt", "/tiles/WebMercatorQuad/0/0/0?f=mvt&x=1",
                                  "/conformance?f=png"])
def test_an_error_is_json_whatever_was_to_come(client: Client, path: str) -> None:
    answer = client.get(f"/0415/ogcapi{path}")
    assert (answer.headers["Content-Type"], answer.status_code) == (
        "application/json", 404 if "99" in path else 400)


def parameters(document: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """The parameters of an operation."""
    return [inline(document, parameter) if "$ref" in parameter else parameter
            for parameter in document["paths"][path]["get"]["parameters"]]


def read(kind: str, text: str) -> Any:
    """A value of a query by its type in JSON Schema."""
    return text if kind == "string" else {"true": True, "false": False}.get(text, text) if (
        kind == "boolean") else json.loads(text or "null")


def inline(document: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """What a reference within the document names."""
    found: Any = document
    for part in body["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def as_json_schema(part: Any) -> Any:
    """A part of OpenAPI 3.0 as JSON Schema, which has no `nullable`."""
    return json.loads(json.dumps(part), object_hook=_null_allowed)


def _null_allowed(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.pop("nullable", None) is True:
        schema["type"] = [schema["type"], "null"]
    return schema
