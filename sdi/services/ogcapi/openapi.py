"""The OpenAPI document of a tenant: pygeoapi's, made true to what this service does."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pygeoapi.openapi import get_oas_30

from sdi.model.text import Language
from sdi.services.ogcapi import changes, components, filtering, queryables
from sdi.services.ogcapi.config import LIMIT_DEFAULT, LIMIT_MAX
from sdi.services.ogcapi.formats import FORMATS
from sdi.services.ogcapi.parameters import CHOICES
from sdi.services.ogcapi.request import ASKED
from sdi.services.ogcapi.tiles import openapi as tiles
from sdi.store.columns import ID, PUBLISHED
from sdi.store.crs import CRS84, PUBLISHED_CRS
from sdi.store.issues import ISSUES

_SHARED = (ID, *PUBLISHED)
"""Queryables of every collection: described once."""

_PART1 = "https://schemas.opengis.net/ogcapi/features/part1/1.0/openapi/ogcapi-features-1.yaml"

_RESPONSES = {"/conformance": "ConformanceDeclaration", "/collections": "Collections"}
"""Responses that pygeoapi describes as landing pages."""

_OWN = {"": ("featureFormat", "cursor", "asOf", "ids", "resulttype", *filtering.PARAMETERS),
        "/{featureId}": ("featureFormat", "asOf")}
"""Our own parameters by what follows `items` in a path."""

_FAILURES = {status: {"$ref": f"#/components/responses/{name}"}
             for status, name in (("500", "ServerError"), ("503", "Unavailable"))}
"""What can come of any operation."""

_CONDITIONAL = {status: {"$ref": f"#/components/responses/{name}"}
                for status, name in (("304", "NotModified"), ("412", "PreconditionFailed"))}
"""What a conditional request may be answered with."""

_TAGGED = re.compile(rf"/collections(/(?!{ISSUES}\b)[^/]+(/items(/{{featureId}})?)?)?|.*/{{tileCol}}")
"""Paths whose answers have an ETag."""

_OF_COLLECTIONS = ("properties", "sortby")
"""Parameters whose values are another collection's others."""

_UNTRUE_PARAMETERS = ("vendorSpecificParameters", "bbox-crs-epsg", "resourceId", *_OF_COLLECTIONS)


def definition(config: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI 3.0 document of a configuration, in its first language whatever was ASKED."""
    token = ASKED.set(replace(ASKED.get(), language=_language(config)))
    try:
        document: dict[str, Any] = get_oas_30(deepcopy(config))
    finally:
        ASKED.reset(token)
    parameters = _parameters(document["components"]["parameters"])
    parameters |= tiles.parameters(name for name in config["resources"] if name != ISSUES)
    document["components"] = {"schemas": components.SCHEMAS, "parameters": parameters | components.PARAMETERS}
    document["components"]["responses"] = components.RESPONSES | {
        "200": {"description": "OK"},
        "default": components.RESPONSES["NotFound"] | {"description": "Error"},
        "Queryables": queryables.RESPONSE,
        "Changes": changes.RESPONSE,
        **tiles.RESPONSES,
    }
    document["paths"] = {
        path: {"get": _operation(path, operation, parameters)}
        for path, operations in document["paths"].items()
        if (operation := operations.get("get")) and path.split("/")[1] in ("", "conformance", "openapi", "collections")
    }
    document["paths"] |= {
        f"/collections/{name}/changes": {"get": changes.operation(name, resource["title"][_language(config)])}
        for name, resource in config["resources"].items() if name != ISSUES
    }
    document["paths"] |= tiles.paths()
    document["paths"] |= {
        f"/collections/{name}/{sort}": {"get": queryables.operation(name, resource["title"][_language(config)], sort)}
        for name, resource in config["resources"].items() for sort in queryables.SORTS
    }
    for path, operations in document["paths"].items():
        operations["get"]["responses"] |= _FAILURES | (_CONDITIONAL if _TAGGED.fullmatch(path) else {})
    _made_local(document["paths"])
    used = {tag for operations in document["paths"].values() for tag in operations["get"]["tags"]}
    tags = {tag["name"]: tag for tag in (*document["tags"], *tiles.TAGS)}
    document["tags"] = [tag for name, tag in tags.items() if name in used]
    return document


def _language(config: dict[str, Any]) -> Language:
    """The language of the document: the first of the tenant."""
    language: Language = config["server"]["languages"][0]
    return language


def _parameters(given: dict[str, Any]) -> dict[str, Any]:
    """What is described once: pygeoapi's parameters that are true, and our own."""
    parameters = {name: body for name, body in given.items() if name not in _UNTRUE_PARAMETERS}
    for name in ("crs", "bbox-crs"):
        parameters[name]["schema"] |= {"enum": list(PUBLISHED_CRS), "default": CRS84.uri}
    parameters["crs"]["description"] = "The CRS of the coordinates in the answer; JSON-LD has the default only."
    return parameters | _own_parameters() | filtering.PARAMETERS | changes.PARAMETERS


def _made_local(node: Any) -> None:
    """References to the schema of part 1 on the web, as references to the same part in this document."""
    if isinstance(node, list):
        for part in node:
            _made_local(part)
    if not isinstance(node, dict):
        return
    if str(node.get("$ref", "")).startswith(_PART1):
        node["$ref"] = node["$ref"].removeprefix(_PART1)
    for part in node.values():
        _made_local(part)


def _operation(path: str, operation: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """One GET operation with references to what is described once."""
    if path in _RESPONSES:
        operation["responses"]["200"] = {"$ref": f"#/components/responses/{_RESPONSES[path]}"}
    own = [_reference(name) for name in _OWN.get(path.rpartition("/items")[2], ()) if "/items" in path
           and (name != "asOf" or ISSUES not in operation["tags"])]
    described = [body for body in operation["parameters"] if _known(body)
                 and not (own and (body.get("name") == "f" or body == _reference("f")))]
    if path.endswith("/items"):
        operation["responses"]["410"] = {"$ref": "#/components/responses/Gone"}
        described.append(_sortby(next(body for body in described if body.get("name") == "properties")))
    return {**operation, "parameters": own + [
        _reference(body["name"]) if body.get("name") in parameters and body["name"] not in _OF_COLLECTIONS else (
            {key: value for key, value in body.items() if (key, value) != ("required", False)})
        for body in described
    ]}


def _sortby(properties: dict[str, Any]) -> dict[str, Any]:
    """The parameter `sortby`, by the parameter that has the names of a collection's properties."""
    names = "|".join(properties["schema"]["items"]["enum"])
    return _query("sortby", {"type": "array", "minItems": 1, "items": {
        "type": "string", "pattern": f"^[+-]?({names})$"}}, "Sortables to sort by; a minus means descending.")


def _own_parameters() -> dict[str, Any]:
    def listed(name: str, description: str) -> dict[str, Any]:
        return _query(name, {"type": "array", "items": {"type": "string"}}, description)

    return {
        "featureFormat": _query("f", {"type": "string", "enum": list(FORMATS), "default": "json"},
                                "The format of the answer; without it, the field Accept decides."),
        "limit": _query("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
                        "The most features of a page; a larger number means the largest."),
        "cursor": _query("cursor", {"type": "string", "minLength": 1}, "The token of a next or prev link: the page "
                         "after or before, of the dataset version that the first page was read at; offset then means "
                         "nothing."),
        "ids": listed("ids", "Identifiers of features."),
        "resulttype": _query("resulttype", {"type": "string", "enum": sorted(CHOICES["resulttype"]),
                                            "default": "results"}, "hits: only the number of matches."),
        **{column.name: _query(column.name, {"type": "string"} | (
            {"format": "date-time"} if column.type == "datetime" else {}), column.title.en) for column in _SHARED},
    }


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "required": False, "schema": schema,
            "style": "form", "explode": False}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _known(body: dict[str, Any]) -> bool:
    """Not a free-form parameter, not the one whose description lies on a branch of another project."""
    reference = str(body.get("$ref", ""))
    return not reference.endswith((*_UNTRUE_PARAMETERS, "sortby.yaml")) and body.get("name") not in ("profile", "ui")
