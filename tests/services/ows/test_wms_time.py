"""WMS with TIME: the map and GetFeatureInfo as the registers were known at that moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from lxml import etree
from psycopg import sql
from shapely.geometry import Point

from sdi.db.feature_tables import current_table, history_table
from tests.services.ows.conftest import CORNER, Node, insert
from tests.services.ows.test_ows_wms import image, painted, request, window

PLACE = (CORNER[0] + 400, CORNER[1] - 400)
"""Where nothing else is."""

DAY = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in range(1, 32)]


@pytest.fixture(scope="module")
def past(node: Node) -> Iterator[Node]:
    """A point known from the 5th on, with other attributes from the 10th on, and another one that has gone on the 8th.

    A state that was delivered as past was never on the map.
    """
    geom = f"ST_SetSRID(ST_MakePoint({PLACE[0]}, {PLACE[1]}), 2180)"
    feature_type = node.region.feature_types["nieznane"]
    now = {"id": "nowy", "order": 2, "geom": Point(PLACE), "known_from": DAY[9]}
    insert(node.database, node.region, "nieznane", [now])
    rows = [("nowy", 1, DAY[4], DAY[9], "s"), ("znikł", 7, DAY[2], DAY[7], "g"), ("dawny", 9, DAY[4], None, "d")]
    with psycopg.connect(node.database.conninfo("owner")) as connection:
        for number, (identifier, order, since, until, why) in enumerate(rows):
            connection.execute(sql.SQL(
                'insert into {} (fid, id, county, source, known_from, known_to, version, why, content, "order", geom) '
                f"values (%s, %s, '0415', '0415', %s, %s, 1, %s, gen_random_uuid(), %s, {geom})"
            ).format(history_table(feature_type)), [9000 + number, identifier, since, until, why, order])
    yield node
    with psycopg.connect(node.database.conninfo("owner")) as connection:
        connection.execute(sql.SQL("delete from {} where id = 'nowy'").format(current_table(feature_type)))
        connection.execute(sql.SQL("delete from {}").format(history_table(feature_type)))


def known(node: Node, **more: object) -> dict[str, int]:
    """Identifiers and attribute of what is at the place."""
    asked = request("EPSG:2180", "1.3.0", "nieznane", window("EPSG:2180", "1.3.0", *PLACE, 5), I=50, J=50, **more)
    asked |= {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "nieznane", "INFO_FORMAT": "application/json",
              "FEATURE_COUNT": 9}
    found = json.loads(node.get("powiat/wms", **asked).text)["features"]
    return {feature["id"]: feature["properties"]["order"] for feature in found}


@pytest.mark.parametrize(("time", "expected"), [
    ("2026-01-01", {}), ("2026-01-03", {"znikł": 7}), ("2026-01-03T11:59:59Z", {}),
    ("2026-01-06", {"znikł": 7, "nowy": 1}), ("2026-01-08T13:00:00+01:00", {"nowy": 1}),
    ("2026-01-09", {"nowy": 1}), ("2026-01-10T12:00:00Z", {"nowy": 2}), ("2030-01-01", {"nowy": 2}),
    ("current", {"nowy": 2}), ("", {"nowy": 2}),
])
def test_what_was_known_at_a_time(past: Node, time: str, expected: dict[str, int]) -> None:
    assert known(past, TIME=time) == expected
    drawn = request("EPSG:2180", "1.3.0", "nieznane", window("EPSG:2180", "1.3.0", *PLACE, 5), TIME=time)
    assert painted(image(past, "powiat", **drawn)) == bool(expected)


def test_without_time_the_map_is_that_of_now(past: Node) -> None:
    assert known(past) == {"nowy": 2}


def test_another_tenant_has_no_past_here(past: Node) -> None:
    asked = request("EPSG:2180", "1.3.0", "nieznane", window("EPSG:2180", "1.3.0", *PLACE, 5), TIME="2026-01-06")
    assert not painted(image(past, "miasto", **asked))


@pytest.mark.parametrize("time", ["wczoraj", "2026-01-01/2026-02-01", "2026-01-01,2026-01-02", "2026-13-01", "infinity",
                                  "2026-01-01' or true --"])
def test_what_is_no_moment_is_refused(past: Node, time: str) -> None:
    asked = request("EPSG:2180", "1.3.0", "nieznane", window("EPSG:2180", "1.3.0", *PLACE, 5), TIME=time)
    root = etree.fromstring(past.get("powiat/wms", **asked).content)
    assert (root[0].get("code"), root[0].get("locator")) == ("InvalidDimensionValue", "time")


def test_the_capabilities_have_the_times_of_the_commits(past: Node) -> None:
    with psycopg.connect(past.database.conninfo("owner")) as connection:
        connection.execute("insert into sdi.run (source, kind, state) values ('0415', 'gml', 'committed')")
        for moment in (DAY[0], DAY[9]):
            connection.execute(
                "insert into sdi.version (run, source, county, committed_at, lineage) "
                "select max(run), '0415', '0415', %s, '{}' from sdi.run", [moment])
    try:
        for version in ("1.3.0", "1.1.1"):
            root = etree.fromstring(past.get("powiat/wms", SERVICE="WMS", VERSION=version,
                                             REQUEST="GetCapabilities").content)
            name = "Dimension" if version == "1.3.0" else "Extent"
            (found, *_) = root.xpath(f"//*[local-name()='{name}']")
            assert (found.get("name"), found.get("default"), found.text) == (
                "time", "2026-01-10T12:00:00Z", "2026-01-01T12:00:00Z/2026-01-10T12:00:00Z/PT1S")
    finally:
        with psycopg.connect(past.database.conninfo("owner")) as connection:
            connection.execute("delete from sdi.version; delete from sdi.run")
