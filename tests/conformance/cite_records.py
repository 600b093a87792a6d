"""The records that the suite for CSW 2.0.2 wants, in the catalogue of a region of their own.

They are of Dublin Core, without title or place at times, which records of ours never are. So they stand in a table in
place of the view by which the catalogue sees our records; all that asks it, filters and writes is as for any region.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import psycopg
from lxml import etree
from psycopg import sql

from sdi.db.database import Database
from sdi.model.region import REGION_TENANT
from sdi.settings import Settings
from tests.conformance import own_region

_IN_PLACE_OF_THE_VIEW = """
    create table sdi.cite_record as select * from sdi.csw_record with no data;
    drop view sdi.csw_record;
    alter table sdi.cite_record rename to csw_record;
    grant select on sdi.csw_record to sdi_serve;
"""

_COLUMNS = {"identifier": "dc:identifier", "type": "dc:type", "title": "dc:title", "keywords": "dc:subject",
            "format": "dc:format", "date": "dc:date", "abstract": "dct:abstract", "relation": "dc:relation"}
"""Where the columns of sdi.csw_record come from."""

_NAMES = {"dc": "http://purl.org/dc/elements/1.1/", "dct": "http://purl.org/dc/terms/",
          "ows": "http://www.opengis.net/ows"}


@contextmanager
def serving(settings: Settings, folder: Path, jars: list[Path]) -> Iterator[str]:
    """Serve the records out of the suite's jar, below a folder; gives the address of the tenant."""
    (suite,) = (jar for jar in jars if jar.name.startswith("ets-csw20-"))

    def fill(database: Database) -> None:
        with psycopg.connect(database.conninfo("owner")) as connection:
            connection.execute(_IN_PLACE_OF_THE_VIEW)
            for row in map(_row, _records(suite)):
                connection.execute(sql.SQL("insert into sdi.csw_record ({}) values ({})").format(
                    sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row))), row)

    region = own_region.declared(("csw",), {"records": "point"})
    with own_region.serving(settings, folder, region, fill) as address:
        yield address


def _records(suite: Path) -> Iterator[etree._Element]:
    with ZipFile(suite) as content:
        for name in content.namelist():
            if name.startswith("data/Record_"):
                yield etree.fromstring(content.read(name))


def _row(record: etree._Element) -> dict[str, str | None]:
    """A csw:Record by the columns of sdi.csw_record."""
    row = {column: ",".join(record.xpath(f"{name}/text()", namespaces=_NAMES)) or None
           for column, name in _COLUMNS.items()}
    place = _polygon(record.find("ows:BoundingBox", _NAMES))
    return row | {
        "tenant": REGION_TENANT, "typename": "csw:Record", "schema": "http://www.opengis.net/cat/csw/2.0.2",
        "mdsource": "local", "insert_date": "2026-01-01T00:00:00Z", "modified_at": row["date"],
        "date_modified": row["date"], "wkt_geometry": place, "geom": place and f"SRID=4326;{place}",
        "anytext": " ".join(record.itertext()), "xml": etree.tostring(record, encoding="unicode"),
    }


def _polygon(box: etree._Element | None) -> str | None:
    """WKT of an ows:BoundingBox in EPSG:4326, latitude first there."""
    if box is None:
        return None
    south, west = box.findtext("ows:LowerCorner", namespaces=_NAMES).split()
    north, east = box.findtext("ows:UpperCorner", namespaces=_NAMES).split()
    return f"POLYGON(({west} {south},{west} {north},{east} {north},{east} {south},{west} {south}))"
