"""The tilesets of one tenant: which layers a tile holds at which scale, and which state of the data it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sdi.model.register import FeatureType
from sdi.services.contract import Published
from sdi.services.ogcapi.tiles.grids import Grid, Place, grids
from sdi.services.ogcapi.tiles.stamps import Stamp
from sdi.services.ows.styles import Label, attributes_of, drawing_order, style_of
from sdi.store import mvt
from sdi.store.changes import latest
from sdi.store.columns import ID, Column
from sdi.store.reader import Reader

EVERYTHING = ""
"""In the place of a collection's name: all collections of the tenant."""

DETAILED = 6_000
"""Largest scale denominator at which objects show all their attributes."""

def labelled(feature_type: FeatureType) -> Label | None:
    """The label of areas, which stands at a point of its own."""
    return style_of(feature_type).label if feature_type.geometry == "polygon" else None


def label_scale(label: Label) -> int:
    """Largest scale denominator of tiles with the label: a tile is drawn until it is twice as large."""
    return 2 * label.max_scale


def label_layer(feature_type: FeatureType) -> str:
    """The layer of these points."""
    return f"{feature_type.name}_etykiety"


Bounds = tuple[float, float, float, float]
"""EPSG:2180: min easting, min northing, max easting, max northing."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One state of a tileset's data."""

    stamp: Stamp
    mark: str
    """Another one for another state of the data or another way to make tiles of it."""
    committed_at: datetime | None
    extents: dict[str, Bounds]
    """Of each feature type that has objects with geometry."""

    @property
    def extent(self) -> Bounds | None:
        """Of all of them."""
        if not self.extents:
            return None
        west, south, east, north = zip(*self.extents.values(), strict=True)
        return min(west), min(south), max(east), max(north)


class Tilesets:
    """All tilesets of a tenant: each collection's and that of everything, in every grid."""

    def __init__(self, published: Published, reader: Reader, home: Path) -> None:
        self.published = published
        self.reader = reader
        self.home = home
        self._editions: dict[str, Edition] = {}
        self._recipes: dict[object, mvt.Recipe | None] = {}

    @property
    def grids(self) -> dict[str, Grid]:
        """Every grid by id, the default first."""
        return grids(self.home)

    @cached_property
    def drawn(self) -> tuple[FeatureType, ...]:
        """The tenant's feature types from the bottom of the map up."""
        return tuple(sorted(self.published.tenant.feature_types, key=drawing_order))

    def feature_types(self, collection: str) -> tuple[FeatureType, ...]:
        """What a tileset holds; nothing where there is no such tileset."""
        return tuple(ft for ft in self.drawn if collection in (EVERYTHING, ft.name))

    def known(self, collection: str, stamp: Stamp) -> Edition | None:
        """The state of a tileset's data as of a stamp, where it has been asked for before."""
        known = self._editions.get(collection)
        return known if known is not None and known.stamp == stamp else None

    def edition(self, collection: str, stamp: Stamp) -> Edition:
        """The state of a tileset's data as of a stamp; asks the database where it must. Raises psycopg errors."""
        known = self.known(collection, stamp)
        if known is None:
            names = [feature_type.name for feature_type in self.feature_types(collection)]
            feed, seq, committed_at = latest(self.reader, names)
            extents = {name: statistics.extent for name, statistics in self.reader.statistics().items()
                       if name in names and statistics.extent is not None}
            mark = blake2b(repr((feed, seq, self._making(collection))).encode(), digest_size=12).hexdigest()
            known = self._editions[collection] = Edition(stamp, mark, committed_at, extents)
        return known

    def first(self, feature_type: FeatureType, collection: str, grid: Grid) -> int:
        """The first matrix whose tiles hold a feature type: alone it is in all of them, smaller ones are overviews."""
        return 0 if collection else grid.first(style_of(feature_type).max_scale)

    def columns(self, feature_type: FeatureType, detailed: bool) -> tuple[Column, ...]:
        """What objects show: what the map says of them, or all that is published."""
        published = self.reader.columns(feature_type.name)
        style = style_of(feature_type)
        named = {feature_type.label, style.by, *(name for name, _, _ in style.before),
                 *(attributes_of(style.label) if style.label else ())}
        return (ID, *(column for name, column in published.items() if detailed or name in named))

    def encode(self, collection: str, edition: Edition, grid: Grid, place: Place) -> bytes:
        """A tile, not compressed; empty where there is nothing in it. Raises psycopg errors."""
        recipe = self._recipe(collection, grid, place.matrix)
        if edition.extent is None or recipe is None:
            return b""
        return mvt.encode(self.reader.pool, recipe, self._values(collection), grid.square(place), edition.extent)

    def _recipe(self, collection: str, grid: Grid, matrix: int) -> mvt.Recipe | None:
        """How the tiles of a matrix are made; None where it has no layers."""
        key = (collection, grid.id, matrix)
        if key not in self._recipes:
            types = [ft for ft in self.feature_types(collection) if matrix >= self.first(ft, collection, grid)]
            overview = bool(collection) and any(matrix < self.first(ft, EVERYTHING, grid) for ft in types)
            layers = list(self._layers(types, grid.scale(matrix)))
            # Many matrices have the same layers.
            alike = (grid.crs, overview, *((layer.name, len(layer.columns)) for layer in layers))
            if alike not in self._recipes:
                self._recipes[alike] = mvt.Recipe.of(layers, grid.crs, overview) if layers else None
            self._recipes[key] = self._recipes[alike]
        return self._recipes[key]

    def _layers(self, types: Iterable[FeatureType], scale: float) -> Iterator[mvt.Layer]:
        for ft in types:
            table = self.reader.table(ft.name)
            yield mvt.Layer(ft.name, table, self.columns(ft, scale <= DETAILED))
            if (label := labelled(ft)) is not None and scale <= label_scale(label):
                yield mvt.Layer(label_layer(ft), table, self.columns(ft, detailed=False), middle=True)

    def _values(self, collection: str) -> dict[str, Any]:
        """What the tenant's filter binds; it is the same for all feature types."""
        return next((self.reader.table(ft.name).values for ft in self.feature_types(collection)), {})

    def _making(self, collection: str) -> object:
        """All that decides about tiles besides the data."""
        return self._values(collection), [
            (grid.document, [self._recipe(collection, grid, matrix) for matrix in range(grid.deepest + 1)])
            for grid in self.grids.values()
        ]
