"""What makes WFS exact: schemas, counts, filters, identifiers and CRS, in every version and format."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import httpx
import pyogrio
import pyproj
import pytest
import shapely
from lxml import etree

from tests.services.ows.conftest import CORNER, ROWS, Node, parcel
from tests.services.ows.test_ows_wfs import CITY, OWN, get, values

WEST, SOUTH = CORNER
FES = ("xmlns:fes='http://www.opengis.net/fes/2.0' xmlns:gml='http://www.opengis.net/gml/3.2' "
       "xmlns:sdi='urn:sdi:registers'")
OGC = "xmlns:ogc='http://www.opengis.net/ogc' xmlns:gml='http://www.opengis.net/gml'"


def matched(answer: httpx.Response) -> str | None:
    return etree.fromstring(answer.content).get("numberMatched")


def post(node: Node, body: str) -> httpx.Response:
    return httpx.post(f"{node.url}/powiat/wfs", content=body.encode(), headers={"Content-Type": "text/xml"},
                      trust_env=False)


# Counts and pages

@pytest.mark.parametrize("more", [{"COUNT": 1}, {"COUNT": 3, "STARTINDEX": 5}, {}])
def test_hits_are_the_whole_number_whatever_the_page(node: Node, more: dict[str, int]) -> None:
    assert matched(get(node, RESULTTYPE="hits", **more)) == str(OWN)
    filtered = text_filter(compared("PropertyIsLessThan", "porzadek", "10"))
    assert matched(get(node, RESULTTYPE="hits", FILTER=filtered, **more)) == "10"
    old = etree.fromstring(get(node, VERSION="1.1.0", RESULTTYPE="hits", MAXFEATURES=1).content)
    assert old.get("numberOfFeatures") == str(OWN)
    several = get(node, TYPENAMES="(dzialki)(nieznane)", RESULTTYPE="hits", **more)
    assert matched(several) == str(OWN + 3)


def test_a_page_tells_how_many_there_are(node: Node) -> None:
    page = get(node, COUNT=3, STARTINDEX=6)
    root = etree.fromstring(page.content)
    assert (root.get("numberMatched"), root.get("numberReturned")) == (str(OWN), "3")
    assert "STARTINDEX=9" in root.get("next") and "STARTINDEX=3" in root.get("previous")
    last = etree.fromstring(get(node, COUNT=3, STARTINDEX=OWN - 1).content)
    assert (last.get("numberReturned"), last.get("next")) == ("1", None)
    assert get(node, OUTPUTFORMAT="geojson", COUNT=2).json()["numberMatched"] == OWN


def test_pages_go_through_several_types(node: Node) -> None:
    found = [values(get(node, TYPENAMES="(nieznane)(budynki)", COUNT=2, STARTINDEX=start), "id")
             for start in (0, 2, 4)]
    assert found == [["n0", "n1"], ["n2", "b1"], ["<script>"]]
    root = etree.fromstring(get(node, TYPENAMES="(nieznane)(budynki)").content)
    inner = root.findall("{*}member/{*}FeatureCollection")
    assert [part.get("numberMatched") for part in inner] == ["3", "2"] and root.get("numberReturned") == "5"


def test_an_object_without_geometry_is_an_object(node: Node) -> None:
    null = "<PropertyIsNull><ValueReference>geom</ValueReference></PropertyIsNull>"
    found = get(node, FILTER=f"<Filter>{null}</Filter>")
    assert values(found, "id") == ["bez geometrii"] and b"<sdi:geom>" not in found.content
    assert len(values(get(node, FILTER=f"<Filter><Not>{null}</Not></Filter>"), "id")) == OWN - 1


# Filters

def text_filter(predicate: str, version: str = "2.0.0") -> str:
    if version == "2.0.0":
        return f"<fes:Filter {FES}>{predicate}</fes:Filter>"
    older = predicate.replace("fes:", "ogc:").replace("ValueReference", "PropertyName")
    return f"<ogc:Filter {OGC}>{older}</ogc:Filter>"


def compared(operator: str, name: str, *literals: str, attributes: str = "") -> str:
    parts = "".join(f"<fes:Literal>{text}</fes:Literal>" for text in literals)
    return (f"<fes:{operator} {attributes}><fes:ValueReference>{name}</fes:ValueReference>{parts}"
            f"</fes:{operator}>")


BETWEEN = ("<fes:PropertyIsBetween><fes:ValueReference>pole</fes:ValueReference><fes:LowerBoundary><fes:Literal>0.25"
           "</fes:Literal></fes:LowerBoundary><fes:UpperBoundary><fes:Literal>0.5</fes:Literal></fes:UpperBoundary>"
           "</fes:PropertyIsBetween>")
LIKE = 'wildCard="*" singleChar="." escapeChar="!"'
PREDICATES = [
    (compared("PropertyIsEqualTo", "porzadek", "7"), ["7"]),
    (compared("PropertyIsEqualTo", "sdi:dzialki/sdi:porzadek", "7.0"), ["7"]),
    (compared("PropertyIsEqualTo", "numer_dzialki", "0/7"), ["7"]),
    (BETWEEN, ["2", "3", "4"]),
    (compared("PropertyIsLike", "numer_dzialki", "1/.", attributes=LIKE), [str(n) for n in range(10, 20)]),
    (compared("PropertyIsLike", "numer_dzialki", "1!/!.", attributes=LIKE), []),
    (compared("PropertyIsLike", "id", "POZA*", attributes=f'matchCase="false" {LIKE}'), [None]),
    (f"<fes:And>{compared('PropertyIsEqualTo', 'sporna', 'true')}"
     f"{compared('PropertyIsLessThan', 'porzadek', '4')}</fes:And>", ["0", "2"]),
    (f"<fes:Or>{compared('PropertyIsEqualTo', 'porzadek', '1')}<fes:And>{compared('PropertyIsEqualTo', 'sporna', '0')}"
     f"{compared('PropertyIsGreaterThan', 'porzadek', '66')}</fes:And></fes:Or>", ["1", "67", "69"]),
    (f"<fes:Not>{compared('PropertyIsGreaterThanOrEqualTo', 'porzadek', '2')}</fes:Not>", ["0", "1"]),
    ("<fes:And><fes:PropertyIsNull><fes:ValueReference>porzadek</fes:ValueReference></fes:PropertyIsNull>"
     f"{compared('PropertyIsLike', 'id', 'poza*', attributes=LIKE)}</fes:And>", [None]),
    (compared("PropertyIsLessThan", "valid_from", "2025-06-01T12:30:00Z"), []),
    (f"<fes:And>{compared('PropertyIsEqualTo', 'valid_from', '2025-06-01T14:30:00+02:00')}"
     f"{compared('PropertyIsEqualTo', 'wpis', '2024-02-29')}{compared('PropertyIsLessThan', 'porzadek', '1')}"
     "</fes:And>",
     ["0"]),
]


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0", "1.0.0"])
@pytest.mark.parametrize(("predicate", "expected"), PREDICATES)
def test_scalar_filters_in_each_version(
    node: Node, predicate: str, expected: list[str | None], version: str
) -> None:
    found = get(node, VERSION=version, FILTER=text_filter(predicate, version))
    assert values(found, "porzadek") == [text for text in expected if text]
    assert len(values(found, "id")) == len(expected)


def spatial(operator: str, shape: str) -> str:
    return f"<fes:{operator}><fes:ValueReference>geom</fes:ValueReference>{shape}</fes:{operator}>"


def polygon(code: str, west: float, south: float, east: float, north: float) -> str:
    """A gml:Polygon in a CRS, its corners given in EPSG:2180, x first."""
    to = pyproj.Transformer.from_crs("EPSG:2180", code, always_xy=True).transform
    ring = [to(*xy) for xy in ((west, south), (east, south), (east, north), (west, north), (west, south))]
    flip = code != "EPSG:3857"
    text = " ".join(f"{y!r} {x!r}" if flip else f"{x!r} {y!r}" for x, y in ring)
    return (f"<gml:Polygon gml:id='p' srsName='urn:ogc:def:crs:{code.replace(':', '::')}'><gml:exterior>"
            f"<gml:LinearRing><gml:posList>{text}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>")


FIRST = (WEST - 1, SOUTH - 1, WEST + 51, SOUTH + 51)
"""About the first parcel: it touches three more."""


@pytest.mark.parametrize("code", ["EPSG:2180", "EPSG:2177", "EPSG:4326", "EPSG:3857", "EPSG:4258", "EPSG:3035"])
@pytest.mark.parametrize(("operator", "count"), [
    ("Intersects", 4), ("Within", 1), ("Contains", 0), ("Disjoint", OWN - 5)])
def test_spatial_filters(node: Node, operator: str, count: int, code: str) -> None:
    found = get(node, FILTER=text_filter(spatial(operator, polygon(code, *FIRST))), RESULTTYPE="hits")
    assert matched(found) == str(count)


@pytest.mark.parametrize(("predicate", "count"), [
    ("<fes:DWithin><fes:ValueReference>geom</fes:ValueReference>{point}<fes:Distance uom='m'>30</fes:Distance>"
     "</fes:DWithin>", 5),
    ("<fes:Beyond><fes:ValueReference>geom</fes:ValueReference>{point}<fes:Distance uom='km'>0.03</fes:Distance>"
     "</fes:Beyond>", OWN - 6),
    ("<fes:BBOX><gml:Envelope srsName='urn:ogc:def:crs:EPSG::2180'><gml:lowerCorner>570001 470001</gml:lowerCorner>"
     "<gml:upperCorner>570049 470049</gml:upperCorner></gml:Envelope></fes:BBOX>", 1),
    ("<fes:During><fes:ValueReference>valid_from</fes:ValueReference><gml:TimePeriod gml:id='t'><gml:beginPosition>"
     "2025-05-31T00:00:00Z</gml:beginPosition><gml:endPosition>2025-06-02T00:00:00Z</gml:endPosition></gml:TimePeriod>"
     "</fes:During>", OWN),
    ("<fes:After><fes:ValueReference>valid_from</fes:ValueReference><gml:TimeInstant gml:id='t'><gml:timePosition>"
     "2025-06-01T12:30:00Z</gml:timePosition></gml:TimeInstant></fes:After>", 0),
    ("<fes:TEquals><fes:ValueReference>valid_from</fes:ValueReference><fes:Literal>2025-06-01T12:30:00Z</fes:Literal>"
     "</fes:TEquals>", OWN),
    ("<fes:ResourceId rid='dzialki.3'/><fes:ResourceId rid='dzialki.4'/>", 2),
    ("<fes:And><fes:ResourceId rid='dzialki.3'/><fes:PropertyIsEqualTo><fes:Literal>2</fes:Literal>"
     "<fes:ValueReference>porzadek</fes:ValueReference></fes:PropertyIsEqualTo></fes:And>", 1),
])
def test_other_filters_by_get_and_post(node: Node, predicate: str, count: int) -> None:
    point = ("<gml:Point gml:id='p' srsName='urn:ogc:def:crs:EPSG::2180'><gml:pos>570075 470075</gml:pos></gml:Point>")
    filter_xml = text_filter(predicate.replace("{point}", point))
    assert matched(get(node, FILTER=filter_xml, RESULTTYPE="hits")) == str(count)
    body = (f"<wfs:GetFeature xmlns:wfs='http://www.opengis.net/wfs/2.0' service='WFS' version='2.0.0' "
            f"resultType='hits'><wfs:Query typeNames='dzialki'>{filter_xml}</wfs:Query></wfs:GetFeature>")
    assert matched(post(node, body)) == str(count)


@pytest.mark.parametrize(("name", "expected"), [("IsPoint", "punkt"), ("IsCurve", "linia"), ("IsSurface", "obszar")])
def test_kinds_of_geometry_by_function(node: Node, name: str, expected: str) -> None:
    """As QGIS asks for the kinds that a type holds."""
    function = f"<fes:Function name='{name}'><fes:ValueReference>geom</fes:ValueReference></fes:Function>"
    equal = f"<fes:PropertyIsEqualTo>{function}<fes:Literal>true</fes:Literal></fes:PropertyIsEqualTo>"
    asked = {"TYPENAMES": "urzadzenia_wodociagowe"}
    assert values(get(node, FILTER=text_filter(equal), **asked), "id") == [expected]
    other = text_filter(equal.replace("true", "false"))
    assert len(values(get(node, FILTER=other, **asked), "id")) == 2
    assert matched(get(node, FILTER=text_filter(equal.replace(name, "IsPoint")), RESULTTYPE="hits")) == "0"


@pytest.mark.parametrize("predicate", [
    compared("PropertyIsEqualTo", "nic", "1"), compared("PropertyIsEqualTo", "porzadek", "dużo"),
    compared("PropertyIsEqualTo", "porzadek"), "<fes:And/>", "", compared("Divides", "porzadek", "1"),
    "<fes:PropertyIsEqualTo><fes:Function name='f'/><fes:Literal>1</fes:Literal></fes:PropertyIsEqualTo>",
    spatial("Intersects", "<gml:Polygon srsName='urn:ogc:def:crs:EPSG::2180'><gml:exterior><gml:LinearRing>"
            "<gml:posList>1 2 3</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"),
    spatial("Intersects", "<gml:Point srsName='EPSG:99999'><gml:pos>1 2</gml:pos></gml:Point>"),
    spatial("Intersects", "<gml:Circle/>"), spatial("Intersects", ""),
    "<fes:After><fes:ValueReference>porzadek</fes:ValueReference><fes:Literal>2024-01-01</fes:Literal></fes:After>",
    "<fes:Or>" + compared("PropertyIsEqualTo", "porzadek", "1") * 1001 + "</fes:Or>",
])
def test_a_filter_that_means_nothing_is_refused(node: Node, predicate: str) -> None:
    body = ("<wfs:GetFeature xmlns:wfs='http://www.opengis.net/wfs/2.0' service='WFS' version='2.0.0'>"
            f"<wfs:Query typeNames='dzialki'>{text_filter(predicate)}</wfs:Query></wfs:GetFeature>")
    answer = post(node, body)
    assert answer.status_code == 400 and b'locator="filter"' in answer.content, answer.text


def test_a_filter_gives_nothing_of_another_tenant(node: Node) -> None:
    either = text_filter(f"<fes:Or>{compared('PropertyIsEqualTo', 'county', '0463')}"
                         f"{compared('PropertyIsNotEqualTo', 'county', '0463')}</fes:Or>")
    assert matched(get(node, FILTER=either, RESULTTYPE="hits")) == str(OWN)
    assert matched(get(node, "miasto", FILTER=either, RESULTTYPE="hits")) == str(CITY)


# Coordinates

@pytest.mark.parametrize("srid", [2180, 2176, 2177, 2178, 2179, 4326, 4258, 3857, 3035])
@pytest.mark.parametrize("version", ["2.0.0", "1.1.0", "1.0.0"])
def test_the_same_place_in_every_crs_version_and_format(node: Node, version: str, srid: int, tmp_path: Path) -> None:
    crs = pyproj.CRS(srid)
    asked = {"VERSION": version, "SRSNAME": f"EPSG:{srid}",
             ("RESOURCEID" if version == "2.0.0" else "FEATUREID"): "dzialki.47"}
    x, y = pyproj.Transformer.from_crs(2180, srid, always_xy=True).transform(470_200, 570_300)
    near = 2e-7 if crs.is_geographic else 1e-3
    root = etree.fromstring(get(node, **asked).content)
    named = {e.get("srsName") for e in root.iter() if e.get("srsName")}
    assert named == {f"EPSG:{srid}" if version == "1.0.0" else f"urn:ogc:def:crs:EPSG::{srid}"}
    numbers = [float(n) for e in root.iter() if etree.QName(e).localname in ("posList", "coordinates")
               for n in e.text.replace(",", " ").split()]
    flipped = version != "1.0.0" and crs.axis_info[0].direction == "north"
    wanted = (y, x) if flipped else (x, y)
    assert any(pair == pytest.approx(wanted, abs=near) for pair in zip(numbers[::2], numbers[1::2], strict=True))
    ring = get(node, OUTPUTFORMAT="geojson", **asked).json()["features"][0]["geometry"]["coordinates"][0]
    assert any(pair == pytest.approx([x, y], abs=near) for pair in ring)
    rows = list(csv.DictReader(io.StringIO(get(node, OUTPUTFORMAT="csv", **asked).text)))
    assert any(pair == pytest.approx((x, y), abs=near) for pair in shapely.from_wkt(rows[0]["WKT"]).exterior.coords)
    for form, name in (("gpkg", "a.gpkg"), ("shape-zip", "a.zip")):
        path = tmp_path / name
        path.write_bytes(get(node, OUTPUTFORMAT=form, **asked).content)
        source = f"/vsizip/{path}/dzialki.shp" if form == "shape-zip" else str(path)
        meta, _, shapes, _ = pyogrio.raw.read(source)
        shape = shapely.from_wkb(shapes[0])
        assert any(pair == pytest.approx((x, y), abs=near) for pair in shapely.get_coordinates(shape))
        assert pyproj.CRS(meta["crs"]).to_epsg(min_confidence=25) == srid


# Formats

def test_a_geopackage_of_several_types(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    names = ["dzialki", "urzadzenia_wodociagowe", "przewody_wodociagowe"]
    path.write_bytes(get(node, OUTPUTFORMAT="gpkg", TYPENAMES=",".join(names)).content)
    assert [(name, kind) for name, kind in pyogrio.list_layers(path)] == list(
        zip(names, ("MultiPolygon", "Unknown", "MultiLineString"), strict=True))
    info = pyogrio.read_info(path, layer="dzialki")
    assert info["features"] == OWN and info["crs"] == "EPSG:2180"
    assert dict(zip(info["fields"], info["dtypes"], strict=True))["porzadek"] == "int64"


def test_a_shapefile_for_each_kind_of_geometry(node: Node, tmp_path: Path) -> None:
    answer = get(node, OUTPUTFORMAT="shape-zip", TYPENAMES="urzadzenia_wodociagowe")
    path = tmp_path / "a.zip"
    path.write_bytes(answer.content)
    with zipfile.ZipFile(path) as archive:
        shapes = {name for name in archive.namelist() if name.endswith(".shp")}
    assert shapes == {f"urzadzenia_wodociagowe_{kind}.shp" for kind in ("punkty", "linie", "powierzchnie")}
    for name in shapes:
        assert pyogrio.read_info(f"/vsizip/{path}/{name}")["features"] == 1


def test_the_same_attributes_in_each_format(node: Node) -> None:
    asked = {"RESOURCEID": "dzialki.47"}
    properties = get(node, OUTPUTFORMAT="geojson", **asked).json()["features"][0]["properties"]
    (feature,) = etree.fromstring(get(node, **asked).content).iter("{urn:sdi:registers}dzialki")
    written = {etree.QName(e).localname: e.text for e in feature if etree.QName(e).localname != "geom"}
    plain = {key: value if isinstance(value, str) else json.dumps(value)
             for key, value in properties.items() if value is not None}
    assert written == plain
    (row,) = csv.DictReader(io.StringIO(get(node, OUTPUTFORMAT="csv", **asked).text))
    assert {key: value for key, value in row.items() if value and key != "WKT"} == plain


def test_properties_are_chosen(node: Node) -> None:
    found = get(node, PROPERTYNAME="sdi:pole,numer_dzialki", COUNT=1)
    (feature,) = etree.fromstring(found.content).iter("{urn:sdi:registers}dzialki")
    assert [etree.QName(e).localname for e in feature] == ["numer_dzialki", "pole"]
    assert get(node, PROPERTYNAME="geom", COUNT=1, OUTPUTFORMAT="json").json()["features"][0]["properties"] == {}


@pytest.mark.parametrize(("version", "path"), [
    ("2.0.0", "wfs/2.0/wfs.xsd"), ("1.1.0", "wfs/1.1.0/wfs.xsd"), ("1.0.0", "wfs/1.0.0/WFS-basic.xsd")])
def test_answers_are_valid_against_their_own_schema(
    node: Node, shared: Path, tmp_path: Path, version: str, path: str
) -> None:
    schemas = shared / "schemas/schemas.opengis.net"
    parser = etree.XMLParser(no_network=True)
    types = "TYPENAMES" if version == "2.0.0" else "TYPENAME"
    names = ["dzialki", "przewody_wodociagowe", "urzadzenia_wodociagowe", "nieznane"]
    own = get(node, VERSION=version, REQUEST="DescribeFeatureType", **{types: ",".join(names)}).text
    own = own.replace("http://schemas.opengis.net", schemas.as_uri())
    (tmp_path / "own.xsd").write_text(own, encoding="utf-8")
    namespace = "http://www.opengis.net/wfs/2.0" if version == "2.0.0" else "http://www.opengis.net/wfs"
    (tmp_path / "all.xsd").write_text(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema">'
        f'<import namespace="{namespace}" schemaLocation="{(schemas / path).as_uri()}"/>'
        '<import namespace="urn:sdi:registers" schemaLocation="own.xsd"/></schema>', encoding="utf-8")
    schema = etree.XMLSchema(etree.parse(tmp_path / "all.xsd", parser))
    for name in names:
        schema.assertValid(etree.fromstring(get(node, VERSION=version, **{types: name}).content))
    if version == "2.0.0":
        for types in ("(nieznane)(dzialki)", "nieznane,nieznane"):
            schema.assertValid(etree.fromstring(get(node, TYPENAMES=types).content))
        for reference in ("geom", "pole"):
            answer = get(node, REQUEST="GetPropertyValue", VALUEREFERENCE=reference)
            schema.assertValid(etree.fromstring(answer.content))
        for request in ("ListStoredQueries", "DescribeStoredQueries"):
            schema.assertValid(etree.fromstring(get(node, REQUEST=request).content))


def test_capabilities_of_1_0_are_valid(node: Node, shared: Path) -> None:
    schema = etree.XMLSchema(etree.parse(
        shared / "schemas/schemas.opengis.net/wfs/1.0.0/WFS-capabilities.xsd", etree.XMLParser(no_network=True)))
    root = etree.fromstring(get(node, VERSION="1.0.0", REQUEST="GetCapabilities").content)
    for form in root.findall(".//{*}ResultFormat/*")[1:]:
        form.getparent().remove(form)  # the schema knows GML2 only; other programs are told what else there is
    schema.assertValid(root)


# Operations

def test_a_feature_by_its_identifier(node: Node) -> None:
    query = {"STOREDQUERY_ID": "urn:ogc:def:query:OGC-WFS::GetFeatureById", "TYPENAMES": ""}
    root = etree.fromstring(get(node, ID="dzialki.47", **query).content)
    assert root.tag == "{urn:sdi:registers}dzialki" and root.findtext("{*}numer_dzialki") == "4/6"
    for missing in ("dzialki.999999", "nic.1", "x", f"dzialki.{7 * ROWS + 1}"):
        answer = get(node, ID=missing, **query)
        assert answer.status_code == 404 and b'exceptionCode="NotFound"' in answer.content
    body = ('<GetFeature xmlns="http://www.opengis.net/wfs/2.0" service="WFS" version="2.0.0"><StoredQuery '
            'id="urn:ogc:def:query:OGC-WFS::GetFeatureById"><Parameter name="ID">dzialki.47</Parameter></StoredQuery>'
            '</GetFeature>')
    assert etree.fromstring(post(node, body).content).tag == "{urn:sdi:registers}dzialki"


def test_a_whole_data_set(node: Node) -> None:
    query = {"STOREDQUERY_ID": "http://inspire.ec.europa.eu/operation/download/GetSpatialDataSet", "TYPENAMES": "",
             "CRS": "http://www.opengis.net/def/crs/EPSG/0/4258", "DataSetIdNamespace": f"{node.url}/"}
    root = etree.fromstring(get(node, DataSetIdCode="powiat.gesut", **query).content)
    assert {etree.QName(e).localname for e in root.iterfind(".//{*}member/{urn:sdi:registers}*")} == {
        "przewody_wodociagowe", "urzadzenia_wodociagowe", "nieznane"}
    assert b"EPSG::4258" in etree.tostring(root)
    assert get(node, DataSetIdCode="miasto.gesut", **query).status_code == 400


def test_values_of_a_property(node: Node) -> None:
    def members(**more: object) -> list[str]:
        root = etree.fromstring(get(node, REQUEST="GetPropertyValue", **more).content)
        assert root.get("numberMatched") == str(OWN)
        return ["".join(map(str, e.itertext())).strip() for e in root.iterfind("{*}member")]

    assert members(VALUEREFERENCE="sdi:numer_dzialki", COUNT=2) == ["0/0", "0/1"]
    assert members(VALUEREFERENCE="@gml:id", COUNT=2) == ["dzialki.1", "dzialki.2"]
    assert members(VALUEREFERENCE="geom", COUNT=1)[0].startswith("570000 470050") or "470000" in members(
        VALUEREFERENCE="geom", COUNT=1)[0]


@pytest.mark.parametrize("name", ["Transaction", "LockFeature", "GetFeatureWithLock", "CreateStoredQuery"])
def test_writing_is_refused(node: Node, name: str) -> None:
    for answer in (get(node, REQUEST=name),
                   post(node, f'<{name} xmlns="http://www.opengis.net/wfs/2.0" service="WFS" version="2.0.0"/>')):
        exception = etree.fromstring(answer.content)[0]
        assert (exception.get("exceptionCode"), exception.get("locator")) == ("OperationNotSupported", "request")


def test_versions_are_negotiated(node: Node) -> None:
    def version(**more: str) -> str | None:
        asked = {"SERVICE": "WFS", "REQUEST": "GetCapabilities"} | more
        return etree.fromstring(node.get("powiat/wfs", **asked).content).get("version")

    assert version() == "2.0.0" and version(ACCEPTVERSIONS="3.0.0,1.1.0") == "1.1.0"
    assert version(VERSION="1.2.0") == "1.1.0" and version(VERSION="0.9") == "1.0.0"
    assert {version(VERSION=number) for number in ("10.0.0", "2.0", "2", "2.0.2", "", "x")} == {"2.0.0"}
    assert version(ACCEPTVERSIONS="2.0.2") == version(ACCEPTVERSIONS="3.0.0, 2.0.2,1.0.0") == "2.0.0"
    refused = node.get("powiat/wfs", SERVICE="WFS", REQUEST="GetCapabilities", ACCEPTVERSIONS="9.9.9")
    assert b"VersionNegotiationFailed" in refused.content
    part = etree.fromstring(node.get("powiat/wfs", SERVICE="WFS", REQUEST="GetCapabilities",
                                     SECTIONS="FeatureTypeList").content)
    assert [etree.QName(e).localname for e in part] == ["FeatureTypeList"]


def test_parcels_come_as_multi_surfaces_with_identifiers(node: Node) -> None:
    root = etree.fromstring(get(node, RESOURCEID="dzialki.47").content)
    identifiers = root.xpath("//@*[local-name()='id']")
    assert identifiers == ["dzialki.47", "dzialki.47.g", "dzialki.47.g.1"]
    ring = root.xpath("//*[local-name()='posList']")[0].text.split()
    found = shapely.Polygon([(float(x), float(y)) for y, x in zip(ring[::2], ring[1::2], strict=True)])
    assert found.equals(parcel(4, 6))
