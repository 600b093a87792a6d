"""GetFeatureInfo as GeoJSON and HTML.

MapServer writes GeoJSON for one layer only (GDAL's driver holds one), so it is asked for each layer that has something
there; the page is rendered from the same answer, with the titles of attributes and codes that the registers declare.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader

from sdi.model.region import Region, Tenant
from sdi.model.text import Language, Text
from sdi.services.ows.layers import Layer, tenant_layers
from sdi.services.ows.wms import GEOJSON
from sdi.store.columns import ID

AT_ONCE = 4
"""Layers of one request that are asked at the same time."""

Ask = Callable[[dict[str, str]], Awaitable[bytes]]
"""Sends WMS parameters to MapServer; gives the body of its answer."""

Found = list[tuple[Layer, dict[str, Any]]]
"""Features as GeoJSON objects, each with its layer."""

_TEXT_LAYER = re.compile(r"^Layer '(.+)'$", re.MULTILINE)
"""Where the features of a layer begin in MapServer's text. A value that looks like it only has one more layer asked."""

_PAGES = Environment(loader=PackageLoader("sdi.services.ows"), autoescape=True)
_NOTHING = Text(pl="W tym miejscu nie ma obiektów widocznych warstw.", en="No object of the visible layers is here.")


def queried(tenant: Tenant, names: Sequence[str]) -> list[Layer]:
    """The layers that names of layers, feature types, registers or the root stand for."""
    found: dict[str, Layer] = {}
    for name in names:
        found |= {
            layer.name: layer for layer in tenant_layers(tenant)
            if name in (layer.name, layer.feature_type.name, layer.feature_type.register_id, tenant.id)
        }
    return list(found.values())


async def features(parameters: dict[str, str], tenant: Tenant, ask: Ask) -> Found:
    """The features at the point of a GetFeatureInfo request (normalised), layer by layer in the order asked for."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(layer: Layer) -> Found:
        own = {"LAYERS": layer.name, "QUERY_LAYERS": layer.name, "STYLES": "", "INFO_FORMAT": GEOJSON}
        async with gate:
            answer = await ask(parameters | own)
        # MapServer writes nothing at all for a layer that is hidden at this scale.
        found = json.loads(answer)["features"] if answer.strip() else []
        return [(layer, feature | {"properties": _typed(layer, feature["properties"])}) for feature in found]

    layers = queried(tenant, parameters["QUERY_LAYERS"].split(","))
    if len(layers) > 1:
        # Asking all at once takes hardly longer than asking one, and most layers of a group have nothing at a point.
        text = (await ask(parameters | {"INFO_FORMAT": "text/plain"})).decode("utf-8", "replace")
        there = set(_TEXT_LAYER.findall(text))
        layers = [layer for layer in layers if layer.name in there]
    return [feature for found in await asyncio.gather(*map(one, layers)) for feature in found]


def _typed(layer: Layer, properties: dict[str, Any]) -> dict[str, Any]:
    """Properties as OGC API has them: every column, nulls (which MapServer takes for empty text) and booleans."""
    typed: dict[str, Any] = {}
    for name, column in layer.columns.items():
        value = properties.get(name)
        typed[name] = None if value == "" else value == "true" if value and column.type == "boolean" else value
    return typed


def geojson(found: Found, crs: str) -> bytes:
    """A FeatureCollection; coordinates are x, y in `crs`, which is named unless it is WGS 84 (GeoJSON 2008 §3)."""
    collection: dict[str, Any] = {"type": "FeatureCollection"}
    if crs not in ("EPSG:4326", "CRS:84"):
        collection["crs"] = crs_member(crs)
    collection["features"] = [
        {"type": "Feature", "id": feature["properties"]["id"], "layer": layer.name, "geometry": feature["geometry"],
         "properties": {name: value for name, value in feature["properties"].items() if name != ID.name}}
        for layer, feature in found
    ]
    return json.dumps(collection, ensure_ascii=False).encode()


def crs_member(crs: str) -> dict[str, Any]:
    """The `crs` of a GeoJSON object, for a code as `EPSG:2180` or a URN that ends in it."""
    code = crs.rpartition(":")[2]
    return {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}


def html(found: Found, region: Region, tenant: Tenant, language: Language) -> bytes:
    """A page: a table for each feature, with titles instead of names and the meaning of codes."""
    page = _PAGES.get_template("featureinfo.html").render(
        language=language,
        title=tenant.title.get(language),
        nothing=_NOTHING.get(language),
        features=[(layer.feature_type.title.get(language), _rows(layer, feature["properties"], region, language))
                  for layer, feature in found],
    )
    return page.encode()


def _rows(layer: Layer, properties: dict[str, Any], region: Region, language: Language) -> list[tuple[str, str]]:
    lists = region.registers[layer.feature_type.register_id].code_lists
    rows = []
    for name, column in layer.columns.items():
        value = properties.get(name)
        if value is None or value == "":
            continue
        code = lists.get(column.code_list or "", {}).get(str(value))
        meaning = f" – {code.title.get(language)}" if code else ""
        unit = f" {column.unit}" if column.unit else ""
        text = str(value).lower() if isinstance(value, bool) else value
        rows.append((column.title.get(language), f"{text}{unit}{meaning}"))
    return rows
