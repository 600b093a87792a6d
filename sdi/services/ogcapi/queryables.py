"""What a collection has, can be filtered and sorted by, as JSON Schema (OGC API - Features parts 3, 5 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sdi.model.region import Tenant
from sdi.model.register import Code, FeatureType, GeometryType, Register
from sdi.model.text import Language, Text
from sdi.services.ogcapi.provider import JSON_TYPES
from sdi.services.ogcapi.texts import PAGES
from sdi.store.columns import ID, Column, published
from sdi.store.cql2.conditions import GEOMETRY
from sdi.store.issues import ISSUE_CODE_LISTS, ISSUE_COLUMNS, ISSUE_TIME, ISSUE_TITLE, ISSUES

Sort = Literal["queryables", "schema", "sortables"]
"""The resource `/collections/{id}/<sort>`; sortables are without the geometry."""

MEDIA_TYPE = "application/schema+json"

SORTABLES = "http://www.opengis.net/def/rel/ogc/1.0/sortables"
"""The relation of the link to the sortables."""

SORTS: tuple[Sort, ...] = ("queryables", "schema", "sortables")

GEOMETRY_TITLE = Text(pl="Geometria", en="Geometry")

_FORMATS: dict[GeometryType, str] = {
    "point": "geometry-point-or-multipoint", "line": "geometry-linestring-or-multilinestring",
    "polygon": "geometry-polygon-or-multipolygon", "any": "geometry-any",
}


def document(
    tenant: Tenant, registers: Mapping[str, Register], collection: str, sort: Sort, address: str, language: Language
) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a collection that the tenant has; `address` of the resource, without a query."""
    feature_type = next((ft for ft in tenant.feature_types if ft.name == collection), None)
    if feature_type is None:
        assert collection == ISSUES
        title, time, geometry = ISSUE_TITLE, ISSUE_TIME, _FORMATS["any"]
        properties = {ID.name: ID, **ISSUE_COLUMNS}
        codes: Mapping[str, Mapping[str, Code]] = ISSUE_CODE_LISTS
    else:
        title, time, geometry = feature_type.title, "valid_from", _FORMATS[feature_type.geometry]
        properties = {ID.name: ID, **published(feature_type)}
        codes = _codes(feature_type, registers[feature_type.register_id])
    described = {name: _property(column, codes.get(name), language) for name, column in properties.items()}
    described[ID.name]["x-ogc-role"] = "id"
    described[time]["x-ogc-role"] = "primary-instant"
    if sort != "sortables":
        described[GEOMETRY] = {
            "title": GEOMETRY_TITLE.get(language), "format": geometry, "x-ogc-role": "primary-geometry"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "type": "object",
        "title": title.get(language),
        "properties": described,
        "additionalProperties": False,
    }


def operation(collection: str, title: str, sort: Sort) -> dict[str, Any]:
    """The resource in the OpenAPI document, by references to `RESPONSE` and what every operation has."""
    return {
        "summary": f"{PAGES[sort].en} of {title}",
        "operationId": f"get{collection.capitalize()}{sort.capitalize()}",
        "tags": [collection],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in ("f", "lang")],
        "responses": {"200": {"$ref": "#/components/responses/Queryables"},
                      "400": {"$ref": "#/components/responses/InvalidParameter"},
                      "404": {"$ref": "#/components/responses/NotFound"}},
    }


RESPONSE: dict[str, Any] = {"description": "A JSON Schema (2020-12) of the properties.", "content": {
    MEDIA_TYPE: {"schema": {"type": "object", "required": ["$schema", "$id", "type", "properties"]}},
    "text/html": {"schema": {"type": "string"}},
}}


def _codes(feature_type: FeatureType, register: Register) -> dict[str, Mapping[str, Code]]:
    """Code lists by property; a property that holds several codes in one text has none."""
    return {name: register.code_lists[attribute.code_list] for name, attribute in feature_type.attributes.items()
            if attribute.code_list is not None and not attribute.many}


def _property(column: Column, codes: Mapping[str, Code] | None, language: Language) -> dict[str, Any]:
    described: dict[str, Any] = {"title": column.title.get(language), **JSON_TYPES[column.type]}
    if column.unit:
        described["x-ogc-unit"] = column.unit
    if codes is not None:
        described["oneOf"] = [{"const": code, "title": entry.title.get(language)} for code, entry in codes.items()]
    return described
