"""WMS by real workers over real PostGIS: the right place in every version and CRS, and nothing of another tenant."""

from __future__ import annotations

import io
import json
import os
import signal
import time

import httpx
import pyproj
import pytest
from lxml import etree
from PIL import Image

from tests.services.ows.conftest import COLUMNS, CORNER, HOSTILE, OUTSIDE, Node, parcel

FLIPPED = {"EPSG:2180", "EPSG:2176", "EPSG:2177", "EPSG:4326", "EPSG:4258", "EPSG:3035"}
"""First axis is northing or latitude, where the version follows the authority (WMS 1.3.0)."""


def place(crs: str, x: float, y: float) -> tuple[float, float]:
    """A point of EPSG:2180 (easting, northing) in another CRS, x first."""
    target = "OGC:CRS84" if crs == "CRS:84" else crs
    return pyproj.Transformer.from_crs("EPSG:2180", target, always_xy=True).transform(x, y)


def window(crs: str, version: str, x: float, y: float, half_m: float, flip: bool = False) -> str:
    """BBOX of a square around a point of EPSG:2180; `flip` writes the axes the wrong way round."""
    west, south = place(crs, x - half_m, y - half_m)
    east, north = place(crs, x + half_m, y + half_m)
    flipped = (version == "1.3.0" and crs in FLIPPED) != flip
    return ",".join(map(repr, (south, west, north, east) if flipped else (west, south, east, north)))


def request(crs: str, version: str, layers: str, bbox: str, **more: object) -> dict[str, object]:
    return {
        "SERVICE": "WMS", "VERSION": version, "REQUEST": "GetMap", "LAYERS": layers, "STYLES": "",
        "CRS" if version == "1.3.0" else "SRS": crs, "BBOX": bbox, "WIDTH": 101, "HEIGHT": 101,
        "FORMAT": "image/png", "TRANSPARENT": "TRUE", **more,
    }


def image(node: Node, tenant: str, **parameters: object) -> Image.Image:
    answer = node.get(f"{tenant}/wms", **parameters)
    assert answer.headers["content-type"] == "image/png", answer.text
    return Image.open(io.BytesIO(answer.content)).convert("RGBA")


def painted(picture: Image.Image) -> bool:
    return picture.getextrema()[3][1] > 0


CASES = [
    (version, crs)
    for version, systems in (("1.1.1", ("EPSG:2180", "EPSG:2177", "EPSG:4326", "EPSG:3857")),
                             ("1.3.0", ("EPSG:2180", "EPSG:2177", "EPSG:4326", "EPSG:3857", "EPSG:3035", "CRS:84")))
    for crs in systems
]


@pytest.mark.parametrize(("version", "crs"), CASES)
def test_a_building_is_drawn_at_its_place(node: Node, version: str, crs: str) -> None:
    x, y = CORNER[0] + 20, CORNER[1] + 17
    picture = image(node, "powiat", **request(crs, version, "budynki", window(crs, version, x, y, 30)))
    middle, corner = picture.getpixel((50, 50)), picture.getpixel((2, 2))
    assert middle[3] == 255 and corner[3] == 0
    wrong = image(node, "powiat", **request(crs, version, "budynki", window(crs, version, x, y, 30, flip=True)))
    assert not painted(wrong)


@pytest.mark.parametrize(("version", "crs"), CASES)
def test_feature_info_at_a_place(node: Node, version: str, crs: str) -> None:
    centre = parcel(3, 5).centroid
    bbox = window(crs, version, centre.x, centre.y, 40)
    point = {"I": 50, "J": 50} if version == "1.3.0" else {"X": 50, "Y": 50}
    asked = request(crs, version, "dzialki", bbox, **point) | {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "dzialki"}
    found = node.get("powiat/wms", **asked, INFO_FORMAT="application/json").json()["features"]
    assert [feature["id"] for feature in found] == ["041501_2.0001.3/5"]
    assert found[0]["properties"] == {
        "numer_dzialki": "3/5", "pole": 4.375, "porzadek": 35, "sporna": False, "wpis": "2024-02-29",
        "namespace": None, "version_id": None, "valid_from": "2025-06-01T12:30:00+00:00",
        "known_from": "2026-01-02T00:00:00+00:00", "county": "0415", "commune": None,
    }
    corner = found[0]["geometry"]["coordinates"][0][0]
    expected = [place(crs, *point) for point in parcel(3, 5).exterior.coords]
    assert min(abs(corner[0] - x) + abs(corner[1] - y) for x, y in expected) < 1e-3


def info(node: Node, layers: str, x: float, y: float, form: str, tenant: str = "powiat", **more: object) -> str:
    asked = request("EPSG:2180", "1.3.0", layers, window("EPSG:2180", "1.3.0", x, y, 20), I=50, J=50)
    asked |= {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": layers, "INFO_FORMAT": form, "FEATURE_COUNT": 5}
    return node.get(f"{tenant}/wms", **asked, **more).text


def test_feature_info_formats(node: Node) -> None:
    x, y = CORNER[0] + 120, CORNER[1] + 17
    layers = "budynki,dzialki"
    page = info(node, layers, x, y, "text/html")
    assert "&lt;script&gt;" in page and "<script>" not in page
    assert "Numer &lt;działki&gt;" in page and "2/0" in page and "12.5" not in page
    assert "Local identifier" in info(node, layers, x, y, "text/html", LANGUAGE="eng")
    assert "numer_dzialki = '2/0'" in info(node, layers, x, y, "text/plain")
    assert "<numer_dzialki>2/0</numer_dzialki>" in info(node, layers, x, y, "application/vnd.ogc.gml")
    found = json.loads(info(node, "region", x, y, "application/geo+json", tenant="region"))
    assert {feature["layer"] for feature in found["features"]} == {"budynki", "dzialki"}
    assert found["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::2180"
    device = info(node, "gesut", CORNER[0] + 225, CORNER[1] + 225, "text/plain")
    assert "Layer 'urzadzenia_wodociagowe_punkty'" in device
    house = info(node, "budynki", CORNER[0] + 20, CORNER[1] + 17, "text/html")
    assert "m – mieszkalny &lt;b&gt;" in house
    assert "nie ma obiektów" in info(node, "budynki", CORNER[0] + 75, CORNER[1] + 75, "text/html")


@pytest.mark.parametrize("layer", ["urzadzenia_wodociagowe", "gesut", "powiat"])
def test_a_feature_type_of_any_geometry_is_one_layer(node: Node, layer: str) -> None:
    west, south = CORNER
    for x, y in ((west + 225, south + 225), (west + 300, south + 220), (west + 125, south + 325)):
        asked = request("EPSG:2180", "1.3.0", layer, window("EPSG:2180", "1.3.0", x, y, 5))
        assert painted(image(node, "powiat", **asked)), (x, y)
    kinds = [json.loads(info(node, layer, *point, "application/json"))["features"][0]["id"]
             for point in ((west + 225, south + 225), (west + 300, south + 220), (west + 125, south + 325))]
    if layer == "urzadzenia_wodociagowe":
        assert kinds == ["punkt", "linia", "obszar"]
    legend = node.get("powiat/wms", SERVICE="WMS", VERSION="1.3.0", REQUEST="GetLegendGraphic", LAYER=layer,
                      FORMAT="image/png", SLD_VERSION="1.1.0")
    assert Image.open(io.BytesIO(legend.content)).height >= 3 * 14


def test_a_tenant_draws_its_own_only(node: Node) -> None:
    own, other = parcel(2, 2).boundary.centroid, parcel(COLUMNS - 2, 2).centroid
    for tenant, expected in (("powiat", (True, False)), ("miasto", (False, True)), ("region", (True, True))):
        drawn = tuple(
            painted(image(node, tenant, **request(
                "EPSG:2180", "1.1.1", "dzialki", window("EPSG:2180", "1.1.1", point.x, point.y, 60))))
            for point in (own, other)
        )
        assert drawn == expected, tenant


def test_what_lies_beyond_the_bounds_is_drawn(node: Node) -> None:
    point = OUTSIDE.centroid
    asked = request("EPSG:2180", "1.3.0", "dzialki", window("EPSG:2180", "1.3.0", point.x, point.y, 40))
    assert painted(image(node, "powiat", **asked))


def test_scale_hides_parcels(node: Node) -> None:
    x, y = CORNER
    asked = request("EPSG:2180", "1.1.1", "dzialki", window("EPSG:2180", "1.1.1", x, y, 2_000))
    assert not painted(image(node, "powiat", **asked))
    asked |= {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "dzialki", "X": 50, "Y": 50}
    asked |= {"INFO_FORMAT": "application/json"}
    assert node.get("powiat/wms", **asked).json()["features"] == []


def test_formats(node: Node) -> None:
    asked = request("EPSG:2180", "1.3.0", "dzialki", window("EPSG:2180", "1.3.0", *CORNER, 60))
    for form, mode in (("image/png", "RGBA"), ("image/png; mode=8bit", "P"), ("image/jpeg", "RGB")):
        answer = node.get("powiat/wms", **asked | {"FORMAT": form})
        assert Image.open(io.BytesIO(answer.content)).mode == mode
        assert answer.headers["cache-control"] == "public, max-age=60"


@pytest.mark.parametrize(("change", "code"), [
    ({"FORMAT": "image/tiff"}, "InvalidFormat"),
    ({"FORMAT": None}, "MissingParameterValue"),
    ({"WIDTH": "5000"}, "InvalidParameterValue"),
    ({"HEIGHT": "-1"}, "InvalidParameterValue"),
    ({"STYLES": "zielony"}, "StyleNotDefined"),
    ({"LAYERS": "nic"}, "LayerNotDefined"),
    ({"BBOX": "1,2,3"}, None),
    ({"CRS": "EPSG:9999", "SRS": "EPSG:9999"}, None),
    ({"SLD": "http://127.0.0.1:1/x"}, "OperationNotSupported"),
    ({"REQUEST": "Nic"}, "OperationNotSupported"),
    ({"SERVICE": "WFS"}, "InvalidParameterValue"),
    ({"VERSION": "9.9.9"}, "InvalidParameterValue"),
])
@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_exceptions(node: Node, change: dict[str, str | None], code: str | None, version: str) -> None:
    asked = request("EPSG:2180", version, "dzialki", window("EPSG:2180", version, *CORNER, 60)) | change
    answer = node.get("powiat/wms", **{key: value for key, value in asked.items() if value is not None})
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "ServiceExceptionReport"
    assert root.get("version") == ("1.3.0" if "VERSION" in change else version)
    assert answer.status_code == 200
    if code is not None:
        assert root[0].get("code") == code


def test_what_steers_mapserver_is_dropped(node: Node) -> None:
    asked = request("EPSG:2180", "1.3.0", "dzialki", window("EPSG:2180", "1.3.0", *CORNER, 60))
    plain = node.get("powiat/wms", **asked)
    steering = {"map": "/etc/passwd", "Map": "x", "mode": "browse", "map_imagetype": "jpeg", "qlayer": "x"}
    steered = node.get("powiat/wms", **asked | steering)
    assert steered.content == plain.content


def test_methods(node: Node) -> None:
    url, caps = f"{node.url}/powiat/wms", {"service": "WMS", "request": "GetCapabilities"}
    assert b"WMS_Capabilities" in httpx.post(url, data=caps, trust_env=False).content
    head = httpx.head(url, params=caps, trust_env=False)
    assert head.status_code == 200 and not head.content and head.headers["content-type"].startswith("text/xml")
    assert httpx.put(url, trust_env=False).status_code == 405
    assert b"OperationNotSupported" in httpx.post(url, content=b"<a/>", trust_env=False).content


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated")
def test_owslib_opens_and_draws(node: Node) -> None:
    from owslib.wms import WebMapService

    for version in ("1.1.1", "1.3.0"):
        service = WebMapService(f"{node.url}/powiat/wms", version=version)
        assert service.identification.title == "Powiat – usługa przeglądania (WMS)"
        assert {"egib", "dzialki", "budynki", "urzadzenia_wodociagowe"} <= set(service.contents)
        layer = service["dzialki"]
        assert layer.title.split() == ("Działki " + HOSTILE).split()
        assert "EPSG:2180" in layer.crsOptions and layer.metadataUrls[0]["url"].startswith(f"{node.url}/powiat/csw?")
        west, south = CORNER
        bbox = (west, south, west + 100, south + 100)  # OWSLib turns it for 1.3.0
        picture = service.getmap(layers=["dzialki"], srs="EPSG:2180", bbox=bbox, size=(300, 300), format="image/png")
        assert len(Image.open(io.BytesIO(picture.read())).convert("RGB").getcolors(10_000)) > 5


def test_languages(node: Node) -> None:
    for asked, title in (("", "Powiat – "), ("pol", "Powiat – "), ("eng", "Powiat (en) – view"), ("xyz", "Powiat – ")):
        text = node.get("powiat/wms", SERVICE="WMS", REQUEST="GetCapabilities", LANGUAGE=asked).text
        assert f"<Title>{title}" in text
        assert f"{node.url}/powiat/wms?language={'eng' if asked == 'eng' else 'pol'}&amp;" in text


@pytest.mark.parametrize(("asked", "answered"), [
    ("1.3.0", "1.3.0"), ("2.0", "1.3.0"), ("1.3", "1.3.0"), ("1.2.9", "1.1.1"), ("1.1.1", "1.1.1"), ("1.1.0", "1.1.0"),
    ("1.0.0", "1.1.0"), ("0", "1.1.0")])
def test_the_version_is_negotiated(node: Node, asked: str, answered: str) -> None:
    answer = node.get("powiat/wms", SERVICE="WMS", REQUEST="GetCapabilities", VERSION=asked)
    assert etree.fromstring(answer.content).get("version") == answered


@pytest.mark.parametrize("asked", ["one", "1.3.0.0", "-1", "1..0", "9" * 5000])
def test_what_is_no_version_is_refused(node: Node, asked: str) -> None:
    answer = node.get("powiat/wms", SERVICE="WMS", REQUEST="GetCapabilities", VERSION=asked)
    assert 'code="InvalidParameterValue"' in answer.text and 'locator="version"' in answer.text


def test_capabilities_depend_on_version_and_language_only(node: Node) -> None:
    """Whatever else is asked, however often: one document is kept, without a mark left to be replaced."""
    asked = {"SERVICE": "WMS", "REQUEST": "GetCapabilities", "VERSION": "1.3.0"}
    more = {"LAYERS": "none", "STYLES": "a,b", "BBOX": "1", "EXCEPTIONS": "x", "FORMAT": "text/html"}
    variants = [asked | more, asked, *(asked | {"WIDTH": str(n), "UPDATESEQUENCE": str(n)} for n in range(20))]
    found = [node.get("powiat/wms", **variant) for variant in variants]
    assert {answer.status_code for answer in found} == {200}
    assert not any("@time-" in answer.text for answer in found)
    assert len({len(answer.content) for answer in found}) == 1


def test_image_formats(node: Node) -> None:
    asked = request("EPSG:2180", "1.3.0", "dzialki", window("EPSG:2180", "1.3.0", *CORNER, 100))
    for form, name in (("image/png", "PNG"), ("image/png; mode=8bit", "PNG"), ("image/jpeg", "JPEG"),
                       ("image/webp", "WEBP")):
        answer = node.get("powiat/wms", **(asked | {"FORMAT": form}))
        assert answer.headers["content-type"] == form.partition("; mode")[0] or "8bit" in form
        picture = Image.open(io.BytesIO(answer.content))
        assert (picture.format, picture.size) == (name, (101, 101))
        if form != "image/jpeg":
            assert picture.convert("RGBA").getextrema()[3][0] == 0, "TRANSPARENT=TRUE"


def test_costs_are_bounded(node: Node) -> None:
    asked = request("EPSG:2180", "1.3.0", "dzialki", window("EPSG:2180", "1.3.0", *CORNER, 100))
    many = ",".join(["dzialki"] * 1000)
    for more, locator in (({"WIDTH": 4096, "HEIGHT": 4096}, "width"), ({"LAYERS": many}, "layers")):
        answer = node.get("powiat/wms", **(asked | more))
        assert f'locator="{locator}"' in answer.text
    capabilities = etree.fromstring(node.get("powiat/wms", SERVICE="WMS", REQUEST="GetCapabilities").content)
    assert capabilities.findtext(".//{*}LayerLimit") == "100" and capabilities.findtext(".//{*}MaxWidth") == "3072"


def test_far_away_there_is_less(node: Node) -> None:
    """House connections and devices are for large scales; the capabilities say so."""
    def shown(layer: str, half_m: float) -> bool:
        bbox = window("EPSG:2180", "1.3.0", CORNER[0] + 225, CORNER[1] + 225, half_m)
        return painted(image(node, "powiat", **request("EPSG:2180", "1.3.0", layer, bbox)))

    assert shown("urzadzenia_wodociagowe_punkty", 10) and not shown("urzadzenia_wodociagowe_punkty", 100)
    root = etree.fromstring(node.get("powiat/wms", SERVICE="WMS", REQUEST="GetCapabilities").content)
    (layer,) = root.xpath("//*[local-name()='Layer'][*[local-name()='Name']='urzadzenia_wodociagowe_punkty']")
    assert layer.findtext("{*}MaxScaleDenominator") == "3000"


def test_killed_workers_are_replaced(node: Node) -> None:
    for pid in node.pool.pids:
        os.kill(pid, signal.SIGKILL)
    for _ in range(4):
        bbox = window("EPSG:2180", "1.3.0", *CORNER, 100)
        assert painted(image(node, "powiat", **request("EPSG:2180", "1.3.0", "dzialki", bbox)))
    deadline = time.monotonic() + 20
    while len(node.pool.pids) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
