"""A MapLibre style (Style Specification, version 8) for the tiles, from the same looks as the WMS.

It names no glyphs: MapLibre GL JS 5.11 or newer then writes with the fonts of the device, and nothing is asked of
another host.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from sdi.model.register import FeatureType
from sdi.services.ogcapi.tiles.documents import WEB, Documents
from sdi.services.ogcapi.tiles.tilesets import EVERYTHING, Edition, label_layer, labelled
from sdi.services.ows.layers import Kind
from sdi.services.ows.styles import BLACK, WHITE, Label, Look, Style, style_of

_SOURCE = "sdi"

_GEOMETRIES: dict[Kind, str] = {"polygon": "Polygon", "line": "LineString", "point": "Point"}

_FONT = ["sans-serif"]

_SQUARE = "■"
"""Drawn as a letter, as there are no symbols without a sprite."""

_GROWN = 3
"""After how many zooms lines are as wide as their look says; before they are thinner, as more of them meet."""

Json = dict[str, Any]


def style(documents: Documents, collection: str, edition: Edition) -> Json:
    """The style of a tileset in the web's grid."""
    grid = documents.tilesets.grids[WEB]
    tilejson = documents.tilejson(collection, grid, edition)
    types = documents.tilesets.feature_types(collection)
    zooms = {ft.name: documents.tilesets.first(ft, EVERYTHING, grid) for ft in types}
    return {
        "version": 8,
        "name": tilejson["name"],
        "center": tilejson["center"][:2],
        "zoom": max(13, *zooms.values()) if collection else 13,
        "sources": {_SOURCE: {"type": "vector", "url": f"{documents.address(collection, grid)}/tilejson"}},
        "layers": [
            {"id": "tlo", "type": "background", "paint": {"background-color": WHITE}},
            *(layer for ft in types for layer in _shapes(ft, style_of(ft), zooms[ft.name])),
            *(layer for ft in types for layer in _labels(ft, style_of(ft).label, grid.scale(0))),
        ],
    }


def _shapes(feature_type: FeatureType, style: Style, zoom: int) -> Iterator[Json]:
    """Areas, lines and symbols of one feature type, those of areas below."""
    kinds: tuple[Kind, ...] = tuple(_GEOMETRIES) if feature_type.geometry == "any" else (feature_type.geometry,)
    for kind in kinds:
        for part, paint in _parts(kind, style, zoom):
            layer: Json = {"id": f"{feature_type.name}-{kind}-{part}", "type": part, "source": _SOURCE,
                           "source-layer": feature_type.name, "minzoom": zoom, **paint}
            if len(kinds) > 1:
                layer["filter"] = ["==", ["geometry-type"], _GEOMETRIES[kind]]
            yield layer


def _parts(kind: Kind, style: Style, zoom: int) -> Iterator[tuple[str, Json]]:
    """Types of MapLibre layers and their paint and layout."""
    look = style.look
    if kind == "polygon" and look.fill:
        yield "fill", {"paint": {"fill-color": _chosen(style, _fill), "fill-antialias": False}}
    if kind == "line" or (kind == "polygon" and look.line):
        yield "line", {"layout": {"line-join": "round"}, "paint": _line(style, zoom)}
    if kind == "point" and look.symbol == "square":
        yield "symbol", {
            "layout": {"text-field": _SQUARE, "text-font": _FONT, "text-size": look.size * 1.6,
                       "text-allow-overlap": True, "text-ignore-placement": True},
            "paint": {"text-color": _chosen(style, _fill),
                      "text-halo-color": _chosen(style, _line_colour), "text-halo-width": look.width},
        }
    elif kind == "point":
        stroke = {"circle-stroke-color": _chosen(style, _line_colour), "circle-stroke-width": look.width}
        yield "circle", {"paint": {
            "circle-radius": look.size / 2, "circle-color": _chosen(style, _fill),
            **(stroke if look.line else {}),
        }}


def _line(style: Style, zoom: int) -> Json:
    look = style.look
    paint: Json = {
        "line-color": _chosen(style, _line_colour),
        "line-width": ["interpolate", ["linear"], ["zoom"], zoom, _chosen(style, lambda look: look.width / 2),
                       zoom + _GROWN, _chosen(style, lambda look: look.width)],
    }
    if look.dash:
        # MapLibre counts in widths of the line.
        paint["line-dasharray"] = [round(length / look.width, 2) for length in look.dash]
    return paint


def _fill(look: Look) -> str:
    return look.fill or WHITE


def _line_colour(look: Look) -> str:
    return look.line or look.fill or BLACK


def _chosen(style: Style, value: Callable[[Look], Any]) -> Any:
    """A value of the look, or of the looks by the code of an attribute."""
    other = value(style.look)
    chosen = [(code, value(look)) for code, look in style.codes if value(look) != other]
    if style.by is None or not chosen:
        return other
    return ["match", ["get", style.by], *(part for pair in chosen for part in pair), other]


def _labels(feature_type: FeatureType, label: Label | None, scale: float) -> Iterator[Json]:
    """The texts at objects; those that do not fit are left out."""
    if label is None:
        return
    parts = [["to-string", ["get", part[1:-1]]] if part.startswith("[") else part
             for part in re.split(r"(\[\w+\])", label.text) if part]
    line = feature_type.geometry == "line"
    yield {
        "id": f"{feature_type.name}-opis", "type": "symbol", "source": _SOURCE,
        "source-layer": label_layer(feature_type) if labelled(feature_type) else feature_type.name,
        "minzoom": round(math.log2(scale / label.max_scale), 2),
        "layout": {
            "text-field": ["concat", *parts], "text-font": _FONT, "text-size": label.size * 1.4, "text-padding": 1,
            **({"symbol-placement": "line", "symbol-spacing": 200} if line else {}),
            **({"text-anchor": "bottom-left", "text-offset": [0.3, -0.3]} if feature_type.geometry == "point" else {}),
        },
        "paint": {"text-color": label.colour, "text-halo-color": WHITE, "text-halo-width": 1.2},
    }
