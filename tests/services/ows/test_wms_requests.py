"""Requests that MapServer answers wrongly or in silence: which are refused, with what code, and which are mended."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections import Counter

import httpx
import psycopg
import pytest
from lxml import etree
from PIL import Image

from sdi.services.ows import fastcgi
from sdi.services.ows.app import Wms
from sdi.services.ows.normaliser import Normal
from sdi.services.ows.wms import IMAGES
from tests.services.ows.conftest import CORNER, Node
from tests.services.ows.test_ows_wms import image, painted, request, window

X, Y = CORNER[0] + 20, CORNER[1] + 17
"""In a building and in a parcel."""


def map_of(version: str = "1.3.0", layers: str = "budynki", crs: str = "EPSG:2180") -> dict[str, object]:
    return request(crs, version, layers, window(crs, version, X, Y, 30))


def info_of(version: str = "1.3.0", layers: str = "budynki", form: str = "text/plain") -> dict[str, object]:
    point = {"I": 50, "J": 50} if version == "1.3.0" else {"X": 50, "Y": 50}
    return map_of(version, layers) | point | {
        "REQUEST": "GetFeatureInfo", "QUERY_LAYERS": layers, "INFO_FORMAT": form, "FEATURE_COUNT": 5}


LEGEND = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetLegendGraphic", "LAYER": "budynki",
          "SLD_VERSION": "1.1.0", "FORMAT": "image/png"}


def fault(answer: httpx.Response) -> tuple[str | None, str | None]:
    exception = etree.fromstring(answer.content)[0]
    assert answer.status_code == 200 and "Check" not in answer.text
    return exception.get("code"), exception.get("locator")


def engine(node: Node, parameters: dict[str, object]) -> tuple[str, bytes]:
    """What MapServer itself answers: media type and body."""
    async def ask() -> tuple[str, bytes]:
        mapfile = node.pool.socket.parent / "build" / "powiat" / "wms" / "pol.map"
        query = Normal({key: str(value) for key, value in parameters.items()}).query(str(mapfile))
        answer = await fastcgi.request(node.pool.socket, fastcgi.environment("GET", query), b"", 60)
        return answer.header("Content-Type") or "", b"".join([piece async for piece in answer.body])

    return asyncio.run(ask())


@pytest.mark.parametrize(("change", "code", "locator"), [
    *(({"MAP_RESOLUTION": value}, "InvalidParameterValue", "map_resolution")
      for value in ("abc", "0", "-5", "9", "1001", "1000000")),
    ({"CRS": "EPSG:9999"}, "InvalidCRS", "crs"),
    ({"CRS": "AUTO2:42001,1,18,53"}, "InvalidCRS", "crs"),
    ({"WIDTH": 256, "HEIGHT": 1}, "InvalidParameterValue", "height"),
    ({"WIDTH": "٣٠٠"}, "InvalidParameterValue", "width"),
    ({"LAYERS": "budynki,nope"}, "LayerNotDefined", "layers"),
    ({"LAYERS": "budynki,", "EXCEPTIONS": "INIMAGE"}, "LayerNotDefined", "layers"),
    ({"VERSION": "1.1.1", "SRS": "EPSG:9999"}, "InvalidSRS", None),
    ({"REQUEST": "DescribeLayer", "SLD_VERSION": "1.1.0"}, "OperationNotSupported", "request"),
])
def test_maps_that_are_refused(node: Node, change: dict[str, object], code: str, locator: str | None) -> None:
    assert fault(node.get("powiat/wms", **map_of() | change)) == (code, locator)


@pytest.mark.parametrize("resolution", ["10", "91.5", "1000"])
def test_resolutions_that_mapserver_takes(node: Node, resolution: str) -> None:
    assert image(node, "powiat", **map_of() | {"MAP_RESOLUTION": resolution}).size == (101, 101)


@pytest.mark.parametrize(("change", "code", "locator"), [
    *(({"I": value}, "InvalidPoint", "i") for value in ("a", "-1", "101", "1.5")),
    ({"J": "101"}, "InvalidPoint", "j"),
    ({"J": ""}, "MissingParameterValue", "j"),
    *(({"FEATURE_COUNT": value}, "InvalidParameterValue", "feature_count") for value in ("0", "-1", "a")),
    ({"LAYERS": "nope"}, "LayerNotDefined", "layers"),
    ({"QUERY_LAYERS": "budynki,nope"}, "LayerNotDefined", "query_layers"),
])
@pytest.mark.parametrize("form", ["text/plain", "application/json"])
def test_points_that_are_refused(node: Node, form: str, change: dict[str, object], code: str, locator: str) -> None:
    assert fault(node.get("powiat/wms", **info_of(form=form) | change)) == (code, locator)


def test_the_point_may_have_the_names_of_the_other_version(node: Node) -> None:
    for version, point in (("1.3.0", {"X": 50, "Y": 50, "I": "", "J": ""}), ("1.3.0", {"X": 1, "Y": 1}),
                           ("1.1.1", {"I": 50, "J": 50, "X": "", "Y": ""})):
        assert "id = 'b1'" in node.get("powiat/wms", **info_of(version) | point).text
    assert fault(node.get("powiat/wms", **info_of("1.1.1") | {"X": "101"})) == ("InvalidPoint", None)


def test_mapserver_still_takes_what_is_refused(node: Node) -> None:
    """When one of these fails, the normaliser need not look at it any more."""
    media_type, page = engine(node, map_of() | {"MAP_RESOLUTION": 9})
    assert media_type == "text/html" and b"Resolution value out of range" in page
    media_type, blank = engine(node, map_of() | {"CRS": "AUTO2:42001,1,18,53"})
    assert media_type == "image/png" and not painted(Image.open(io.BytesIO(blank)).convert("RGBA"))
    assert b"InvalidSRS" in engine(node, map_of() | {"CRS": "EPSG:9999"})[1]
    assert b"Query error" in engine(node, map_of() | {"WIDTH": 256, "HEIGHT": 1})[1]
    inside = f"{Y - 5},{X - 0.25},{Y + 5},{X + 0.25}"
    narrow = engine(node, map_of() | {"BBOX": inside, "WIDTH": 1, "HEIGHT": 20})[1]
    assert not painted(Image.open(io.BytesIO(narrow)).convert("RGBA"))
    for taken in ({"I": "a"}, {"I": 101}, {"FEATURE_COUNT": 0}, {"QUERY_LAYERS": "budynki,nope"}):
        assert engine(node, info_of() | taken)[1].startswith(b"GetFeatureInfo results")
    document = engine(node, {"SERVICE": "WMS", "REQUEST": "GetCapabilities", "VERSION": "1.0.0"})[1]
    assert b'version="1.0.0"' in document


def test_layers_and_reference_systems_in_any_case(node: Node) -> None:
    plain = node.get("powiat/wms", **map_of()).content
    assert node.get("powiat/wms", **map_of() | {"LAYERS": "BUDYNKI", "CRS": "epsg:2180"}).content == plain
    found = node.get("powiat/wms", **info_of(form="application/json") | {"QUERY_LAYERS": "Budynki"}).json()
    assert [feature["id"] for feature in found["features"]] == ["b1"]
    crs84 = map_of(crs="CRS:84")
    urn = crs84 | {"CRS": "urn:ogc:def:crs:OGC:1.3:CRS84"}
    before = request("CRS:84", "1.1.1", "budynki", str(crs84["BBOX"]))  # 1.1.1 lists it among SRS, too
    for asked in (crs84, urn, before):
        assert painted(image(node, "powiat", **asked))


@pytest.mark.parametrize(("asked", "given"), [
    ("", "1.3.0"), ("2.0.0", "1.3.0"), ("1.3", "1.3.0"), ("1.2.0", "1.1.1"), ("1.1.1", "1.1.1"), ("1.1.0", "1.1.0"),
    ("1.0.0", "1.1.0"), ("0.9", "1.1.0"),
])
def test_versions_are_negotiated(node: Node, asked: str, given: str) -> None:
    """WMS 1.3.0, 6.2.4."""
    answer = node.get("powiat/wms", SERVICE="WMS", REQUEST="GetCapabilities", VERSION=asked)
    assert etree.fromstring(answer.content).get("version") == given


def test_a_version_that_is_none_is_refused(node: Node) -> None:
    answer = node.get("powiat/wms", SERVICE="WMS", REQUEST="GetCapabilities", VERSION="abc")
    assert fault(answer) == ("InvalidParameterValue", "version")


@pytest.mark.parametrize(("version", "form"), [("1.3.0", "XML"), ("1.1.1", "application/vnd.ogc.se_xml")])
def test_exceptions_are_xml_and_nothing_else_is_promised(node: Node, version: str, form: str) -> None:
    asked = {"SERVICE": "WMS", "REQUEST": "GetCapabilities", "VERSION": version}
    for _ in range(2):  # also as it is kept
        capabilities = etree.fromstring(node.get("powiat/wms", **asked).content)
        assert [element.text for element in capabilities.iterfind(".//{*}Exception/{*}Format")] == [form]
    assert engine(node, asked)[1].count(b"BLANK") + engine(node, asked)[1].count(b"se_blank") == 1
    for wrong in ({"BBOX": "1,2,3"}, {"FORMAT": "image/tiff"}):
        answer = node.get("powiat/wms", **map_of(version) | {"EXCEPTIONS": "INIMAGE"} | wrong)
        assert etree.QName(etree.fromstring(answer.content)).localname == "ServiceExceptionReport"


def test_legends_in_each_format(node: Node) -> None:
    for form in IMAGES:
        answer = node.get("powiat/wms", **LEGEND | {"FORMAT": form})
        assert answer.headers["content-type"] == form
        assert Image.open(io.BytesIO(answer.content)).width > 20
    refused = node.get("powiat/wms", **LEGEND | {"FORMAT": "image/gif"})
    assert fault(refused) == ("InvalidFormat", "format") and ", ".join(IMAGES) in refused.text
    assert fault(node.get("powiat/wms", **LEGEND | {"LAYER": "nope"})) == ("LayerNotDefined", "layer")


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("layer", ["powiat", "egib", "gesut", "budynki,dzialki"])
def test_a_group_has_the_same_objects_in_all_formats(node: Node, layer: str, count: int) -> None:
    def answer(form: str) -> str:
        corner = request("EPSG:2180", "1.3.0", layer, window("EPSG:2180", "1.3.0", CORNER[0] + 3, CORNER[1] + 1, 20))
        return node.get("powiat/wms", **info_of(layers=layer, form=form) | {
            "BBOX": corner["BBOX"], "FEATURE_COUNT": count}).text

    found = json.loads(answer("application/json"))["features"]
    expected = Counter(feature["id"] for feature in found)
    assert bool(expected) and max(Counter(feature["layer"] for feature in found).values()) <= count
    assert Counter(re.findall(r"^    id = '(.+)'$", answer("text/plain"), re.MULTILINE)) == expected
    gml = etree.fromstring(answer("application/vnd.ogc.gml").encode())
    assert Counter(element.text for element in gml.iter("id")) == expected
    page = answer("text/html")
    assert all(page.count(f">{name}<") == number for name, number in expected.items())


def test_of_a_group_only_layers_that_have_something_are_asked(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = Wms.ask

    async def heard(service: Wms, normal: Normal, *more: object) -> fastcgi.Answer:
        asked.append(normal.parameters["QUERY_LAYERS"])
        return await ask(service, normal, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Wms, "ask", heard)
    for form in ("application/json", "text/html"):
        asked.clear()
        assert "b1" in node.get("powiat/wms", **info_of(layers="powiat", form=form)).text
        assert asked[0] == "powiat" and sorted(asked[1:]) == ["budynki", "dzialki"]
    node.get("powiat/wms", **info_of(form="application/json"))
    assert asked[-1] == "budynki" and len(asked) == 4


def test_a_query_that_fails_is_our_failure_and_says_nothing_of_logs(node: Node) -> None:
    with psycopg.connect(node.database.conninfo("owner"), autocommit=True) as connection:
        connection.execute("alter table gesut.nieznane rename to gone")
        try:
            answers = [node.get("powiat/wms", **map_of(layers="nieznane")),
                       node.get("powiat/wms", **info_of(layers="nieznane", form="application/json"))]
        finally:
            connection.execute("alter table gesut.gone rename to nieznane")
    for answer in answers:
        assert answer.status_code == 500
        assert "Silnik map nie wykonał żądania" in answer.text and "logs" not in answer.text
