"""The fixed land of the sample region: two counties, four communes, and how its plane lies on the earth.

The land is drawn on a flat plane, a lattice of whole centimetres, and laid on the earth by a bilinear map over a net
of nodes 500 m apart. A line of the lattice stays straight within a cell of the net, so whoever shares a line of the
plane shares it on the earth, and communes tile their county, parcels tile their commune.

`python -m sdi.demo.units` prints `configs/regions/demo/units.geojson`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj
from shapely import Polygon, union_all

SRID = 2177
"""PL-2000 zone 6, the CRS of the counties near Toruń."""

Integers = npt.NDArray[np.int64]

CELL = 50_000
"""Distance of the nodes of the net, in centimetres of the plane."""
SIDE = 12 * CELL
"""Width and height of a commune on the plane: 6 km."""
COLUMNS, ROWS = 2, 2


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune of the sample region; `column` and `row` say which square of the plane is its own."""

    teryt: str
    """Seven digits, the last one is the type: 1 urban, 2 rural."""
    name: str
    column: int
    row: int
    villages: tuple[str, ...]
    """Names of its precincts (obręby), from the south-west, row by row, two in a row."""

    @property
    def unit_id(self) -> str:
        """Identifier of the cadastral unit (jednostka ewidencyjna): 041501_1."""
        return f"{self.teryt[:6]}_{self.teryt[6]}"

    @property
    def town(self) -> bool:
        """Whether it is urban: denser, with street names and heating."""
        return self.teryt[6] == "1"

    @property
    def square(self) -> tuple[int, int, int, int]:
        """West, south, east, north on the plane, in centimetres."""
        return (self.column * SIDE, self.row * SIDE, (self.column + 1) * SIDE, (self.row + 1) * SIDE)


COUNTIES = {"0404": "powiat chełmiński (dane przykładowe)", "0415": "powiat toruński (dane przykładowe)"}

COMMUNES = (
    Commune("0404072", "Unisław (dane przykładowe)", 0, 0,
            ("Unisław", "Gołoty", "Kokocko", "Grzybno", "Stablewice", "Bruki")),
    Commune("0404032", "Kijewo Królewskie (dane przykładowe)", 0, 1,
            ("Kijewo Królewskie", "Brzozowo", "Trzebcz", "Napole", "Płutowo", "Szymborno")),
    Commune("0415062", "Łysomice (dane przykładowe)", 1, 0,
            ("Łysomice", "Ostaszewo", "Turzno", "Gostkowo", "Zakrzewko", "Wytrębowice")),
    Commune("0415011", "Chełmża (dane przykładowe)", 1, 1,
            ("Obręb 1", "Obręb 2", "Obręb 3", "Obręb 4", "Obręb 5", "Obręb 6")),
)


def communes(county: str) -> tuple[Commune, ...]:
    """The communes of a county (TERYT, four digits)."""
    return tuple(commune for commune in COMMUNES if commune.teryt.startswith(county))


def _net() -> npt.NDArray[np.float64]:
    """Easting and northing (EPSG:2177, metres) of each node; shape (columns + 1, rows + 1, 2).

    Long waves and a shift of each node of its own bend the lines; a turn by 7 degrees takes them off the grid north.
    """
    i, j = np.meshgrid(np.arange(COLUMNS * SIDE // CELL + 1), np.arange(ROWS * SIDE // CELL + 1), indexing="ij")
    shift = np.random.Generator(np.random.PCG64(2177)).uniform(-22, 22, (*i.shape, 2))
    x = (i - i.max() / 2) * CELL / 100 + 140 * np.sin(j * 0.61 + 0.4) + 70 * np.sin(j * 1.13 + i * 0.35) + shift[..., 0]
    y = (j - j.max() / 2) * CELL / 100 + 120 * np.sin(i * 0.53 + 1.1) + 80 * np.sin(i * 0.97 - j * 0.41) + shift[..., 1]
    turn = np.radians(7)
    easting = 6_538_000 + x * np.cos(turn) - y * np.sin(turn)
    northing = 5_880_000 + x * np.sin(turn) + y * np.cos(turn)
    return np.round(np.stack([easting, northing], axis=-1), 2)


NET = _net()


def place(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Integers, Integers]:
    """Points of the plane (centimetres) to easting and northing in EPSG:2177, in whole centimetres."""
    x, y = np.asarray(x, np.int64), np.asarray(y, np.int64)
    i = np.clip(x // CELL, 0, NET.shape[0] - 2)
    j = np.clip(y // CELL, 0, NET.shape[1] - 2)
    u, v = ((x - i * CELL) / CELL)[..., None], ((y - j * CELL) / CELL)[..., None]
    laid = (NET[i, j] * (1 - u) * (1 - v) + NET[i + 1, j] * u * (1 - v)
            + NET[i, j + 1] * (1 - u) * v + NET[i + 1, j + 1] * u * v)
    whole = np.rint(laid * 100).astype(np.int64)
    return whole[..., 0], whole[..., 1]


def outline(commune: Commune) -> Polygon:
    """The polygon of a commune in EPSG:2177, x = easting, with a vertex at each node of the net."""
    west, south, east, north = commune.square
    along, across = range(west, east, CELL), range(south, north, CELL)
    ring = [*((x, south) for x in along), *((east, y) for y in across),
            *((east + west - x, north) for x in along), *((west, north + south - y) for y in across)]
    easting, northing = place(*zip(*ring, strict=True))
    return Polygon(np.stack([easting / 100, northing / 100], axis=-1))


def geojson() -> str:
    """The administrative division as GeoJSON in CRS84 (RFC 7946), counties first, each followed by its communes."""
    to_degrees = pyproj.Transformer.from_crs(SRID, "OGC:CRS84", always_xy=True).transform
    features = []
    for county, name in COUNTIES.items():
        polygons = {commune.teryt: (commune.name, outline(commune)) for commune in communes(county)}
        whole = union_all([polygon for _, polygon in polygons.values()])
        for teryt, (title, polygon) in {county: (name, whole), **polygons}.items():
            longitude, latitude = to_degrees(*polygon.exterior.xy)
            ring = [[round(x, 9), round(y, 9)] for x, y in zip(longitude, latitude, strict=True)]
            feature = {"type": "Feature", "properties": {"teryt": teryt, "name": title},
                       "geometry": {"type": "Polygon", "coordinates": [ring]}}
            features.append("  " + json.dumps(feature, ensure_ascii=False))
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n"


if __name__ == "__main__":
    print(geojson(), end="")
