"""WFS requests of several queries, by parameters and by XML, and what the formats make of them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pyogrio
import pytest
from lxml import etree

from sdi.services.wfs.pairs import split
from tests.services.ows.conftest import Node
from tests.services.ows.test_ows_wfs import OWN, get
from tests.services.ows.test_wfs_exact import compared, matched, post, text_filter

AWKWARD = ("<f:Filter xmlns:f='a)(b'><f:A x=\"(>\"/><!-- )( < --><f:Literal>x)(</f:Literal><![CDATA[)(<(]]>"
           "<?a )(?></f:Filter>")


def get_feature(*queries: str, version: str = "2.0.0", more: str = "") -> str:
    namespace = "http://www.opengis.net/wfs/2.0" if version == "2.0.0" else "http://www.opengis.net/wfs"
    return (f"<wfs:GetFeature xmlns:wfs='{namespace}' service='WFS' version='{version}' {more}>"
            f"{''.join(queries)}</wfs:GetFeature>")


def parts(answer: httpx.Response) -> list[str | None]:
    """How many objects each query has."""
    return [part.get("numberMatched")
            for part in etree.fromstring(answer.content).findall("{*}member/{*}FeatureCollection")]


@pytest.mark.parametrize(("value", "expected"), [
    (f"({AWKWARD})({AWKWARD})", [AWKWARD, AWKWARD]), (f"({AWKWARD})()", [AWKWARD, ""]),
    (f"()({AWKWARD})", ["", AWKWARD]),
    (f"( {AWKWARD} )\n( )", [f" {AWKWARD} ", " "]), (AWKWARD, [AWKWARD, AWKWARD]), ("()()", ["", ""]),
    ("(a)(b)", ["a", "b"]), ("(f(a))(b)", ["f(a)", "b"]), ("a)(b", ["a)(b", "a)(b"]), ("(a", ["(a", "(a"]),
    (f"({AWKWARD}", [f"({AWKWARD}"] * 2), ("(<a)(b>)", ["(<a)(b>)"] * 2), ("(a) b (c)", ["(a) b (c)"] * 2),
])
def test_a_list_in_parentheses_has_one_value_for_each_query(value: str, expected: list[str]) -> None:
    assert [query["FILTER"] for query in split({"FILTER": value}, ["a", "b"])] == expected


def test_a_filter_is_of_its_own_query_alone(node: Node) -> None:
    few = text_filter(compared("PropertyIsLessThan", "porzadek", "10"))
    every, some = "<wfs:Query typeNames='dzialki'/>", f"<wfs:Query typeNames='dzialki'>{few}</wfs:Query>"
    assert parts(post(node, get_feature(some, every))) == ["10", str(OWN)]
    assert parts(post(node, get_feature(every, some))) == [str(OWN), "10"]
    assert parts(get(node, TYPENAMES="(dzialki)(budynki)", FILTER=f"({few})()")) == ["10", "2"]
    assert parts(get(node, TYPENAMES="(budynki)(dzialki)", FILTER=f"()({few})")) == ["2", "10"]
    beside = get(node, FILTER=f"{few})(")
    assert beside.status_code == 400 and b'locator="filter"' in beside.content


@pytest.mark.parametrize("literal", ["x)(", ")(", "(", "a &lt;)(&gt; b"])
def test_a_literal_may_hold_parentheses(node: Node, literal: str) -> None:
    predicate = text_filter(compared("PropertyIsEqualTo", "numer_dzialki", literal))
    assert matched(get(node, FILTER=predicate, RESULTTYPE="hits")) == "0"
    several = {"TYPENAMES": "(dzialki)(dzialki)", "FILTER": f"({predicate})({predicate})"}
    assert parts(get(node, **several)) == ["0", "0"]
    query = f"<wfs:Query typeNames='dzialki'>{predicate}</wfs:Query>"
    assert parts(post(node, get_feature(query, "<wfs:Query typeNames='budynki'/>"))) == ["0", "2"]


def test_values_that_are_not_one_for_each_query_are_refused_in_a_sentence(node: Node) -> None:
    answer = get(node, TYPENAMES="(dzialki)(budynki)", PROPERTYNAME="(id)(id)(id)", LANGUAGE="eng")
    assert answer.status_code == 400 and b'locator="propertyname"' in answer.content
    assert "values in parentheses: 3, queries: 2; give one for all queries" in answer.text


# Several queries of one type

def identifiers(answer: httpx.Response) -> list[list[str]]:
    """Of the objects of each query, those that are referred to as `#…`."""
    root = etree.fromstring(answer.content)
    every = root.xpath("//@*[local-name() = 'id']")
    assert len(every) == len(set(every))
    return [[member.get("{http://www.w3.org/1999/xlink}href") or member[0].get("{http://www.opengis.net/gml/3.2}id")
             for member in part.findall("{*}member")] for part in root.findall("{*}member/{*}FeatureCollection")]


def test_a_feature_that_two_queries_find_is_written_once(node: Node) -> None:
    """WFS 2.0, 11.3.3.5."""
    twice = get(node, TYPENAMES="dzialki,dzialki", RESOURCEID="dzialki.47")
    assert identifiers(twice) == [["dzialki.47"], ["#dzialki.47"]] and parts(twice) == ["1", "1"]
    few, some, none = (text_filter(compared("PropertyIsLessThan", "porzadek", limit)) for limit in ("2", "4", "0"))
    asked = {"TYPENAMES": "(dzialki)(budynki)(dzialki)(dzialki)", "FILTER": f"({few})()({none})({some})"}
    buildings, first, second = ["budynki.1", "budynki.2"], ["dzialki.1", "dzialki.2"], ["dzialki.3", "dzialki.4"]
    found = get(node, **asked)
    assert identifiers(found) == [first, buildings, [], ["#dzialki.1", "#dzialki.2", *second]]
    assert parts(found) == ["2", "2", "0", "4"] and etree.fromstring(found.content).get("numberReturned") == "8"
    page = get(node, STARTINDEX=1, COUNT=5, **asked)
    assert identifiers(page) == [first[1:], buildings, [], ["dzialki.1", "#dzialki.2"]]


def test_a_type_is_described_once(node: Node) -> None:
    root = etree.fromstring(get(node, TYPENAMES="dzialki,dzialki", COUNT=1).content)
    places = root.get("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation").split()
    assert places[1].endswith("TYPENAMES=sdi:dzialki")
    schema = get(node, REQUEST="DescribeFeatureType", TYPENAMES="dzialki,budynki,sdi:dzialki")
    names = [e.get("name") for e in etree.fromstring(schema.content).findall("{*}element")]
    assert names == ["dzialki", "budynki"]


# Files

def layers(answer: httpx.Response, folder: Path) -> dict[str, int]:
    """The layers of a GeoPackage or of zipped Shapefiles, and how many objects each has."""
    zipped = answer.headers["content-type"] == "application/x-shapefile"
    path = folder / ("a.zip" if zipped else "a.gpkg")
    path.write_bytes(answer.content)
    source = f"/vsizip/{path}" if zipped else path
    return {name: pyogrio.read_info(source, layer=name)["features"] for name, _ in pyogrio.list_layers(source)}


@pytest.mark.parametrize("form", ["gpkg", "shape-zip"])
@pytest.mark.parametrize(("asked", "expected"), [
    ({"COUNT": 5, "BBOX": "0,0,1,1"}, {"dzialki": 0}), ({"BBOX": "0,0,1,1"}, {"dzialki": 0}),
    ({"COUNT": 5, "STARTINDEX": 5000}, {"dzialki": 0}), ({"COUNT": 0}, {"dzialki": 0}),
    ({"COUNT": 5, "TYPENAMES": "budynki,dzialki"}, {"budynki": 2, "dzialki": 3}),
    ({"COUNT": 5, "TYPENAMES": "dzialki,budynki"}, {"dzialki": 5, "budynki": 0}),
    ({"COUNT": 3, "TYPENAMES": "nieznane,przewody_wodociagowe"}, {"nieznane": 3, "przewody_wodociagowe": 0}),
])
def test_a_file_of_nothing_has_its_layers(
    node: Node, form: str, asked: dict[str, object], expected: dict[str, int], tmp_path: Path
) -> None:
    assert layers(get(node, OUTPUTFORMAT=form, **asked), tmp_path) == expected


@pytest.mark.parametrize("count", [5, 5000])
def test_nothing_of_mixed_geometry_is_a_file_too(node: Node, count: int, tmp_path: Path) -> None:
    asked = {"TYPENAMES": "urzadzenia_wodociagowe", "COUNT": count}
    assert layers(get(node, OUTPUTFORMAT="gpkg", BBOX="0,0,1,1", **asked), tmp_path) == {"urzadzenia_wodociagowe": 0}
    found = layers(get(node, OUTPUTFORMAT="shape-zip", BBOX="0,0,1,1", **asked), tmp_path)
    assert list(found.values()) == [0]
    every = layers(get(node, OUTPUTFORMAT="shape-zip", **asked), tmp_path)
    assert every == {f"urzadzenia_wodociagowe_{kind}": 1 for kind in ("powierzchnie", "linie", "punkty")}


@pytest.mark.parametrize("form", ["gpkg", "shape-zip"])
def test_each_query_of_one_type_has_its_layer(node: Node, form: str, tmp_path: Path) -> None:
    few, none = (text_filter(compared("PropertyIsLessThan", "porzadek", limit)) for limit in ("10", "-1"))
    asked = {"TYPENAMES": "(dzialki)(budynki)(dzialki)(dzialki)", "FILTER": f"({few})()({none})()",
             "PROPERTYNAME": "(id)(id)(id)(id,pole)"}
    assert layers(get(node, OUTPUTFORMAT=form, **asked), tmp_path) == {
        "dzialki": 10, "budynki": 2, "dzialki_2": 0, "dzialki_3": OWN}


@pytest.mark.parametrize("form", ["gpkg", "shape-zip", "csv"])
def test_identifiers_of_no_type_make_no_file(node: Node, form: str) -> None:
    answer = get(node, TYPENAMES="", RESOURCEID="nic.1", OUTPUTFORMAT=form)
    assert answer.status_code == 400 and b'locator="resourceid"' in answer.content
    assert matched(get(node, TYPENAMES="", RESOURCEID="nic.1")) == "0"


def test_a_format_that_holds_less_says_so_in_a_sentence(node: Node) -> None:
    several = get(node, TYPENAMES="dzialki,budynki", OUTPUTFORMAT="csv", LANGUAGE="eng").text
    assert "text/csv holds one query of one feature type; this request has 2" in several
    for form in ("geojson", "gpkg", "shape-zip"):
        mixed = get(node, TYPENAMES="(dzialki)(budynki)", SRSNAME="(EPSG:4326)(EPSG:2180)", OUTPUTFORMAT=form)
        assert mixed.status_code == 400 and b'locator="srsname"' in mixed.content
        assert "ma jeden układ współrzędnych; zapytania podają EPSG:2180, EPSG:4326" in mixed.text


def test_no_page_follows_one_of_no_objects(node: Node) -> None:
    for more in ({"COUNT": 0}, {"COUNT": 0, "STARTINDEX": 3}, {"COUNT": 0, "RESULTTYPE": "hits"}):
        root = etree.fromstring(get(node, **more).content)
        assert (root.get("next"), root.get("previous")) == (None, None)
        assert root.get("numberMatched") == str(OWN)
    assert get(node, COUNT=0, OUTPUTFORMAT="geojson").json()["links"] == []


# POST

def test_a_request_of_the_older_namespace_is_of_1_1_0(node: Node) -> None:
    """The default of its schema; 1.0.0 wants the version to be said."""
    def answer(body: str) -> etree._Element:
        return etree.fromstring(post(node, body).content)

    query = "<wfs:Query typeName='dzialki'/>"
    older = get_feature(query, version="1.1.0", more="maxFeatures='1'").replace(" version='1.1.0'", "")
    found = answer(older)
    assert found.tag == "{http://www.opengis.net/wfs}FeatureCollection" and found.get("numberOfFeatures") == "1"
    wrong = answer(older.replace("dzialki", "nic"))
    assert wrong.tag == "{http://www.opengis.net/ows}ExceptionReport"
    newer = answer(get_feature("<wfs:Query typeNames='dzialki'/>", more="count='1'").replace(" version='2.0.0'", ""))
    assert newer.tag == "{http://www.opengis.net/wfs/2.0}FeatureCollection"
    for namespace in ("http://www.opengis.net/wfs", "http://www.opengis.net/wfs/2.0"):
        assert answer(f"<GetCapabilities xmlns='{namespace}' service='WFS'/>").get("version") == "2.0.0"


@pytest.mark.parametrize("protocol", ["wms", "wfs"])
def test_a_form_says_its_language(node: Node, protocol: str) -> None:
    def post_form(address: str = "", **form: str) -> str:
        return httpx.post(f"{node.url}/powiat/{protocol}{address}", data={"SERVICE": protocol.upper(), **form},
                          trust_env=False).text

    assert "allowed" in post_form(REQUEST="GetCapabilities", SERVICE="X", LANGUAGE="eng")
    assert "dozwolone" in post_form(REQUEST="GetCapabilities", SERVICE="X")
    assert "allowed" in post_form("?language=eng", REQUEST="GetCapabilities", SERVICE="X")
    assert "dozwolone" in post_form("?language=eng", REQUEST="GetCapabilities", SERVICE="X", LANGUAGE="pol")
    assert "Budynki (en)" in post_form(REQUEST="GetCapabilities", LANGUAGE="eng")


# Stored queries

BY_ID = "urn:ogc:def:query:OGC-WFS::GetFeatureById"


def test_values_of_a_stored_query(node: Node) -> None:
    def members(answer: httpx.Response) -> list[str]:
        root = etree.fromstring(answer.content)
        assert root.tag == "{http://www.opengis.net/wfs/2.0}ValueCollection", answer.text
        return ["".join(map(str, member.itertext())) for member in root.iterfind("{*}member")]

    asked = {"REQUEST": "GetPropertyValue", "TYPENAMES": "", "STOREDQUERY_ID": BY_ID, "ID": "dzialki.47"}
    assert members(get(node, VALUEREFERENCE="numer_dzialki", **asked)) == ["4/6"]
    assert members(get(node, VALUEREFERENCE="@gml:id", **asked)) == ["dzialki.47"]
    body = ("<GetPropertyValue xmlns='http://www.opengis.net/wfs/2.0' service='WFS' version='2.0.0' "
            f"valueReference='sdi:pole' xmlns:sdi='urn:sdi:registers'><StoredQuery id='{BY_ID}'>"
            "<Parameter name='ID'>dzialki.47</Parameter></StoredQuery></GetPropertyValue>")
    assert members(post(node, body)) == ["5.75"]
    for wrong, locator in (({}, "valuereference"), ({"VALUEREFERENCE": "nic"}, "valuereference")):
        refused = get(node, **asked, **wrong)
        assert refused.status_code == 400 and f'locator="{locator}"' in refused.text
    whole = {"STOREDQUERY_ID": "http://inspire.ec.europa.eu/operation/download/GetSpatialDataSet",
             "DataSetIdCode": "powiat.gesut", "COUNT": 2}
    assert members(get(node, VALUEREFERENCE="id", **(asked | whole))) == ["w1", "punkt"]


@pytest.mark.parametrize("form", ["", "geojson", "csv", "gpkg", "shape-zip"])
def test_a_feature_that_is_not_there_is_not_found_in_any_format(node: Node, form: str) -> None:
    asked = {"TYPENAMES": "", "STOREDQUERY_ID": BY_ID, "OUTPUTFORMAT": form}
    of_values = {"REQUEST": "GetPropertyValue", "VALUEREFERENCE": "id", "OUTPUTFORMAT": ""}
    assert get(node, ID="dzialki.47", **asked).status_code == 200
    for missing in ("dzialki.999999", "nic.1"):
        for more in ({}, {"RESULTTYPE": "hits"}, of_values):
            answer = get(node, ID=missing, **(asked | more))
            assert answer.status_code == 404 and b'exceptionCode="NotFound"' in answer.content
