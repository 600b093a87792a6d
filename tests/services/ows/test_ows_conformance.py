"""What the OGC's suite for WFS 2.0 asks and MapServer by itself answers otherwise."""

from __future__ import annotations

import httpx
import pytest
from lxml import etree

from tests.services.ows.conftest import Node
from tests.services.ows.test_ows_wfs import get, values

ENVELOPE = ("<gml:Envelope srsName='urn:ogc:def:crs:EPSG::2180'><gml:lowerCorner>560000 460000</gml:lowerCorner>"
            "<gml:upperCorner>580000 490000</gml:upperCorner></gml:Envelope>")


def filtered(operator: str, operand: str) -> str:
    return (f"<fes:Filter xmlns:fes='http://www.opengis.net/fes/2.0' xmlns:gml='http://www.opengis.net/gml/3.2' "
            f"xmlns:tns='urn:sdi:registers'><fes:{operator}><fes:ValueReference>{operand}</fes:ValueReference>{ENVELOPE}"
            f"</fes:{operator}></fes:Filter>")


def by_xml(node: Node, filter_xml: str) -> httpx.Response:
    body = ("<wfs:GetFeature xmlns:wfs='http://www.opengis.net/wfs/2.0' service='WFS' version='2.0.0' count='2'>"
            f"<wfs:Query typeNames='dzialki'>{filter_xml}</wfs:Query></wfs:GetFeature>")
    return httpx.post(f"{node.url}/powiat/wfs", content=body, headers={"Content-Type": "text/xml"}, trust_env=False)


def refused(answer: httpx.Response, locator: str) -> bool:
    """Whether the answer is a 400 InvalidParameterValue at the locator."""
    exception = etree.fromstring(answer.content).find("{*}Exception")
    return exception is not None and (answer.status_code, exception.get("exceptionCode"), exception.get("locator")) == (
        400, "InvalidParameterValue", locator)


@pytest.mark.parametrize(("operator", "operand"), [
    ("BBOX", "gml:description"), ("BBOX", "tns:numer_dzialki"), ("Intersects", "numer_dzialki"),
    ("Intersects", "gml:boundedBy"),
])
def test_a_spatial_operator_wants_the_geometry(node: Node, operator: str, operand: str) -> None:
    """BBOXTests.invalidGeometryOperand."""
    wrong = filtered(operator, operand)
    assert refused(get(node, FILTER=wrong), "filter")
    assert refused(get(node, FILTER=f"({wrong})"), "filter")
    assert refused(by_xml(node, wrong), "filter")


@pytest.mark.parametrize(("operator", "operand"), [
    ("BBOX", "geom"), ("BBOX", "tns:geom"), ("BBOX", "tns:dzialki/tns:geom"), ("BBOX", "gml:boundedBy"),
    ("Intersects", "geom"),
])
def test_the_geometry_may_be_named_in_each_way(node: Node, operator: str, operand: str) -> None:
    right = filtered(operator, operand)
    assert len(values(get(node, FILTER=right, COUNT=2), "id")) == 2
    assert len(values(by_xml(node, right), "id")) == 2


def test_identifiers_are_of_the_type_that_is_asked_for(node: Node) -> None:
    """ResourceIdFilterTests.inconsistentFeatureIdentifierAndType, unknownFeatureIdentifier."""
    (identifier,) = (member.get("{http://www.opengis.net/gml/3.2}id") for member in etree.fromstring(
        get(node, COUNT=1).content).iterfind("{*}member/{*}dzialki"))
    assert len(values(get(node, RESOURCEID=identifier), "id")) == 1
    assert refused(get(node, TYPENAMES="budynki", RESOURCEID=identifier), "resourceid")
    assert values(get(node, RESOURCEID="test-unknown"), "id") == []


def test_an_empty_value_reference_is_invalid_and_not_missing(node: Node) -> None:
    """GetPropertyValueTests.getProperty_emptyValueRef."""
    assert refused(get(node, REQUEST="GetPropertyValue", VALUEREFERENCE=""), "valuereference")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_next_page_goes_on_in_the_order_that_was_asked_for(node: Node, method: str) -> None:
    """PagingTests.traverseResultSetInBothDirections, with SORTBY."""
    expected = values(get(node, SORTBY="porzadek DESC", COUNT=6), "id")
    if method == "GET":
        page = get(node, SORTBY="porzadek DESC", COUNT=2)
    else:
        page = by_xml(node, "<fes:SortBy xmlns:fes='http://www.opengis.net/fes/2.0'><fes:SortProperty><fes:ValueReference>"
                            "porzadek</fes:ValueReference><fes:SortOrder>DESC</fes:SortOrder></fes:SortProperty></fes:SortBy>")
    found = values(page, "id")
    for _ in range(2):
        address = etree.fromstring(page.content).get("next")
        assert "extent=" not in address and "sort=" not in address
        page = httpx.get(f"{node.url}/powiat/wfs?{address.partition('?')[2]}", trust_env=False)
        found += values(page, "id")
    assert found == expected
    address = etree.fromstring(page.content).get("previous")
    page = httpx.get(f"{node.url}/powiat/wfs?{address.partition('?')[2]}", trust_env=False)
    assert values(page, "id") == expected[2:4]
