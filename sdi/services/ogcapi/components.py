"""The reusable parts of the OpenAPI document: what OGC API - Features part 1 (OGC 17-069r4) describes for every API.

Written out here, not referred to on the web: the document is whole on a network without a way out, and each client and
test suite reads it without fetching 30 files more.
"""

from __future__ import annotations

from typing import Any

from sdi.services.ogcapi.formats import FORMATS

Schema = dict[str, Any]


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", **({"required": required} if required else {}), "properties": properties}


def _array(items: Schema, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


def _schema(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _response(description: str, schema: str, media_type: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {
        media_type: {"schema": _schema(schema)},
        "application/ld+json": {"schema": {"type": "object"}},
        "text/html": {"schema": _STRING},
    }}


def _of_features(description: str, schema: str) -> dict[str, Any]:
    """JSON-FG is GeoJSON with further members."""
    texts = {format_.media_type: {"schema": _STRING} for format_ in FORMATS.values()}
    return {"description": description, "content": texts | {
        FORMATS[name].media_type: {"schema": _schema(schema)} for name in ("json", "jsonfg")} | {
        FORMATS["jsonld"].media_type: {"schema": {"type": "object"}}}}


_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_MOMENT = rf"{_DATE}(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{{1,6}})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))?"
_TIME: Schema = {"type": "string", "format": "date-time"}
_LINKS = _array(_schema("link"))

_PROBLEM = {"application/problem+json": {"schema": _object(["title", "status"], title=_STRING, status=_COUNT)}}

SCHEMAS: dict[str, Schema] = {
    "exception": _object(["code"], code=_STRING, description=_STRING),
    "link": _object(["href", "rel"], href=_STRING, rel=_STRING, type=_STRING, hreflang=_STRING, title=_STRING,
                    length={"type": "integer"}),
    "landingPage": _object(["links"], title=_STRING, description=_STRING, links=_LINKS),
    "confClasses": _object(["conformsTo"], conformsTo=_array(_STRING)),
    "extent": _object(
        [],
        spatial=_object([], bbox=_array(_array(_NUMBER, minItems=4, maxItems=6), minItems=1), crs=_STRING),
        temporal=_object([], trs=_STRING, interval=_array(
            _array(_TIME | {"nullable": True}, minItems=2, maxItems=2), minItems=1)),
    ),
    "collection": _object(
        ["id", "links"], id=_STRING, title=_STRING, description=_STRING, links=_LINKS, extent=_schema("extent"),
        itemType=_STRING | {"default": "feature"}, crs=_array(_STRING), storageCrs={"type": "string", "format": "uri"},
    ),
    "collections": _object(["links", "collections"], links=_LINKS, collections=_array(_schema("collection"))),
    "geometryGeoJSON": {
        **_object(
            ["type"],
            type=_STRING | {"enum": ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon",
                                     "GeometryCollection"]},
            coordinates=_array({}),
            geometries=_array(_schema("geometryGeoJSON")),
        ),
        "nullable": True,
    },
    "featureGeoJSON": _object(
        ["type", "geometry", "properties"], type=_STRING | {"enum": ["Feature"]}, geometry=_schema("geometryGeoJSON"),
        properties={"type": "object", "nullable": True}, id={"oneOf": [_STRING, {"type": "integer"}]}, links=_LINKS,
    ),
    "featureCollectionGeoJSON": _object(
        ["type", "features"], type=_STRING | {"enum": ["FeatureCollection"]},
        features=_array(_schema("featureGeoJSON")), links=_LINKS, timeStamp=_TIME, numberMatched=_COUNT,
        numberReturned=_COUNT,
    ),
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "datetime": {
        "name": "datetime", "in": "query", "required": False, "style": "form", "explode": False,
        "schema": _STRING | {"pattern": f"^{_MOMENT}$|^({_MOMENT}|\\.\\.)?/{_MOMENT}$|^{_MOMENT}/(\\.\\.)?$"},
        "description": "Features as they were valid at a time, a day or within an interval, open (..) or bounded, as "
                       "in RFC 3339: 2024-02-12T23:20:50Z, 2024-02-12/2024-03-18, ../2024-03-18T12:31:12Z",
    },
    "asOf": {
        "name": "asOf", "in": "query", "required": False, "style": "form", "explode": False,
        "schema": _STRING | {"pattern": rf"^({_MOMENT}|\d{{1,18}})$"},
        "description": "As it was known at an RFC 3339 time, a day (its end) or a dataset version (its number).",
    },
    "bbox": {
        "name": "bbox", "in": "query", "required": False, "style": "form", "explode": False,
        # As part 1 had it first (1.0.0), and as it has it now (1.0.1).
        "schema": {"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 6, "oneOf": [
            {"minItems": count, "maxItems": count} for count in (4, 6)]},
        "description": "Features that touch a box: its lower corner and its upper corner, with or without heights, in "
                       "the axis order of bbox-crs. Heights are ignored.",
    },
    "featureId": {
        "name": "featureId", "in": "path", "required": True, "schema": _STRING,
        "description": "Identifier of a feature.",
    },
}

RESPONSES: dict[str, dict[str, Any]] = {
    "LandingPage": _response("Links to the API definition, the conformance classes and the data.", "landingPage"),
    "ConformanceDeclaration": _response("URIs of the conformance classes that this API keeps.", "confClasses"),
    "Collections": _response("The feature collections of this API.", "collections"),
    "Collection": _response("One feature collection.", "collection"),
    "Features": _of_features("Features that match the query.", "featureCollectionGeoJSON"),
    "Feature": _of_features("One feature.", "featureGeoJSON"),
    "InvalidParameter": _response("A query parameter has an invalid value.", "exception"),
    "NotFound": _response("There is nothing at this address.", "exception"),
    "NotModified": {"description": "What If-None-Match names is what there is."},
    "PreconditionFailed": _response("What If-Match names is not what there is.", "exception"),
    "Gone": _response("What the token belongs to is no more; begin without it.", "exception"),
    "ServerError": {"description": "The service failed; the number in the title finds the reason in its log.",
                    "content": _PROBLEM},
}
RESPONSES["Unavailable"] = RESPONSES["NotFound"] | {
    "description": "The database cannot be reached, or took too long.",
    "content": RESPONSES["NotFound"]["content"] | _PROBLEM}

