"""The catalogue as its clients use it: OWSLib and GDAL over HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lxml import etree
from owslib import fes2
from owslib.catalogue.csw2 import CatalogueServiceWeb
from owslib.csw import CatalogueServiceWeb as catalogue_of_version
from owslib.fes import (
    And,
    BBox,
    Not,
    Or,
    PropertyIsEqualTo,
    PropertyIsGreaterThanOrEqualTo,
    PropertyIsLike,
    SortBy,
    SortProperty,
)

from sdi.db.database import Database
from sdi.model.identity import dataset_record_id

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:owslib")

GMD = "http://www.isotc211.org/2005/gmd"
@pytest.fixture
def lubicz(address: str) -> CatalogueServiceWeb:
    return catalogue_of_version(f"{address}/lubicz/csw")


def titles(csw: CatalogueServiceWeb, *constraints: object, **options: object) -> list[str]:
    csw.getrecords2(constraints=list(constraints), maxrecords=50, **options)
    return sorted(record.title.partition(" — ")[0] for record in csw.records.values())


EVERYTHING = ["Ewidencja gruntów i budynków", "Usługa pobierania (OGC API)", "Usługa pobierania (WFS)",
              "Usługa przeglądania (WMS)", "Usługa wyszukiwania (CSW)"]


def test_owslib_pages_through_the_catalogue_in_order(address: str, catalogue: Database) -> None:
    with catalogue.connect("harvest") as connection:
        connection.execute(
            "insert into sdi.record select 'copy-' || n, tenant, kind, 'copy-' || n, content, inserted_at, modified_at,"
            " title || ' ' || lpad(n::text, 2, '0'), abstract, anytext, queryables, xml, geom"
            " from sdi.record, generate_series(1, 20) n where tenant = 'torun' and subject = 'egib'")
    csw = catalogue_of_version(f"{address}/torun/csw")
    found: list[str] = []
    start = 1
    while start:
        csw.getrecords2(sortby=SortBy([SortProperty("dc:title", "DESC")]), startposition=start, maxrecords=10)
        assert csw.results["matches"] == 25
        found += [record.title for record in csw.records.values()]
        start = csw.results["nextrecord"]
    assert len(found) == len(set(found)) == 25
    copies = [title for title in found if title[-2:].isdecimal()]
    assert copies == sorted(copies, reverse=True)


@pytest.mark.parametrize("element_set", ["brief", "summary", "full"])
def test_owslib_reads_both_schemas(lubicz: CatalogueServiceWeb, element_set: str) -> None:
    assert titles(lubicz, esn=element_set) == EVERYTHING
    lubicz.getrecords2(esn=element_set, outputschema=GMD, maxrecords=50)
    names = {record.identificationinfo[0].title.partition(" — ")[0] for record in lubicz.records.values()}
    assert names == set(EVERYTHING)


def test_owslib_sees_a_full_record(lubicz: CatalogueServiceWeb, address: str) -> None:
    identifier = dataset_record_id(address, "lubicz", "egib")
    lubicz.getrecordbyid([identifier], esn="full")
    record = lubicz.records[identifier]
    assert 'Gmina "Lubicz" & <Spółka> \'x\'' in record.title
    assert {"Działki katastralne", "Budynki", "działka ewidencyjna"} <= set(record.subjects)
    assert {link["scheme"] for link in record.references} == {"OGC:WMS", "OGC:WFS", "OGC:CSW", "OGC:API-Features"}
    assert f"{address}/lubicz/wms?service=WMS&version=1.3.0&request=GetCapabilities" in [
        link["url"] for link in record.references]
    assert float(record.bbox.minx) < 19 < 52 < float(record.bbox.miny)


def test_filters_by_text(lubicz: CatalogueServiceWeb) -> None:
    assert titles(lubicz, PropertyIsLike("dc:title", "%WFS%")) == ["Usługa pobierania (WFS)"]
    assert titles(lubicz, PropertyIsLike("dc:title", "%wfs%")) == []
    assert titles(lubicz, PropertyIsLike("dc:title", "%wfs%", matchCase=False)) == ["Usługa pobierania (WFS)"]
    assert titles(lubicz, PropertyIsLike("csw:AnyText", "%MARSZAŁKOWSKI%")) == EVERYTHING
    assert titles(lubicz, PropertyIsLike("csw:AnyText", "egib")) == ["Ewidencja gruntów i budynków"]
    assert titles(lubicz, PropertyIsEqualTo("dc:type", "dataset")) == ["Ewidencja gruntów i budynków"]
    assert titles(lubicz, PropertyIsEqualTo("apiso:ServiceType", "download")) == EVERYTHING[1:3]
    assert titles(lubicz, PropertyIsLike("apiso:TopicCategory", "planning%")) == EVERYTHING[:1]


def test_filters_nest(lubicz: CatalogueServiceWeb) -> None:
    wms, wfs = (PropertyIsLike("dc:title", f"%{name}%") for name in ("WMS", "WFS"))
    service, dataset = (PropertyIsEqualTo("dc:type", kind) for kind in ("service", "dataset"))
    view = PropertyIsEqualTo("apiso:ServiceType", "view")
    assert titles(lubicz, And([Or([wms, wfs]), Or([dataset, view])])) == ["Usługa przeglądania (WMS)"]
    assert titles(lubicz, Or([And([service, Not([Or([view, wfs])])]), dataset])) == [
        "Ewidencja gruntów i budynków", "Usługa pobierania (OGC API)", "Usługa wyszukiwania (CSW)"]
    # What a record does not have is not equal to anything, and Not finds it.
    assert titles(lubicz, Not([view])) == [name for name in EVERYTHING if "WMS" not in name]


@pytest.mark.parametrize(("srs_name", "corners"), [
    ("urn:ogc:def:crs:EPSG::4326", [52.95, 18.7, 53.0, 18.75]),
    ("urn:x-ogc:def:crs:EPSG:6.11:4326", [52.95, 18.7, 53.0, 18.75]),
    ("http://www.opengis.net/def/crs/EPSG/0/4326", [52.95, 18.7, 53.0, 18.75]),
    (None, [52.95, 18.7, 53.0, 18.75]),  # as EPSG:4326 by its urn
    ("EPSG:4326", [18.7, 52.95, 18.75, 53.0]),
    ("urn:ogc:def:crs:OGC:1.3:CRS84", [18.7, 52.95, 18.75, 53.0]),
    ("urn:ogc:def:crs:EPSG::2180", [566_000, 476_000, 567_000, 477_000]),  # northing, easting
    ("EPSG:2180", [476_000, 566_000, 477_000, 567_000]),
])
def test_filters_by_place_in_the_order_of_the_srs_name(
    lubicz: CatalogueServiceWeb, srs_name: str | None, corners: list[float]
) -> None:
    dataset = PropertyIsEqualTo("dc:type", "dataset")
    assert titles(lubicz, And([dataset, BBox(corners, crs=srs_name)])) == EVERYTHING[:1]
    first, second, third, fourth = corners
    swapped = PropertyIsEqualTo("dc:type", "dataset"), BBox([second, first, fourth, third], crs=srs_name)
    assert titles(lubicz, And(list(swapped))) == []


def test_boxes_are_not_rounded(lubicz: CatalogueServiceWeb, catalogue: Database) -> None:
    with catalogue.connect("serve") as connection:
        west, north = connection.execute(
            "select st_xmin(geom), st_ymax(geom) from sdi.record where tenant = 'lubicz' and kind = 'dataset'"
        ).fetchone()  # type: ignore[misc]
    dataset = PropertyIsEqualTo("dc:type", "dataset")
    for degrees, expected in ((-0.0001, []), (0.0001, EVERYTHING[:1])):
        box = [west - 0.001, north - degrees, west + degrees, north + 0.001]
        assert titles(lubicz, And([dataset, BBox(box, crs="EPSG:4326")])) == expected


def test_filters_by_time_of_change(lubicz: CatalogueServiceWeb, catalogue: Database) -> None:
    with catalogue.connect("harvest") as connection:
        connection.execute("update sdi.record set modified_at = '2026-02-03T10:00:00Z' where subject = 'wms'")
        connection.execute("update sdi.record set modified_at = '2026-01-01T10:00:00Z' where subject <> 'wms'")
    for since, expected in (("2026-02-03", 1), ("2026-02-03T11:00:00+02:00", 1), ("2026-02-03T10:00:01Z", 0),
                            ("2026-01-01", 5)):
        found = titles(lubicz, PropertyIsGreaterThanOrEqualTo("dct:modified", since))
        assert len(found) == expected, since
        assert len(titles(lubicz, PropertyIsGreaterThanOrEqualTo("apiso:Modified", since))) == expected
    assert titles(lubicz, PropertyIsEqualTo("dct:modified", "2026-02-03")) == ["Usługa przeglądania (WMS)"]


def test_records_validate_as_they_are_served(address: str, shared: Path) -> None:
    schema = etree.XMLSchema(etree.parse(str(shared / "schemas" / "drivers_iso.xsd")))
    csw = catalogue_of_version(f"{address}/powiat-torunski/csw")
    csw.getrecords2(maxrecords=50)
    for identifier in list(csw.records):
        csw.getrecordbyid([identifier], outputschema=GMD, esn="full")
        record = etree.fromstring(csw.response).find(f"{{{GMD}}}MD_Metadata")
        assert schema.validate(record), schema.error_log
        assert csw.records[identifier].identifier == identifier


def test_services_point_to_data_sets_that_are_there(address: str) -> None:
    csw = catalogue_of_version(f"{address}/lubicz/csw")
    csw.getrecords2([PropertyIsEqualTo("dc:type", "service")], outputschema=GMD, esn="full", maxrecords=50)
    coupled = [operand for record in csw.records.values() for operand in record.identificationinfo[0].operateson]
    assert len(coupled) == 3  # all but the catalogue itself
    for operand in coupled:
        csw.getrecordbyid([operand["uuidref"]])
        assert list(csw.records) == [operand["uuidref"]]
        answer = subprocess.run(["curl", "-s", operand["href"]], capture_output=True, text=True, check=True).stdout
        assert "GetRecordByIdResponse" in answer and "MD_DataIdentification" in answer


def test_owslib_speaks_3_0_0(address: str) -> None:
    csw = catalogue_of_version(f"{address}/lubicz/csw", version="3.0.0")
    both = [fes2.PropertyIsLike("dc:title", "%WFS%"), fes2.PropertyIsEqualTo("dc:type", "service")]
    csw.getrecords(constraints=[both], maxrecords=50)
    assert [record.title.partition(" — ")[0] for record in csw.records.values()] == ["Usługa pobierania (WFS)"]


@pytest.mark.parametrize("query", ["", "?version=2.0.2"])
def test_gdal_reads_the_catalogue(address: str, query: str) -> None:
    done = subprocess.run(["ogrinfo", "-ro", "-al", f"CSW:{address}/lubicz/csw{query}"],
                          capture_output=True, text=True, timeout=60)
    assert "Feature Count: 5" in done.stdout, done.stdout + done.stderr
    assert "abstract (String) = Usługa przeglądania map zgodna z OGC WMS 1.3.0. Gmina \"Lubicz\" &" in done.stdout
    assert "POLYGON ((18.7" in done.stdout  # longitude first, as GDAL's own order
