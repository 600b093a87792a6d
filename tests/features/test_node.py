"""The running node as its users meet it: GDAL, OWSLib, plain HTTP."""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pyproj
import pytest
from lxml import etree
from owslib.csw import CatalogueServiceWeb
from owslib.wfs import WebFeatureService
from owslib.wms import WebMapService
from PIL import Image
from shapely.geometry import Point, shape

from tests.features.conftest import PARCELS, Node

COUNTIES = {"0415", "0404"}


def tenants(node: Node) -> dict[str, str]:
    """Tenant ids with their TERYT codes, as the region's page lists them."""
    page = node.get("?lang=en").text
    found = re.findall(r'href="[^"]*/([a-z0-9-]+)/\?lang=en">[^<]*</a> <small>[^<]*TERYT (\d+)', page)
    return dict(found)


def parcels(node: Node, tenant: str, **params: str) -> list[dict[str, Any]]:
    answer = node.get(f"{tenant}/ogcapi/collections/dzialki/items", f="json", **params)
    features: list[dict[str, Any]] = answer.json()["features"]
    return features


@pytest.fixture(scope="module")
def parcel(node: Node) -> dict[str, Any]:
    """One parcel, in EPSG:2180 as the authority has it: northing, easting."""
    return parcels(node, "region", limit="7", crs="http://www.opengis.net/def/crs/EPSG/0/2180")[-1]


def inside(feature: dict[str, Any]) -> Point:
    """A point inside a feature given in EPSG:2180 northing/easting, as easting, northing."""
    point = shape(feature["geometry"]).representative_point()
    return Point(point.y, point.x)


def test_health(node: Node) -> None:
    health = node.get("health").json()
    assert health["status"] == "ok"
    assert health["parts"]["database"]["sources"] >= 6


def test_landing_pages_speak_both_languages(node: Node) -> None:
    found = tenants(node)
    assert len(found) >= 6
    assert {code[:4] for code in found.values()} == COUNTIES
    for name in (*found, "region"):
        polish, english = node.get(f"{name}/?lang=pl").text, node.get(f"{name}/?lang=en").text
        assert 'lang="pl"' in polish and 'lang="en"' in english
        for protocol in ("wms", "wfs", "csw", "ogcapi/"):
            assert f"{node.url}/{name}/{protocol}</code>" in polish
            assert f"{node.url}/{name}/{protocol}</code>" in english


def test_every_parcel_is_there_and_in_its_county(node: Node) -> None:
    items = node.get("region/ogcapi/collections/dzialki/items", f="json", limit="10000").json()
    assert items["numberMatched"] == items["numberReturned"] == len(items["features"])
    assert abs(items["numberMatched"] - PARCELS) <= PARCELS * 0.25
    units = {f["properties"]["teryt"]: shape(f["geometry"])
             for f in json.loads((node.home / "configs/regions/demo/units.geojson").read_text())["features"]}
    for feature in items["features"]:
        assert units[feature["properties"]["county"]].contains(shape(feature["geometry"]).representative_point())


def test_tenants_see_their_own_objects_only(node: Node) -> None:
    for name, teryt in tenants(node).items():
        found = parcels(node, name, limit="10000")
        assert found, name
        assert all(f["properties"]["id_dzialki"].startswith(teryt) for f in found)
    one, other = (next(n for n, t in tenants(node).items() if t == code) for code in sorted(COUNTIES))
    foreign = parcels(node, other, limit="1")[0]["id"]
    node.get(f"{one}/ogcapi/collections/dzialki/items/{foreign}", status=404, f="json")
    assert node.get(f"{one}/wfs", service="WFS", version="2.0.0", request="GetFeature", typenames="dzialki",
                    count="5000").text.count(foreign) == 0


def test_the_same_parcel_by_every_protocol(node: Node, parcel: dict[str, Any]) -> None:
    number, point = parcel["properties"]["id_dzialki"], inside(parcel)
    by_id = node.get(f"region/ogcapi/collections/dzialki/items/{parcel['id']}", f="json",
                     crs="http://www.opengis.net/def/crs/EPSG/0/2180").json()
    assert by_id["properties"] == parcel["properties"]

    fes = (f'<fes:Filter xmlns:fes="http://www.opengis.net/fes/2.0"><fes:PropertyIsEqualTo>'
           f"<fes:ValueReference>id_dzialki</fes:ValueReference><fes:Literal>{number}</fes:Literal>"
           f"</fes:PropertyIsEqualTo></fes:Filter>")
    gml = etree.fromstring(node.get(
        "region/wfs", service="WFS", version="2.0.0", request="GetFeature", typenames="dzialki",
        srsname="urn:ogc:def:crs:EPSG::2180", filter=fes).content)
    texts = gml.xpath("//*[local-name()='posList']/text()")
    assert len(texts) == 1
    values = [float(v) for v in texts[0].split()]
    ring = parcel["geometry"]["coordinates"]
    while isinstance(ring[0][0], list):
        ring = ring[0]
    assert values == pytest.approx([c for pair in ring for c in pair], abs=0.01)

    east, north = point.x, point.y
    info = node.get(
        "region/wms", service="WMS", version="1.3.0", request="GetFeatureInfo", layers="dzialki",
        query_layers="dzialki", styles="", crs="EPSG:2180", format="image/png", width="101", height="101",
        bbox=f"{north - 5},{east - 5},{north + 5},{east + 5}", i="50", j="50", feature_count="1",
        info_format="application/json").json()
    assert [f["properties"]["id_dzialki"] for f in info["features"]] == [number]


def test_crs84_is_where_the_authority_says(node: Node, parcel: dict[str, Any]) -> None:
    to_84 = pyproj.Transformer.from_crs("EPSG:2180", "OGC:CRS84", always_xy=True)
    expected = to_84.transform(inside(parcel).x, inside(parcel).y)
    here = node.get(f"region/ogcapi/collections/dzialki/items/{parcel['id']}", f="json").json()
    assert shape(here["geometry"]).buffer(1e-7).contains(Point(expected))


@pytest.mark.parametrize(("driver", "layer"), [("WFS", "dzialki"), ("OAPIF", "dzialki")])
def test_gdal_opens_it(node: Node, driver: str, layer: str) -> None:
    address = {"WFS": f"WFS:{node.url}/region/wfs", "OAPIF": f"OAPIF:{node.url}/region/ogcapi"}[driver]
    done = subprocess.run(["ogrinfo", "-ro", "-so", address, layer], capture_output=True, text=True, timeout=120)
    count = node.get("region/ogcapi/collections/dzialki/items", f="json", limit="1").json()["numberMatched"]
    assert f"Feature Count: {count}" in done.stdout, done.stdout + done.stderr
    assert "id_dzialki: String" in done.stdout


def test_gdal_reads_the_catalogue(node: Node) -> None:
    done = subprocess.run(["ogrinfo", "-ro", "-al", f"CSW:{node.url}/region/csw?version=2.0.2"],
                          capture_output=True, text=True, timeout=120)
    assert "identifier (String)" in done.stdout, done.stdout + done.stderr


def test_owslib_draws_parcels(node: Node) -> None:
    wms = WebMapService(f"{node.url}/region/wms", version="1.3.0")
    assert wms["dzialki"].title
    point = inside(parcels(node, "region", limit="1", crs="http://www.opengis.net/def/crs/EPSG/0/2180")[0])
    image = wms.getmap(layers=["dzialki"], styles=[""], srs="EPSG:2180", format="image/png", size=(400, 400),
                       bbox=(point.x - 900, point.y - 900, point.x + 900, point.y + 900))
    picture = Image.open(io.BytesIO(image.read())).convert("L")
    assert picture.size == (400, 400)
    assert sum(picture.histogram()[:128]) > 500


def test_owslib_reads_the_wfs(node: Node) -> None:
    wfs = WebFeatureService(f"{node.url}/region/wfs", version="2.0.0")
    assert any(name.endswith("dzialki") for name in wfs.contents)


def test_the_catalogue_lists_the_partners_records(node: Node, shared: Path) -> None:
    schema = etree.XMLSchema(etree.parse(str(shared / "schemas" / "drivers_iso.xsd")))
    for name in tenants(node):
        csw = CatalogueServiceWeb(f"{node.url}/{name}/csw")
        csw.getrecords2(maxrecords=50)
        assert csw.results["matches"] == len(csw.records) == 3 + 5  # registers + services
        for identifier in csw.records:
            answer = node.get(f"{name}/csw", service="CSW", version="2.0.2", request="GetRecordById", id=identifier,
                              elementSetName="full", outputSchema="http://www.isotc211.org/2005/gmd")
            record = etree.fromstring(answer.content)[0]
            assert schema.validate(record), schema.error_log


def test_what_does_not_exist_is_said_so(node: Node) -> None:
    assert node.get("nobody/wms", status=404).headers["content-type"] == "application/problem+json"
    node.get("region/sos", status=404)
    node.get("region/ogcapi/collections/nothing/items", status=404, f="json")


def test_personal_data_is_nowhere(node: Node) -> None:
    """The demo's deliveries carry land-register numbers and persons; nothing of them is served."""
    delivery = (node.home / "var" / "demo" / "0415" / "egib.gml").read_text(encoding="utf-8")
    secrets = set(re.findall(r"<egb:(?:numerKW|pesel|pierwszyCzlonNazwiska)>([^<]+)<", delivery))
    assert secrets
    served = "".join(
        node.get(f"region/ogcapi/collections/{name}/items", f="json", limit="10000").text
        for name in ("dzialki", "budynki", "adresy")) + node.sdi("issues", "--json")
    assert not {secret for secret in secrets if f'"{secret}"' in served or f">{secret}<" in served}


def test_a_partner_is_added_without_a_restart(node: Node) -> None:
    partners = node.home / "configs" / "regions" / "demo" / "partners"
    (partners / "nowy.yaml").write_text('teryt: "0415"\ntitle: {pl: "Nowy <partner>", en: New partner}\n')
    (partners / "zly.yaml").write_text("teryt: 9999\ntitel: {}\n")
    try:
        said = node.sdi("publish", status=1)
        assert "zly.yaml:2: unknown field `titel`" in said
        assert parcels(node, "nowy", limit="1")
        node.get("zly/", status=404)
        assert "Nowy &lt;partner&gt;" in node.get("nowy/?lang=pl").text
        (partners / "nowy.yaml").write_text("teryt: [broken\n")
        node.sdi("publish", status=1)
        assert parcels(node, "nowy", limit="1"), "a broken partner keeps what it published last"
    finally:
        (partners / "nowy.yaml").unlink()
        (partners / "zly.yaml").unlink()
        node.sdi("publish")
    node.get("nowy/", status=404)


def test_harvesting_again_changes_nothing(node: Node) -> None:
    before = node.get("health").json()["parts"]["database"]["data_version"]
    node.sdi("harvest", "--all")
    assert node.get("health").json()["parts"]["database"]["data_version"] == before
