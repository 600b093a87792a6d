"""Arcs and circles as strokes: vertices on the curve, no chord further from it than a tolerance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sdi.errors import Told
from sdi.model.text import Text

Coordinates = npt.NDArray[np.float64]
"""Shape (n, 2)."""

MOST_CHORDS = 10_000
"""Of one arc, whatever its radius: no register has larger ones, and a delivery must not fill the memory."""


class Straight(Told, ValueError):
    """Points that should lie on a circle lie on one line."""


def arc_string(points: Coordinates, tolerance: float) -> Coordinates:
    """Strokes of a gml:ArcString: each arc by its start, a point between, and its end; all of these are kept.

    `points` has an odd number of rows, at least three; `tolerance` is in the same units.
    """
    parts = [points[:1]]
    for start in range(0, len(points) - 2, 2):
        parts.append(_three_points(points[start : start + 3], tolerance)[1:])
    return np.concatenate(parts)


def circle(points: Coordinates, tolerance: float) -> Coordinates:
    """Strokes of a gml:Circle through three points; the first vertex is repeated at the end."""
    centre = _centre(points)
    if centre is None:
        raise Straight(Text(
            pl="trzy punkty okręgu leżą na jednej prostej", en="the three points of a circle lie on one line"))
    start, between, end = (math.atan2(*(point - centre)[::-1]) for point in points)
    turn = math.tau if _counterclockwise(start, between, end) else -math.tau
    strokes = sweep(centre, float(np.hypot(*(points[0] - centre))), start, turn, tolerance)
    strokes[0] = strokes[-1] = points[0]
    return strokes


def sweep(centre: Coordinates, radius: float, start: float, turn: float, tolerance: float) -> Coordinates:
    """Vertices on a circle from the angle `start` over `turn` radians (negative: clockwise)."""
    step = 2 * math.acos(1 - tolerance / radius) if radius > tolerance else math.pi / 2
    chords = min(MOST_CHORDS, math.ceil(abs(turn) / step)) if step > 0 else MOST_CHORDS
    angles = start + np.linspace(0.0, turn, max(1, chords) + 1)
    return np.asarray(centre + radius * np.column_stack((np.cos(angles), np.sin(angles))))


def _three_points(points: Coordinates, tolerance: float) -> Coordinates:
    centre = _centre(points)
    if centre is None:
        return points
    start, between, end = (math.atan2(*(point - centre)[::-1]) for point in points)
    radius = float(np.hypot(*(points[0] - centre)))
    full = math.tau if _counterclockwise(start, between, end) else -math.tau
    # Each half on its own: the point between stays a vertex, and a neighbour's reversed arc has the same strokes.
    first = sweep(centre, radius, start, math.fmod(between - start + full, full), tolerance)
    second = sweep(centre, radius, between, math.fmod(end - between + full, full), tolerance)
    first[0], first[-1], second[-1] = points
    return np.concatenate((first, second[1:]))


def _counterclockwise(start: float, between: float, end: float) -> bool:
    return (between - start) % math.tau < (end - start) % math.tau


def _centre(points: Coordinates) -> Coordinates | None:
    """Centre of the circle through three points; None where they lie on one line."""
    (ax, ay), (bx, by) = points[1] - points[0], points[2] - points[0]
    cross = 2 * (ax * by - ay * bx)
    a, b = ax * ax + ay * ay, bx * bx + by * by
    if abs(cross) <= 1e-12 * max(a, b):
        return None
    return np.asarray(points[0] + np.array([by * a - ay * b, ax * b - bx * a]) / cross)
