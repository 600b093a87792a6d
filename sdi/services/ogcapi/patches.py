"""What pygeoapi 0.24 gets wrong and offers no seam for.

Each patch says why it is here, and has a test that fails when upstream has mended the defect.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import shapely
from pygeoapi import api, l10n, linked_data
from pygeoapi.api import itemtypes
from pygeoapi.linked_data import geom2schemageo
from pygeoapi.plugin import PLUGINS
from pygeoapi.util import get_from_headers
from shapely.geometry.base import BaseGeometry

from sdi.services.accept import wanted
from sdi.services.ogcapi import filtering
from sdi.services.ogcapi.formats import FORMATS, JSON_FG_CONFORMANCE
from sdi.services.ogcapi.render import render
from sdi.services.ogcapi.request import ASKED, Asked
from sdi.services.ogcapi.splice import dumps
from sdi.services.ogcapi.texts import LINK_TITLES
from sdi.services.ogcapi.tiles import resources as tiles

CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    *filtering.CONFORMANCE,
    *JSON_FG_CONFORMANCE,
)
"""The conformance classes of OGC API - Features that this service keeps."""


def apply() -> None:
    """Put every patch in place; safe to call again."""
    with warnings.catch_warnings():
        # Imported now and not within a request; its models are written in the manner of pydantic 1.
        warnings.simplefilter("ignore", DeprecationWarning)
        api.all_apis()
    api.render_j2_template = itemtypes.render_j2_template = linked_data.render_j2_template = rendered
    api.to_json = itemtypes.to_json = to_json
    linked_data.geom2schemageo = latitude_first
    api.setup_logger = no_logging
    api.get_choice_from_headers = choices
    # CSV is offered for every collection whether it is configured or not, and would lose the geometries.
    PLUGINS["formatter"].clear()
    logging.getLogger("pygeoapi").setLevel(logging.ERROR)
    logging.getLogger(api.__name__).addFilter(_not_of_clients)
    itemtypes.CONFORMANCE_CLASSES_FEATURES[:] = (*CONFORMANCE, *tiles.CONFORMANCE)
    l10n._gettext_cache["pl"] = dict(LINK_TITLES)


def rendered(
    config: Mapping[str, Any], tpl_config: object, template: str, data: dict[str, Any], locale_: Any = None
) -> str:
    """In place of `render_j2_template`, which leaks between tenants and compiles each template at each request (89 ms).

    It takes the configuration from a cache that has the language as its only key: the second tenant's pages show
    the first one's title and links. JSON-LD goes through it too, as a template that only writes JSON.
    """
    if template.endswith(".jsonld"):
        return to_json(data).decode()
    return render(config, template, _true(data))


def to_json(content: Any, pretty: bool = False) -> bytes:
    """In place of `to_json`, which writes `&lt;` for every `<` in the data."""
    if not isinstance(content, dict):
        return dumps(content)
    return dumps(_true(content))


def choices(headers: Mapping[str, str], header_name: str, all: bool = False) -> list[str] | str | None:
    """In place of `get_choice_from_headers`, which divides by a weight of 0, drops what has a blank before its weight,
    or another parameter, and returns a heap for a sorted list.
    """
    found = wanted(get_from_headers(headers=headers, header_name=header_name))
    return found if all else next(iter(found), None)


def latitude_first(geometry: BaseGeometry) -> dict[str, Any]:
    """In place of `geom2schemageo`, which writes longitude first; schema.org's GeoShape has latitude/longitude pairs.

    Of a point it names both. `geometry` has longitude first.
    """
    if geometry.geom_type != "Point":
        geometry = shapely.transform(geometry, lambda xy: xy[:, ::-1])
    return geom2schemageo(geometry)  # type: ignore[no-any-return]


def no_logging(config: Mapping[str, Any]) -> None:
    """In place of `setup_logger`, which sets up the root logger of the whole process for each API that is built."""


def _not_of_clients(record: logging.LogRecord) -> bool:
    """`get_exception` logs every mistake of a client as an error with a traceback; this service logs its own errors."""
    return record.funcName != "get_exception"


def _true(content: dict[str, Any]) -> dict[str, Any]:
    """With links that lead where they say.

    pygeoapi links to processes and tiles whether they are there or not.
    """
    content = _linked(content)
    if not isinstance(content.get("links"), list):
        return content
    return {**content, "links": [served for link in content["links"] for served in _served_links(link)]}


def _served_links(link: dict[str, Any]) -> list[dict[str, Any]]:
    """A link where it leads somewhere; in place of pygeoapi's to the tiling schemes, ours to the tiles and these."""
    if link["rel"].endswith("tiling-schemes") and link["type"] == "application/json":
        return tiles.links(link["href"].partition("/TileMatrixSets")[0], ASKED.get().language)
    return [link] if _served(link) else []


def _linked(content: dict[str, Any]) -> dict[str, Any]:
    """Collections with links to their features in every format, where pygeoapi knows of three, and to their files,
    each of which pygeoapi would ask for its length.
    """
    if isinstance(content.get("collections"), list):
        return {**content, "collections": [_linked(collection) for collection in content["collections"]]}
    if "itemType" not in content:
        return content
    asked = ASKED.get()
    links: list[dict[str, Any]] = []
    for link in content["links"]:
        if link["rel"] != "items":
            links.append(link)
        elif link["type"] == FORMATS["json"].media_type:
            links += _items(link["href"].partition("?")[0], asked)
    return {**content, "links": [*links, *asked.enclosures.get(content["id"], [])]}


def _items(address: str, asked: Asked) -> list[dict[str, Any]]:
    """Links to the features of a collection, but for a page to GeoJSON without `f`: GDAL puts the identifier of a
    feature right behind it.
    """
    return [{
        "type": format_.media_type, "rel": "items", "title": format_.items.get(asked.language),
        "href": address if name == "json" and asked.format != "html" else f"{address}?f={name}",
    } for name, format_ in FORMATS.items()]


def _served(link: Mapping[str, Any]) -> bool:
    return not str(link["rel"]).endswith(("processes", "tiling-schemes"))
