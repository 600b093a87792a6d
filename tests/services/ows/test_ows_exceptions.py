"""What clients send that cannot be quoted back, or that is not spelt as it is advertised."""

from __future__ import annotations

import httpx
import pytest
from lxml import etree

from tests.services.ows.conftest import CORNER, Node
from tests.services.ows.test_ows_wfs import get


@pytest.mark.parametrize("name", [
    "SERVICE", "REQUEST", "TYPENAMES", "TYPENAME", "SRSNAME", "BBOX", "OUTPUTFORMAT", "COUNT", "STARTINDEX",
    "PROPERTYNAME", "SORTBY", "FILTER", "RESULTTYPE", "RESOLVE", "STOREDQUERY_ID"])
def test_wfs_quotes_any_character(node: Node, name: str) -> None:
    for version, character in (("2.0.0", "\x01"), ("1.1.0", "\x0b"), ("1.0.0", "\ufffe"), ("2.0.0", "\uffff")):
        answer = get(node, VERSION=version, **{name: f"{character}x"})
        assert answer.status_code in (200, 400)
        etree.fromstring(answer.content)


@pytest.mark.parametrize("change", [
    {"VERSION": "\x02"}, {"REQUEST": "GetCapabilities", "ACCEPTVERSIONS": "\x02"},
    {"REQUEST": "GetCapabilities", "SECTIONS": "\x02"}, {"STOREDQUERY_ID": "\x02"},
    {"REQUEST": "GetPropertyValue", "VALUEREFERENCE": "\x02"}])
def test_wfs_quotes_what_is_said_of_it(node: Node, change: dict[str, str]) -> None:
    report = etree.fromstring(get(node, LANGUAGE="eng", **change).content)
    assert "�" in "".join(report.itertext())


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
@pytest.mark.parametrize("name", ["SERVICE", "REQUEST", "VERSION", "LAYERS", "STYLES", "FORMAT", "WIDTH", "TIME"])
def test_wms_quotes_any_character(node: Node, name: str, version: str) -> None:
    asked = {"SERVICE": "WMS", "VERSION": version, "REQUEST": "GetMap", "LAYERS": "dzialki", "STYLES": "",
             "CRS" if version == "1.3.0" else "SRS": "EPSG:2180", "BBOX": "0,0,1,1", "WIDTH": 10, "HEIGHT": 10,
             "FORMAT": "image/png", name: "\x01x"}
    report = etree.fromstring(node.get("powiat/wms", **asked).content)
    assert etree.QName(report).localname == "ServiceExceptionReport"


@pytest.mark.parametrize("sent", ["application/geo+json", "application/geo json", "APPLICATION/GEO%2BJSON"])
def test_a_plus_sign_need_not_be_encoded(node: Node, sent: str) -> None:
    """As browsers and curl send it."""
    asked = f"SERVICE=WFS&VERSION=2.0.0&REQUEST=GetFeature&TYPENAMES=dzialki&COUNT=1&OUTPUTFORMAT={sent}"
    answer = httpx.get(f"{node.url}/powiat/wfs?{asked}", trust_env=False)
    assert answer.json()["numberReturned"] == 1
    west, south = CORNER
    asked = ("SERVICE=WMS&VERSION=1.1.1&REQUEST=GetFeatureInfo&LAYERS=dzialki&QUERY_LAYERS=dzialki&STYLES=&WIDTH=9"
             f"&HEIGHT=9&X=4&Y=4&SRS=EPSG:2180&BBOX={west},{south},{west + 9},{south + 9}&INFO_FORMAT={sent}")
    found = httpx.get(f"{node.url}/powiat/wms?{asked}", trust_env=False)
    assert found.headers["content-type"] == "application/geo+json" and len(found.json()["features"]) == 1


@pytest.mark.parametrize("form", ["application/gml+xml; version=3.2", "application/gml xml;version=3.2"])
def test_gml_has_a_plus_sign_too(node: Node, form: str) -> None:
    assert get(node, COUNT=1, OUTPUTFORMAT=form).headers["content-type"].startswith("application/gml+xml")
    schema = get(node, REQUEST="DescribeFeatureType", OUTPUTFORMAT=form)
    assert schema.headers["content-type"].startswith("application/gml+xml")
