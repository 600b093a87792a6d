"""The tiles in the OpenAPI document: each path once, with the collections as a parameter (OGC 20-057, class oas30)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sdi.services.ogcapi.tiles.documents import JSON, MVT, STYLE, WEB
from sdi.services.ogcapi.tiles.grids import DEEPEST

_TAG = "tiles"

TAGS = [{"name": _TAG, "description": "Vector tiles"}]

_ANY = {"type": "object"}

RESPONSES: dict[str, Any] = {
    "Tile": {"description": "The tile; the compression is that of the transport.",
             "content": {MVT: {"schema": {"type": "string", "format": "binary"}}}},
    "EmptyTile": {"description": "There is nothing in this tile."},
    "TileDocument": {"description": "JSON", "content": {JSON: {"schema": _ANY}}},
    "TilePage": {"description": "JSON or HTML", "content": {
        JSON: {"schema": _ANY}, "text/html": {"schema": {"type": "string"}}}},
    "MapStyle": {"description": "Style Specification, version 8", "content": {STYLE: {"schema": _ANY}}},
}


def parameters(collections: Iterable[str]) -> dict[str, Any]:
    """What the paths have in common."""
    def path(name: str, description: str, **schema: Any) -> dict[str, Any]:
        return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}

    number = {"type": "integer", "minimum": 0}
    return {
        "tiledCollection": path("collectionId", "Identifier of a collection.", type="string", enum=list(collections)),
        "tileMatrixSetId": path("tileMatrixSetId", "Identifier of a tile matrix set.", type="string",
                                enum=list(DEEPEST)),
        "tileMatrix": path("tileMatrix", "Number of the tile matrix, from the smallest scale on.", **number,
                           maximum=max(DEEPEST.values())),
        "tileRow": path("tileRow", "Row, counted from the north.", **number),
        "tileCol": path("tileCol", "Column, counted from the west.", **number),
        "f-tile": {"name": "f", "in": "query", "required": False, "description": "The format of a tile.",
                   "schema": {"type": "string", "enum": ["mvt"], "default": "mvt"}},
        "f-page": {"name": "f", "in": "query", "required": False,
                   "description": "The format of the answer; without it, the field Accept decides.",
                   "schema": {"type": "string", "enum": ["json", "html"], "default": "json"}},
        "f-json": {"name": "f", "in": "query", "required": False, "description": "The one format there is.",
                   "schema": {"type": "string", "enum": ["json"], "default": "json"}},
    }


def paths() -> dict[str, Any]:
    """All of them, by references to `parameters` and RESPONSES; their names by /req/oas30/operation-id."""
    found = {
        "/tileMatrixSets": _operation("getTileMatrixSetsList", "Tile matrix sets", [], "TilePage"),
        "/tileMatrixSets/{tileMatrixSetId}": _operation("getTileMatrixSet", "A tile matrix set", ["tileMatrixSetId"],
                                                           "TilePage"),
    }
    for prefix, name, about, given in (
        ("", ".dataset.vector", "all collections", []),
        ("/collections/{collectionId}", ".collection.vector", "a collection", ["tiledCollection"]),
    ):
        tiles, grid = f"{prefix}/tiles", [*given, "tileMatrixSetId"]
        found |= {
            tiles: _operation(f"{name}.getTileSetsList", f"Tilesets of {about}", given, "TilePage"),
            f"{tiles}/{{tileMatrixSetId}}": _operation(f"{name}.getTileSet", f"A tileset of {about}", grid,
                                                     "TilePage"),
            f"{tiles}/{WEB}/tilejson": _operation(f"{name}.getTileJson", f"TileJSON of {about}", given),
            f"{tiles}/{WEB}/style": _operation(f"{name}.getStyle", f"A MapLibre style of {about}", given, "MapStyle"),
            f"{tiles}/{{tileMatrixSetId}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _operation(
                f"{name}.getTile", f"A tile of {about}", [*grid, "tileMatrix", "tileRow", "tileCol"], "Tile"),
        }
    return found


def _operation(name: str, summary: str, given: list[str], response: str = "TileDocument") -> dict[str, Any]:
    form = {"Tile": "f-tile", "TilePage": "f-page"}.get(response, "f-json")
    empty = {"204": {"$ref": "#/components/responses/EmptyTile"}} if response == "Tile" else {}
    return {"get": {
        "summary": summary,
        "operationId": name,
        "tags": [_TAG],
        "parameters": [{"$ref": f"#/components/parameters/{each}"} for each in (*given, form, "lang")],
        "responses": {
            "200": {"$ref": f"#/components/responses/{response}"}, **empty,
            "400": {"$ref": "#/components/responses/InvalidParameter"},
            "404": {"$ref": "#/components/responses/NotFound"},
        },
    }}
