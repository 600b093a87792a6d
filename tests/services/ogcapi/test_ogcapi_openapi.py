"""The OpenAPI document is whole, and its schemas are those of the answers."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import shapely

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
