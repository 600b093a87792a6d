"""A small map of GeoJSON geometries as SVG: no tiles, no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from sdi.store.crs import Crs

Ring = Sequence[Sequence[float]]

_WIDTH, _HEIGHT, _MARGIN = 640.0, 400.0, 12.0


def drawing(geometries: Iterable[Mapping[str, Any] | None], crs: Crs, title: str) -> Markup:
    """SVG markup of GeoJSON geometries with coordinates in `crs` in its axis order; empty where there is none."""
    parts = [part for geometry in geometries if geometry is not None for part in _parts(geometry)]
    if not parts:
        return Markup("")
    across, up = (1, 0) if crs.flipped else (0, 1)
    places = [place for _, rings in parts for ring in rings for place in ring]
    west, east = min(place[across] for place in places), max(place[across] for place in places)
    south, north = min(place[up] for place in places), max(place[up] for place in places)
    # Degrees of longitude are shorter than degrees of latitude; projected coordinates are as they are.
    squeeze = math.cos(math.radians((south + north) / 2)) if crs.digits == 7 else 1.0
    scale = min(
        (_WIDTH - 2 * _MARGIN) / max((east - west) * squeeze, 1e-9),
        (_HEIGHT - 2 * _MARGIN) / max(north - south, 1e-9),
    )
    wide, left = squeeze * scale, _WIDTH / 2 - (west + east) / 2 * squeeze * scale
    top = _HEIGHT / 2 + (south + north) / 2 * scale

    def path(ring: Ring) -> str:
        return "M" + "L".join([f"{left + place[across] * wide:.1f} {top - place[up] * scale:.1f}" for place in ring])

    def mark(kind: str, rings: list[Ring]) -> str:
        if kind == "Point":
            x, y = path(rings[0])[1:].split()
            return f'<circle cx="{x}" cy="{y}" r="4"/>'
        if kind == "LineString":
            return f'<path fill="none" d="{path(rings[0])}"/>'
        return f'<path d="{" ".join([path(ring) + "Z" for ring in rings])}"/>'

    marks = "".join([mark(kind, rings) for kind, rings in parts])
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" aria-label="{escape(title)}"'
        ' xmlns="http://www.w3.org/2000/svg">'
        f'<g fill="#0b5fa533" stroke="#0b5fa5" stroke-width="1.2" fill-rule="evenodd">{marks}</g></svg>'
    )


def _parts(geometry: Mapping[str, Any]) -> Iterator[tuple[str, list[Ring]]]:
    """The points, lines and polygons that a geometry is made of, each as rings of positions; nothing that is empty."""
    kind = geometry["type"]
    if kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _parts(part)
        return
    single = kind.removeprefix("Multi")
    for coordinates in [geometry["coordinates"]] if kind == single else geometry["coordinates"]:
        rings = {"Point": [[coordinates]], "LineString": [coordinates]}.get(single, coordinates)
        if coordinates and all(rings):
            yield single, rings
