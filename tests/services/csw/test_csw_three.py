"""CSW 3.0: what the OGC's suite asks of it, OpenSearch and Atom among it."""

from __future__ import annotations

import re

import httpx
import pytest
from lxml import etree

from sdi.services.csw.app import ATOM, DESCRIPTION

NS = {"atom": "http://www.w3.org/2005/Atom", "os": "http://a9.com/-/spec/opensearch/1.1/",
      "ows": "http://www.opengis.net/ows/2.0", "dc": "http://purl.org/dc/elements/1.1/"}
RECORDS = {"service": "CSW", "version": "3.0.0", "request": "GetRecords", "typeNames": "Record",
           "elementSetName": "full", "maxRecords": "50"}


def ask(client: httpx.Client, accept: str = "*/*", **parameters: str) -> httpx.Response:
    return client.get("/lubicz/csw", params=parameters or None, headers={"Accept": accept})


def test_the_base_address_gives_the_capabilities(client: httpx.Client) -> None:
    """GetCapabilitiesTests.getCapabilitiesFromBaseURL; OGC 12-176r7, 6.4."""
    for accept in ("*/*", "text/html; q=0.5, application/xml", f"{DESCRIPTION};q=0"):
        root = etree.fromstring(ask(client, accept).content)
        assert (etree.QName(root).localname, root.get("version")) == ("Capabilities", "3.0.0")
    answer = ask(client, DESCRIPTION)
    assert answer.headers["content-type"] == DESCRIPTION
    assert etree.QName(etree.fromstring(answer.content)).localname == "OpenSearchDescription"


def test_the_format_of_the_capabilities_is_the_one_asked_for(client: httpx.Client) -> None:
    """GetCapabilitiesTests.getCapabilitiesInSupportedFormat."""
    asked = {"service": "CSW", "request": "GetCapabilities", "acceptVersions": "3.0.0"}
    for form in ("text/xml", "application/xml"):
        assert ask(client, acceptFormats=form, **asked).headers["content-type"] == f"{form}; charset=utf-8"


def test_a_version_to_come_is_refused_as_the_newest_refuses(client: httpx.Client) -> None:
    """GetCapabilitiesTests.getCapabilitiesWithUnsupportedVersion."""
    answer = ask(client, service="CSW", request="GetCapabilities", acceptVersions="9999.12.31")
    (exception,) = etree.fromstring(answer.content).iterfind("ows:Exception", NS)
    assert (answer.status_code, exception.get("exceptionCode"), exception.get("locator")) == (
        400, "VersionNegotiationFailed", "acceptversions")


def test_extended_capabilities_stand_where_ows_2_has_them(client: httpx.Client) -> None:
    """GetCapabilitiesTests.getFullCapabilitiesAcceptVersion3."""
    root = etree.fromstring(ask(client).content)
    (holder,) = root.iterfind("ows:OperationsMetadata/ows:ExtendedCapabilities", NS)
    (extended,) = holder
    assert etree.QName(extended).namespace == "http://inspire.ec.europa.eu/schemas/inspire_ds/1.0"


def test_records_as_atom(client: httpx.Client) -> None:
    """BasicGetRecordsTests.getSummaryRecordsInAtomFeed, GetRecordByIdTests.getRecordByIdAsAtomEntry…."""
    answers = ask(client, outputFormat=ATOM, **RECORDS), ask(client, ATOM, **RECORDS)
    for answer in answers:
        assert answer.headers["content-type"] == ATOM
        entries = etree.fromstring(answer.content).findall("atom:entry", NS)
        assert len(entries) > 1
        for entry in entries:
            assert entry.find("atom:source", NS) is None
            assert all("/" in link.get("type", "/") for link in entry.iterfind("atom:link", NS))
            assert all("T" in (day.text or "") for day in entry.iterfind("atom:published", NS))
    identifier = entries[0].findtext("dc:identifier", namespaces=NS)
    one = ask(client, ATOM, service="CSW", version="3.0.0", request="GetRecordById", id=identifier)
    assert etree.fromstring(one.content).findtext("dc:identifier", namespaces=NS) == identifier
    plain = ask(client, ATOM, **RECORDS | {"version": "2.0.2", "typeNames": "csw:Record", "resultType": "results"})
    assert etree.QName(etree.fromstring(plain.content)).localname == "GetRecordsResponse"


@pytest.mark.parametrize(("value", "found"), [("budynki", True), ("budynki działki", True), ("xyzzy", False)])
def test_searches_by_the_templates_of_the_description(client: httpx.Client, value: str, found: bool) -> None:
    """OpenSearchCoreTests; what a client does not know it leaves empty."""
    description = etree.fromstring(ask(client, DESCRIPTION).content)
    assert all(len(name.text or "") <= 48 for name in description.iterfind("os:LongName", NS))
    addresses = {link.get("type"): link.get("template") for link in description.iterfind("os:Url", NS)}
    assert addresses.keys() == {"application/xml", ATOM}
    for form, template in addresses.items():
        answer = client.get(re.sub(r"\{[^}]*\}", "", template.replace("{searchTerms?}", value)))
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, form)
    total = etree.fromstring(answer.content).findtext("os:totalResults", namespaces=NS)
    assert (int(total) > 0) == found


def test_opensearch_belongs_to_version_3(client: httpx.Client) -> None:
    answer = ask(client, **RECORDS | {"version": "2.0.2", "mode": "opensearch"})
    assert b'locator="mode"' in answer.content
