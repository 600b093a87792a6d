"""A small map of GeoJSON geometries as SVG: no tiles, no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import shapely
from markupsafe import Markup, escape
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from sdi.store.crs import Crs

_WIDTH, _HEIGHT, _MARGIN = 640.0, 400.0, 12.0


def drawing(geometries: Iterable[Mapping[str, Any] | None], crs: Crs, title: str) -> Markup:
    """SVG markup of geometries with coordinates in `crs` in its axis order; empty text where there is none."""
    shapes = [shape(geometry) for geometry in geometries if geometry is not None]
    shapes = [geometry for geometry in shapes if not geometry.is_empty]
    if not shapes:
        return Markup("")
    if crs.flipped:
        shapes = [shapely.transform(geometry, lambda xy: xy[:, ::-1]) for geometry in shapes]
    west, south, east, north = shapely.total_bounds(shapes)
    # Degrees of longitude are shorter than degrees of latitude; projected coordinates are as they are.
    squeeze = math.cos(math.radians((south + north) / 2)) if crs.digits == 7 else 1.0
    scale = min(
        (_WIDTH - 2 * _MARGIN) / max((east - west) * squeeze, 1e-9),
        (_HEIGHT - 2 * _MARGIN) / max(north - south, 1e-9),
    )
    middle_x, middle_y = (west + east) / 2, (south + north) / 2

    def placed(x: float, y: float) -> str:
        return f"{_WIDTH / 2 + (x - middle_x) * squeeze * scale:.1f} {_HEIGHT / 2 - (y - middle_y) * scale:.1f}"

    marks = "".join(_mark(geometry, placed) for geometry in shapes)
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" aria-label="{escape(title)}"'
        ' xmlns="http://www.w3.org/2000/svg">'
        f'<g fill="#0b5fa533" stroke="#0b5fa5" stroke-width="1.2" fill-rule="evenodd">{marks}</g></svg>'
    )


def _mark(geometry: BaseGeometry, placed: Any) -> str:
    match geometry.geom_type:
        case "Point":
            x, y = placed(geometry.x, geometry.y).split()
            return f'<circle cx="{x}" cy="{y}" r="4"/>'
        case "LineString":
            return f'<path fill="none" d="{_path(geometry.coords, placed)}"/>'
        case "Polygon":
            rings = (geometry.exterior, *geometry.interiors)
            return f'<path d="{" ".join(_path(ring.coords, placed) + "Z" for ring in rings)}"/>'
        case _:
            return "".join(_mark(part, placed) for part in geometry.geoms)


def _path(coordinates: Iterable[tuple[float, ...]], placed: Any) -> str:
    return "M" + "L".join(placed(x, y) for x, y, *_ in coordinates)
