"""The divided land measured: its parcels as rings, and lines and places on the earth for whatever lies on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np

from sdi.demo.chance import Scenario
from sdi.demo.gml import Point
from sdi.demo.land import Block, Division, Lattice, Rectangle, divide
from sdi.demo.units import CELL, NET, place

_NET: list[list[list[float]]] = NET.tolist()
_LAST_COLUMN, _LAST_ROW = len(_NET) - 2, len(_NET[0]) - 2

CLASSED = {"R": "R", "Br": "R", "S": "R", "Ł": "Ł", "Ps": "Ps", "Ls": "Ls", "Lz": "Lz"}
"""Land uses that have soil classes, and the kind of land (OZU) they are classed as."""
SOILS = {"R": ("II", "IIIa", "IIIb", "IVa", "IVb", "V"), "Ł": ("III", "IV", "V"), "Ps": ("III", "IV", "V"),
         "Ls": ("III", "IV", "V"), "Lz": ("IV", "V")}


def spot(x: int, y: int) -> Point:
    """One point of the plane in EPSG:2177; the same as `units.place`, without arrays."""
    i, j = min(x // CELL, _LAST_COLUMN), min(y // CELL, _LAST_ROW)
    u, v = (x - i * CELL) / CELL, (y - j * CELL) / CELL
    a, b, c, d = _NET[i][j], _NET[i + 1][j], _NET[i][j + 1], _NET[i + 1][j + 1]
    return (round((a[0] * (1 - u) * (1 - v) + b[0] * u * (1 - v) + c[0] * (1 - u) * v + d[0] * u * v) * 100),
            round((a[1] * (1 - u) * (1 - v) + b[1] * u * (1 - v) + c[1] * (1 - u) * v + d[1] * u * v) * 100))


def path(*corners: tuple[int, int]) -> list[Point]:
    """A line of the plane along its axes, in EPSG:2177, with a vertex where it crosses the net and may bend."""
    points = [spot(*corners[0])]
    for (x0, y0), (x1, y1) in pairwise(corners):
        level = y0 == y1
        start, end = (x0, x1) if level else (y0, y1)
        bends = range((min(start, end) // CELL + 1) * CELL, max(start, end), CELL)
        for bend in bends if start < end else reversed(bends):
            points.append(spot(bend, y0) if level else spot(x0, bend))
        points.append(spot(x1, y1))
    return points


def outline(area: Rectangle) -> list[Point]:
    """The ring of a rectangle that need not share its corners with a neighbour, each corner once."""
    west, south, east, north = area
    return path((west, south), (east, south), (east, north), (west, north), (west, south))[:-1]


def square_metres(ring: Sequence[Point]) -> float:
    """Area of a ring."""
    e0, n0 = ring[0]
    moved = [(e - e0, n - n0) for e, n in ring]
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(moved, [*moved[1:], moved[0]], strict=True)) / 20_000


class Survey:
    """The land of a scenario, measured."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.divisions = divide(scenario)
        areas = np.array([plot.area for division in self.divisions for plot in division.plots], np.int64)
        self.lattice = Lattice(areas, CELL)
        self.corners = _placed(self.lattice)
        """EPSG:2177 of each corner of the lattice, by its number."""

    def county(self, county: str) -> list[Division]:
        """The precincts of a county."""
        return [division for division in self.divisions if division.precinct.commune.teryt.startswith(county)]

    def rings(self, areas: Sequence[Rectangle]) -> list[list[int]]:
        """The corners (numbers) on the border of each rectangle; its own corners must belong to the lattice."""
        return self.lattice.rings(np.array(areas, np.int64))

    def ring(self, numbers: Sequence[int]) -> list[Point]:
        """The corners of a ring in EPSG:2177."""
        return [self.corners[number] for number in numbers]

    @cached_property
    def _contours(self) -> tuple[Lattice, list[Point]]:
        areas = [plot.area for division in self.divisions for plot in division.plots]
        halves = [half for division in self.divisions for block in division.blocks.values()
                  for half, _ in soils(self.scenario, division, block)]
        lattice = Lattice(np.array(areas + halves, np.int64), CELL)
        return lattice, _placed(lattice)

    def contours(self, areas: Sequence[Rectangle]) -> Iterator[list[Point]]:
        """Rings of blocks and of their parts by soil, which share their borders with the parcels."""
        lattice, corners = self._contours
        for ring in lattice.rings(np.array(areas, np.int64).reshape(-1, 4)):
            yield [corners[number] for number in ring]


def soils(scenario: Scenario, division: Division, block: Block) -> list[tuple[Rectangle, str]]:
    """The parts of a block by soil class (OZK); none where its use has no classes."""
    kind = CLASSED.get(block.use)
    if kind is None:
        return []
    west, south, east, north = block.area
    draw = scenario.entity(f"gleba/{division.precinct.id}.{block.number}").draw
    first = draw.whole(0, 0, len(SOILS[kind]) - 2)
    classes = SOILS[kind][first], SOILS[kind][first + 1]
    if draw.share(1) < 0.4 or min(east - west, north - south) < 10_000:
        return [(block.area, classes[0])]
    if east - west >= north - south:
        cut = west + int((east - west) * (0.3 + 0.4 * draw.share(2)))
        return [((west, south, cut, north), classes[0]), ((cut, south, east, north), classes[1])]
    cut = south + int((north - south) * (0.3 + 0.4 * draw.share(2)))
    return [((west, south, east, cut), classes[0]), ((west, cut, east, north), classes[1])]


def _placed(lattice: Lattice) -> list[Point]:
    easting, northing = place(lattice.x, lattice.y)
    return list(zip(easting.tolist(), northing.tolist(), strict=True))
