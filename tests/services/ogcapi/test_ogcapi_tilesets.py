"""Tilesets, tile matrix sets, TileJSON and the style: documents about tiles, as JSON and as pages."""

from __future__ import annotations

import json

import lxml.html
import pytest

from sdi.db.database import Database
from sdi.services.ows.styles import STYLES
from tests.services.ogcapi.conftest import PUBLIC_URL, Client, Table
from tests.services.ogcapi.parcels import CORNER, put, square


def test_documents_lead_to_each_other(tiled: Client, database: Database, dzialki: Table) -> None:
    put(database, dzialki, square(*CORNER))
    landing = tiled.get("/0415/ogcapi?f=json").json()
    rel = "http://www.opengis.net/def/rel/ogc/1.0"
    addresses = {link["rel"]: link["href"] for link in landing["links"]}
    assert tiled.get(addresses[f"{rel}/tiling-schemes"]).json()["tileMatrixSets"][1]["id"] == "PL1992"
    # OpenLayers goes by these names; of EPSG's own, x and y, it would take the northing for an easting.
    assert tiled.get("/0415/ogcapi/tileMatrixSets/PL1992").json()["orderedAxes"] == ["N", "E"]
    collection = tiled.get("/0415/ogcapi/collections/dzialki?f=json").json()
    own = next(link["href"] for link in collection["links"] if link["rel"] == f"{rel}/tilesets-vector")
    for lists in (addresses[f"{rel}/tilesets-vector"], own):
        for tileset in tiled.get(lists).json()["tilesets"]:
            links = {link["rel"]: link["href"] for link in tileset["links"]}
            whole = tiled.get(links["self"]).json()
            limits = whole["tileMatrixSetLimits"][-1]
            tile = links["item"].format(
                tileMatrix=limits["tileMatrix"], tileRow=limits["minTileRow"], tileCol=limits["minTileCol"])
            assert tiled.get(tile).status_code in (200, 204)
            outside = links["item"].format(
                tileMatrix=limits["tileMatrix"], tileRow=limits["maxTileRow"] + 1, tileCol=limits["minTileCol"])
            assert tiled.get(outside).status_code == 404
            assert tiled.get(links[f"{rel}/tiling-scheme"]).json()["crs"] == tileset["crs"]
            assert whole["layers"][0]["propertiesSchema"]["properties"]["id"]["type"] == "string"
    conformance = tiled.get("/0415/ogcapi/conformance?f=json").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/dataset-tilesets" in conformance


def test_tilesets_and_grids_are_pages(tiled: Client, database: Database, dzialki: Table) -> None:
    """For browsers, in both languages; the map is where its style is, and each page has its way on."""
    put(database, dzialki, square(*CORNER))
    path, lists = "/0415/ogcapi", "/0415/ogcapi/collections/dzialki/tiles"
    for address_, mapped, there in (
        (f"{path}/tiles", 0, f"{path}/tiles/PL1992"), (f"{path}/tiles/WebMercatorQuad", 1, f"{path}/tiles"),
        (f"{path}/tiles/PL1992", 0, f"{path}/tileMatrixSets/PL1992"), (lists, 0, f"{lists}/WebMercatorQuad"),
        (f"{lists}/WebMercatorQuad", 1, f"{path}/collections/dzialki"), (f"{lists}/PL1992", 0, lists),
        (f"{path}/tileMatrixSets", 0, f"{path}/tileMatrixSets/PL1992"),
        (f"{path}/tileMatrixSets/WebMercatorQuad", 0, f"{path}/tiles/WebMercatorQuad"),
    ):
        for language, word in (("pl", "Siatk"), ("en", "grid")):
            answer = tiled.get(address_, headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": language})
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            page = lxml.html.document_fromstring(answer.text)
            assert page.get("lang") == language and word in page.text_content()
            assert len(page.xpath("//figure[@data-style]")) == mapped
            assert f"{there}?f=html&lang={language}" in page.xpath("//main//a/@href|//header//a/@href")
        assert tiled.get(address_).headers["content-type"] == "application/json"
        assert tiled.get(address_, headers={"Accept": "application/ld+json"}).json()
    whole = lxml.html.document_fromstring(tiled.get(f"{lists}/WebMercatorQuad?f=html").text)
    [figure] = whole.xpath("//figure")
    west, south, east, north = map(float, figure.get("data-bbox").split(","))
    assert west < east < south < north and figure.get("data-style").startswith(f"{lists}/WebMercatorQuad/style")
    for name in ("tilejson", "style"):
        assert f"{PUBLIC_URL}{lists}/WebMercatorQuad/{name}" in whole.xpath("//main//a/@href")
    collection = lxml.html.document_fromstring(tiled.get(f"{path}/collections/dzialki?f=html").text)
    assert f"{lists}?f=html&lang=pl" in collection.xpath("//main//a/@href")


@pytest.mark.parametrize("name", ["tilejson", "style"])
def test_what_programs_read_is_no_page(tiled: Client, database: Database, dzialki: Table, name: str) -> None:
    put(database, dzialki, square(*CORNER))
    address_ = f"/0415/ogcapi/tiles/WebMercatorQuad/{name}"
    assert "json" in tiled.get(address_, headers={"Accept": "text/html"}).headers["content-type"]
    assert tiled.get(address_, params={"f": "html"}).status_code == 400


def test_the_style_draws_layers_that_there_are(tiled: Client, database: Database, dzialki: Table) -> None:
    put(database, dzialki, square(*CORNER))
    answer = tiled.get("/0415/ogcapi/tiles/WebMercatorQuad/style")
    assert answer.headers["content-type"].startswith("application/vnd.mapbox.style+json")
    style = answer.json()
    tilejson = tiled.get(style["sources"]["sdi"]["url"]).json()
    layers = {layer["id"]: layer for layer in tilejson["vector_layers"]}
    for layer in style["layers"][1:]:
        assert layer["minzoom"] >= layers[layer["source-layer"]]["minzoom"]
    text = json.dumps(style)
    assert f'["match", ["get", "rodzaj"], "m", "{dict(STYLES["budynki"].codes)["m"].fill}"' in text
    # Each building is of one case, so that none is drawn twice.
    fills = [layer["id"] for layer in style["layers"] if layer["type"] == "fill"]
    assert fills == ["budynki-polygon-0-fill"]
    assert "http" not in text.replace(PUBLIC_URL, "")
    assert tiled.get("/0415/ogcapi/tiles/PL1992/style").status_code == 404
