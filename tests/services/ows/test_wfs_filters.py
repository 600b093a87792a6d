"""What filters, SORTBY and PROPERTYNAME mean: names, values, times and places."""

from __future__ import annotations

import httpx
import pyproj
import pytest
from lxml import etree

from tests.services.ows.conftest import CORNER, Node
from tests.services.ows.test_ows_wfs import OWN, get, values
from tests.services.ows.test_wfs_exact import LIKE, compared, matched, post, spatial, text_filter


def hits(node: Node, predicate: str, **more: object) -> str | None:
    return matched(get(node, FILTER=text_filter(predicate), RESULTTYPE="hits", **more))


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    return "".join(map(str, next(etree.fromstring(answer.content).iter("{*}Exception")).itertext()))


# Names

@pytest.mark.parametrize(("predicate", "count"), [
    (compared("PropertyIsEqualTo", "@gml:id", "dzialki.3"), 1),
    (compared("PropertyIsEqualTo", "sdi:dzialki/@gml:id", "dzialki.3"), 1),
    (compared("PropertyIsEqualTo", "@gml:id", "041501_2.0001.0/2"), 0),
    (compared("PropertyIsLike", "@gml:id", "dzialki.7*", attributes='wildCard="*" singleChar="?" escapeChar="!"'), 2),
    ("<fes:PropertyIsNull><fes:ValueReference>@gml:id</fes:ValueReference></fes:PropertyIsNull>", 0),
    ("<fes:PropertyIsNull><fes:ValueReference>gml:name</fes:ValueReference></fes:PropertyIsNull>", OWN),
    (compared("PropertyIsEqualTo", "/dzialki/sdi:id", "041501_2.0001.0/2"), 1),
])
def test_a_path_means_a_property_or_the_identifier(node: Node, predicate: str, count: int) -> None:
    assert hits(node, predicate) == str(count)


@pytest.mark.parametrize(
    "path", ["foo:id", "gml:id", "budynki/id", "a/dzialki/id", "@foo:id", "@nic", "foo:dzialki/id"])
def test_paths_and_prefixes_that_mean_nothing_are_refused(node: Node, path: str) -> None:
    filtered = get(node, FILTER=text_filter(compared("PropertyIsEqualTo", path, "1")), LANGUAGE="eng")
    assert f"unknown property {path!r}; there are: id" in refusal(filtered)
    for name in ("SORTBY", "PROPERTYNAME"):
        assert path in refusal(get(node, **{name: path}))
    assert path in refusal(get(node, REQUEST="GetPropertyValue", VALUEREFERENCE=path))


def test_prefixes_are_what_the_request_declares(node: Node) -> None:
    predicate = compared("PropertyIsLessThan", "x:porzadek", "2")
    more = {"SORTBY": "x:porzadek DESC", "PROPERTYNAME": "x:porzadek", "FILTER": text_filter(predicate)}
    assert "x:porzadek" in refusal(get(node, **more))
    for namespaces in ({"NAMESPACES": "xmlns(y,urn:y),xmlns(x,urn:sdi:registers)"},
                       {"NAMESPACE": "xmlns(x=urn:sdi:registers)"}):
        assert values(get(node, **more, **namespaces), "porzadek") == ["1", "0"]
    assert "x:porzadek" in refusal(get(node, NAMESPACES="xmlns(x,urn:y)", **more))
    body = f"""<wfs:GetFeature service="WFS" version="2.0.0" xmlns:wfs="http://www.opengis.net/wfs/2.0"
      xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:x="urn:sdi:registers"><wfs:Query typeNames="x:dzialki">
      <wfs:PropertyName>x:porzadek</wfs:PropertyName><fes:Filter>{predicate}</fes:Filter>
      <fes:SortBy><fes:SortProperty><fes:ValueReference>x:porzadek</fes:ValueReference><fes:SortOrder>DESC</fes:SortOrder>
      </fes:SortProperty></fes:SortBy></wfs:Query></wfs:GetFeature>"""
    assert values(post(node, body), "porzadek") == ["1", "0"]
    page = etree.fromstring(post(node, body.replace("<wfs:GetFeature", '<wfs:GetFeature count="1"')).content)
    assert values(httpx.get(page.get("next"), trust_env=False), "porzadek") == ["0"]


# Times

def between(name: str, low: str, high: str) -> str:
    parts = "".join(f"<fes:{bound}><fes:Literal>{text}</fes:Literal></fes:{bound}>"
                    for bound, text in (("LowerBoundary", low), ("UpperBoundary", high)))
    return (f"<fes:PropertyIsBetween><fes:ValueReference>{name}</fes:ValueReference>{parts}</fes:PropertyIsBetween>")


def temporal(operator: str, begin: str, end: str = "") -> str:
    time = (f"<gml:TimePeriod><gml:beginPosition>{begin}</gml:beginPosition><gml:endPosition>{end}</gml:endPosition>"
            "</gml:TimePeriod>") if end else (
        f"<gml:TimeInstant><gml:timePosition>{begin}</gml:timePosition></gml:TimeInstant>")
    return f"<fes:{operator}><fes:ValueReference>valid_from</fes:ValueReference>{time}</fes:{operator}>"


@pytest.mark.parametrize(("predicate", "found"), [
    (compared("PropertyIsEqualTo", "valid_from", "2025-06-01"), True),
    (compared("PropertyIsNotEqualTo", "valid_from", "2025-06-01"), False),
    (compared("PropertyIsGreaterThan", "valid_from", "2025-06-01"), False),
    (compared("PropertyIsLessThanOrEqualTo", "valid_from", "2025-06-01"), True),
    (compared("PropertyIsGreaterThan", "valid_from", "2025-06-01T00:00:00"), True),
    ("<fes:PropertyIsGreaterThan><fes:Literal>2025-06-01</fes:Literal><fes:ValueReference>valid_from"
     "</fes:ValueReference></fes:PropertyIsGreaterThan>", False),
    ("<fes:PropertyIsGreaterThan><fes:Literal>2025-06-02</fes:Literal><fes:ValueReference>valid_from"
     "</fes:ValueReference></fes:PropertyIsGreaterThan>", True),
    (between("valid_from", "2025-05-01", "2025-06-01"), True),
    (between("valid_from", "2025-05-01", "2025-06-01T00:00:00Z"), True),
    (between("valid_from", "2025-05-01T00:00:00Z", "2025-06-01T00:00:00Z"), False),
    (between("wpis", "2024-02-29", "2024-02-29"), True),
    (compared("PropertyIsEqualTo", "wpis", "2024-02-28T23:30:00-02:00"), True),
    (temporal("TEquals", "2025-06-01"), True),
    (temporal("After", "2025-06-01"), False),
    (temporal("Before", "2025-06-02"), True),
    (temporal("AnyInteracts", "2025-01-01", "2025-06-01"), True),
    (temporal("During", "2025-01-01", "2025-06-01"), False),
    (temporal("During", "2025-01-01", "2025-06-02"), True),
    (temporal("Begins", "2025-06-01", "2025-07-01"), True),
    (compared("PropertyIsLike", "valid_from", "2025-06-01T12:30:00*", attributes=LIKE), True),
    (compared("PropertyIsLike", "valid_from", "2025-06-01 *", attributes=LIKE), False),
    (compared("PropertyIsLike", "wpis", "2024-02-*", attributes=LIKE), True),
    (compared("PropertyIsLike", "porzadek", "3", attributes=LIKE), True),
    (compared("PropertyIsLike", "sporna", "fals*", attributes=LIKE), True),
    (compared("PropertyIsLike", "pole", "0.375", attributes=LIKE), True),
])
def test_a_time_beside_a_date_counts_as_its_day(node: Node, predicate: str, found: bool) -> None:
    one = "<fes:ResourceId rid='dzialki.4'/>"
    assert hits(node, f"<fes:And>{one}{predicate}</fes:And>") == str(int(found))


@pytest.mark.parametrize("text", ["2025-06-32", "2025-6-1", "0001-01-01T00:00:00+23:59x", ""])
def test_what_is_no_time_is_refused(node: Node, text: str) -> None:
    answer = get(node, FILTER=text_filter(compared("PropertyIsEqualTo", "valid_from", text)), LANGUAGE="eng")
    assert "is no value of type datetime" in refusal(answer)


# Texts

LIKES = "wildCard='{}' singleChar='{}' escapeChar='{}'"


@pytest.mark.parametrize(("predicate", "count"), [
    (compared("PropertyIsEqualTo", "id", "POZA GRANICĄ", attributes="matchCase='0'"), 1),
    (compared("PropertyIsEqualTo", "id", "POZA GRANICĄ", attributes="matchCase='1'"), 0),
    (compared("PropertyIsLike", "id", "POZA*", attributes=f"matchCase='0' {LIKE}"), 1),
    (compared("PropertyIsLike", "id", "POZA*", attributes=f"matchCase=' true ' {LIKE}"), 0),
    (compared("PropertyIsLike", "id", "poza%%", attributes=LIKES.format("%%", "..", "!!")), 1),
    (compared("PropertyIsLike", "id", "poza%", attributes=LIKES.format("%%", "..", "!!")), 0),
    (compared("PropertyIsLike", "id", "poza.. granicą", attributes=LIKES.format("%%", "..", "!!")), 0),
    (compared("PropertyIsLike", "id", "poza..granicą", attributes=LIKES.format("%%", "..", "!!")), 1),
    (compared("PropertyIsLike", "id", "poza!!..granicą", attributes=LIKES.format("%%", "..", "!!")), 0),
    (compared("PropertyIsLike", "id", "poza!! granicą", attributes=LIKES.format("%%", "..", "!!")), 1),
    (compared("PropertyIsLike", "id", "poza_granicą", attributes=LIKES.format("*", ".", "!")), 0),
    (compared("PropertyIsLike", "id", "p*%", attributes=LIKES.format("*", ".", "!")), 0),
])
def test_characters_mean_what_the_filter_says(node: Node, predicate: str, count: int) -> None:
    assert hits(node, predicate) == str(count)


@pytest.mark.parametrize(("predicate", "message"), [
    (compared("PropertyIsEqualTo", "id", "a", attributes="matchCase='no'"), "matchCase='no': can be true or false"),
    *((f"<fes:ResourceId rid='dzialki.3' {name}='2020-01-01T00:00:00Z'/>", f"ResourceId: {name} is not supported")
      for name in ("version", "startDate", "endDate", "previousRid")),
])
def test_attributes_that_cannot_be_answered_are_refused(node: Node, predicate: str, message: str) -> None:
    assert message in refusal(get(node, FILTER=text_filter(predicate), LANGUAGE="eng"))


# Places

def ring(*positions: str, attributes: str = "srsName='urn:ogc:def:crs:EPSG::4326'") -> str:
    return (f"<gml:Polygon {attributes}><gml:exterior><gml:LinearRing><gml:posList>{' '.join(positions)}</gml:posList>"
            "</gml:LinearRing></gml:exterior></gml:Polygon>")


WORLD = ring("-90 -180", "90 -180", "90 180", "-90 180", "-90 -180")
CHINA = ring("30 100", "40 100", "40 110", "30 100")
FURTHER = ring("-9e6 -9e6", "470000 -9e6", "470000 9e6", "-9e6 9e6", "-9e6 -9e6", attributes="srsName='EPSG:3857'")
PARIS = "<gml:Point srsName='EPSG:4326'><gml:pos>48.86 2.35</gml:pos></gml:Point>"
BOX = ("<gml:Envelope srsName='EPSG:4326'><gml:lowerCorner>30 100</gml:lowerCorner><gml:upperCorner>40 110"
       "</gml:upperCorner></gml:Envelope>")
FIRST = "569999 469999 {0} 570049 469999 {0} 570049 470051 {0} 569999 470051 {0} 569999 469999 {0}"
"""About the first parcel, and into the next one to the east; in the north it ends within them."""


def near(operator: str, shape: str, metres: int) -> str:
    return spatial(operator, f"{shape}<fes:Distance uom='m'>{metres}</fes:Distance>")


@pytest.mark.parametrize(("predicate", "count"), [
    (spatial("Intersects", WORLD), OWN - 1), (spatial("Within", WORLD), OWN - 1), (spatial("Disjoint", WORLD), 0),
    (spatial("Contains", WORLD), 0), (spatial("Equals", WORLD), 0), (spatial("Touches", WORLD), 0),
    (spatial("Overlaps", WORLD), 0), (near("DWithin", WORLD, 10), OWN - 1), (near("Beyond", WORLD, 10), 0),
    *((predicate, count) for place in (CHINA, PARIS, BOX) for predicate, count in (
        (spatial("Intersects", place), 0), (spatial("Disjoint", place), OWN - 1), (near("DWithin", place, 90_000), 0),
        (near("Beyond", place, 90_000), OWN - 1))),
    (spatial("Within", f"<gml:MultiPolygon><gml:polygonMember>{WORLD}</gml:polygonMember></gml:MultiPolygon>"),
     OWN - 1),
    (spatial("Intersects", FURTHER), 0),
    (spatial("Intersects", "<gml:LineString srsName='EPSG:2180'><gml:posList>570025 -9e6 570025 9e6</gml:posList>"
                           "</gml:LineString>"), 7),
    (spatial("Within", ring(FIRST.format(""), attributes="")), 0),
    (spatial("Intersects", ring(FIRST.format(""), attributes="")), 2),
])
def test_what_lies_beyond_poland_is_cut_off(node: Node, predicate: str, count: int) -> None:
    assert hits(node, predicate) == str(count)


@pytest.mark.parametrize(("predicate", "message"), [
    (near("DWithin", PARIS, 2_000_000), "reaches far beyond Poland; at most 100000 m"),
    (near("Beyond", WORLD, 100_001), "reaches far beyond Poland"),
    (spatial("Intersects", PARIS.replace("48.86", "570000")), "outside of their srsName"),
    (spatial("Intersects", ring("0 0", "1 1", "1 0", "0 1", "0 0")), "is not valid: Self-intersection"),
    (spatial("Intersects", PARIS.replace("48.86", "4_8")), "'4_8 2.35' is no position"),
    (spatial("Intersects", f"<gml:MultiPoint><gml:pointMember>{PARIS}</gml:pointMember><gml:pointMember>"
                           f"{PARIS.replace('4326', '2180')}</gml:pointMember></gml:MultiPoint>"),
     "gml:MultiPoint in several systems: EPSG:4326, EPSG:2180"),
    (spatial("Intersects", f"<gml:MultiPoint><gml:pointMember><gml:Point><gml:pos>1 2</gml:pos></gml:Point>"
                           f"</gml:pointMember><gml:pointMember>{PARIS}</gml:pointMember></gml:MultiPoint>"),
     "in several systems: –, EPSG:4326"),
    (compared("PropertyIsLessThan", "pole", "nan"), "expected a number"),
    (compared("PropertyIsLessThan", "pole", "1e400"), "expected a number"),
    (compared("PropertyIsLessThan", "porzadek", "NaN"), "is no value of type integer"),
    (compared("PropertyIsLessThan", "porzadek", "1_0.5"), "is no value of type integer"),
])
def test_places_and_numbers_that_mean_nothing_are_refused(node: Node, predicate: str, message: str) -> None:
    assert message in refusal(get(node, FILTER=text_filter(predicate), LANGUAGE="eng"))


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0"])
def test_dimension_and_system_are_those_of_the_outer_geometry(node: Node, version: str) -> None:
    system = "srsName='urn:ogc:def:crs:EPSG::2180' srsDimension='3'"
    plain = ring(FIRST.format("7"), attributes="")
    closed = ring("569999 469999 7 570049 469999 7 570049 470051 7 569999 470051 7 569999 469999 7 569999 469999 7",
                  attributes=system)
    several = f"<gml:MultiSurface {system}><gml:surfaceMember>{plain}</gml:surfaceMember></gml:MultiSurface>"
    for shape in (ring(FIRST.format("7"), attributes=system), closed, several):
        found = get(node, VERSION=version, FILTER=text_filter(spatial("Intersects", shape), version))
        assert values(found, "porzadek") == ["0", "10"]


@pytest.mark.parametrize("text", ["1_0,0,20,20", "nan,0,20,20", "0,0,20,inf"])
def test_a_box_has_numbers(node: Node, text: str) -> None:
    assert text in refusal(get(node, BBOX=text))


# Names of coordinate reference systems

@pytest.mark.parametrize("name", [
    "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:x-ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "CRS:84",
    "OGC:CRS84", "http://www.opengis.net/def/crs/OGC/1.3/CRS84"])
def test_crs84_is_longitude_first(node: Node, name: str) -> None:
    x, y = pyproj.Transformer.from_crs(2180, 4326, always_xy=True).transform(*CORNER)
    box = f"{x - 1e-5},{y - 1e-5},{x + 1e-5},{y + 1e-5},{name}"
    for kind, first in (("nieznane", "n0"), ("dzialki", "041501_2.0001.0/0"), ("urzadzenia_wodociagowe", None)):
        found = get(node, TYPENAMES=kind, SRSNAME=name, **({"BBOX": box} if first else {}))
        assert values(found, "id")[:1] == ([first] if first else ["punkt"])
        root = etree.fromstring(found.content)
        assert {e.get("srsName") for e in root.iter() if e.get("srsName")} == {"urn:ogc:def:crs:OGC:1.3:CRS84"}
        positions = [e.text.split() for e in root.iter() if etree.QName(e).localname in ("pos", "posList")]
        assert positions and all(18 < float(place[0]) < 19 for place in positions)
    json = get(node, SRSNAME=name, OUTPUTFORMAT="geojson", COUNT=1).json()
    assert "crs" not in json and 18 < json["features"][0]["geometry"]["coordinates"][0][0][0] < 19


@pytest.mark.parametrize("name", ["urn:x-ogc:def:crs:EPSG:2180", "urn:ogc:def:crs:EPSG:2180"])
def test_a_version_may_be_missing_in_the_name_of_a_crs(node: Node, name: str) -> None:
    west, south = CORNER
    found = get(node, BBOX=f"{south + 1},{west + 1},{south + 2},{west + 2},{name}", SRSNAME=name)
    assert values(found, "porzadek") == ["0"] and b"EPSG::2180" in found.content
