"""Buildings on parcels: at right angles, along the front of their parcel, and inside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from sdi.demo.chance import Entity, Scenario
from sdi.demo.gml import Point
from sdi.demo.land import BUILT, EAST, NORTH, SOUTH, WEST, Plot, Precinct
from sdi.demo.survey import spot

KINDS = {"B": ("m",) * 9 + ("h",), "Br": ("m", "m", "g"), "Bi": ("k", "b", "z", "h"), "Ba": ("p", "s", "t", "p")}
"""Kinds by KŚT (rodzajWgKST) that occur on a land use."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A right-angled frame in EPSG:2177: from `origin` along the front and, to its left, into the parcel."""

    origin: Point
    along: tuple[float, float]

    def at(self, s: float, t: float) -> Point:
        """The point `s` centimetres along the front and `t` into the parcel."""
        (e, n), (ue, un) = self.origin, self.along
        return round(e + s * ue - t * un), round(n + s * un + t * ue)

    def box(self, s: float, t: float, width: float, depth: float) -> list[Point]:
        """A rectangle with the near left corner at (s, t), counter-clockwise."""
        return [self.at(s, t), self.at(s + width, t), self.at(s + width, t + depth), self.at(s, t + depth)]


@dataclass(frozen=True, slots=True)
class Building:
    """A building; lengths in centimetres."""

    entity: Entity
    number: int
    """Within its parcel."""
    kind: str
    storeys: int
    basements: int
    ring: list[Point]
    frame: Frame
    """Its origin is the near left corner of the building."""
    width: int
    depth: int

    @property
    def door(self) -> Point:
        """The middle of the wall that faces the road."""
        return self.frame.at(self.width / 2, 0)

    @property
    def centre(self) -> Point:
        """A point inside."""
        return self.frame.at(self.width * 0.3, self.depth * 0.3)


def front_size(plot: Plot) -> tuple[int, int]:
    """Length of the front of a parcel and its depth, in centimetres of the plane."""
    west, south, east, north = plot.area
    return (east - west, north - south) if plot.front in (-1, SOUTH, NORTH) else (north - south, east - west)


def inside(plot: Plot, s: int, t: int) -> tuple[int, int]:
    """The point of the plane `s` along the front of a parcel and `t` behind it (before it, where negative)."""
    west, south, east, north = plot.area
    match plot.front:
        case side if side == NORTH:
            return east - s, north - t
        case side if side == WEST:
            return west + t, north - s
        case side if side == EAST:
            return east - t, south + s
        case _:
            return west + s, south + t


def buildings(scenario: Scenario, precinct: Precinct, plot: Plot) -> list[Building]:
    """The buildings of a parcel that are in the register: a main one, often a small one behind it."""
    if plot.use not in BUILT or plot.front < 0:
        return []
    name = f"{precinct.id}.{plot.number}"
    front, depth = front_size(plot)
    chance = scenario.entity(f"zabudowa/{name}").draw
    if chance.share(0) < (0.12 if plot.use != "Br" else 0.4) or front < 800 or depth < 1_100:
        return []
    widest = 3_600 if plot.use in ("Bi", "Ba") else 1_800 if precinct.commune.town else 1_500
    width = int(min(front - 2 * (150 + depth * 0.1), widest) * (0.75 + 0.2 * chance.share(1)))
    deep = int(min(depth * 0.38, widest * 0.8) * (0.75 + 0.25 * chance.share(2)))
    if width < 350 or deep < 350:
        return []
    setback = int(min(depth * 0.25, 800))
    storeys = (2, 3, 4, 5) if precinct.commune.town else (1, 2, 2)
    entity = scenario.entity(f"budynek/{name}.1")
    found = [_building(entity, 1, entity.facts.of(4, KINDS[plot.use]), entity.facts.of(5, storeys), plot,
                       (front // 2, setback + deep // 2), (width, deep), chance.share(3) < 0.35)]
    behind = depth - setback - deep
    if behind > 1_500 and chance.share(4) < 0.5:
        entity = scenario.entity(f"budynek/{name}.2")
        size = int(min(width, 500)), int(min(behind * 0.3, 700))
        found.append(_building(entity, 2, entity.facts.of(4, ("i", "g", "i")), 1, plot,
                               (front // 2, setback + deep + behind // 2), size, False))
    return [building for building in found if building.entity.present]


def _building(entity: Entity, number: int, kind: str, storeys: int, plot: Plot, middle: tuple[int, int],
              size: tuple[int, int], bent: bool) -> Building:
    (s, t), (width, deep) = middle, size
    here, ahead = spot(*inside(plot, s, t)), spot(*inside(plot, s + 500, t))
    far = hypot(ahead[0] - here[0], ahead[1] - here[1])
    along = (ahead[0] - here[0]) / far, (ahead[1] - here[1]) / far
    frame = Frame(Frame(here, along).at(-width / 2, -deep / 2), along)
    ring = frame.box(0, 0, width, deep)
    if bent:  # an L: the far right corner is cut out
        ring = [*ring[:2], frame.at(width, deep * 0.55), frame.at(width * 0.5, deep * 0.55),
                frame.at(width * 0.5, deep), ring[3]]
    return Building(entity, number, kind, storeys, int(entity.facts.share(6) < 0.4), ring, frame, width, deep)
