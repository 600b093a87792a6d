"""A node with the real register EGiB and one county, whose WFS a test plays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sdi.db.database import Database
from sdi.harvest import http
from sdi.harvest.run import Outcome
from sdi.settings import Settings

from ..run.conftest import HOME, Node, write_home
from .server import Respond, Server, serving


@dataclass
class WfsNode(Node):
    """A node whose source is a WFS."""

    stack: ExitStack = field(default_factory=ExitStack)

    def play(self, respond: Respond, certificate: Path | None = None) -> Server:
        """Start a server for as long as the test lasts."""
        return self.stack.enter_context(serving(respond, certificate))

    def describe(self, server: Server | str, delivers: tuple[str, ...] = ("dzialki",), *, tls: Any = None,
                 expect: dict[str, Any] | None = None, **parameters: Any) -> None:
        """Write the source's file."""
        url = server if isinstance(server, str) else server.url
        self.declare(kind="wfs", county="0415", delivers=list(delivers), parameters={"url": url, **parameters},
                     expect=expect or {}, tls=tls)

    def served(self, table: str = "dzialki") -> list[dict[str, Any]]:
        """Everything that is served, with the transaction that wrote it."""
        return self.rows(f"select xmin::text, * from egib.{table} order by id")

    def places(self, table: str = "dzialki") -> dict[str, tuple[int, int]]:
        """South-western corners in whole metres of EPSG:2180, by identifier."""
        return {row["id"]: (row["x"], row["y"]) for row in self.rows(
            f"select id, round(st_xmin(geom))::int as x, round(st_ymin(geom))::int as y from egib.{table}")}

    def refuses(self, state: str, *words: str) -> Outcome:
        """Harvest; it must end in `state` with these words, and what is served must stay as it was."""
        before = self.served()
        outcome = self.harvest()
        assert outcome.state == state, outcome.message
        for word in words:
            assert word in outcome.message.en
        assert self.served() == before
        return outcome

    def takes(self, state: str = "committed") -> Outcome:
        """Harvest; it must end well."""
        outcome = self.harvest()
        assert outcome.state == state, outcome.message
        return outcome

    def codes(self) -> dict[str, int]:
        """Issues of the last run by code."""
        return {row["code"]: row["n"] for row in self.rows(
            "select code, count(*) as n from sdi.issue where run = (select max(run) from sdi.run) group by code")}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No waits between attempts; how long they would have been."""
    noted: list[float] = []
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=time.monotonic, sleep=noted.append))
    return noted


@pytest.fixture
def node(tmp_path: Path, database: Database, settings: Settings) -> Iterator[WfsNode]:
    """An empty node; its source is still to be described."""
    home = tmp_path / "home"
    home.mkdir()
    write_home(home)
    (home / "configs" / "registers" / "proba.yaml").unlink()
    (home / "configs" / "registers" / "egib.yaml").symlink_to(HOME / "configs" / "registers" / "egib.yaml")
    with ExitStack() as stack:
        yield WfsNode(home, database, replace(settings, home=home, var=tmp_path / "var", region="proba"), stack=stack)
