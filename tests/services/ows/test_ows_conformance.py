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


def test_a_count_links_to_the_first_page(node: Node) -> None:
    """PagingTests.getFeatureWithHitsOnly."""
    hits = etree.fromstring(get(node, RESULTTYPE="hits", COUNT=2).content)
    page = httpx.get(f"{node.url}/powiat/wfs?{hits.get('next').partition('?')[2]}", trust_env=False)
    assert values(page, "id") == values(get(node, COUNT=2), "id")
    none = etree.fromstring(get(node, RESULTTYPE="hits", RESOURCEID="dzialki.999999999").content)
    assert (none.get("numberMatched"), none.get("next")) == ("0", None)


NULL = "<PropertyIsNull><ValueReference>{}</ValueReference></PropertyIsNull>"
EQUAL = "<PropertyIsEqualTo><ValueReference>{}</ValueReference><Literal>x</Literal></PropertyIsEqualTo>"


@pytest.mark.parametrize(("condition", "expected"), [
    (NULL.format("gml:name"), 3), (f"<Not>{NULL.format('gml:identifier')}</Not>", 0),
    (EQUAL.format("gml:description"), 0),
])
def test_what_is_inherited_from_gml_is_not_there(node: Node, condition: str, expected: int) -> None:
    """PropertyIsNullOperatorTests.gmlNameIsNull."""
    assert len(values(get(node, FILTER=f"<Filter>{condition}</Filter>", COUNT=3), "id")) == expected


@pytest.mark.parametrize("operand", ["gml:boundedBy", "sdi:geom"])
def test_a_geometry_cannot_be_compared(node: Node, operand: str) -> None:
    """ComparisonOperatorTests.invalidOperand_boundedBy; the status is that of WFS 2.0, table D.2."""
    answer = get(node, FILTER=f"<Filter>{EQUAL.format(operand)}</Filter>")
    exception = etree.fromstring(answer.content).find("{*}Exception")
    assert (answer.status_code, exception.get("exceptionCode")) == (403, "OperationProcessingFailed")


@pytest.mark.parametrize("form", [
    "<gml:LineString><gml:posList>{0} {0}</gml:posList></gml:LineString>",
    "<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>{0} {0} {0} {0} {0}</gml:posList></gml:LinearRing>"
    "</gml:exterior></gml:Polygon>",
])
def test_the_extent_of_a_point_is_that_point(node: Node, form: str) -> None:
    """IntersectsTests, which make a polygon and a line of the extent of the first object."""
    asked = {"TYPENAMES": "urzadzenia_wodociagowe"}
    features = etree.fromstring(get(node, **asked).content)
    (position,) = features.xpath("//*[local-name() = 'pos']/text()")
    condition = f"<Intersects><ValueReference>geom</ValueReference>{form.format(position)}</Intersects>"
    found = get(node, **asked, FILTER=f"<Filter>{condition}</Filter>")
    assert values(found, "id") == ["punkt"]


def test_the_capabilities_tell_how_references_are_resolved(node: Node) -> None:
    """ServiceMetadataTests.capabilitiesDocCorrespondsToWfsSimple."""
    root = etree.fromstring(node.get("powiat/wfs", SERVICE="WFS", REQUEST="GetCapabilities").content)
    for operation in ("GetFeature", "GetPropertyValue"):
        found = root.xpath(f"//*[@name='{operation}']/*[@name='resolve']//*[local-name() = 'Value']/text()")
        assert found == ["none", "local"]
