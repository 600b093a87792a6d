"""Geometries written out in a filter, as the database stores geometries."""

from __future__ import annotations

import json

import shapely
from shapely.geometry.base import BaseGeometry

from sdi.store.cql2.reading import Node
from sdi.store.cql2.terms import shown, wrong
from sdi.store.crs import AWAY, Crs, box_as_stored, shape_as_stored


def shape_of(node: Node, crs: Crs) -> BaseGeometry:
    """A GeoJSON geometry or {"bbox": […]} in the axis order of `crs`, in EPSG:2180 with x = easting.

    Raises InvalidQuery that says what is wrong with it.
    """
    if "bbox" in node and "type" not in node:
        return _box(node["bbox"], crs)
    try:
        shape = shapely.from_geojson(json.dumps(node))
        if shape.is_empty or node["type"] in ("Feature", "FeatureCollection"):
            raise wrong(node["type"], "geometrii z położeniami", "a geometry with positions")
        if not shape.is_valid:
            reason = shapely.is_valid_reason(shape)
            raise wrong(f"{node['type']} ({reason})", "geometrii poprawnej", "a valid geometry")
        return shape_as_stored(shape, crs)
    except shapely.errors.GEOSException as error:
        raise wrong(f"{node['type']} ({error})", "geometrii GeoJSON lub WKT", "a geometry in GeoJSON or WKT") from None


def _box(values: Node, crs: Crs) -> BaseGeometry:
    try:
        area = box_as_stored(tuple(float(value) for value in values), crs)
    except (TypeError, ValueError, OverflowError):
        raise wrong(f"BBOX {shown(values)}", "4 lub 6 liczb, najpierw dolny narożnik, w kolejności osi filter-crs",
                    "4 or 6 numbers, lower corner first, in the axis order of filter-crs") from None
    return AWAY[2] if area is None else area.outline
