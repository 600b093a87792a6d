from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sdi.services.csw.cql import cql_to_filter
from sdi.services.csw.filters import compile_filter
from sdi.services.fes.elements import FilterError

OGC, FES, GML = "http://www.opengis.net/ogc", "http://www.opengis.net/fes/2.0", "http://www.opengis.net/gml/3.2"
QUERYABLES = {"dc:title": {"dbcol": "title"}, "dct:modified": {"dbcol": "date_modified"},
              "ows:BoundingBox": {"dbcol": "wkt_geometry"}, "csw:AnyText": {"dbcol": "anytext"},
              "apiso:Denominator": {"dbcol": "denominator"}}
NAMESPACES = {"ogc": OGC, "gml": "http://www.opengis.net/gml"}


def fes(inner: str) -> etree._Element:
    return etree.fromstring(f'<Filter xmlns="{FES}" xmlns:gml="{GML}">{inner}</Filter>')


def test_fes_2_reads_gml_3_2() -> None:
    sql, values = compile_filter(fes(
        "<BBOX><ValueReference>ows:BoundingBox</ValueReference>"
        '<gml:Envelope srsName="urn:ogc:def:crs:EPSG::4326"><gml:lowerCorner>52 18</gml:lowerCorner>'
        "<gml:upperCorner>53 19</gml:upperCorner></gml:Envelope></BBOX>"), QUERYABLES)
    assert sql == "coalesce(st_intersects(geom, st_geomfromewkb(%s)), false)"
    assert len(values) == 1


@pytest.mark.parametrize(("inner", "message"), [
    ("", "empty"),
    ("<And/>", "And has no operands"),
    ("<Not/>", "Not takes one operand"),
    ("<PropertyIsEqualTo><ValueReference>dc:title</ValueReference></PropertyIsEqualTo>", "a Literal is missing"),
    ("<PropertyIsEqualTo><Literal>1</Literal></PropertyIsEqualTo>", "names no property"),
    ("<PropertyIsNull><ValueReference>tenant</ValueReference></PropertyIsNull>", "no queryable property 'tenant'"),
    ("<PropertyIsEqualTo><ValueReference>dct:modified</ValueReference><Literal>May</Literal></PropertyIsEqualTo>",
     "'May' is not a date"),
    ("<PropertyIsNil><ValueReference>dc:title</ValueReference></PropertyIsNil>", "PropertyIsNil is not supported"),
    ("<BBOX><ValueReference>dc:title</ValueReference><gml:Point/></BBOX>", "dc:title is not a geometry"),
    ("<BBOX><gml:Point srsName='EPSG:1'><gml:pos>1 2</gml:pos></gml:Point></BBOX>", "unknown srsName"),
    ("<BBOX><gml:Point><gml:pos>1 x</gml:pos></gml:Point></BBOX>", "no position"),
    ("<BBOX><gml:Point><gml:pos>1_0 1</gml:pos></gml:Point></BBOX>", "no position"),
    ("<PropertyIsLessThan><ValueReference>apiso:Denominator</ValueReference><Literal>nan</Literal>"
     "</PropertyIsLessThan>", "'nan' is not a number"),
    ("<BBOX><gml:MultiPoint><gml:pointMember><gml:Point srsName='EPSG:4326'><gml:pos>1 2</gml:pos></gml:Point>"
     "</gml:pointMember><gml:pointMember><gml:Point srsName='CRS84'><gml:pos>1 2</gml:pos></gml:Point>"
     "</gml:pointMember></gml:MultiPoint></BBOX>", "in several systems: EPSG:4326, CRS84"),
    ("<BBOX><gml:Point srsName='EPSG:2180'><gml:pos>1e300 1</gml:pos></gml:Point></BBOX>", "outside"),
    ("<Within><gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>0 0 1 1 1 0 0 1 0 0</gml:posList>"
     "</gml:LinearRing></gml:exterior></gml:Polygon></Within>", "not valid"),
    ("<DWithin><gml:Point><gml:pos>1 2</gml:pos></gml:Point><Distance uom='parsec'>1</Distance></DWithin>",
     "units: m, km"),
    ("<PropertyIsLike><Function name='length'><ValueReference>dc:title</ValueReference></Function><Literal>1%</Literal>"
     "</PropertyIsLike>", "like no text"),
    ("<ResourceId/>", "without an identifier"),
])
def test_a_filter_that_cannot_be_answered_says_why(inner: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        compile_filter(fes(inner), QUERYABLES)


@pytest.mark.parametrize(("text", "pattern"), [
    ("50\\%", r"%50\%%"), ("%word%", "%%word%%"), ("a_c", "%a_c%"), ("\\\\", r"%\\%"), ("", "%%")])
def test_words_of_anytext_may_have_a_percent_sign(text: str, pattern: str) -> None:
    like = fes("<PropertyIsLike wildCard='%' singleChar='_' escapeChar='\\'><ValueReference>csw:AnyText"
               f"</ValueReference><Literal>{text}</Literal></PropertyIsLike>")
    assert compile_filter(like, QUERYABLES) == ("coalesce(anytext ilike %s, false)", [pattern])


@pytest.mark.parametrize(("given", "operator"), [("0", "ilike"), ("false", "ilike"), ("1", "like"), ("true", "like")])
def test_match_case_is_a_boolean_of_xml(given: str, operator: str) -> None:
    like = fes(f"<PropertyIsLike matchCase='{given}'><ValueReference>dc:title</ValueReference><Literal>a</Literal>"
               "</PropertyIsLike>")
    assert compile_filter(like, QUERYABLES) == (f"coalesce(title {operator} %s, false)", ["a"])


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"])))
def test_cql_never_reaches_the_sql(text: str) -> None:
    try:
        sql, values = compile_filter(cql_to_filter(f"dc:title = '{text}'", NAMESPACES), QUERYABLES)
    except FilterError:
        return
    assert sql == "coalesce(title = %s, false)" or "'" in text
    assert values == [text.strip()] or "'" in text


@settings(deadline=None)
@given(st.text(max_size=30))
def test_whatever_is_not_cql_is_refused_by_one_error(text: str) -> None:
    try:
        compile_filter(cql_to_filter(text, NAMESPACES), QUERYABLES)
    except FilterError:
        pass
