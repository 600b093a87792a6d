"""The resources of OGC API - Tiles below a tenant's API: their documents, links and conformance classes."""

from __future__ import annotations

from typing import Any

from sdi.model.text import Language, Text
from sdi.services.ogcapi.tiles.answers import Wrong, grid_of
from sdi.services.ogcapi.tiles.documents import JSON, STYLE, WEB, Documents
from sdi.services.ogcapi.tiles.names import REL, TILES_TITLE
from sdi.services.ogcapi.tiles.stamps import Stamps
from sdi.services.ogcapi.tiles.style import style
from sdi.services.ogcapi.tiles.tilesets import Tilesets

CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}"
    for name in ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "mvt", "oas30")
)
"""The conformance classes of OGC API - Tiles part 1 that this service keeps."""

_TITLES = {
    "tilesets-vector": TILES_TITLE,
    "tiling-schemes": Text(pl="Siatki kafli", en="Tile matrix sets"),
}


def links(base: str, language: Language) -> list[dict[str, Any]]:
    """What the landing page of an API at `base` says of tiles (OGC 20-057, /req/dataset-tilesets/landingpage)."""
    addresses = {"tilesets-vector": f"{base}/tiles", "tiling-schemes": f"{base}/tileMatrixSets"}
    return [{"rel": f"{REL}/{name}", "type": "application/json", "title": _TITLES[name].get(language), "href": href}
            for name, href in addresses.items()]


def document(
    tilesets: Tilesets, resource: str, collection: str, tile: tuple[str, ...], language: Language
) -> tuple[dict[str, Any], str]:
    """One of TILE_DOCUMENTS and its media type. Raises Wrong where it is not there, psycopg errors."""
    documents = Documents(tilesets, language)
    if resource == "tileMatrixSets":
        return documents.matrix_sets(), JSON
    grid = grid_of(tilesets, collection, tile[0] if tile else WEB)
    if resource == "tileMatrixSet":
        return grid.document, JSON
    if resource in ("tilejson", "style") and grid.id != WEB:
        raise Wrong(Text(pl=f"{resource} jest tylko dla siatki {WEB}", en=f"{resource} is there for {WEB} only"))
    edition = tilesets.edition(collection, Stamps(tilesets.reader.pool).read())
    if resource == "tilesets":
        return documents.lists(collection, edition), JSON
    if resource == "style":
        return style(documents, collection, edition), STYLE
    return {"tileset": documents.tileset, "tilejson": documents.tilejson}[resource](collection, grid, edition), JSON
