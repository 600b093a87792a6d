"""The documents about tilesets: lists, metadata (OGC 17-083r4, clause 7) and TileJSON 3.0.0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sdi.model.register import FeatureType, GeometryType
from sdi.model.text import Language, Text
from sdi.services.ogcapi.tiles.grids import Grid, Limits
from sdi.services.ogcapi.tiles.names import REL, TILES_TITLE
from sdi.services.ogcapi.tiles.tilesets import EVERYTHING, Edition, Tilesets, label_layer, label_scale, labelled
from sdi.store.columns import Column
from sdi.store.crs import CRS84, bounds_in

MVT = "application/vnd.mapbox-vector-tile"
JSON = TILEJSON = "application/json"
STYLE = "application/vnd.mapbox.style+json"

WEB = "WebMercatorQuad"
"""The one grid that TileJSON and MapLibre know."""

_DIMENSIONS: dict[GeometryType, int] = {"point": 0, "line": 1, "polygon": 2}

_JSON_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}
_TILEJSON_TYPES = {"integer": "Number", "number": "Number", "boolean": "Boolean"}

_TITLES = {
    "all": Text(pl="wszystkie kolekcje", en="all collections"),
    "self": Text(pl="Ten dokument", en="This document"),
    "page": Text(pl="Ten dokument jako HTML", en="This document as HTML"),
    "tiles": TILES_TITLE,
    "tileset": Text(pl="Opis zestawu kafli", en="Tileset metadata"),
    "labels": Text(pl="etykiety", en="labels"),
    "grid": Text(pl="Siatka kafli", en="Tile matrix set"),
    "style": Text(pl="Styl mapy (MapLibre)", en="Map style (MapLibre)"),
}


class Documents:
    """The documents of one tenant in one language."""

    def __init__(self, tilesets: Tilesets, language: Language) -> None:
        self.tilesets = tilesets
        self.language = language
        self.base = tilesets.published.addresses.service("ogcapi")

    def address(self, collection: str, grid: Grid | None = None) -> str:
        """Of a list of tilesets, or of one of them."""
        parent = f"{self.base}/collections/{collection}" if collection else self.base
        return f"{parent}/tiles/{grid.id}" if grid else f"{parent}/tiles"

    def title(self, collection: str) -> str:
        """What a tileset shows."""
        if collection == EVERYTHING:
            return f"{self.tilesets.published.tenant.title.get(self.language)} – {self._text('all')}"
        return self.tilesets.feature_types(collection)[0].title.get(self.language)

    def matrix_sets(self) -> dict[str, Any]:
        """All grids (OGC 20-057, clause 2 of annex on tile matrix sets: /tileMatrixSets)."""
        sets = [{
            "id": grid.id, "title": grid.document["title"], "crs": grid.document["crs"],
            **({"uri": grid.document["uri"]} if "uri" in grid.document else {}),
            "links": [_link("self", self._grid_address(grid), "application/json", grid.document["title"])],
        } for grid in self.tilesets.grids.values()]
        return {"tileMatrixSets": sets,
                "links": self._itself(f"{self.base}/tileMatrixSets", self._text("self"))}

    def lists(self, collection: str, edition: Edition) -> dict[str, Any]:
        """The tilesets of a collection or of everything (OGC 20-057, clause 9: tilesets list)."""
        return {
            "title": f"{self._text('tiles')}: {self.title(collection)}",
            "links": self._itself(self.address(collection), self._text("self")),
            "tilesets": [self._tileset(collection, grid, edition) for grid in self.tilesets.grids.values()],
        }

    def tileset(self, collection: str, grid: Grid, edition: Edition) -> dict[str, Any]:
        """One tileset, with the tiles that hold something and the attributes that they show."""
        document = self._tileset(collection, grid, edition)
        if edition.extent is not None:
            west, south, east, north = bounds_in(edition.extent, CRS84.srid)
            document["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84.uri}
        document["layers"] = [
            layer for ft in self.tilesets.feature_types(collection) for layer in self._layers(ft, collection, grid)]
        return document

    def tilejson(self, collection: str, grid: Grid, edition: Edition) -> dict[str, Any]:
        """TileJSON 3.0.0; rows count from the north."""
        tenant = self.tilesets.published.tenant
        west, south, east, north = bounds_in(edition.extent or tenant.bounds, CRS84.srid)
        first = self._first(collection, grid)
        return {
            "tilejson": "3.0.0",
            "name": self.title(collection),
            "description": tenant.abstract.get(self.language),
            "attribution": f"© {tenant.contact.organisation.get(self.language)}",
            "scheme": "xyz",
            "tiles": [f"{self.address(collection, grid)}/{{z}}/{{y}}/{{x}}?f=mvt"],
            "minzoom": first,
            "maxzoom": grid.deepest,
            "bounds": [west, south, east, north],
            "center": [(west + east) / 2, (south + north) / 2, max(first, 12)],
            "vector_layers": [{
                "id": name,
                "description": title,
                "minzoom": first,
                "maxzoom": grid.deepest,
                "fields": {column.name: _TILEJSON_TYPES.get(column.type, "String") for column in columns},
            } for ft in self.tilesets.feature_types(collection)
                for name, title, _, first, columns in self._parts(ft, collection, grid)],
        }

    def _parts(
        self, feature_type: FeatureType, collection: str, grid: Grid
    ) -> Iterator[tuple[str, str, GeometryType, int, tuple[Column, ...]]]:
        """The layers of a feature type: name, title, geometry, first matrix and columns."""
        title, first = feature_type.title.get(self.language), self.tilesets.first(feature_type, collection, grid)
        yield (feature_type.name, title, feature_type.geometry, min(first, grid.deepest),
               self.tilesets.columns(feature_type, detailed=True))
        if (label := labelled(feature_type)) is not None:
            yield (label_layer(feature_type), f"{title} – {self._text('labels')}", "point",
                   min(max(first, grid.first(label_scale(label))), grid.deepest),
                   self.tilesets.columns(feature_type, detailed=False))

    def _first(self, collection: str, grid: Grid) -> int:
        """The first matrix of a tileset that has layers."""
        types = self.tilesets.feature_types(collection)
        return min((self.tilesets.first(ft, collection, grid) for ft in types), default=0)

    def _tileset(self, collection: str, grid: Grid, edition: Edition) -> dict[str, Any]:
        address = self.address(collection, grid)
        links = [
            *self._itself(address, self._text("tileset")),
            _link(f"{REL}/tiling-scheme", self._grid_address(grid), "application/json", self._text("grid")),
            _link("item", f"{address}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=mvt", MVT, self._text("tiles"))
            | {"templated": True},
        ]
        if grid.id == WEB:
            links += [_link("describedby", f"{address}/tilejson", TILEJSON, "TileJSON 3.0.0"),
                      _link("stylesheet", f"{address}/style", STYLE, self._text("style"))]
        return {
            "title": f"{self.title(collection)} – {grid.id}",
            "dataType": "vector",
            "crs": grid.document["crs"],
            # Where there is no registered name, the address that gives the definition (so GDAL finds it).
            "tileMatrixSetURI": grid.document.get("uri", self._grid_address(grid)),
            "tileMatrixSetId": grid.id,
            "links": links,
            "tileMatrixSetLimits": [] if edition.extent is None else [
                _limits(grid.limits(edition.extent, matrix))
                for matrix in range(self._first(collection, grid), grid.deepest + 1)
            ],
        }

    def _layers(self, feature_type: FeatureType, collection: str, grid: Grid) -> Iterator[dict[str, Any]]:
        for name, title, geometry, first, columns in self._parts(feature_type, collection, grid):
            yield {
                "id": name,
                "title": title,
                "description": feature_type.abstract.get(self.language),
                "dataType": "vector",
                **({"geometryDimension": _DIMENSIONS[geometry]} if geometry in _DIMENSIONS else {}),
                "minTileMatrix": str(first),
                "maxTileMatrix": str(grid.deepest),
                "propertiesSchema": {"type": "object", "properties": {
                    column.name: self._property(column) for column in columns}},
            }

    def _property(self, column: Column) -> dict[str, str]:
        form = {"datetime": "date-time", "date": "date"}.get(column.type)
        return {"title": column.title.get(self.language), "type": _JSON_TYPES.get(column.type, "string"),
                **({"format": form} if form else {})}

    def _itself(self, address: str, title: str) -> list[dict[str, Any]]:
        """Links to a document and to its page."""
        return [_link("self", address, "application/json", title),
                _link("alternate", f"{address}?f=html", "text/html", self._text("page"))]

    def _grid_address(self, grid: Grid) -> str:
        return f"{self.base}/tileMatrixSets/{grid.id}"

    def _text(self, name: str) -> str:
        return _TITLES[name].get(self.language)


def _limits(limits: Limits) -> dict[str, Any]:
    (first_row, last_row), (first_column, last_column) = limits.rows, limits.columns
    return {"tileMatrix": str(limits.matrix), "minTileRow": first_row, "maxTileRow": last_row,
            "minTileCol": first_column, "maxTileCol": last_column}


def _link(relation: str, address: str, media_type: str, title: str) -> dict[str, Any]:
    return {"rel": relation, "type": media_type, "title": title, "href": address}
