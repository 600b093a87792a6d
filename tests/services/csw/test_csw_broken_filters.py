"""What is wrong with a request to the catalogue is told to the client, and is never a fault of ours."""

from __future__ import annotations

from random import Random

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from sdi.db.database import Database
from sdi.services.csw.filters import FUNCTIONS, compile_filter
from sdi.services.fes.elements import FilterError
from tests.services.broken_filters import Broken
from tests.services.csw.test_csw_service import RECORDS, fault, post

QUERYABLES = {"ows:BoundingBox": "wkt_geometry", "dc:title": "title", "csw:AnyText": "anytext",
              "dct:modified": "date_modified", "apiso:Denominator": "denominator"}
DIGITS = "9" * 5000


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=True))
def test_every_filter_is_answered_or_refused(catalogue: Database, chance: Random) -> None:
    text = Broken(chance, list(QUERYABLES), [*FUNCTIONS, "f"]).filter()
    try:
        condition, values = compile_filter(etree.fromstring(text), QUERYABLES)
    except FilterError:
        return
    with catalogue.connect("serve") as connection:
        connection.execute(f"select count(*) from sdi.csw_record where {condition}".encode(), values)


@pytest.mark.parametrize(("predicate", "message"), [
    ("<ogc:DWithin><ogc:PropertyName>ows:BoundingBox</ogc:PropertyName><gml:Point><gml:pos>53 18</gml:pos></gml:Point>"
     '<ogc:Distance units="m">-5</ogc:Distance></ogc:DWithin>', "a number from 0"),
    ("<ogc:BBOX><ogc:PropertyName>ows:BoundingBox</ogc:PropertyName><gml:Envelope><gml:coordinates>52.9,18;53,19"
     "</gml:coordinates></gml:Envelope></ogc:BBOX>", "is no position"),
    ('<ogc:PropertyIsEqualTo><ogc:Function name="lower"><ogc:Function name="length"><ogc:PropertyName>dc:title'
     "</ogc:PropertyName></ogc:Function></ogc:Function><ogc:Literal>1</ogc:Literal></ogc:PropertyIsEqualTo>",
     "lower of a length"),
    (f'<ogc:PropertyIsEqualTo><ogc:Function name="length"><ogc:PropertyName>dc:title</ogc:PropertyName></ogc:Function>'
     f"<ogc:Literal>{DIGITS}</ogc:Literal></ogc:PropertyIsEqualTo>", "is not a length"),
])
def test_what_is_wrong_with_a_filter_is_told(client: httpx.Client, predicate: str, message: str) -> None:
    answer = post(client, predicate)
    assert fault(answer)[0] == "InvalidParameterValue" and message in answer.text, answer.text


@pytest.mark.parametrize(("predicate", "count"), [
    ("<ogc:Intersects><ogc:PropertyName>ows:BoundingBox</ogc:PropertyName><gml:MultiPolygon><gml:polygonMember>"
     "<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>52.95 18.7 52.95 18.75 53 18.75 53 18.7 52.95 18.7"
     "</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:polygonMember></gml:MultiPolygon>"
     "</ogc:Intersects>", "1"),
    ('<ogc:PropertyIsGreaterThan><ogc:Function name="length"><ogc:Function name="trim"><ogc:PropertyName>dc:title'
     "</ogc:PropertyName></ogc:Function></ogc:Function><ogc:Literal>3</ogc:Literal></ogc:PropertyIsGreaterThan>", "5"),
])
def test_what_is_right_is_answered(client: httpx.Client, predicate: str, count: str) -> None:
    results = next(etree.fromstring(post(client, predicate).content).iter("{*}SearchResults"))
    assert results.get("numberOfRecordsMatched") == count


@pytest.mark.parametrize("name", ["version", "acceptversions", "startPosition", "maxRecords", "updateSequence"])
def test_numbers_without_end_are_refused(client: httpx.Client, name: str) -> None:
    assert fault(client.get("/lubicz/csw", params=RECORDS | {name: DIGITS}))[0] in (
        "InvalidParameterValue", "VersionNegotiationFailed")


@pytest.mark.parametrize("name", ["startPosition", "maxRecords"])
@pytest.mark.parametrize("digits", ["9" * 30, DIGITS])
def test_posted_numbers_without_end_are_refused(client: httpx.Client, name: str, digits: str) -> None:
    body = (f'<csw:GetRecords xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" service="CSW" version="2.0.2" '
            f'resultType="results" {name}="{digits}"><csw:Query typeNames="csw:Record"><csw:ElementSetName>full'
            "</csw:ElementSetName></csw:Query></csw:GetRecords>")
    answer = client.post("/lubicz/csw", content=body.encode())
    assert fault(answer) == ("InvalidParameterValue", name.lower())
