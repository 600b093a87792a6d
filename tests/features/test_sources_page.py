"""`/region/sources`: how the sources are doing, for people and programs, without what is not theirs to know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from sdi.assets import asset
from sdi.db.migrate import migrate
from sdi.gateway.app import Gateway
from sdi.harvest.ledger import lock_source
from sdi.records.places import public_place, public_text
from sdi.services.contract import Engines
from sdi.services.publications import Build, OneBuild
from sdi.store.status import source_statuses
from tests.harvest.run.conftest import Node, field_at, kinds, node

__all__ = ["kinds", "node"]

FIELDS = [{"id": f"p{n}", "wkt": field_at(20 * n, 0)} for n in range(30)]


class Site:
    """The gateway over a node's declaration as it is now."""

    def __init__(self, node: Node, engines: Engines) -> None:
        self.node, self.engines = node, engines

    def get(self, path: str = "/region/sources", **headers: str) -> httpx.Response:
        app = Gateway(self.engines, OneBuild(Build("digest", self.node.region, "http://localhost/sdi", {}))).app()

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def site(node: Node) -> Iterator[Site]:
    migrate(node.database, node.region.registers.values())
    with node.database.pool("serve", 2) as pool:
        yield Site(node, Engines(pool, node.settings.var / "none.sock", node.home))


def test_the_page_speaks_both_languages(node: Node, site: Site) -> None:
    node.declare(title={"pl": "Pola próbne", "en": "Trial fields"}, schedule="30 2 * * *", promise_h=48)
    node.deliver(FIELDS)
    node.harvest()
    polish = site.get(**{"accept-language": "pl"})
    assert polish.status_code == 200 and polish.headers["content-language"] == "pl"
    for text in ("Pola próbne", "w terminie", "przyjęto zmiany", "<code>0415-proba</code>", ">30<", "02:30"):
        assert text in polish.text
    assert f'href="/sdi/{asset("sdi.css")}"' in polish.text, "below the path of SDI_PUBLIC_URL, on whatever host"
    english = site.get("/region/sources?lang=en")
    for text in ("Trial fields", "on time", "changes committed", 'lang="en"'):
        assert text in english.text
    assert "/region/sources?lang=en" in site.get("/?lang=en").text


def test_a_source_that_was_never_harvested_is_late_and_by_hand(node: Node, site: Site) -> None:
    node.declare(promise_h=48)
    text = site.get("/region/sources?lang=en").text
    assert "never harvested" in text and ">late<" in text and "by hand" in text
    assert "po terminie" in site.get("/region/sources?lang=pl").text


def test_a_source_that_was_never_harvested_is_due_at_once(node: Node, site: Site) -> None:
    """As the worker does it, and before it has planned anything; what was harvested waits for its time."""
    node.declare(schedule="30 2 1 1 *")
    assert "<td class=\"when\">now" in site.get("/region/sources?lang=en").text
    node.deliver(FIELDS)
    node.harvest()
    assert "-01-01 02:30" in site.get("/region/sources?lang=en").text


def test_a_run_whose_process_has_died_is_interrupted(node: Node, site: Site) -> None:
    """Services see that too: who holds the lock on the source is no secret of the role that harvests."""

    def shown() -> tuple[str, Any]:
        (source,) = site.get("/region/sources?f=json").json()["sources"]
        return source["state"], source["problem"]

    with node.database.connect("harvest", autocommit=True) as connection:
        lock_source(connection, "0415-proba")
        connection.execute("insert into sdi.run (source, kind) values ('0415-proba', 'jsonlines')")
        assert shown() == ("running", None)
        connection.execute("select pg_advisory_unlock_all()")
        lock_source(connection, "another")
        assert shown() == ("interrupted", {
            "pl": "pobieranie zostało przerwane; następne w miarę możliwości zacznie tam, gdzie stanęło",
            "en": "the harvest was interrupted; the next one goes on from there where it can"})
    page = site.get("/region/sources?lang=pl").text
    assert ">przerwane</strong><br>" in page and "w toku" not in page


def test_json_is_asked_for_by_f_or_by_accept(node: Node, site: Site) -> None:
    node.declare(schedule="30 2 * * *", promise_h=48)
    node.deliver(FIELDS)
    node.harvest()
    answer = site.get("/region/sources?f=json")
    assert answer.headers["content-type"] == "application/json"
    assert site.get(accept="application/json").json()["sources"] == answer.json()["sources"]
    assert site.get(accept="text/html,application/json").headers["content-type"].startswith("text/html")
    (source,) = answer.json()["sources"]
    assert (source["source"], source["county"], source["promise"], source["promise_h"]) == (
        "0415-proba", "0415", "ok", 48)
    assert (source["version"], source["objects"], source["state"]) == (1, {"pola": 30}, "committed")
    assert (source["schedule"], source["problem"]) == ("30 2 * * *", None)
    assert datetime.fromisoformat(source["next_at"]) > datetime.now(UTC)
    wrong = site.get("/region/sources?f=xml")
    assert wrong.status_code == 400 and "json" in wrong.json()["title"]


def test_a_problem_is_shown_without_paths(node: Node, site: Site) -> None:
    node.declare(parameters={"path": "secret folder/nowhere"})
    assert node.harvest().state == "failed"
    shown = site.get("/region/sources?lang=en").text
    assert "nowhere: no such folder" in shown and "failed" in shown
    in_polish = site.get("/region/sources?lang=pl").text
    assert "nowhere: nie ma takiego folderu" in in_polish and "no such folder" not in in_polish
    assert "secret" not in shown and str(node.home) not in shown
    assert "secret" not in site.get("/region/sources?f=json").text


@pytest.mark.parametrize(("message", "expected"), [
    ("https://jan:haslo@powiat.pl/wfs?token=1: HTTP 404; ask", "https://powiat.pl/wfs: HTTP 404; ask"),
    ("/srv/moje dane/x.gml: not XML", "x.gml: not XML"),
    ("page 3: cannot write /var/lib/sdi/archive/ab, the disk is full", "page 3: cannot write ab, the disk is full"),
    ("it says km/h and 3/4, see https://a.pl/b?c=d.", "it says km/h and 3/4, see https://a.pl/b."),
    ("UniqueViolation: duplicate key\nDETAIL: (pesel)=(1)", "UniqueViolation: duplicate key"),
])
def test_what_is_not_public_is_cut_out(message: str, expected: str) -> None:
    assert public_text(message) == expected


def test_a_place_is_an_address_or_a_name() -> None:
    assert public_place("https://u:p@powiat.pl:8443/wfs?x=1") == "https://powiat.pl:8443/wfs"
    assert public_place("/srv/dane/egib.gml") == "egib.gml"
    assert public_place("") == ""


def test_the_age_counts_from_the_last_good_harvest(node: Node, site: Site) -> None:
    node.declare(promise_h=10)
    node.deliver(FIELDS)
    node.harvest()
    node.deliver([{"broken": "line 1"}])
    assert node.harvest().state == "failed"

    def status(hours: float) -> Any:
        with psycopg.connect(node.database.url) as connection:
            (found,) = source_statuses(connection, node.region, datetime.now(UTC) + timedelta(hours=hours))
        return found

    assert (status(9.5).promise, status(10.5).promise) == ("ok", "late")
    assert status(5).age_h == pytest.approx(5, abs=0.2)
    assert status(0).version == 1 and status(0).state == "failed" and "line 1" in status(0).problem.en


def test_a_good_run_by_hand_ends_the_problem_that_a_worker_noted(node: Node, site: Site) -> None:
    node.declare(schedule="30 2 * * *")
    node.deliver(FIELDS)
    with psycopg.connect(node.database.url) as connection:
        connection.execute(
            "insert into sdi.schedule values ('0415-proba', '30 2 * * *', now(), 2, clock_timestamp(), 'no answer',"
            " 'brak odpowiedzi')")
    (before,) = site.get("/region/sources?f=json").json()["sources"]
    assert (before["problem"], before["failures"], before["state"]) == (
        {"pl": "brak odpowiedzi", "en": "no answer"}, 2, None)
    node.harvest()
    (after,) = site.get("/region/sources?f=json").json()["sources"]
    assert (after["problem"], after["state"]) == (None, "committed")
