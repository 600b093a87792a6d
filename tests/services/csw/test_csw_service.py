"""What the catalogue answers, request by request: versions, exceptions, languages, isolation, hostile input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import httpx
import pytest
from lxml import etree

from sdi.db.database import Database
from sdi.model.identity import dataset_record_id, service_record_id
from sdi.model.region import Region
from sdi.services.contract import Engines, Publication
from sdi.services.csw.app import Csw

HOME = Path(__file__).parents[3]
NS = {
    "csw": "http://www.opengis.net/cat/csw/2.0.2", "ows": "http://www.opengis.net/ows",
    "dc": "http://purl.org/dc/elements/1.1/",
    "inspire_common": "http://inspire.ec.europa.eu/schemas/common/1.0",
    "inspire_ds": "http://inspire.ec.europa.eu/schemas/inspire_ds/1.0",
}
RECORDS = {"service": "CSW", "version": "2.0.2", "request": "GetRecords", "typeNames": "csw:Record",
           "resultType": "results", "elementSetName": "full", "maxRecords": "50"}


def get(client: httpx.Client, tenant: str = "lubicz", **parameters: str) -> etree._Element:
    answer = client.get(f"/{tenant}/csw", params={"service": "CSW", "version": "2.0.2", **parameters})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    return etree.fromstring(answer.content)


def post(client: httpx.Client, filter_xml: str = "", tenant: str = "lubicz", inner: str = "") -> httpx.Response:
    constraint = f'<csw:Constraint version="1.1.0"><ogc:Filter>{filter_xml}</ogc:Filter></csw:Constraint>'
    return client.post(f"/{tenant}/csw", content=(
        '<csw:GetRecords xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" xmlns:ogc="http://www.opengis.net/ogc"'
        ' xmlns:gml="http://www.opengis.net/gml" service="CSW" version="2.0.2" resultType="results" maxRecords="50">'
        f'{inner}<csw:Query typeNames="csw:Record"><csw:ElementSetName>full</csw:ElementSetName>'
        f"{constraint if filter_xml else ''}</csw:Query></csw:GetRecords>").encode())


def identifiers(answer: etree._Element) -> set[str]:
    return {element.text or "" for element in answer.iter(f"{{{NS['dc']}}}identifier")}


def fault(answer: httpx.Response) -> tuple[str | None, str | None]:
    assert answer.status_code < 500 and answer.headers["content-type"] == "application/xml; charset=utf-8"
    found = next(etree.fromstring(answer.content).iter("{*}Exception"))
    return found.get("exceptionCode"), found.get("locator")


@pytest.mark.parametrize(("parameters", "version"), [
    ({}, "2.0.2"), ({"version": "2.0.2"}, "2.0.2"), ({"AcceptVersions": "2.0.2"}, "2.0.2"),
    ({"version": "3.0.0"}, "3.0.0"), ({"acceptversions": "3.0.0,2.0.2"}, "3.0.0"),
    ({"acceptversions": "2.0.2,3.0.0"}, "2.0.2"), ({"acceptversions": "4.0.0,2.0.2"}, "2.0.2"),
])
def test_the_version_is_2_0_2_unless_asked(client: httpx.Client, parameters: dict[str, str], version: str) -> None:
    answer = client.get("/lubicz/csw", params={"SERVICE": "CSW", "REQUEST": "GetCapabilities", **parameters})
    root = etree.fromstring(answer.content)
    assert (etree.QName(root).localname, root.get("version")) == ("Capabilities", version)


def test_capabilities_say_whose_catalogue_it_is(client: httpx.Client, address: str) -> None:
    root = get(client, request="GetCapabilities")
    assert root.findtext(".//ows:ServiceIdentification/ows:Title", namespaces=NS) == (
        "Usługa wyszukiwania (CSW) — Gmina \"Lubicz\" & <Spółka> 'x'")
    places = {element.get("{http://www.w3.org/1999/xlink}href") for element in root.iter("{*}Get", "{*}Post")}
    assert places == {f"{address}/lubicz/csw"}
    operations = {element.get("name") for element in root.iter(f"{{{NS['ows']}}}Operation")}
    assert operations == {"GetCapabilities", "DescribeRecord", "GetDomain", "GetRecords", "GetRecordById",
                          "GetRepositoryItem"}


@pytest.mark.parametrize(("asked", "given"), [(None, "pol"), ("pol", "pol"), ("eng", "eng"), ("xyz", "pol")])
def test_capabilities_keep_to_inspire_discovery(
    client: httpx.Client, address: str, shared: Path, asked: str | None, given: str
) -> None:
    root = get(client, request="GetCapabilities", **({"LANGUAGE": asked} if asked else {}))
    extended = root.find(".//inspire_ds:ExtendedCapabilities", NS)
    schemas = shared / "schemas" / "inspire.ec.europa.eu" / "schemas" / "inspire_ds" / "1.0" / "inspire_ds.xsd"
    schema = etree.XMLSchema(etree.parse(str(schemas)))
    assert schema.validate(etree.fromstring(etree.tostring(extended))), schema.error_log
    languages = [element.text for element in extended.iter(f"{{{NS['inspire_common']}}}Language")]
    assert languages == ["pol", "eng", given]
    url = extended.findtext(".//inspire_common:URL", namespaces=NS)
    assert service_record_id(address, "lubicz", "csw") in url
    assert client.get(url).text.count("<gmd:MD_Metadata") == 1
    assert ("Discovery service" in etree.tostring(root, encoding="unicode")) == (given == "eng")


def test_describe_record_and_get_domain(client: httpx.Client) -> None:
    described = get(client, request="DescribeRecord")
    assert len(described.findall("csw:SchemaComponent", NS)) == 3
    values = {
        name: [v.text for v in get(client, request="GetDomain", propertyName=name).iter(f"{{{NS['csw']}}}Value")]
        for name in ("dc:type", "apiso:ServiceType", "dc:language", "tenant", "apiso:Denominator")
    }
    assert values == {"dc:type": ["dataset", "service"], "apiso:ServiceType": ["discovery", "download", "view"],
                      "dc:language": ["pol"], "tenant": [], "apiso:Denominator": ["500"]}


@pytest.fixture(scope="module")
def csw_schema(shared: Path) -> etree.XMLSchema:
    """CSW 2.0.2 with ISO 19139 and INSPIRE discovery."""
    places = {
        NS["csw"]: "schemas.opengis.net/csw/2.0.2/CSW-discovery.xsd",
        NS["inspire_ds"]: "inspire.ec.europa.eu/schemas/inspire_ds/1.0/inspire_ds.xsd",
        **{f"http://www.isotc211.org/2005/{name}": f"schemas.opengis.net/iso/19139/20070417/{folder}/{name}.xsd"
           for name, folder in (("gmd", "gmd"), ("gmx", "gmx"), ("srv", "srv/1.0"))},
    }
    imports = "".join(f'<xs:import namespace="{namespace}" schemaLocation="{(shared / "schemas" / place).as_uri()}"/>'
                      for namespace, place in places.items())
    return etree.XMLSchema(etree.fromstring(
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'))


GMD = {"outputSchema": "http://www.isotc211.org/2005/gmd"}


@pytest.mark.parametrize("parameters", [
    {"request": "GetCapabilities"},
    {"request": "DescribeRecord"},
    {"request": "GetDomain", "propertyName": "dc:type"},
    {"request": "Nothing"},
    *({**RECORDS, "elementSetName": name, **schema} for name in ("brief", "summary", "full") for schema in ({}, GMD)),
], ids=lambda p: " ".join(p.get(name, "") for name in ("request", "elementSetName", "outputSchema")))
def test_answers_are_valid(client: httpx.Client, csw_schema: etree.XMLSchema, parameters: dict[str, str]) -> None:
    root = get(client, **parameters)
    assert csw_schema.validate(root), csw_schema.error_log


def test_tenants_do_not_see_each_other(client: httpx.Client, address: str) -> None:
    everyone = ("chelmza", "lubicz", "powiat-torunski", "region", "torun")
    seen = {tenant: identifiers(get(client, tenant, **RECORDS)) for tenant in everyone}
    assert all(len(seen[tenant]) == 5 for tenant in everyone)
    assert len(set.union(*seen.values())) == 25
    theirs = dataset_record_id(address, "torun", "egib")
    assert theirs in seen["torun"]
    for schema in ("http://www.isotc211.org/2005/gmd", NS["csw"]):
        found = get(client, "lubicz", request="GetRecordById", id=theirs, outputSchema=schema)
        assert len(found) == 0
    item = client.get("/lubicz/csw", params={"service": "CSW", "version": "2.0.2", "request": "GetRepositoryItem",
                                             "id": theirs})
    assert "ExceptionReport" in item.text
    for name in ("dc:title", "dc:identifier", "csw:AnyText", "apiso:Lineage"):
        answer = get(client, "lubicz", request="GetDomain", propertyName=name)
        assert "torun in English" not in etree.tostring(answer, encoding="unicode")
        assert not seen["torun"] & {v.text for v in answer.iter(f"{{{NS['csw']}}}Value")}
    for condition in ("csw:AnyText like '%Toruń%' or dc:identifier <> 'x'", "dc:identifier <> 'x') OR (dc:type <> 'x'"):
        answer = client.get("/lubicz/csw", params={**RECORDS, "constraintLanguage": "CQL_TEXT", "constraint": condition,
                                                   "constraint_language_version": "1.1.0"})
        assert not seen["torun"] & identifiers(etree.fromstring(answer.content))


def test_a_hostile_filter_is_only_text(client: httpx.Client) -> None:
    for literal in ("x' or '1'='1", "%s", "%(tenant)s", "{}", ":pvalue0", "\\"):
        answer = post(client, f"<ogc:PropertyIsEqualTo><ogc:PropertyName>dc:title</ogc:PropertyName>"
                              f"<ogc:Literal>{literal}</ogc:Literal></ogc:PropertyIsEqualTo>")
        root = etree.fromstring(answer.content)
        assert root.find("csw:SearchResults", NS).get("numberOfRecordsMatched") == "0", literal  # type: ignore[union-attr]
    name = post(client, "<ogc:PropertyIsNull><ogc:PropertyName>1=1) or (true</ogc:PropertyName></ogc:PropertyIsNull>")
    assert fault(name)[0] == "InvalidParameterValue"


def test_a_wildcard_can_be_escaped(client: httpx.Client) -> None:
    def matched(pattern: str) -> str | None:
        answer = post(client, '<ogc:PropertyIsLike wildCard="*" singleChar="." escapeChar="!">'
                              "<ogc:PropertyName>dc:title</ogc:PropertyName>"
                              f"<ogc:Literal>{pattern}</ogc:Literal></ogc:PropertyIsLike>")
        return etree.fromstring(answer.content).find("csw:SearchResults", NS).get("numberOfRecordsMatched")  # type: ignore[union-attr]

    assert matched("*(W.S)*") == "2"
    assert matched("*(W!.S)*") == "0"
    assert matched("%") == "0"  # not a wildcard here


CQL = {
    "dc:title like '%WFS%'": 1,
    "csw:AnyText LIKE '%lubicz%'": 5,
    "dc:type = 'dataset' or (apiso:ServiceType = 'view' and not dc:type = 'dataset')": 2,
    "dc:type = 'dataset' or dc:type = 'service' and apiso:ServiceType = 'view'": 2,
    "not (dc:type = 'dataset' or apiso:ServiceType = 'view')": 3,
    "BBOX(ows:BoundingBox, 18.7, 52.95, 18.75, 53.0)": 1,
    "BBOX(ows:BoundingBox, 52.95, 18.7, 53.0, 18.75)": 0,
    "BBOX(ows:BoundingBox, 476000, 566000, 477000, 567000, 'EPSG:2180')": 1,
    "apiso:ServiceType in ('view', 'discovery')": 2,
    "apiso:ServiceType is null": 1,
    "apiso:Denominator between 400 and 1000": 1,
    "dct:modified >= '2020-01-01'": 5,
    "dct:modified >= '2100-01-01'": 0,
    "dc:title = 'it''s'": 0,
    "dc:title like '%''x''%' and dc:type = 'service'": 4,
    "AnyText like '%lubicz%' and Type = 'service' and not Title like '%WFS%'": 3,
    "Identifier is null or Abstract is null or Subject is null or Modified is null": 0,
    "BBOX(BoundingBox, 18.7, 52.95, 18.75, 53.0) and (Format is null or CRS is null or Format like '%')": 1,
}


@pytest.mark.parametrize("text", CQL)
def test_cql_means_what_it_says(client: httpx.Client, text: str) -> None:
    answer = get(client, **RECORDS, constraintLanguage="CQL_TEXT", constraint=text)
    assert len(identifiers(answer)) == CQL[text]


FAULTS: list[tuple[dict[str, str], str, str | None]] = [
    ({"service": "WMS"}, "InvalidParameterValue", "service"),
    ({"request": "Nothing"}, "InvalidParameterValue", "request"),
    ({"version": "9.9.9"}, "InvalidParameterValue", "version"),
    ({"maxRecords": "many"}, "InvalidParameterValue", "maxrecords"),
    ({"maxRecords": "unlimited"}, "InvalidParameterValue", "maxrecords"),
    ({"startPosition": "unlimited"}, "InvalidParameterValue", "startposition"),
    ({"startPosition": "0"}, "InvalidParameterValue", "startposition"),
    ({"startPosition": "-1"}, "InvalidParameterValue", "startposition"),
    ({"outputSchema": "http://nowhere"}, "InvalidParameterValue", "outputschema"),
    ({"outputSchema": "http://gcmd.gsfc.nasa.gov/Aboutus/xml/dif/"}, "InvalidParameterValue", "outputschema"),
    ({"outputFormat": "text/html"}, "InvalidParameterValue", "outputformat"),
    ({"sortBy": "nothing:A"}, "InvalidParameterValue", "sortby"),
    ({"elementSetName": "all"}, "InvalidParameterValue", "elementsetname"),
    ({"constraint": "dc:title ~ 1", "constraintLanguage": "CQL_TEXT"}, "InvalidParameterValue", "constraint"),
    ({"constraint": "dct:modified > 'May'", "constraintLanguage": "CQL_TEXT"}, "InvalidParameterValue", "constraint"),
    ({"constraint": "<Filter>", "constraintLanguage": "FILTER"}, "InvalidParameterValue", "constraint"),
    ({"responseHandler": "ftp://127.0.0.1/x"}, "InvalidParameterValue", "responsehandler"),
    ({"bbox": "1"}, "NoApplicableCode", "service"),
    ({"requestId": "\x07"}, "InvalidParameterValue", "service"),
    ({"mode": "oaipmh", "verb": "Identify"}, "InvalidParameterValue", "mode"),
    ({"request": "Transaction"}, "OperationNotSupported", "request"),
]


@pytest.mark.parametrize(("changed", "code", "locator"), FAULTS, ids=lambda value: str(value)[:40])
def test_mistakes_are_exception_reports(
    client: httpx.Client, changed: dict[str, str], code: str, locator: str | None
) -> None:
    assert fault(client.get("/lubicz/csw", params=RECORDS | changed)) == (code, locator)


WRONG_CQL = {
    "dc:title ~ 1": "not CQL from '~ 1' on",
    "dc:title = 'x": "not CQL from",
    "nothing = 'x'": "no queryable property 'nothing'",
    "dct:modified > 'May'": "'May' is not a date",
    "INTERSECTS(ows:BoundingBox, POINT(1 2))": "is not supported here",
}


def cql_by_each_way(client: httpx.Client, text: str) -> list[etree._Element]:
    """The answers to a constraint in CQL by GET and by POST, in both versions."""
    found = []
    for version, namespace, more in (("2.0.2", "2.0.2", ' resultType="results"'), ("3.0.0", "3.0", "")):
        prefix = "csw" if more else "csw30"
        found.append(client.get("/lubicz/csw", params=RECORDS | {
            "version": version, "typeNames": f"{prefix}:Record", "constraint": text, "constraintLanguage": "CQL_TEXT"}))
        found.append(client.post("/lubicz/csw", content=(
            f'<{prefix}:GetRecords xmlns:{prefix}="http://www.opengis.net/cat/csw/{namespace}" service="CSW"'
            f' version="{version}"{more}><{prefix}:Query typeNames="{prefix}:Record"><{prefix}:ElementSetName>full'
            f'</{prefix}:ElementSetName><{prefix}:Constraint version="1.1.0">'
            f"<{prefix}:CqlText>{escape(text)}</{prefix}:CqlText></{prefix}:Constraint></{prefix}:Query></{prefix}:GetRecords>")))
    return [etree.fromstring(answer.content) for answer in found]


@pytest.mark.parametrize("text", WRONG_CQL)
def test_what_is_wrong_with_cql_is_said(client: httpx.Client, text: str) -> None:
    for answer in cql_by_each_way(client, text):
        exception = next(answer.iter("{*}Exception"))
        assert exception.get("exceptionCode") == "InvalidParameterValue"
        assert WRONG_CQL[text] in exception[0].text


def test_cql_means_the_same_each_way(client: httpx.Client) -> None:
    for answer in cql_by_each_way(client, "Title like '%''x''%' and dc:type <> 'service'"):
        assert len(identifiers(answer)) == 1


@pytest.mark.parametrize("version", ["2.0.2", "3.0.0"])
def test_each_output_schema_that_is_offered_is_given(client: httpx.Client, version: str) -> None:
    asked = RECORDS | {"version": version, "typeNames": "csw:Record" if version == "2.0.2" else "Record"}
    capabilities = etree.fromstring(client.get("/lubicz/csw", params=asked | {"request": "GetCapabilities"}).content)
    schemas = {value.text for value in capabilities.xpath(
        "//*[@name='GetRecords']/*[@name='outputSchema']//*[local-name()='Value']")}
    assert len(schemas) == 5 and not any("dif" in schema for schema in schemas)
    for schema in schemas:
        answer = client.get("/lubicz/csw", params=asked | {"outputSchema": schema})
        results = next(etree.fromstring(answer.content).iter("{*}SearchResults"))
        assert len(results) == 5, schema


@pytest.mark.parametrize(("start", "most", "following"), [
    ("1", "2", "3"), ("4", "2", "0"), ("6", "2", "0"), ("99", "0", "0"),
])
def test_beyond_the_last_record_there_is_no_next_one(
    client: httpx.Client, start: str, most: str, following: str
) -> None:
    answer = get(client, **RECORDS | {"startPosition": start, "maxRecords": most})
    assert answer.find("csw:SearchResults", NS).get("nextRecord") == following  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ["2.0.2", "3.0"])
@pytest.mark.parametrize("name", ["startPosition", "maxRecords"])
def test_posted_numbers_are_bounded(client: httpx.Client, version: str, name: str) -> None:
    answer = client.post("/lubicz/csw", content=(
        f'<csw:GetRecords xmlns:csw="http://www.opengis.net/cat/csw/{version}" service="CSW" {name}="{"9" * 20}">'
        f'<csw:Query typeNames="csw:Record"/></csw:GetRecords>'))
    assert fault(answer) == ("InvalidParameterValue", name.lower())


def test_posted_mistakes_are_exception_reports(client: httpx.Client) -> None:
    handler = "<csw:ResponseHandler>mailto:x@example.org</csw:ResponseHandler>"
    assert fault(post(client, inner=handler)) == ("InvalidParameterValue", "ResponseHandler")
    for body in (b"", b"<a", b"nothing", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
                 b'<csw:Harvest xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" service="CSW" version="2.0.2">'
                 b"<csw:Source>http://127.0.0.1/</csw:Source><csw:ResourceType>x</csw:ResourceType></csw:Harvest>"):
        answer = client.post("/lubicz/csw", content=body)
        assert fault(answer)[0] in ("NoApplicableCode", "InvalidParameterValue", "OperationNotSupported",
                                    "MissingParameterValue")
        assert "root:" not in answer.text


def test_3_0_0_is_searched_by_parameters(client: httpx.Client) -> None:
    def matched(**parameters: str) -> str | None:
        answer = client.get("/lubicz/csw", params={
            "service": "CSW", "version": "3.0.0", "request": "GetRecords", "typeNames": "csw30:Record",
            "elementSetName": "full", **parameters})
        results = next(etree.fromstring(answer.content).iter("{*}SearchResults"))
        return results.get("numberOfRecordsMatched")

    assert matched() == "5"
    assert matched(q="WFS") == "2"  # the service, and the data set by its link
    assert matched(bbox="18.63,53.0,18.64,53.01") == "1"
    assert matched(bbox="53.0,18.63,53.01,18.64") == "0"


def test_soap_is_answered_in_soap(client: httpx.Client) -> None:
    answer = client.post("/lubicz/csw", content=(
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><csw:GetRecords'
        ' xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" service="CSW" version="2.0.2" resultType="results">'
        '<csw:Query typeNames="csw:Record"><csw:ElementSetName>brief</csw:ElementSetName></csw:Query></csw:GetRecords>'
        "</s:Body></s:Envelope>"))
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "Envelope" and len(identifiers(root)) == 5


def test_only_the_address_itself_answers(client: httpx.Client) -> None:
    assert client.get("/lubicz/csw/more").status_code == 404
    assert client.put("/lubicz/csw").status_code == 405


def test_json_is_called_json(client: httpx.Client) -> None:
    answer = client.get("/lubicz/csw", params=RECORDS | {"outputFormat": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["csw:GetRecordsResponse"]["csw:SearchResults"]["@numberOfRecordsMatched"] == "5"


def test_a_database_that_is_away_is_not_the_clients_mistake(client: httpx.Client, catalogue: Database) -> None:
    with catalogue.connect("owner", autocommit=True) as connection:
        connection.execute("alter view sdi.csw_record rename to gone")
        try:
            missing = client.get("/lubicz/csw", params=RECORDS)
        finally:
            connection.execute("alter view sdi.gone rename to csw_record")
    assert missing.status_code == 503
    assert "NoApplicableCode" in missing.text and "csw_record" not in missing.text


def test_compiling_is_pure(region: Region) -> None:
    service = Csw(Engines(None, HOME, HOME))  # type: ignore[arg-type]
    publication = Publication(region, "https://sdi.example.pl", "", HOME)
    first = service.compile(publication, region.tenants["lubicz"])
    assert first == service.compile(publication, region.tenants["lubicz"])
    assert list(first) == ["pl.json", "en.json"]
    sections: dict[str, Any] = json.loads(first["pl.json"])
    assert sections["server"]["url"] == "https://sdi.example.pl/lubicz/csw"
    assert sections["manager"] == {"transactions": "false"}
