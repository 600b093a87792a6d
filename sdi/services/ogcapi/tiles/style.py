"""A MapLibre style (Style Specification, version 8) for the tiles, from the same looks as the WMS.

It names neither glyphs nor a sprite: MapLibre GL JS 5.11 or newer then writes with the fonts of the device, and nothing
is asked of another host. Signs are letters that most fonts have; hatching is a tint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sdi.model.register import FeatureType
from sdi.services.ogcapi.tiles.documents import WEB, Documents
from sdi.services.ogcapi.tiles.grids import Grid
from sdi.services.ogcapi.tiles.tilesets import EVERYTHING, Edition, label_layer, labelled
from sdi.services.ows.layers import Kind
from sdi.services.ows.styles import BLACK, OPEN_SYMBOLS, WHITE, Label, Look, Style, style_of

_SOURCE = "sdi"

_GEOMETRIES: dict[Kind, str] = {"polygon": "Polygon", "line": "LineString", "point": "Point"}

_FONT = ["sans-serif"]

_SIGNS = {
    "square": "■", "triangle": "▲", "diamond": "◆", "manhole": "⊖", "hydrant": "⊕", "well": "◎", "valve": "⋈",
    "grate": "▦", "lamp": "☼", "cabinet": "□", "transformer": "▽", "mast": "⊥", "outlet": "∪", "deciduous": "○",
    "conifer": "△", "bush": "∘", "cross": "†", "monument": "▴", "fountain": "⊙", "ex": "×", "tick": "|",
}
"""Letters for the symbols of points and the marks on lines; all others are circles."""

_DRAWN_AT = 1_000
"""The scale denominator of the widths and sizes of looks; they follow the scale within bounds."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What is drawn alike but for its colours."""

    looks: tuple[tuple[str, Look], ...]
    """By code; the first is that of all other codes."""
    only: list[Any] | None
    """A filter; None: everything."""

    @property
    def look(self) -> Look:
        """The look of all other codes."""
        return self.looks[0][1]


def style(documents: Documents, collection: str, edition: Edition) -> Json:
    """The style of a tileset in the web's grid."""
    grid = documents.tilesets.grids[WEB]
    tilejson = documents.tilejson(collection, grid, edition)
    types = documents.tilesets.feature_types(collection)
    texts = sorted(((label.priority, ft, label) for ft in types if (label := style_of(ft).label)), key=lambda t: t[0])
    zooms = [documents.tilesets.first(ft, EVERYTHING, grid) for ft in types]
    return {
        "version": 8,
        "name": tilejson["name"],
        "center": tilejson["center"][:2],
        "zoom": max(13, *zooms) if collection else 13,
        "sources": {_SOURCE: {"type": "vector", "url": f"{documents.address(collection, grid)}/tilejson"}},
        "layers": [
            {"id": "tlo", "type": "background", "paint": {"background-color": WHITE}},
            *(layer for ft in types for layer in _shapes(ft, grid)),
            # Where they would overlap, the later one stays.
            *(_label(ft, label, grid) for _, ft, label in texts),
        ],
    }


def _cases(style: Style) -> Iterator[Case]:
    """The looks of a style, those together that differ in colours only; each object is of one case."""
    earlier: list[Any] = []
    for attribute, code, look in style.before:
        condition = ["==", ["get", attribute], code]
        yield Case((("", look),), ["all", condition, *(["!", other] for other in earlier)])
        earlier.append(condition)
    groups: dict[object, list[tuple[str, Look]]] = {_shape(style.look): [("", style.look)]}
    for code, look in dict(style.codes).items():
        groups.setdefault(_shape(look), []).append((code, look))
    codes = {name: [code for code, _ in looks] for name, looks in groups.items()}
    for name, looks in groups.items():
        others = [code for other, its in codes.items() if other != name for code in its]
        among: list[Any] = ["in", ["coalesce", ["get", style.by or ""], ""], ["literal", codes[name]]]
        if name == _shape(style.look):
            among = ["!", ["in", ["coalesce", ["get", style.by or ""], ""], ["literal", others]]]
        only = [*([among] if others else []), *(["!", other] for other in earlier)]
        yield Case(tuple(looks), ["all", *only] if only else None)


def _shape(look: Look) -> Look:
    """A look without its colours."""
    return replace(look, line=look.line and "", fill=look.fill and "", hatch=look.hatch and "")


def _shapes(feature_type: FeatureType, grid: Grid) -> Iterator[Json]:
    """Areas, lines and signs of one feature type."""
    style = style_of(feature_type)
    kinds: tuple[Kind, ...] = tuple(_GEOMETRIES) if feature_type.geometry == "any" else (feature_type.geometry,)
    for kind in kinds:
        for number, case in enumerate(_cases(style)):
            zoom = grid.first(min(filter(None, (style.max_scale, case.look.max_scale)), default=None))
            for part, drawn in _parts(kind, case, style.by, grid):
                only = [["==", ["geometry-type"], _GEOMETRIES[kind]]] if len(kinds) > 1 else []
                only += [case.only] if case.only else []
                yield {"id": f"{feature_type.name}-{kind}-{number}-{part}", "type": part.partition(".")[0],
                       "source": _SOURCE, "source-layer": feature_type.name, "minzoom": zoom,
                       **({"filter": ["all", *only]} if only else {}), **drawn}


def _parts(kind: Kind, case: Case, by: str | None, grid: Grid) -> Iterator[tuple[str, Json]]:
    """Types of MapLibre layers, each with its paint and layout."""
    look = case.look
    line, fill = _chosen(case, by, lambda each: each.line or each.fill or BLACK), _chosen(case, by, _fill)
    if kind == "polygon" and (look.fill or look.hatch):
        tint = {} if look.fill else {"fill-opacity": 0.2}
        yield "fill", {"paint": {"fill-color": fill if look.fill else look.hatch, "fill-antialias": False, **tint}}
    if kind == "line" or (kind == "polygon" and look.line):
        # MapLibre counts dashes in widths of the line.
        dash = {"line-dasharray": [round(length / look.width, 2) for length in look.dash]} if look.dash else {}
        width = _scaled(look.width, max(min(look.width, 0.5), look.width / 2), look.width * 1.3, grid)
        yield "line", {"layout": {"line-join": "round"}, "paint": {"line-color": line, "line-width": width, **dash}}
        if look.marks and look.marks[0] in _SIGNS:
            name, size, gap = look.marks
            yield "symbol", _sign(name, line, size, grid, {"symbol-placement": "line", "symbol-spacing": gap})
    if kind == "point" and look.symbol in _SIGNS:
        sign = _sign(look.symbol, line if look.symbol in OPEN_SYMBOLS else fill, look.size, grid, {})
        if look.symbol not in OPEN_SYMBOLS and look.line:
            sign["paint"] |= {"text-halo-color": line, "text-halo-width": look.width}
        yield "symbol", sign
    elif kind == "point":
        stroke = {"circle-stroke-color": line, "circle-stroke-width": look.width} if look.line else {}
        radius = _scaled(look.size / 2, look.size * 0.3, look.size * 0.7, grid)
        yield "circle", {"paint": {"circle-radius": radius, "circle-color": fill, **stroke}}


def _sign(name: str, colour: Any, size: float, grid: Grid, layout: Json) -> Json:
    """A symbol as a letter, which is about two thirds as high as the size of its font."""
    high = size * 1.5
    return {
        "layout": {"text-field": _SIGNS[name], "text-font": _FONT, "text-allow-overlap": True,
                   "text-ignore-placement": True, "text-size": _scaled(high, high * 0.6, high * 1.4, grid), **layout},
        "paint": {"text-color": colour},
    }


def _scaled(value: float, least: float, most: float, grid: Grid) -> list[Any]:
    """A width or size that follows the scale, as in the WMS, between two bounds."""
    zoom = math.log2(grid.scale(0) / _DRAWN_AT)
    low, high = zoom + min(math.log2(least / value), -0.01), zoom + math.log2(most / value)
    return ["interpolate", ["exponential", 2], ["zoom"], round(low, 2), round(least, 2), round(high, 2), round(most, 2)]


def _fill(look: Look) -> str:
    return look.fill or WHITE


def _chosen(case: Case, by: str | None, colour: Callable[[Look], str]) -> Any:
    """A colour, or the colours by the code of an attribute."""
    (_, first), *others = case.looks
    chosen = [(code, colour(look)) for code, look in others if colour(look) != colour(first)]
    if by is None or not chosen:
        return colour(first)
    return ["match", ["get", by], *(part for pair in chosen for part in pair), colour(first)]


def _zoom(grid: Grid, scale: int) -> float:
    """The zoom at which a map has a scale denominator."""
    return round(math.log2(grid.scale(0) / scale), 2)


def _label(feature_type: FeatureType, label: Label, grid: Grid) -> Json:
    """The texts at objects; those that do not fit are left out."""
    parts = [["to-string", ["get", part[1:-1]]] if part.startswith("[") else part
             for part in re.split(r"(\[\w+\])", label.text) if part]
    line, point = feature_type.geometry == "line", feature_type.geometry == "point"
    return {
        "id": f"{feature_type.name}-opis", "type": "symbol", "source": _SOURCE,
        "source-layer": label_layer(feature_type) if labelled(feature_type) else feature_type.name,
        "minzoom": _zoom(grid, label.max_scale),
        **({"maxzoom": _zoom(grid, label.min_scale)} if label.min_scale else {}),
        "layout": {
            "text-field": ["concat", *parts], "text-font": _FONT, "text-size": label.size * 1.4, "text-padding": 1,
            **({"symbol-placement": "line", "symbol-spacing": 200} if line else {}),
            **({"text-anchor": "bottom-left", "text-offset": [0.3, -0.3]} if point else {}),
        },
        "paint": {"text-color": label.colour, "text-halo-color": WHITE, "text-halo-width": 1.2},
    }
