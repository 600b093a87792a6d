"""WFS over real PostGIS: coordinates, filters, paging, counts, formats, clients."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path

import httpx
import pyproj
import pytest
from lxml import etree

from tests.services.ows.conftest import COLUMNS, ROWS, Node, parcel

CITY = COLUMNS // 2 * ROWS
OWN = CITY + 2
"""Parcels of county 0415: one lies beyond its polygon, one has no geometry."""

FLIPPED = {"EPSG:2180", "EPSG:2177", "EPSG:4326"}


def get(node: Node, tenant: str = "powiat", **parameters: object) -> httpx.Response:
    version = parameters.get("VERSION", "2.0.0")
    types = "TYPENAMES" if version == "2.0.0" else "TYPENAME"
    asked = {"SERVICE": "WFS", "VERSION": "2.0.0", "REQUEST": "GetFeature", types: "dzialki"} | parameters
    return node.get(f"{tenant}/wfs", **asked)


def values(answer: httpx.Response, name: str) -> list[str]:
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "FeatureCollection", answer.text[:800]
    return [element.text for element in root.iter("{urn:sdi:registers}" + name)]


def positions(answer: httpx.Response) -> list[tuple[float, float]]:
    """All coordinates of GML 2 or 3 geometries, as written."""
    root = etree.fromstring(answer.content)
    for box in root.xpath("//*[local-name() = 'boundedBy']"):
        box.getparent().remove(box)
    numbers = [float(n) for e in root.xpath("//*[local-name()='posList' or local-name()='coordinates']")
               for n in e.text.replace(",", " ").split()]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


SYSTEMS = [
    (version, name, code, code in FLIPPED and version != "1.0.0")
    for version in ("1.0.0", "1.1.0", "2.0.0")
    for code in ("EPSG:2180", "EPSG:2177", "EPSG:4326", "EPSG:3857")
    for name in (code, code.replace("EPSG:", "urn:ogc:def:crs:EPSG::"),
                 code.replace("EPSG:", "http://www.opengis.net/def/crs/EPSG/0/"))
    if version != "1.0.0" or name == code
]


@pytest.mark.parametrize(("version", "srs", "code", "flipped"), SYSTEMS)
def test_coordinates_and_bbox(node: Node, version: str, srs: str, code: str, flipped: bool) -> None:
    to = pyproj.Transformer.from_crs("EPSG:2180", code, always_xy=True).transform
    shape = parcel(4, 6)
    corners = [to(*corner) for corner in shape.exterior.coords]
    inner = [to(*corner) for corner in shape.buffer(-5).exterior.coords]
    west, south = min(x for x, _ in inner), min(y for _, y in inner)
    east, north = max(x for x, _ in inner), max(y for _, y in inner)
    bbox = [south, west, north, east] if flipped else [west, south, east, north]
    asked = {"VERSION": version, "SRSNAME": srs}
    answer = get(node, **asked, BBOX=",".join(map(repr, bbox)) + ("" if version == "1.0.0" else f",{srs}"))
    assert values(answer, "numer_dzialki") == ["4/6"]
    expected = sorted((y, x) if flipped else (x, y) for x, y in corners)
    digits = 1e-6 if code == "EPSG:4326" else 2e-3
    for got, wanted in zip(sorted(positions(answer)), expected, strict=True):
        assert got == pytest.approx(wanted, abs=digits)


def test_the_default_crs_is_2180(node: Node) -> None:
    assert (570_300.0, 470_200.0) in positions(get(node, RESOURCEID="dzialki.47"))
    assert (470_200.0, 570_300.0) in positions(get(node, VERSION="1.0.0", FEATUREID="dzialki.47"))


@pytest.mark.parametrize("sort", [None, "porzadek DESC", "sdi:sporna", "valid_from"])
def test_paging_walks_all_exactly_once(node: Node, sort: str | None) -> None:
    more = {"SORTBY": sort} if sort else {}
    pages = [values(get(node, COUNT=9, STARTINDEX=start, **more), "id") for start in range(0, OWN + 9, 9)]
    walked = [feature for page in pages for feature in page]
    assert len(walked) == len(set(walked)) == OWN
    assert pages[-1] == []


def test_sort_compares_numbers_as_numbers(node: Node) -> None:
    assert values(get(node, SORTBY="porzadek DESC", COUNT=3), "porzadek") == ["69", "68", "67"]
    assert values(get(node, SORTBY="sporna,pole D", COUNT=2), "porzadek") == ["69", "67"]
    body = """<wfs:GetFeature service="WFS" version="2.0.0" count="2" xmlns:wfs="http://www.opengis.net/wfs/2.0"
      xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:sdi="urn:sdi:registers"><wfs:Query typeNames="sdi:dzialki"
      srsName="http://www.opengis.net/def/crs/EPSG/0/2180">
      <fes:Filter><fes:PropertyIsLessThan><fes:ValueReference>porzadek</fes:ValueReference><fes:Literal>60</fes:Literal>
      </fes:PropertyIsLessThan></fes:Filter>
      <fes:SortBy><fes:SortProperty><fes:ValueReference>sdi:porzadek</fes:ValueReference>
      <fes:SortOrder>DESC</fes:SortOrder></fes:SortProperty></fes:SortBy></wfs:Query></wfs:GetFeature>"""
    answer = httpx.post(f"{node.url}/powiat/wfs", content=body, headers={"Content-Type": "text/xml"}, trust_env=False)
    assert values(answer, "porzadek") == ["59", "58"]
    wrong = get(node, SORTBY="nic;drop")
    assert wrong.status_code == 400 and 'locator="sortby"' in wrong.text
    reserved = get(node, TYPENAMES="nieznane", SORTBY="order DESC")
    assert values(reserved, "order") == ["2", "1", "0"]


def test_sort_knows_the_polish_alphabet(node: Node) -> None:
    for way, expected in (("", ["lej", "łata", "zdrój"]), (" D", ["zdrój", "łata", "lej"])):
        answer = get(node, TYPENAMES="urzadzenia_wodociagowe", SORTBY=f"rodzaj_urzadzenia{way}")
        assert values(answer, "rodzaj_urzadzenia") == expected


@pytest.mark.parametrize("more", [{}, {"OUTPUTFORMAT": "application/json"}, {"OUTPUTFORMAT": "csv"}])
def test_hits_are_right_whatever_the_format(node: Node, more: dict[str, str]) -> None:
    for tenant, expected in (("powiat", OWN), ("miasto", CITY), ("region", OWN + CITY)):
        root = etree.fromstring(get(node, tenant, RESULTTYPE="hits", **more).content)
        assert (root.get("numberMatched"), root.get("numberReturned")) == (str(expected), "0")


def test_hits_by_xml(node: Node) -> None:
    body = b"""<GetFeature service="WFS" version="2.0.0" resultType="hits" outputFormat="application/json"
      xmlns="http://www.opengis.net/wfs/2.0" xmlns:sdi="urn:sdi:registers"><Query typeNames="sdi:dzialki"/>
      </GetFeature>"""
    root = etree.fromstring(httpx.post(f"{node.url}/powiat/wfs", content=body, trust_env=False).content)
    assert root.get("numberMatched") == str(OWN)


def test_owslib_filters_by_post(node: Node) -> None:
    """It writes the names of attributes in small letters."""
    from owslib.wfs import WebFeatureService

    service = WebFeatureService(f"{node.url}/powiat/wfs", version="2.0.0")
    text = """<Filter xmlns="http://www.opengis.net/fes/2.0"><PropertyIsLessThan><ValueReference>porzadek</ValueReference>
      <Literal>2</Literal></PropertyIsLessThan></Filter>"""
    answer = service.getfeature(typename=["sdi:dzialki"], filter=text, outputFormat="application/json", method="Post")
    assert [feature["properties"]["porzadek"] for feature in json.load(answer)["features"]] == [0, 1]


def test_a_tenant_gives_its_own_only(node: Node) -> None:
    for tenant, county in (("powiat", "0415"), ("miasto", "0463")):
        assert set(values(get(node, tenant), "county")) == {county}
        other = 1 if tenant == "miasto" else COLUMNS * ROWS
        assert values(get(node, tenant, RESOURCEID=f"dzialki.{other}"), "id") == []


def test_columns_and_types(node: Node) -> None:
    feature = etree.fromstring(get(node, RESOURCEID="dzialki.47").content).find(".//{urn:sdi:registers}dzialki")
    assert feature is not None and feature.get("{http://www.opengis.net/gml/3.2}id") == "dzialki.47"
    assert [etree.QName(child).localname for child in feature][1:] == [
        "id", "numer_dzialki", "pole", "porzadek", "sporna", "wpis", "valid_from", "known_from", "county"]
    assert feature.findtext("{urn:sdi:registers}valid_from") == "2025-06-01T12:30:00+00:00"
    schema = get(node, REQUEST="DescribeFeatureType").text
    for name, kind in (("pole", "double"), ("porzadek", "long"), ("sporna", "boolean"), ("wpis", "date"),
                       ("valid_from", "dateTime")):
        assert f'name="{name}" type="xsd:{kind}"' in schema
    assert "fid" not in schema and "source" not in schema and "content" not in schema


@pytest.mark.parametrize(("filter_xml", "expected"), [
    ("<fes:PropertyIsEqualTo><fes:ValueReference>id</fes:ValueReference><fes:Literal>041501_2.0001.1/2</fes:Literal>"
     "</fes:PropertyIsEqualTo>", ["12"]),
    ("<fes:PropertyIsGreaterThan><fes:ValueReference>porzadek</fes:ValueReference><fes:Literal>67</fes:Literal>"
     "</fes:PropertyIsGreaterThan>", ["68", "69"]),
    ("<fes:And><fes:PropertyIsGreaterThan><fes:ValueReference>valid_from</fes:ValueReference>"
     "<fes:Literal>2025-01-01</fes:Literal></fes:PropertyIsGreaterThan><fes:PropertyIsLike wildCard='*' singleChar='.' "
     "escapeChar='!'><fes:ValueReference>numer_dzialki</fes:ValueReference><fes:Literal>0/1*</fes:Literal>"
     "</fes:PropertyIsLike></fes:And>", ["1"]),
    ("<fes:PropertyIsEqualTo><fes:ValueReference>id</fes:ValueReference><fes:Literal>poza granicą</fes:Literal>"
     "</fes:PropertyIsEqualTo>", [None]),
    ("<fes:Intersects><fes:ValueReference>geom</fes:ValueReference><gml:Point gml:id='p' "
     "srsName='http://www.opengis.net/def/crs/EPSG/0/2180'><gml:pos>570110 470210</gml:pos></gml:Point>"
     "</fes:Intersects>", ["42"]),
])
def test_filters(node: Node, filter_xml: str, expected: list[str | None]) -> None:
    full = (f"<fes:Filter xmlns:fes='http://www.opengis.net/fes/2.0' xmlns:gml='http://www.opengis.net/gml/3.2'>"
            f"{filter_xml}</fes:Filter>")
    found = get(node, FILTER=full)
    assert values(found, "porzadek") == [value for value in expected if value]
    assert len(values(found, "id")) == len(expected)


@pytest.mark.parametrize("name", ["application/json", "geojson", "application/geo+json", "json"])
def test_geojson(node: Node, name: str) -> None:
    found = get(node, OUTPUTFORMAT=name, RESOURCEID="dzialki.47").json()
    assert found["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::2180"
    feature = found["features"][0]
    assert feature["id"] == "dzialki.47" and feature["properties"]["id"] == "041501_2.0001.4/6"
    assert [470_200, 570_300] in feature["geometry"]["coordinates"][0]
    degrees = get(node, OUTPUTFORMAT=name, RESOURCEID="dzialki.47", SRSNAME="EPSG:4326").json()
    lon, lat = degrees["features"][0]["geometry"]["coordinates"][0][0]
    assert "crs" not in degrees and 18 < lon < 19 and 52 < lat < 54
    mercator = get(node, OUTPUTFORMAT=name, RESOURCEID="dzialki.47", SRSNAME="EPSG:3857").json()
    assert mercator["crs"]["properties"]["name"].endswith("3857")


def test_null_numbers_stay_null(node: Node) -> None:
    fid = COLUMNS * ROWS + 2
    found = get(node, OUTPUTFORMAT="geojson", RESOURCEID=f"dzialki.{fid}").json()["features"][0]["properties"]
    assert found["id"] == "poza granicą" and (found["pole"], found["porzadek"]) == (None, None)
    gml = etree.fromstring(get(node, RESOURCEID=f"dzialki.{fid}").content)
    assert gml.findtext(".//{urn:sdi:registers}id") == "poza granicą"
    assert not gml.findall(".//{urn:sdi:registers}porzadek")


def test_other_formats(node: Node, tmp_path: Path) -> None:
    package = tmp_path / "a.gpkg"
    package.write_bytes(get(node, OUTPUTFORMAT="gpkg", COUNT=5).content)
    listing = subprocess.run(["ogrinfo", "-ro", "-so", package, "dzialki"], capture_output=True, text=True, check=True)
    assert "Feature Count: 5" in listing.stdout and "pole: Real" in listing.stdout
    with zipfile.ZipFile(io.BytesIO(get(node, OUTPUTFORMAT="SHAPE-ZIP", COUNT=5).content)) as archive:
        assert {"dzialki.shp", "dzialki.dbf", "dzialki.prj", "dzialki.cpg"} <= set(archive.namelist())
    assert get(node, OUTPUTFORMAT="csv", COUNT=5).text.count("POLYGON") == 5


def test_any_geometry_is_one_type(node: Node) -> None:
    found = get(node, TYPENAMES="urzadzenia_wodociagowe")
    assert values(found, "id") == ["punkt", "linia", "obszar"]
    shapes = [etree.QName(e[0]).localname for e in etree.fromstring(found.content).iter("{urn:sdi:registers}geom")]
    assert shapes == ["Point", "LineString", "Polygon"]


@pytest.mark.parametrize(("change", "code", "locator"), [
    ({"CQL_FILTER": "a=1"}, "OptionNotSupported", "cql_filter"),
    ({"REQUEST": "Transaction"}, "OperationNotSupported", "request"),
    ({"SERVICE": ""}, "MissingParameterValue", "service"),
    ({"SERVICE": "WMS"}, "InvalidParameterValue", "service"),
    ({"VERSION": "3.0.0"}, "InvalidParameterValue", "version"),
    ({"TYPENAMES": "nic"}, "InvalidParameterValue", "typename"),
    ({"OUTPUTFORMAT": "csv", "TYPENAMES": "dzialki,budynki"}, "InvalidParameterValue", "outputformat"),
    ({"SRSNAME": "EPSG:1"}, "InvalidParameterValue", "srsname"),
])
def test_exceptions_of_20(node: Node, change: dict[str, str], code: str, locator: str) -> None:
    answer = get(node, **change)
    root = etree.fromstring(answer.content)
    assert root.tag == "{http://www.opengis.net/ows/1.1}ExceptionReport" and answer.status_code == 400
    assert (root[0].get("exceptionCode"), root[0].get("locator")) == (code, locator)


def test_exceptions_of_1x(node: Node) -> None:
    old = etree.fromstring(get(node, VERSION="1.1.0", CQL_FILTER="x").content)
    assert old.tag == "{http://www.opengis.net/ows}ExceptionReport"
    oldest = etree.fromstring(get(node, VERSION="1.0.0", CQL_FILTER="x").content)
    assert oldest.tag == "{http://www.opengis.net/ogc}ServiceExceptionReport"
    broken = httpx.post(f"{node.url}/powiat/wfs", content=b"<a", trust_env=False)
    assert b"OperationParsingFailed" in broken.content
    secret = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><GetFeature service="&b;"/>'
    assert Path("/etc/hostname").read_bytes().strip() not in httpx.post(
        f"{node.url}/powiat/wfs", content=secret, trust_env=False).content


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated")
def test_owslib_reads(node: Node) -> None:
    from owslib.wfs import WebFeatureService

    for version in ("1.0.0", "1.1.0", "2.0.0"):
        service = WebFeatureService(f"{node.url}/powiat/wfs", version=version)
        name = "dzialki" if version == "1.0.0" else "sdi:dzialki"
        assert name in service.contents
        answer = service.getfeature(typename=[name], maxfeatures=4)
        assert answer.read().count(b"</sdi:dzialki>") == 4


def test_gdal_reads(node: Node) -> None:
    run = subprocess.run(["ogrinfo", "-ro", "-so", f"WFS:{node.url}/powiat/wfs", "dzialki"], capture_output=True,
                         text=True, check=True, env=os.environ | {"no_proxy": "127.0.0.1"}, timeout=120)
    assert f"Feature Count: {OWN}" in run.stdout
    assert 'ID["EPSG",2180]' in run.stdout and "wpis: Date" in run.stdout and "porzadek: Integer64" in run.stdout


@pytest.mark.parametrize(("version", "path"), [("2.0.0", "wfs/2.0/wfs.xsd"), ("1.1.0", "wfs/1.1.0/wfs.xsd")])
def test_capabilities_are_valid(node: Node, shared: Path, version: str, path: str) -> None:
    parser = etree.XMLParser(no_network=True)
    schema = etree.XMLSchema(etree.parse(shared / "schemas/schemas.opengis.net" / path, parser))
    answer = get(node, VERSION=version, REQUEST="GetCapabilities")
    schema.assertValid(etree.fromstring(answer.content))
    english = get(node, VERSION=version, REQUEST="GetCapabilities", LANGUAGE="eng").text
    assert "download service (WFS)" in english
