"""The tile matrix sets: read from `tiles/grids/*.json`, which are what is served (OGC 17-083r4, JSON encoding)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sdi.store.crs import PUBLISHED_CRS, Crs, bounds_in
from sdi.store.mvt import PIXELS, Square

DEEPEST: Mapping[str, int] = {"WebMercatorQuad": 18, "PL1992": 16}
"""The last matrix with tiles: there a unit of a tile is 2 cm in nature, or less."""

_PIXEL_M = 0.00028
"""Of a display, by the standard (OGC 17-083r4, clause 6.1)."""

_STRETCH: Mapping[int, float] = {3857: 1 / math.cos(math.radians(52))}
"""How much longer a metre is in a CRS than in nature, in the middle of Poland."""


@dataclass(frozen=True, slots=True)
class Place:
    """One tile of a grid."""

    matrix: int
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Limits:
    """First and last rows and columns of one matrix (OGC 17-083r4, TileMatrixSetLimits)."""

    matrix: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    def hold(self, place: Place) -> bool:
        """Whether a tile of this matrix lies within."""
        return self.rows[0] <= place.row <= self.rows[1] and self.columns[0] <= place.column <= self.columns[1]


@dataclass(frozen=True, slots=True)
class Grid:
    """A tile matrix set. Its matrices are named by their numbers, and every tile is a square."""

    id: str
    document: dict[str, Any]
    """As it is served."""
    crs: Crs
    deepest: int
    """The last matrix with tiles."""

    def scale(self, matrix: int) -> float:
        """The scale denominator in the middle of Poland of a tile that is drawn PIXELS wide."""
        return self._side(matrix) / _STRETCH.get(self.crs.srid, 1.0) / PIXELS / _PIXEL_M

    def first(self, max_scale: float | None) -> int:
        """The first matrix that is drawn no smaller than 1 : `max_scale`; the one after the last where none is."""
        if max_scale is None:
            return 0
        return next((z for z in range(self.deepest + 1) if self.scale(z) <= max_scale), self.deepest + 1)

    def square(self, place: Place) -> Square:
        """Where a tile lies."""
        left, top = self._origin(place.matrix)
        side = self._side(place.matrix)
        west, north = left + place.column * side, top - place.row * side
        return Square(self.crs, west, north - side, west + side, north)

    def limits(self, extent: tuple[float, float, float, float], matrix: int) -> Limits:
        """The tiles that an extent in EPSG:2180 (x = easting) touches."""
        west, south, east, north = bounds_in(extent, self.crs.srid)
        left, top = self._origin(matrix)
        side, matrix_document = self._side(matrix), self.document["tileMatrices"][matrix]

        def within(distance: float, count: int) -> int:
            return min(max(math.floor(distance / side), 0), count - 1)

        height, width = matrix_document["matrixHeight"], matrix_document["matrixWidth"]
        return Limits(matrix, (within(top - north, height), within(top - south, height)),
                      (within(west - left, width), within(east - left, width)))

    def _side(self, matrix: int) -> float:
        document = self.document["tileMatrices"][matrix]
        return float(document["cellSize"] * document["tileWidth"])

    def _origin(self, matrix: int) -> tuple[float, float]:
        """The upper left corner, x first."""
        first, second = self.document["tileMatrices"][matrix]["pointOfOrigin"]
        return (second, first) if self.crs.flipped else (first, second)


@cache
def grids(home: Path) -> dict[str, Grid]:
    """The grids below `<home>/tiles/grids` by id, the default first."""
    folder = home / "tiles" / "grids"
    documents = (json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in DEEPEST)
    return {d["id"]: Grid(d["id"], d, PUBLISHED_CRS[d["crs"]], DEEPEST[d["id"]]) for d in documents}
