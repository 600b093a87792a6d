"""A harvest that is killed at any moment and run again ends in the same database as one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sdi.db.database import Database
from sdi.db.migrate import migrate
from tests.conftest import new_database

from .conftest import KINDS, Node, field_at

COMMAND = f"""
import sys, harvesters
from sdi.cli import main
harvesters.__path__.append({str(KINDS)!r})
sys.exit(main())
"""

STATE = {
    "proba.pola": "known_from, version, fid, source",
    "proba.pola_history": "known_from, known_to, version, fid, source",
    "sdi.count": "version",
    "sdi.change": "seq, version, fid",
    "sdi.issue": "issue, run",
    "sdi.version": "version, run, committed_at, lineage",
    "sdi.record": "inserted_at, modified_at, xml, anytext",
}
"""What is compared, without these columns of ids and times."""


def start(node: Node) -> subprocess.Popen[bytes]:
    environ = os.environ | {"SDI_DATABASE_URL": node.database.url, "SDI_VAR": str(node.settings.var)}
    command = [sys.executable, "-c", COMMAND, "--home", str(node.home), "--region", "proba", "harvest", "--all"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def state(node: Node) -> dict[str, list[str]]:
    """All tables without ids and times, each row as text, in an order of their own."""
    return {
        table: sorted(str(row["facts"]) for row in node.rows(
            f"select (to_jsonb(t) - %s::text[])::text as facts from {table} t", left_out.split(", ")))
        for table, left_out in STATE.items()
    }


def deliveries(generation: int) -> list[list[dict[str, Any]]]:
    """Two deliveries that differ in new, changed and gone objects, versions, duplicates and faults."""
    files: list[list[dict[str, Any]]] = []
    for number in range(8):
        items: list[dict[str, Any]] = [
            {"id": f"{number}-{n}", "wkt": field_at(20 * n, 50 * number), "version_id": str(generation * (n % 5)),
             "valid_from": "2020-01-01T00:00:00", "attributes": {"liczba": generation * (n % 5)}}
            for n in range(generation, 60 + generation)
        ]
        items.append({"id": f"{number}-5", "wkt": field_at(100, 50 * number), "version_id": "old",
                      "valid_to": "2019-01-01T00:00:00"})
        items += [{"id": f"bad-{number}", "wkt": "POINT (480100 580100)"}, items[3], {"left_out": "EGB_Osoba"}]
        files.append(items)
    return files


@pytest.fixture
def twin(node: Node, template: tuple[Database, str], tmp_path: Path) -> Any:
    """Another node with the same declaration and deliveries."""
    with new_database(*template) as database:
        yield Node(node.home, database, replace(node.settings, var=tmp_path / "twin"), node.source)


def test_kill_9_at_any_moment(node: Node, twin: Node) -> None:
    randomness = random.Random(2)
    kills = 0
    for generation in (1, 2):
        node.declare(parameters={"path": "delivery", "pause_s": 0.02})
        node.deliver(*deliveries(generation))
        assert twin.harvest().state == "committed"
        migrate(node.database, node.region.registers.values())
        for _ in range(5):
            process = start(node)
            with process:
                waiting = time.monotonic() + 60
                held = randomness.uniform(0, 0.9)
                since: float | None = None
                while process.poll() is None and time.monotonic() < waiting:
                    if since is None and node.rows("select 1 from sdi.run where state = 'running'"):
                        since = time.monotonic()
                    if since is not None and time.monotonic() - since > held:
                        process.send_signal(signal.SIGKILL)
                        break
                    time.sleep(0.005)
            kills += process.returncode == -signal.SIGKILL
        with start(node) as process:
            _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
        assert state(node) == state(twin)
        assert node.rows("select 1 from pg_tables where schemaname = 'stage'") == []
        assert [unit["sha256"] for unit in node.rows(
            "select * from sdi.unit where run = (select max(run) from sdi.run) order by ordinal")] == [
            unit["sha256"] for unit in twin.rows(
                "select * from sdi.unit where run = (select max(run) from sdi.run) order by ordinal")]
    assert kills >= 5, "the runs were over before they could be killed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_gone_on_with(node: Node, number: signal.Signals) -> None:
    node.declare(parameters={"path": "delivery", "pause_s": 0.2})
    node.deliver(*deliveries(1))
    migrate(node.database, node.region.registers.values())
    with start(node) as process:
        deadline = time.monotonic() + 60
        while not node.rows("select 1 from sdi.unit where finished_at is not null") and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    assert b"Traceback" not in errors
    (run,) = node.rows("select * from sdi.run")
    assert run["state"] == "running"
    outcome = node.harvest()
    assert (outcome.state, outcome.run) == ("committed", run["run"])
    assert "001.jsonl" not in node.kind.was_read
