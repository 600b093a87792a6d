"""The resource `/collections/{id}/changes`: what a replica needs to be made, and to stay, equal to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from sdi.model.text import Text
from sdi.services.ogcapi.splice import spliced
from sdi.store.changes import changes
from sdi.store.crs import CRS84, PUBLISHED_CRS
from sdi.store.reader import Reader
from sdi.store.selection import InvalidQuery

MEDIA_TYPE = "application/geo+json"

LIMIT_DEFAULT = 1_000
LIMIT_MAX = 10_000

TITLE = Text(pl="Zmiany obiektów (do prowadzenia kopii)", en="Changes of the features (to keep a copy)")


def change_collection(
    reader: Reader, collection: str, address: str, given: Mapping[str, str]
) -> tuple[bytes, dict[str, str]]:
    """A page of changes and its headers; `address` of the resource, `given` query parameters that are known.

    The page is a GeoJSON FeatureCollection of what is new or changed, with the foreign member `removed` (RFC 7946,
    clause 6.1). Raises InvalidQuery, FeedGone, psycopg errors.
    """
    crs = PUBLISHED_CRS.get(given.get("crs", CRS84.uri))
    if crs is None:
        wrong, known = f"crs={given['crs']!r}", ", ".join(PUBLISHED_CRS)
        raise InvalidQuery(Text(pl=f"{wrong}: może być {known}", en=f"{wrong}: can be {known}"))
    limit = int(given.get("limit", LIMIT_DEFAULT))
    if limit == 0:
        raise InvalidQuery(Text(pl="limit: co najmniej 1", en="limit: at least 1"))
    page = changes(reader, collection, given.get("since"), min(limit, LIMIT_MAX), crs)
    content = spliced({
        "type": "FeatureCollection",
        "timeStamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "numberReturned": len(page.features),
        "numberRemoved": len(page.removed),
        "complete": page.complete,
        "links": [
            _link("self", address, given),
            _link("next", address, {**given, "since": page.token}),
            {"rel": "collection", "type": "application/json", "href": address.rsplit("/", 1)[0]},
        ],
    }, features=page.features, removed=page.removed)
    return content, {"Content-Type": MEDIA_TYPE, "Content-Crs": f"<{crs.uri}>"}


def _link(relation: str, address: str, given: Mapping[str, str]) -> dict[str, str]:
    query = f"?{urlencode(given)}" if given else ""
    return {"rel": relation, "type": MEDIA_TYPE, "href": address + query}


def operation(collection: str, title: str) -> dict[str, Any]:
    """The resource in the OpenAPI document, by references to `PARAMETERS` and `RESPONSE`."""
    return {
        "summary": f"Changes of {title}",
        "description": "Follow the next links. Without since: first all features that there are, then what changed. "
                       "Once complete is true, ask the next link again later.",
        "operationId": f"get{collection.capitalize()}Changes",
        "tags": [collection],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in (*PARAMETERS, "crs", "f-json", "lang")],
        "responses": {
            "200": {"$ref": "#/components/responses/Changes"},
            "400": {"$ref": "#/components/responses/InvalidParameter"},
            "410": {"$ref": "#/components/responses/Gone"},
        },
    }


PARAMETERS: dict[str, dict[str, Any]] = {
    "since": {
        "name": "since", "in": "query", "required": False, "schema": {"type": "string", "minLength": 1},
        "description": "The token of a next link of this collection; 410 where the feed that it is of is no more.",
    },
    "changesLimit": {
        "name": "limit", "in": "query", "required": False,
        "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        "description": "The most changes to look at; several of one feature count one by one and are sent as one.",
    },
}

RESPONSE: dict[str, Any] = {
    "description": "Each feature stands in it once: in features as it is now, or in removed.",
    "content": {MEDIA_TYPE: {"schema": {
        "type": "object",
        "required": ["type", "features", "removed", "complete", "links"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"type": "object"}, "description": "New or changed: put by id."},
            "removed": {"type": "array", "description": "Gone: delete by id where it is there.", "items": {
                "type": "object",
                "required": ["id", "when"],
                "properties": {"id": {"type": "string"}, "when": {"type": "string", "format": "date-time"}},
            }},
            "numberReturned": {"type": "integer"},
            "numberRemoved": {"type": "integer"},
            "complete": {"type": "boolean", "description": "There was nothing more when the page was made."},
            "timeStamp": {"type": "string", "format": "date-time"},
            "links": {"type": "array", "items": {"type": "object"}},
        },
    }}},
}
