"""WFS answers of more than a page: all objects in every version and format, and what they may take of the node."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pyogrio
import pytest
from lxml import etree
from psycopg import sql

from sdi.db.database import Database
from sdi.db.feature_tables import current_table
from sdi.db.migrate import migrate
from sdi.model.region import Region
from sdi.services import body
from sdi.services.contract import Engines
from sdi.services.wfs import rows
from sdi.services.wfs.app import LARGE_AT_ONCE
from sdi.services.wfs.requests import PAGE_MAX
from sdi.store.columns import published
from sdi.store.crs import PL1992
from sdi.store.table import FAR
from tests.conftest import HOME, new_database
from tests.services.ows.conftest import Served, fill
from tests.services.ows.test_wfs_exact import compared, text_filter

MANY = 60_000
"""Points of 400 bytes of GML each: more than the buffers between server and client hold."""

DEADLINE_S = 25
"""Less than the timeout of a statement."""


class Large:
    """The served region, and its database."""

    def __init__(self, url: str, database: Database) -> None:
        self.url, self.database = f"{url}/powiat/wfs", database

    def asked(self, version: str = "1.1.0", **more: object) -> dict[str, str]:
        types = "TYPENAMES" if version == "2.0.0" else "TYPENAME"
        return {"SERVICE": "WFS", "VERSION": version, "REQUEST": "GetFeature", types: "nieznane"} | {
            key: str(value) for key, value in more.items()}

    def get(self, version: str = "1.1.0", **more: object) -> httpx.Response:
        return httpx.get(self.url, params=self.asked(version, **more), timeout=120, trust_env=False)

    def begun(self, ends: ExitStack) -> httpx.Response:
        """An answer with all points, of which no more is read than its status."""
        client = ends.enter_context(httpx.Client(timeout=120, trust_env=False))
        answer = ends.enter_context(client.stream("GET", self.url, params=self.asked()))
        assert answer.status_code == 200 and "content-length" not in answer.headers
        return answer

    def query(self, statement: str) -> int:
        with psycopg.connect(self.database.conninfo("owner"), autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return int(row[0]) if row else 0

    @property
    def transactions(self) -> int:
        """Of the services, that are open."""
        return self.query("select count(*) from pg_stat_activity where datname = current_database()"
                          " and application_name = 'sdi-serve' and xact_start is not null")


@pytest.fixture(scope="module")
def large(server: Database, region: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    folder = tmp_path_factory.mktemp("large")
    with new_database(server) as database:
        migrate(database, region.registers.values())
        fill(database, region)
        with psycopg.connect(database.conninfo("owner")) as connection:
            connection.execute(f"""
                insert into gesut.nieznane (id, "order", county, source, known_from, version, content, geom)
                select 'm' || n, n, '0415', '0415', now(), 1, '00000000-0000-0000-0000-000000000000',
                    st_setsrid(st_makepoint(470000 + n % 1000, 570000 + n / 1000), 2180)
                from generate_series(3, {MANY - 1}) n""".encode())
        with (
            database.pool("serve", LARGE_AT_ONCE + 2) as pool,
            Served(region, database, folder / "build", Engines(pool, Path("/nowhere"), HOME)) as served,
        ):
            yield Large(served.url, database)


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def orders(answer: httpx.Response) -> list[int]:
    return [int(e.text or "") for e in etree.fromstring(
        answer.content, etree.XMLParser(huge_tree=True)).iter("{urn:sdi:registers}order")]


# All objects

@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_all_come_where_nobody_says_how_many(large: Large, version: str) -> None:
    answer = large.get(version)
    assert orders(answer) == list(range(MANY))
    root = etree.fromstring(answer.content, etree.XMLParser(huge_tree=True))
    assert root.get("numberOfFeatures") == (str(MANY) if version == "1.1.0" else None)


def test_as_many_come_as_are_asked_for(large: Large) -> None:
    answer = large.get(MAXFEATURES=PAGE_MAX + 2_345, STARTINDEX=7)
    assert orders(answer) == list(range(7, PAGE_MAX + 2_352))
    assert f'numberOfFeatures="{PAGE_MAX + 2_345}"' in answer.text[:2_000]
    last = large.get(STARTINDEX=MANY - PAGE_MAX - 3)
    assert len(orders(last)) == PAGE_MAX + 3 and f'numberOfFeatures="{PAGE_MAX + 3}"' in last.text[:2_000]


def test_a_condition_is_counted_before(large: Large) -> None:
    condition = text_filter(compared("PropertyIsGreaterThanOrEqualTo", "order", "20000"), "1.1.0")
    answer = large.get(FILTER=condition, SORTBY="order D")
    assert orders(answer) == list(range(MANY - 1, 19_999, -1))
    assert f'numberOfFeatures="{MANY - 20_000}"' in answer.text[:2_000]


def test_several_types_follow_each_other(large: Large) -> None:
    answer = large.get(TYPENAME="budynki,nieznane")
    assert orders(answer) == list(range(MANY)) and answer.content.count(b"<sdi:budynki ") == 2
    assert f'numberOfFeatures="{MANY + 2}"' in answer.text[:2_000]


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0", "2.0.0"])
def test_files_have_all(large: Large, version: str, tmp_path: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(large.get(version, OUTPUTFORMAT="csv").text)))
    assert [int(line["order"]) for line in lines] == list(range(MANY))
    for form, name in (("gpkg", "a.gpkg"), ("shape-zip", "a.zip")):
        answer = large.get(version, OUTPUTFORMAT=form)
        (tmp_path / name).write_bytes(answer.content)
        assert answer.headers["content-length"] == str(len(answer.content))
        source = f"/vsizip/{tmp_path / name}/nieznane.shp" if form == "shape-zip" else str(tmp_path / name)
        assert pyogrio.read_info(source)["features"] == MANY
    if version != "2.0.0":
        found = large.get(version, OUTPUTFORMAT="geojson").json()
        assert found["numberMatched"] == found["numberReturned"] == len(found["features"]) == MANY


def test_a_file_of_several_types_goes_through_them(large: Large, tmp_path: Path) -> None:
    asked = {"TYPENAMES": "budynki,nieznane", "OUTPUTFORMAT": "gpkg", "STARTINDEX": 1, "COUNT": MANY - 1}
    path = tmp_path / "a.gpkg"
    path.write_bytes(large.get("2.0.0", **asked).content)
    counts = {name: pyogrio.read_info(path, layer=name)["features"] for name in ("budynki", "nieznane")}
    assert counts == {"budynki": 1, "nieznane": MANY - 2}


@pytest.mark.parametrize("form", ["", "geojson"])
def test_a_page_that_tells_of_the_next_one_stays_a_page(large: Large, form: str) -> None:
    for more in ({}, {"COUNT": MANY}):
        answer = large.get("2.0.0", OUTPUTFORMAT=form, **more)
        if form:
            found = answer.json()
            numbers, links = (found["numberReturned"], len(found["features"])), str(found["links"])
        else:
            root = etree.fromstring(answer.content)
            numbers, links = (int(root.get("numberReturned") or 0), len(orders(answer))), root.get("next") or ""
        assert numbers == (PAGE_MAX, PAGE_MAX) and f"STARTINDEX={PAGE_MAX}" in links


# What they may take

@pytest.mark.parametrize(("name", "column"), [("nieznane", "order"), ("urzadzenia_wodociagowe", "rodzaj_urzadzenia")])
def test_rows_are_sorted_once_at_most(large: Large, region: Region, name: str, column: str) -> None:
    """Else the database would have all texts before it gave the first."""
    feature_type = region.feature_types[name]
    statement = rows.statement(sql.SQL("fid"), current_table(feature_type), sql.SQL("true"),
                               ((published(feature_type)[column], True),), PL1992, sql.SQL("true"))
    with psycopg.connect(large.database.conninfo("owner")) as connection:
        plan = connection.execute(sql.SQL("explain ") + statement, {"limit": FAR, "offset": 0}).fetchall()
    assert sum("Sort  " in line for line, in plan) == 1, plan


def test_so_many_at_once_and_a_client_that_goes_makes_room(large: Large) -> None:
    with ExitStack() as ends:
        for _ in range(LARGE_AT_ONCE):
            large.begun(ends)
        assert large.transactions == LARGE_AT_ONCE  # the rows are not read ahead of the client
        for form in ("", "csv", "gpkg"):
            refused = large.get(OUTPUTFORMAT=form)
            assert refused.status_code == 503 and b"OperationProcessingFailed" in refused.content
        assert len(orders(large.get(MAXFEATURES=PAGE_MAX))) == PAGE_MAX
        assert large.transactions == LARGE_AT_ONCE
    wait(lambda: large.transactions == 0)
    assert len(orders(large.get())) == MANY


def test_a_question_about_the_head_reads_no_more(large: Large) -> None:
    for _ in range(LARGE_AT_ONCE + 1):
        answer = httpx.head(large.url, params=large.asked(), timeout=60, trust_env=False)
        assert answer.status_code == 200 and "content-length" not in answer.headers
    wait(lambda: large.transactions == 0)


def test_what_cannot_be_ended_is_cut_off(large: Large) -> None:
    with ExitStack() as ends:
        answer = large.begun(ends)
        large.query("select count(pg_terminate_backend(pid)) from pg_stat_activity where xact_start is not null"
                    " and application_name = 'sdi-serve' and datname = current_database()")
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert len(orders(large.get())) == MANY


def test_a_client_that_takes_too_long_is_cut_off(large: Large, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LONGEST_S", 0.5)
    with ExitStack() as ends:
        answer = large.begun(ends)
        wait(lambda: large.transactions == 0)
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


@pytest.mark.parametrize("form", ["", "gpkg"])
def test_the_database_does_not_work_for_nobody(large: Large, form: str) -> None:
    waiting = ("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
               " and application_name = 'sdi-serve' and datname = current_database()")
    with psycopg.connect(large.database.conninfo("owner")) as connection:
        connection.execute("lock table gesut.nieznane in access exclusive mode")
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(large.url, params=large.asked(OUTPUTFORMAT=form), timeout=2, trust_env=False)
        wait(lambda: large.query(waiting) == 0)
        assert large.transactions == 0
    assert len(orders(large.get(MAXFEATURES=3))) == 3


# What is too long for an address

def test_a_filter_too_large_for_an_address_has_no_next_page_but_all(large: Large) -> None:
    """The addresses of its pages could not be followed."""
    condition = "".join(compared("PropertyIsEqualTo", "order", str(order)) for order in range(200))
    condition += compared("PropertyIsGreaterThan", "order", "40000")
    query = f"<wfs:Query typeNames='nieznane'>{text_filter(f'<fes:Or>{condition}</fes:Or>')}</wfs:Query>"
    expected = [*range(200), *range(40_001, MANY)]

    def post(more: str) -> httpx.Response:
        request = ("<wfs:GetFeature xmlns:wfs='http://www.opengis.net/wfs/2.0' service='WFS' version='2.0.0' "
                   f"{more}>{query}</wfs:GetFeature>")
        return httpx.post(large.url, content=request, headers={"Content-Type": "text/xml"}, timeout=60, trust_env=False)

    answer = post("")
    root = etree.fromstring(answer.content, etree.XMLParser(huge_tree=True))
    assert orders(answer) == expected and root.get("next") is None
    assert root.get("numberMatched") == root.get("numberReturned") == str(len(expected))
    assert len(post("outputFormat='application/geo+json'").json()["features"]) == len(expected)
    for more in ("count='300'", "resultType='hits'", "startIndex='100' count='200'"):
        root = etree.fromstring(post(more).content)
        assert root.get("numberMatched") == str(len(expected))
        assert root.get("next") is None and root.get("previous") is None
