"""The division of the land into parcels, by splitting: precincts by roads into blocks, blocks into parcels.

All is done on the plane of `sdi.demo.units`, with upright rectangles of whole centimetres, so that parcels cannot
overlap and leave no gap. Parcels are small around the centre of a precinct and large far from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import erf, pi, sqrt

import numpy as np

from sdi.demo.chance import Draw, Scenario
from sdi.demo.units import COMMUNES, SIDE, Commune, Integers

Rectangle = tuple[int, int, int, int]
"""West, south, east, north on the plane, in centimetres."""

WEST, SOUTH, EAST, NORTH = range(4)

ROAD, RIVER, DITCH = "dr", "Wp", "W"
BUILT = frozenset({"B", "Bi", "Ba", "Br"})
FIELDS = ("R",) * 31 + ("Ł",) * 6 + ("Ps",) * 4 + ("Ls",) * 5 + ("Lz", "N", "S", "Ws")
RIVER_WIDTH, DITCH_WIDTH = 2_400, 500
ROAD_WIDTHS = (1_600, 1_200, 1_000, 800)
"""By level of splitting; deeper levels have the last one."""


@dataclass(frozen=True, slots=True)
class Precinct:
    """An obręb: part of a commune with parcel numbers of its own."""

    commune: Commune
    number: int
    """From 1."""
    area: Rectangle

    @property
    def id(self) -> str:
        """idObrebu: 041506_2.0003."""
        return f"{self.commune.unit_id}.{self.number:04d}"

    @property
    def name(self) -> str:
        """Its own name."""
        return self.commune.villages[self.number - 1]


@dataclass(frozen=True, slots=True)
class Plot:
    """One parcel on the plane."""

    area: Rectangle
    use: str
    number: str
    """Within the precinct: 12 or 12/4."""
    front: int
    """Side that lies at a road: WEST, SOUTH, EAST, NORTH; -1: none."""
    road: int
    """Width of that road in centimetres."""
    block: int


@dataclass(frozen=True, slots=True)
class Road:
    """A strip of land between blocks; `ends` are the widths of the roads that it meets, 0 for none."""

    area: Rectangle
    upright: bool
    ends: tuple[int, int]
    built_up: bool
    """Building plots lie along it, or it leads from village to village."""
    number: str

    @property
    def width(self) -> int:
        """Width in centimetres."""
        west, south, east, north = self.area
        return east - west if self.upright else north - south


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring parcels of one land use."""

    area: Rectangle
    use: str
    number: int


@dataclass(slots=True)
class Division:
    """A precinct divided."""

    precinct: Precinct
    plots: list[Plot]
    roads: list[Road]
    blocks: dict[int, Block]


def precincts(scenario: Scenario, commune: Commune) -> list[Precinct]:
    """The precincts of a commune: two columns of three, their borders not quite in line."""
    west, south, east, north = commune.square
    draw = Draw(scenario.seed, f"precincts/{commune.teryt}")
    middle = west + int(SIDE * (0.47 + 0.08 * Draw(scenario.seed, f"river/{commune.column}").share(0)))
    found: dict[int, Precinct] = {}
    for column, (x0, x1) in enumerate(((west, middle), (middle, east))):
        cuts = [south, *(south + int(SIDE * (row / 3 - 0.04 + 0.08 * draw.share(2 * column + row))) for row in (1, 2)),
                north]
        for row in range(3):
            number = 2 * row + column + 1
            found[number] = Precinct(commune, number, (x0, cuts[row], x1, cuts[row + 1]))
    return [found[number] for number in sorted(found)]


def divide(scenario: Scenario) -> list[Division]:
    """Every precinct of the region, divided into about `scenario.parcels` parcels in all."""
    found = [precinct for commune in COMMUNES for precinct in precincts(scenario, commune)]
    mean = _square_metres((0, 0, SIDE, SIDE)) * len(COMMUNES) / scenario.parcels
    peak = max(1.0, mean / 360 - 1)
    attraction = [_attraction(precinct, peak) * _square_metres(precinct.area) for precinct in found]
    return [
        _Divider(scenario, precinct, peak).divide(round(scenario.parcels * mass / sum(attraction)))
        for precinct, mass in zip(found, attraction, strict=True)
    ]


def _attraction(precinct: Precinct, peak: float) -> float:
    seat = 2.0 if precinct.number == 1 else 1.0
    return 1 + (seat * (2.0 if precinct.commune.town else 1.0) - 1) * min(1.0, peak / 99)


def _square_metres(area: Rectangle) -> float:
    west, south, east, north = area
    return (east - west) * (north - south) / 10_000


class _Divider:
    """Divides one precinct; what it makes depends on seed, precinct and number of parcels only."""

    def __init__(self, scenario: Scenario, precinct: Precinct, peak: float) -> None:
        self.scenario, self.precinct, self.peak = scenario, precinct, peak
        index = COMMUNES.index(precinct.commune)
        self.random = np.random.Generator(np.random.PCG64([scenario.seed, index, precinct.number]))
        west, south, east, north = precinct.area
        self.centre = (west + (east - west) * self.random.uniform(0.4, 0.6),
                       south + (north - south) * self.random.uniform(0.4, 0.6))
        self.spread = 100 * sqrt(1.5 * _square_metres(precinct.area) / (2 * pi * peak))
        self.plots: list[Plot] = []
        self.roads: list[Road] = []
        self.blocks: dict[int, Block] = {}
        self.last = 0
        """The highest parcel number given."""
        self.built = 0
        """Blocks of building plots so far."""

    def divide(self, count: int) -> Division:
        """The precinct's eastern or northern border strips first, then blocks, then parcels."""
        west, south, east, north = self.precinct.area
        borders = [0, 0, 0, 0]
        if self.precinct.number % 2:
            width, use = (RIVER_WIDTH, RIVER) if self.precinct.commune.column else (DITCH_WIDTH, DITCH)
            self._strip((east - width, south, east, north), use)
            east -= width
        if self.precinct.number < 5:
            self._road((west, north - ROAD_WIDTHS[0], east, north), False, (0, 0), True)
            north -= ROAD_WIDTHS[0]
            borders[NORTH] = ROAD_WIDTHS[0]
        if self.precinct.number > 2:
            borders[SOUTH] = ROAD_WIDTHS[0]
        self._split((west, south, east, north), max(count - len(self.plots), 1), tuple(borders), 0)
        return Division(self.precinct, self.plots, self._with_houses(), self.blocks)

    def _with_houses(self) -> list[Road]:
        """The roads, `built_up` where the front of a building plot lies along them."""
        fronts: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for plot in self.plots:
            if plot.use in BUILT and plot.front >= 0:
                upright = plot.front in (WEST, EAST)
                ends = (plot.area[SOUTH], plot.area[NORTH]) if upright else (plot.area[WEST], plot.area[EAST])
                fronts.setdefault((plot.front, plot.area[plot.front]), []).append(ends)

        def houses(road: Road) -> bool:
            west, south, east, north = road.area
            sides = ((WEST, east), (EAST, west)) if road.upright else ((SOUTH, north), (NORTH, south))
            low, high = (south, north) if road.upright else (west, east)
            return any(start >= low and end <= high for side in sides for start, end in fronts.get(side, ()))

        return [replace(road, built_up=road.built_up or houses(road)) for road in self.roads]

    def _mass(self, area: Rectangle) -> float:
        """Integral of the density of parcels: one, and a bell around the centre."""
        def bell(low: int, high: int, centre: float) -> float:
            scale = self.spread * sqrt(2)
            return self.spread / 100 * sqrt(pi / 2) * (erf((high - centre) / scale) - erf((low - centre) / scale))

        west, south, east, north = area
        return _square_metres(area) + self.peak * bell(west, east, self.centre[0]) * bell(south, north, self.centre[1])

    def _split(self, area: Rectangle, count: int, borders: tuple[int, ...], level: int) -> None:
        west, south, east, north = area
        across, along = min(east - west, north - south), max(east - west, north - south)
        width = ROAD_WIDTHS[min(level, 3)]
        village = count > 4 and _square_metres(area) / count > 2_500 and (
            west <= self.centre[0] <= east and south <= self.centre[1] <= north)
        if (count <= self.random.integers(8, 15) and not village) or across < 6 * width:
            self._block(area, count, borders)
            return
        upright = (east - west) >= (north - south)
        low = west if upright else south
        share = self.random.uniform(0.38, 0.62)
        if village:  # cut close to the village, not through it
            aside = self.random.choice((-1.0, 1.0)) * self.random.uniform(1.0, 2.0) * self.spread
            share = min(max((self.centre[1 - upright] + aside - low) / along, 0.15), 0.85)
        cut = low + int(along * share) - width // 2
        first: Rectangle = (west, south, cut, north) if upright else (west, south, east, cut)
        road: Rectangle = (cut, south, cut + width, north) if upright else (west, cut, east, cut + width)
        second: Rectangle = (cut + width, south, east, north) if upright else (west, cut + width, east, north)
        masses = self._mass(first), self._mass(second)
        part = min(max(round((count - 1) * masses[0] / sum(masses)), 1), count - 2)
        near, far = (WEST, EAST) if upright else (SOUTH, NORTH)
        ends = (borders[SOUTH], borders[NORTH]) if upright else (borders[WEST], borders[EAST])
        self._road(road, upright, ends)
        self._split(first, part, tuple(width if side == far else borders[side] for side in range(4)), level + 1)
        self._split(second, count - 1 - part,
                    tuple(width if side == near else borders[side] for side in range(4)), level + 1)

    def _strip(self, area: Rectangle, use: str) -> str:
        self.last += 1
        self.blocks[self.last] = Block(area, use, self.last)
        self.plots.append(Plot(area, use, str(self.last), -1, 0, self.last))
        return str(self.last)

    def _road(self, area: Rectangle, upright: bool, ends: tuple[int, int], built_up: bool = False) -> None:
        self.roads.append(Road(area, upright, ends, built_up, self._strip(area, ROAD)))

    def _block(self, area: Rectangle, count: int, borders: tuple[int, ...]) -> None:
        """A block of `count` parcels: two rows of plots back to back, or strips of fields."""
        west, south, east, north = area
        mean = _square_metres(area) / count
        use = self._use(mean)
        self.last += 1
        block = self.last
        self.blocks[block] = Block(area, use, block)
        wide = (east - west) >= (north - south)
        sides = (SOUTH, NORTH) if wide else (WEST, EAST)
        rows = [(area, count, sides[0] if borders[sides[0]] or not borders[sides[1]] else sides[1])]
        if count > 3 and (use in BUILT or use == "Bz" or mean < 2_500):
            low, high = (south, north) if wide else (west, east)
            cut = low + int((high - low) * self.random.uniform(0.44, 0.56))
            halves: tuple[Rectangle, Rectangle] = (
                ((west, south, east, cut), (west, cut, east, north)) if wide
                else ((west, south, cut, north), (cut, south, east, north)))
            rows = [(halves[0], count // 2, sides[0]), (halves[1], count - count // 2, sides[1])]
        part = 0
        for row, pieces, front in rows:
            for piece in self._strips(row, pieces, wide):
                part += 1
                if use in BUILT and count > 1:
                    number = f"{block}/{part}"
                else:
                    self.last += part > 1
                    number = str(self.last)
                self._plot(Plot(piece, use, number, front if borders[front] else -1, borders[front], block), count)

    def _use(self, mean: float) -> str:
        chance = self.random.random()
        if mean < 2_500:
            self.built += 1
            if self.built == 2:  # every village has a park or a public building
                return ("Bz", "Bi")[self.precinct.number % 2]
            return "Bi" if chance < 0.05 else "Ba" if chance < 0.08 else "Bz" if chance < 0.11 else "B"
        if mean < 6_000:
            return "Br" if chance < 0.6 else "R"
        return FIELDS[int(chance * len(FIELDS))]

    def _strips(self, area: Rectangle, count: int, wide: bool) -> list[Rectangle]:
        west, south, east, north = area
        low, high = (west, east) if wide else (south, north)
        steps = np.cumsum(self.random.uniform(0.8, 1.2, count))
        cuts = [low, *(low + (high - low) * steps[:-1] / steps[-1]).astype(int).tolist(), high]
        return [(a, south, b, north) if wide else (west, a, east, b) for a, b in pairwise(cuts)]

    def _plot(self, plot: Plot, count: int) -> None:
        """Keep a plot; a revision that touches it may divide it in two with new numbers."""
        name = f"dzialka/{self.precinct.id}.{plot.number}"
        west, south, east, north = plot.area
        draw = Draw(self.scenario.seed, name)
        wide = (east - west) >= (north - south)
        if draw.share(15) >= self.scenario.revision / 300 or max(east - west, north - south) < 1_600:
            self.plots.append(plot)
            return
        cut = (west + east) // 2 if wide else (south + north) // 2
        pieces: tuple[Rectangle, Rectangle] = (
            ((west, south, cut, north), (cut, south, east, north)) if wide
            else ((west, south, east, cut), (west, cut, east, north)))
        base, _, part = plot.number.partition("/")
        first = count + 2 * int(part or 0) + 1 if part else 1
        for offset, piece in enumerate(pieces):
            inner = ((EAST, WEST) if wide else (NORTH, SOUTH))[offset]
            front = -1 if plot.front == inner else plot.front
            self.plots.append(Plot(piece, plot.use, f"{base}/{first + offset}", front, plot.road, plot.block))


class Lattice:
    """The corners of all rectangles, so that each ring passes through every corner that lies on it."""

    STRIDE = 1 << 22

    def __init__(self, areas: Integers, cell: int) -> None:
        """`areas` has shape (n, 4); lines of the net `cell` apart give further corners, where borders bend."""
        west, south, east, north = areas.T
        xs, ys = [west, east, west, east], [south, south, north, north]
        for line in range(0, int(areas.max()) + 1, cell):
            upright, level = (west < line) & (line < east), (south < line) & (line < north)
            for y in (south, north):
                xs.append(np.full(int(upright.sum()), line))
                ys.append(y[upright])
            for x in (west, east):
                xs.append(x[level])
                ys.append(np.full(int(level.sum()), line))
        by_x = np.unique(np.concatenate(xs) * self.STRIDE + np.concatenate(ys))
        self.x, self.y = by_x // self.STRIDE, by_x % self.STRIDE
        by_y = self.y * self.STRIDE + self.x
        self._order = np.argsort(by_y)
        self._by_x, self._by_y = by_x, by_y[self._order]

    def rings(self, areas: Integers) -> list[list[int]]:
        """Numbers of the corners on the border of each rectangle (n, 4), counter-clockwise, each once."""
        west, south, east, north = areas.T
        stride = self.STRIDE
        bounds = np.stack([
            np.searchsorted(self._by_y, south * stride + west), np.searchsorted(self._by_y, south * stride + east),
            np.searchsorted(self._by_x, east * stride + south), np.searchsorted(self._by_x, east * stride + north),
            np.searchsorted(self._by_y, north * stride + west), np.searchsorted(self._by_y, north * stride + east),
            np.searchsorted(self._by_x, west * stride + south), np.searchsorted(self._by_x, west * stride + north),
        ], axis=1).tolist()
        order = self._order
        return [
            [*order[s0:s1].tolist(), *range(e0, e1), *order[n0 + 1:n1 + 1][::-1].tolist(), *range(w1, w0, -1)]
            for s0, s1, e0, e1, n0, n1, w0, w1 in bounds
        ]
