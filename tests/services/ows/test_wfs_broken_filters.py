"""What is wrong with a filter or a parameter is told to the client, in each version, and is never a fault of ours."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.services.broken_filters import Broken
from tests.services.ows.conftest import Node
from tests.services.ows.test_ows_wfs import get
from tests.services.ows.test_wfs_exact import matched, post, spatial, text_filter

PLACE = "<gml:Point srsName='urn:ogc:def:crs:EPSG::2180'><gml:pos>570075 470075</gml:pos></gml:Point>"
LINE = "<gml:LineString><gml:posList>570000 470000 570100 470100</gml:posList></gml:LineString>"
RING = "<gml:LinearRing><gml:posList>1 2 1 3 2 3 1 2</gml:posList></gml:LinearRing>"


def near(distance: str, unit: str = "m") -> str:
    return spatial("DWithin", f"{PLACE}<fes:Distance uom='{unit}'>{distance}</fes:Distance>")


@pytest.mark.parametrize(("predicate", "message"), [
    ("<fes:BBOX><gml:Envelope><gml:lowerCorner>400000,5 400000</gml:lowerCorner><gml:upperCorner>500000 500000"
     "</gml:upperCorner></gml:Envelope></fes:BBOX>", "gml:lowerCorner: '400000,5 400000' is no position"),
    (spatial("Intersects", f"<gml:MultiPoint><gml:pointMember>{LINE}</gml:pointMember></gml:MultiPoint>"),
     "gml:MultiPoint cannot be made of: LineString"),
    (spatial("Intersects", "<gml:MultiPoint/>"), "gml:MultiPoint cannot be made of: nothing"),
    (spatial("Intersects", f"<gml:Curve><gml:segments><gml:Polygon><gml:exterior>{RING}</gml:exterior></gml:Polygon>"
                           "</gml:segments></gml:Curve>"), "no way to read gml:Polygon"),
    (spatial("Intersects", "<gml:Surface><gml:patches><gml:LineStringSegment/></gml:patches></gml:Surface>"),
     "no way to read gml:LineStringSegment"),
    (spatial("Intersects", f"<gml:Point>{'<gml:pos>1 2</gml:pos>' * 4}</gml:Point>"), "gml:Point has one position"),
    (spatial("Intersects", LINE.replace("570000", "nan")), "is no position"),
    (spatial("Intersects", LINE.replace("<gml:LineString", "<gml:LineString srsName='EPSG:4326'").replace(
        "570000", "1e200")), "the coordinates lie outside of their srsName"),
    (spatial("Intersects", f"<gml:Polygon><gml:interior>{RING}</gml:interior></gml:Polygon>"), "one exterior ring"),
    (spatial("Intersects", LINE.replace("posList", "posList srsDimension='x'", 1)), "srsDimension='x': can be 2 or 3"),
    (near("-5"), "distance '-5' 'm': a number from 0"), (near("nan"), "distance 'nan'"),
    (near("inf"), "distance 'inf'"), (near("1e308", "km"), "distance '1e308' 'km'"), (near("5", "ft"), "units: m, km"),
    (near(""), "distance ''"),
    (spatial("DWithin", PLACE), "DWithin without a Distance"),
])
def test_what_is_wrong_with_a_filter_is_told(
    node: Node, predicate: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = get(node, FILTER=text_filter(predicate), LANGUAGE="eng")
    found = next(etree.fromstring(answer.content).iter("{*}Exception"))
    assert (answer.status_code, found.get("exceptionCode"), found.get("locator")) == (
        400, "InvalidParameterValue", "filter")
    assert message in "".join(map(str, found.itertext())) and not caplog.records


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=True))
def test_no_filter_breaks_the_service(node: Node, chance: Random) -> None:
    text = Broken(chance, ["geom", "porzadek", "numer_dzialki", "valid_from", "wpis", "sporna", "name", "nic"],
                  ["IsPoint", "IsSurface", "f"]).filter()
    answer = post(node, "<wfs:GetFeature xmlns:wfs='http://www.opengis.net/wfs/2.0' service='WFS' version='2.0.0' "
                        f"resultType='hits'><wfs:Query typeNames='dzialki'>{text}</wfs:Query></wfs:GetFeature>")
    assert answer.status_code in (200, 400, 403), (text, answer.text)


@pytest.mark.parametrize("shape", [
    f"<gml:MultiCurve><gml:curveMember>{LINE}</gml:curveMember></gml:MultiCurve>",
    f"<gml:MultiGeometry><gml:geometryMembers>{LINE}{PLACE}</gml:geometryMembers></gml:MultiGeometry>",
    f"<gml:Curve><gml:segments>{LINE.replace('LineString', 'LineStringSegment')}</gml:segments></gml:Curve>",
    "<gml:LineString srsDimension='3'><gml:posList>570000 470000 90 570100 470100 91</gml:posList></gml:LineString>",
    "<gml:LineString><gml:coordinates>570000,470000 570100,470100</gml:coordinates></gml:LineString>",
    "<gml:LineString><gml:coord><gml:X>570000</gml:X><gml:Y>470000</gml:Y></gml:coord><gml:coord><gml:X>570100</gml:X>"
    "<gml:Y>470100</gml:Y></gml:coord></gml:LineString>",
    f"<gml:MultiLineString><gml:lineStringMember>{LINE}</gml:lineStringMember></gml:MultiLineString>",
])
def test_a_line_is_the_same_in_every_form_of_gml(node: Node, shape: str) -> None:
    assert matched(get(node, FILTER=text_filter(spatial("Intersects", shape)), RESULTTYPE="hits")) == "7"


@pytest.mark.parametrize("shape", [
    "<gml:Polygon><gml:exterior><gml:Ring><gml:curveMember><gml:LineString><gml:posList>569999 469999 570051 469999"
    "</gml:posList></gml:LineString></gml:curveMember><gml:curveMember><gml:LineString><gml:posList>570051 469999 "
    "570051 470051 569999 470051 569999 469999</gml:posList></gml:LineString></gml:curveMember></gml:Ring>"
    "</gml:exterior></gml:Polygon>",
    "<gml:MultiSurface><gml:surfaceMember><gml:Surface><gml:patches><gml:PolygonPatch><gml:exterior><gml:LinearRing>"
    "<gml:posList>569999 469999 570051 469999 570051 470051 569999 470051 569999 469999</gml:posList></gml:LinearRing>"
    "</gml:exterior></gml:PolygonPatch></gml:patches></gml:Surface></gml:surfaceMember></gml:MultiSurface>",
])
def test_an_area_is_the_same_in_every_form_of_gml(node: Node, shape: str) -> None:
    assert matched(get(node, FILTER=text_filter(spatial("Within", shape)), RESULTTYPE="hits")) == "1"


@pytest.mark.parametrize("text", ["\x07", "\ufffe", "a\x00b"])
@pytest.mark.parametrize("name", ["BBOX", "COUNT", "SORTBY", "TYPENAMES", "OUTPUTFORMAT", "VERSION", "FILTER"])
def test_characters_that_xml_cannot_hold_are_refused_in_xml(node: Node, name: str, text: str) -> None:
    answer = get(node, **{name: text})
    assert answer.status_code == 400
    assert etree.fromstring(answer.content).tag == "{http://www.opengis.net/ows/1.1}ExceptionReport"
    picture = node.get("powiat/wms", SERVICE="WMS", VERSION="1.3.0", REQUEST=text)
    assert picture.status_code == 200 and etree.fromstring(picture.content).tag.endswith("ServiceExceptionReport")
