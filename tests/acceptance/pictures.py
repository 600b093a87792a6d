"""Whether a picture of a map shows parcels where they lie; standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import hypot
from typing import Any

from tests.acceptance.checks import Position

Pixel = Callable[[tuple[int, int]], Any]
"""The brightness (0 to 255) of the pixel in a column and a row."""

Box = tuple[float, float, float, float]

DARK = 150
"""Lines are darker than that, the paper is lighter."""

NEAR_PX = 2

CLEAR_PX = 6
"""So far from every line, and not under a label, the paper is seen."""


def not_blank(pixel: Pixel, size: tuple[int, int]) -> None:
    """Raises AssertionError where a picture has one brightness only."""
    seen = {pixel((column, row)) for column in range(0, size[0], 3) for row in range(0, size[1], 3)}
    assert len(seen) > 1, f"all pixels are alike: {seen}"


def parcel_is_drawn(pixel: Pixel, size: tuple[int, int], bounds: Box, parcel: dict[str, Any]) -> None:
    """That a line runs along all of a parcel's boundary, and paper is beside it, so that it is this line.

    `bounds` are the picture's, and `ring` and `edges` of the parcel are in its CRS, x first. Raises AssertionError.
    """
    scale = size[0] / (bounds[2] - bounds[0])

    def to_pixel(x: float, y: float) -> Position:
        return (x - bounds[0]) * scale, (bounds[3] - y) * scale

    ring = [to_pixel(x, y) for x, y in parcel["ring"]]
    on = [_dark_near(pixel, size, position, NEAR_PX) for position in _along(ring, 3)]
    assert sum(on) >= 0.97 * len(on), f"{len(on) - sum(on)} of {len(on)} places on the parcel's boundary have no line"
    lines = [[to_pixel(x, y) for x, y in edge] for edge in parcel["edges"]]
    shifts = [(dx, dy) for dx in (-12, 0, 12) for dy in (-12, 0, 12) if dx or dy]
    off = [pixel((round(x + dx), round(y + dy))) < DARK
           for x, y in _along(ring, 9) for dx, dy in shifts
           if all(_distance((x + dx, y + dy), line) > CLEAR_PX for line in lines)]
    assert off, "nowhere beside the boundary to look at"
    assert sum(off) <= 0.15 * len(off), f"{sum(off)} of {len(off)} places beside the lines are dark"


def _dark_near(pixel: Pixel, size: tuple[int, int], position: Position, near: int) -> bool:
    column, row = round(position[0]), round(position[1])
    return any(pixel((c, r)) < DARK for c in range(column - near, column + near + 1)
               for r in range(row - near, row + near + 1) if 0 <= c < size[0] and 0 <= r < size[1])


def _along(path: list[Position], step: float) -> Iterator[Position]:
    """Positions on a path, a step apart."""
    for (x0, y0), (x1, y1) in pairwise(path):
        count = max(1, round(hypot(x1 - x0, y1 - y0) / step))
        for part in range(count):
            yield x0 + (x1 - x0) * part / count, y0 + (y1 - y0) * part / count


def _distance(position: Position, path: list[Position]) -> float:
    """How far a position is from a path."""
    x, y = position
    nearest = float("inf")
    for (x0, y0), (x1, y1) in pairwise(path):
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        share = 0.0 if length == 0 else min(1.0, max(0.0, ((x - x0) * dx + (y - y0) * dy) / length))
        nearest = min(nearest, hypot(x - x0 - share * dx, y - y0 - share * dy))
    return nearest
