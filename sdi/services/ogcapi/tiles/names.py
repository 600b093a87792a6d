"""The names of the resources of OGC API - Tiles, and the paths that name them."""

from __future__ import annotations

from sdi.model.text import Text

REL = "http://www.opengis.net/def/rel/ogc/1.0"
"""What the names of link relations of OGC API begin with."""

TILES_TITLE = Text(pl="Kafle wektorowe", en="Vector tiles")

TILE = "tile"

TILE_DOCUMENTS = ("tilesets", "tileset", "tilejson", "style", "tileMatrixSets", "tileMatrixSet")
"""Resources in JSON; TILE is the one that is not."""

TILE_PAGES = ("tilesets", "tileset", "tileMatrixSets", "tileMatrixSet")
"""Those of them that are pages too; their templates have the same names."""


def named(path: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Resource, collection (empty: everything) and what follows it that a path names; None for nothing."""
    parts = path.split("/")
    collection = ""
    if parts[0] == "collections":
        collection, parts = parts[1], parts[2:]
    match parts:
        case ["tileMatrixSets"]:
            return "tileMatrixSets", "", ()
        case ["tileMatrixSets", grid]:
            return "tileMatrixSet", "", (grid,)
        case ["tiles"]:
            return "tilesets", collection, ()
        case ["tiles", grid]:
            return "tileset", collection, (grid,)
        case ["tiles", grid, "tilejson" | "style" as resource]:
            return resource, collection, (grid,)
        case ["tiles", grid, matrix, row, column]:
            return TILE, collection, (grid, matrix, row, column)
    return None
