"""The pages and documents around the features: languages, isolation, links, the API definition."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html
import pytest
import shapely
import uvicorn

from sdi.assets import asset
from sdi.model.region import Region
from sdi.services.contract import Publication
from sdi.services.ogcapi.app import OgcApi
from sdi.services.ogcapi.provider import RegisterProvider
from sdi.services.ogcapi.render import POLICY
from tests.services.ogcapi.conftest import PUBLIC_URL, Client, Table, application

PAGES = ["", "/conformance", "/openapi", "/collections", "/collections/dzialki", "/collections/dzialki/schema",
         "/collections/dzialki/queryables", "/collections/dzialki/sortables", "/collections/dzialki/items",
         "/collections/dzialki/items/1.0001.12/3", "/tiles", "/tiles/WebMercatorQuad", "/collections/dzialki/tiles",
         "/collections/dzialki/tiles/PL1992", "/tileMatrixSets", "/tileMatrixSets/PL1992", "/nothing"]


@pytest.fixture
def parcels(dzialki: Table) -> Table:
    """Three parcels of one county, one of the other."""
    dzialki.insert([
        {"id": "1.0001.12/3", "numer_dzialki": "<script>alert(1)</script>", "geom": shapely.box(
            472_000, 551_000, 472_020, 551_010)},
        {"id": "line", "geom": shapely.LineString([(472_000, 551_000), (472_050, 551_050)])},
        {"id": "point", "geom": shapely.MultiPoint([(472_000, 551_000)])},
        {"id": "1.0001.12/4", "county": "0463"},
    ])
    return dzialki


def test_no_page_shows_another_tenant(client: Client, parcels: Table) -> None:
    """pygeoapi's cache of configurations has the language as its only key; see patches.rendered."""
    tenants = ("0415", "0463", "041501", "region")
    asked = itertools.product(range(2), PAGES, ("pl", "en"), ("html", "json", "jsonld"), tenants)
    for _, path, language, kind, tenant in asked:
        text = client.get(f"/{tenant}/ogcapi{path}", params={"f": kind, "lang": language}).text
        for other in tenants:
            if other != tenant:
                assert f"/{other}/" not in text and f"Partner-{other} " not in text, (path, kind, tenant)


def test_pages_are_whole_in_both_languages_and_need_nothing_from_elsewhere(client: Client, parcels: Table) -> None:
    words = {"pl": ("po polsku", "Licencja"), "en": ("in English", "Licence")}
    for path, (language, expected) in itertools.product(PAGES, words.items()):
        response = client.get(f"/0415/ogcapi{path}", params={"lang": language}, headers={"Accept": "text/html"})
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["Content-Language"] == language
        page = lxml.html.document_fromstring(response.text)
        assert page.get("lang") == language
        assert all(word in response.text for word in expected)
        assert page.xpath("//main//h1") and page.xpath("//header") and page.xpath("//footer")
        assert not page.xpath("//script[not(@src)]|//iframe|//img|//style|//@style")
        loaded = {*page.xpath("//link[@rel='stylesheet' or @rel='icon']/@href|//script/@src|//@data-library")}
        assert loaded <= {f"/{asset(name)}" for name in (
            "sdi.css", "icon.svg", "map.js", "maplibre/maplibre-gl.css", "maplibre/maplibre-gl.mjs")}
        assert response.headers["Content-Security-Policy"] == POLICY
        assert "built-in method" not in response.text and "Undefined" not in response.text


def test_links_of_pages_lead_somewhere(client: Client, parcels: Table) -> None:
    for path in PAGES[:-1]:
        for kind in ("html", "json"):
            text = client.get(f"/0415/ogcapi{path}", params={"f": kind}).text.replace("&amp;", "&")
            links = set(re.findall(r'"(http://testserver/0415/ogcapi[^"{]*)"', text))
            for link in links:
                assert client.get(link).status_code == 200, link


def test_the_list_of_features_draws_a_map(client: Client, parcels: Table) -> None:
    for crs in ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "http://www.opengis.net/def/crs/EPSG/0/2180"):
        page = lxml.html.document_fromstring(
            client.get("/0415/ogcapi/collections/dzialki/items", params={"f": "html", "crs": crs}).text)
        [polygon, line] = page.xpath("//figure/svg//path/@d")
        assert page.xpath("count(//figure/svg//circle)") == 1
        corners = [tuple(map(float, pair.split())) for pair in polygon.strip("MZ").split("L")]
        width = max(x for x, _ in corners) - min(x for x, _ in corners)
        height = max(y for _, y in corners) - min(y for _, y in corners)
        assert width / height == pytest.approx(2, rel=0.03)
        start, end = (tuple(map(float, pair.split())) for pair in line.strip("M").split("L"))
        assert end[0] > start[0] and end[1] < start[1]


def test_data_is_text_in_html_and_itself_in_json(client: Client, parcels: Table) -> None:
    item = "/0415/ogcapi/collections/dzialki/items/1.0001.12/3"
    assert "<script>" not in client.get(item, params={"f": "html"}).text
    assert client.get(item).json()["properties"]["numer_dzialki"] == "<script>alert(1)</script>"
    assert client.items("0415")["features"][0]["properties"]["numer_dzialki"] == "<script>alert(1)</script>"


def test_head_is_get_without_a_body(client: Client, parcels: Table) -> None:
    for path in PAGES:
        got, head = (client.request(method, f"/0415/ogcapi{path}") for method in ("GET", "HEAD"))
        assert head.content == b""
        assert head.status_code == got.status_code
        if path != "/collections/dzialki/items":  # it holds the time of the answer, whose digits vary
            assert head.headers == got.headers


def test_the_answer_has_the_type_that_it_says(client: Client) -> None:
    for accept, kind in (
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/geo+json", "application/geo+json"), ("application/json", "application/geo+json"),
        ("application/ld+json", "application/ld+json"), ("image/png", "application/geo+json"),
        ("text/html;q=abc", "application/geo+json"), ("*/*", "application/geo+json"),
    ):
        response = client.get("/0415/ogcapi/collections/dzialki/items", headers={"Accept": accept})
        assert response.headers["Content-Type"] == kind, accept
        assert response.text.startswith("<!DOCTYPE html>" if "html;" in kind else "{"), accept


def test_the_language_is_that_of_the_request(client: Client) -> None:
    for headers, parameters, language in (
        ({}, {}, "pl"), ({"Accept-Language": "en-GB,pl;q=0.5"}, {}, "en"), ({"Accept-Language": "de"}, {}, "pl"),
        ({"Accept-Language": "en"}, {"lang": "pl"}, "pl"), ({"Accept-Language": ";;;"}, {}, "pl"),
        ({"Accept-Language": "pl;q=0, en"}, {}, "en"), ({"Accept-Language": "pl; q=0.5, en;Q=0.9"}, {}, "en"),
        ({"Accept-Language": "en; q=0.8, *;q=0"}, {}, "en"),
    ):
        response = client.get("/0415/ogcapi/collections/dzialki", headers=headers, params=parameters)
        assert response.headers["Content-Language"] == language
        assert response.json()["title"] == {"pl": "Działki ewidencyjne", "en": "Cadastral parcels"}[language]


def test_a_collection_says_its_crs_and_links_to_its_twins(client: Client) -> None:
    collection = client.get("/0415/ogcapi/collections/dzialki").json()
    assert collection["crs"][0] == "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    assert collection["storageCrs"] == "http://www.opengis.net/def/crs/EPSG/0/2180"
    links = {(link["rel"], link["href"]) for link in collection["links"]}
    assert ("license", "https://example.org/licence") in links
    assert any(rel == "describedby" and "GetRecordById" in href for rel, href in links)
    assert any(rel == "alternate" and href.startswith(f"{PUBLIC_URL}/0415/wfs?") for rel, href in links)


def test_json_ld_holds_the_features(client: Client, parcels: Table) -> None:
    page = client.items("0415", f="jsonld")
    assert [feature["@id"].rsplit("/items/")[1] for feature in page["features"]] == ["1.0001.12/3", "line", "point"]
    assert not [link for link in page["links"] if link["rel"] == "next"]
    assert client.get("/0415/ogcapi/collections?f=jsonld").json()["@type"] == "DataCatalog"


def test_the_api_definition_says_what_the_service_does(client: Client) -> None:
    response = client.get("/0415/ogcapi/openapi?lang=en")
    assert response.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = response.json()
    assert document["openapi"].startswith("3.0")
    assert document["servers"][0]["url"] == f"{PUBLIC_URL}/0415/ogcapi"
    assert all(set(operations) == {"get"} for operations in document["paths"].values())
    parameters = {name: inline(document, body) for body in
                  document["paths"]["/collections/dzialki/items"]["get"]["parameters"]
                  if (name := inline(document, body).get("name"))}
    assert parameters["limit"]["schema"]["maximum"] == 10_000
    assert parameters["pole_ewidencyjne"]["schema"] == {
        "type": "number", "title": "Pole ewidencyjne", "x-ogc-unit": "ha"}
    for name in parameters:
        complaint = client.get("/0415/ogcapi/collections/dzialki/items", params={name: "1", "lang": "en"}).text
        assert "unknown query parameter" not in complaint
    references = set(re.findall(r'"\$ref": "(#[^"]+)"', json.dumps(document)))
    for reference in references:
        assert inline(document, {"$ref": reference})
    assert len(response.content) < 55_000


def inline(document: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A parameter or response, through a reference within the document."""
    reference = body.get("$ref", "")
    if not reference.startswith("#/"):
        return body
    found: Any = document
    for part in reference[2:].split("/"):
        found = found[part]
    return dict(found)


def test_conformance_claims_what_is_kept(client: Client) -> None:
    classes = client.get("/0415/ogcapi/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in classes
    assert "http://www.opengis.net/spec/cql2/1.0/conf/temporal-functions" in classes
    assert not [uri for uri in classes if "array" in uri or "create" in uri]


def test_compiling_is_deterministic_and_pure(region: Region, service: OgcApi, tmp_path: Path) -> None:
    publication = Publication(region=region, public_url=PUBLIC_URL, conninfo="", home=tmp_path)
    for tenant in region.tenants.values():
        first, second = service.compile(publication, tenant), service.compile(publication, tenant)
        assert first == second
        config = json.loads(first["config.json"])
        assert list(config["resources"]) == ["dzialki", "budynki", "uwagi"]
        west, south, east, north = config["resources"]["dzialki"]["extents"]["spatial"]["bbox"]
        assert 18 < west < east < 20 and 52 < south < north < 54


def test_the_provider_is_found_by_its_path(service: OgcApi, region: Region, tmp_path: Path) -> None:
    publication = Publication(region=region, public_url=PUBLIC_URL, conninfo="", home=tmp_path)
    config = json.loads(service.compile(publication, region.tenants["0415"])["config.json"])
    path = config["resources"]["dzialki"]["providers"][0]["name"]
    assert path == f"{RegisterProvider.__module__}.{RegisterProvider.__name__}"


@pytest.fixture
def url(service: OgcApi, region: Region, tmp_path: Path) -> Iterator[str]:
    """The API behind a real web server, at the address that it publishes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(
            application(service, region, tmp_path / "served", url), log_level="error", lifespan="off",
            timeout_graceful_shutdown=10))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join()


def test_gdal_reads_every_page(url: str, parcels: Table) -> None:
    layers = ogrinfo("-so", f"OAPIF:{url}/region/ogcapi")
    assert "dzialki" in layers and "budynki" in layers
    everything = ogrinfo("-al", "-oo", "PAGE_SIZE=2", f"OAPIF:{url}/region/ogcapi", "dzialki")
    assert "Feature Count: 4" in everything
    assert "id (String) = 1.0001.12/3" in everything and "id (String) = 1.0001.12/4" in everything
    assert "POLYGON ((18.58" in everything
    boxed = ogrinfo("-al", "-spat", "18.5", "52.5", "19", "53", f"OAPIF:{url}/0415/ogcapi", "dzialki")
    assert "Feature Count: 3" in boxed


def ogrinfo(*arguments: str) -> str:
    """What GDAL's ogrinfo prints; it must not complain."""
    done = subprocess.run(["ogrinfo", "-ro", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stdout + done.stderr
    return done.stdout
