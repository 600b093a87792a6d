"""What clients send that cannot be quoted back."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.services.ows.conftest import Node
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
