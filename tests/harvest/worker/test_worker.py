"""Workers over one queue: once each, politely, again after failures, and on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from sdi.harvest.ledger import lock_source
from sdi.model.load import load_region
from sdi.worker.agenda import Agenda
from tests.waiting import until

from .conftest import Post

STOPPED = """
import os, signal, sys
from sdi.db.database import Database
from sdi.worker.child import stop_by_signals
stop_by_signals()
try:
    with Database(sys.argv[1]).connect("harvest") as connection:
        connection.execute("select 1")
        connection.pgconn.send_query(b"select 2")
        os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    for again in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), again)
    print("stopped once")
"""


def test_what_is_due_is_harvested_once(post: Post) -> None:
    post.declare("0401-a")
    post.declare("0402-hand", schedule="never")
    assert post.once() == 0
    assert [(run["source"], run["state"]) for run in post.runs()] == [("0401-a", "committed")]
    (planned,) = post.plan().values()
    assert (planned["failures"], planned["problem"], planned["later"]) == (0, None, True)
    assert post.once() == 0
    assert len(post.runs()) == 1
    assert post.queued() == []


def test_a_changed_schedule_and_a_removed_source_are_seen(post: Post) -> None:
    post.declare("0401-a")
    post.declare("0402-b")
    post.once()
    before = post.plan()
    post.declare("0401-a", schedule="0 4 2 2 *")
    (post.node.home / "configs/regions/proba/sources/0402-b.yaml").unlink()
    post.once()
    after = post.plan()
    assert list(after) == ["0401-a"]
    assert after["0401-a"]["next_at"] != before["0401-a"]["next_at"] and after["0401-a"]["later"]
    assert len(post.runs()) == 2


def test_a_broken_file_costs_a_source_no_attempt(post: Post) -> None:
    """Nor does a broken register."""
    post.declare("0401-a")
    post.once()
    execute(post, "update sdi.schedule set failures = 2, next_at = now()")
    register = post.node.home / "configs/registers/proba.yaml"
    file = post.node.home / "configs/regions/proba/sources/0401-a.yaml"
    for broken in (file, register):
        good = broken.read_text(encoding="utf-8")
        broken.write_text("delivers: [", encoding="utf-8")
        assert post.once() == 0
        broken.write_text(good, encoding="utf-8")
        assert [(name, row["failures"], row["later"]) for name, row in post.plan().items()] == [("0401-a", 2, False)]
    assert post.once() == 0
    assert (post.plan()["0401-a"]["failures"], len(post.runs())) == (0, 2)


def test_what_a_newer_declaration_has_is_left_to_its_worker(post: Post) -> None:
    """That worker plans its source just between what this one deletes and what it asks for."""
    execute(post, """
        create function newer() returns trigger language plpgsql security definer as $$ begin
            insert into sdi.schedule (source, schedule, next_at) values ('0409-new', '0 3 1 1 *', now());
            return null;
        end $$;
        create trigger newer after delete on sdi.schedule for each statement execute function newer()""")
    assert Agenda(post.node.database).plan(load_region(post.node.home, "proba")) == []
    assert list(post.plan()) == ["0409-new"]


def test_a_host_is_asked_by_one_harvest_at_a_time(post: Post) -> None:
    """Two workers with two places each; five sources of one host, one of another."""
    for number in range(1, 6):
        post.declare(f"040{number}-a")
    post.declare("0406-b", host="localhost")
    workers = [post.start(), post.start()]
    until(lambda: len([run for run in post.runs() if run["state"] == "committed"]) == 6)
    assert [post.stop(worker) for worker in workers] == [0, 0]
    assert len(post.runs()) == 6
    other = post.county.spans().pop("0406-b")
    post.county.requests = [r for r in post.county.requests if not r[0].startswith("/0406-b/")]
    assert post.county.most_at_once() == 1
    assert other


def test_a_host_may_have_two_places(post: Post) -> None:
    with (post.node.home / "configs/regions/proba/region.yaml").open("a", encoding="utf-8") as file:
        file.write("harvest: {per_host: 2}\n")
    for number in range(1, 5):
        post.declare(f"040{number}-a")
    together = threading.Barrier(2, timeout=60)

    def answer(path: str) -> int:
        if path.endswith("/1") and path[:5] in ("/0401", "/0402"):
            together.wait()  # raises, and the harvest fails, unless both are here
        return 200

    post.county.answer = answer
    assert post.once(jobs=4) == 0
    assert post.county.most_at_once() == 2
    assert len(post.runs()) == 4


def test_one_source_never_runs_twice_at_once(post: Post) -> None:
    """Its time comes again and again while two workers are at it."""
    post.declare("0401-a")
    workers = [post.start(), post.start()]

    def often() -> bool:
        with psycopg.connect(post.node.database.url) as connection:
            connection.execute("update sdi.schedule set next_at = now()")
        return len([run for run in post.runs() if run["ended_at"]]) >= 4

    until(often)
    for worker in workers:
        post.stop(worker)
    runs = post.runs()
    assert all(a["ended_at"] <= b["started_at"] for a, b in pairwise(runs))
    assert {run["state"] for run in runs} <= {"committed", "unchanged"}
    assert post.plan()["0401-a"]["problem"] is None


def test_a_failed_harvest_is_tried_again(post: Post) -> None:
    post.declare("0401-a")
    answers = [404, 404]
    post.county.answer = lambda path: answers.pop() if answers else 200
    worker = post.start()
    first = until(lambda: next((row for row in post.plan().values() if row["problem"]), None))
    assert first["failures"] in (1, 2) and "HTTP 404" in first["problem"] and "new address" in first["problem"]
    until(lambda: [run for run in post.runs() if run["state"] == "committed"])
    settled = until(lambda: next((row for row in post.plan().values() if row["problem"] is None), None))
    assert (settled["failures"], settled["later"]) == (0, True)
    assert post.stop(worker) == 0


def test_attempts_come_to_an_end(post: Post) -> None:
    post.declare("0401-a", parameters={"url": f"http://127.0.0.1:{post.county.port}/0401-a", "wrong": 1})
    assert post.once() >= 1  # the next attempt may come due meanwhile
    with psycopg.connect(post.node.database.url) as connection:
        connection.execute("update sdi.schedule set failures = 4, next_at = now()")
    assert post.once() == 1
    (row,) = post.plan().values()
    assert (row["failures"], row["later"]) == (0, True)
    assert "parameters of kind jsonpages: wrong: unknown field" in row["problem"]
    assert post.runs() == []


def test_a_refused_delivery_waits_for_its_turn(post: Post) -> None:
    post.declare("0401-a", expect={"min": {"slupy": 1000}})
    assert post.once() == 1
    (row,) = post.plan().values()
    assert row["failures"] == 0 and "at least 1000 expected" in row["problem"]
    assert row["next_at"].month == 1 and row["later"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_loses_nothing(post: Post, number: signal.Signals) -> None:
    post.declare("0401-a")
    held, go_on = post.county.hold("/2")
    worker = post.start()
    assert held.wait(60)
    (child,) = children(worker.pid)
    worker.send_signal(number)
    assert worker.wait(60) == (0 if number is signal.SIGTERM else -signal.SIGKILL)
    until(lambda: not Path(f"/proc/{child}").exists())
    (run,) = post.runs()
    assert run["state"] == "running"
    assert bool(post.queued()) is (number is signal.SIGKILL)
    held.clear()
    second = post.start()
    assert held.wait(60)
    go_on.set()
    until(lambda: post.runs()[0]["state"] == "committed")
    assert post.stop(second) == 0
    assert [run["run"] for run in post.runs()] == [run["run"]]
    assert [request[0] for request in post.county.requests].count("/0401-a/1") == 1, "it did not go on"


def test_a_harvest_is_stopped_once_and_without_a_word(post: Post) -> None:
    """Also in the middle of a command, and by several signals."""
    stopped = subprocess.run([sys.executable, "-c", STOPPED, post.node.database.url], env=post.environment,
                             capture_output=True, text=True, timeout=120, check=False)
    assert (stopped.stdout, stopped.stderr) == ("stopped once\n", "")


def test_a_new_source_needs_no_restart(post: Post) -> None:
    worker = post.start()
    until(lambda: post.node.rows("select 1 from queue.procrastinate_workers"))
    post.declare("0401-a")
    until(lambda: [run for run in post.runs() if run["state"] == "committed"])
    assert post.stop(worker) == 0


def test_a_lost_connection_is_made_again(post: Post) -> None:
    """Also one that the worker was waiting for an answer on."""
    worker = post.start()
    until(lambda: post.node.rows("select 1 from queue.procrastinate_workers"))
    hang_up = ("select pg_terminate_backend(pid), query from pg_stat_activity"
               " where application_name = 'sdi-worker' and datname = current_database()")
    assert post.node.rows(hang_up)
    with psycopg.connect(post.node.database.url) as connection:
        connection.execute("lock table queue.procrastinate_jobs")
        until(lambda: [row for row in post.node.rows(f"{hang_up} and wait_event_type = 'Lock'")  # else it waits as well
                       if "fetch_job" in row["query"]])
    post.declare("0401-a")
    until(lambda: [run for run in post.runs() if run["state"] == "committed"])
    assert post.stop(worker) == 0


@pytest.mark.parametrize("table", ["sdi.schedule", "sdi.unit"])
def test_a_connection_lost_within_a_question_does_not_end_the_worker(post: Post, table: str) -> None:
    """While it looks what is due, and while it asks what the archive has to keep."""
    with psycopg.connect(post.node.database.url) as connection:
        connection.execute(f"lock table {table} in access exclusive mode".encode())
        worker = post.start()
        until(lambda: post.node.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sdi-harvest'"
            " and datname = current_database() and wait_event_type = 'Lock'"))
    post.declare("0401-a")
    until(lambda: [run for run in post.runs() if run["state"] == "committed"] or worker.poll() is not None)
    assert post.stop(worker) == 0
    assert [run["state"] for run in post.runs()] == ["committed"]


def test_a_harvest_that_lost_its_connection_has_not_failed(post: Post) -> None:
    post.declare("0401-a")
    held, go_on = post.county.hold("/2")
    worker = post.start()
    assert held.wait(60)
    assert post.node.rows("select pg_terminate_backend(pid) from pg_stat_activity"
                          " where application_name like 'sdi-harvest (pid%%' and datname = current_database()")
    held.clear()
    go_on.set()
    assert held.wait(60)
    (row,) = post.plan().values()
    assert (row["failures"], row["problem"], row["ended_at"]) == (0, None, None)
    until(lambda: [run for run in post.runs() if run["state"] == "committed"])
    assert post.stop(worker) == 0
    assert len(post.runs()) == 1
    assert [request[0] for request in post.county.requests].count("/0401-a/1") == 1, "it did not go on"


def test_a_harvest_by_hand_is_no_failure(post: Post) -> None:
    """The source stays due meanwhile; what the harvest comes to settles its schedule."""
    post.declare("0401-a")
    post.once()
    execute(post, "update sdi.schedule set next_at = now(), failures = 1, problem = 'no answer', problem_pl = 'cisza'")
    with post.node.database.connect("harvest", autocommit=True) as connection:
        lock_source(connection, "0401-a")
        assert post.once() == 0
    (row,) = post.plan().values()
    assert (row["failures"], row["problem"], row["later"]) == (1, "no answer", False)
    hand = subprocess.run([sys.executable, "-m", "sdi", "harvest", "0401-a"], env=post.environment, check=False)
    assert hand.returncode == 0
    (row,) = post.plan().values()
    assert (row["failures"], row["problem"], row["later"]) == (0, None, True)


def test_a_database_that_was_gone_is_worked_with_again(post: Post, capfd: pytest.CaptureFixture[str]) -> None:
    """As for a new version of PostgreSQL, in the middle of a harvest, which is gone on with."""
    post.declare("0401-a")
    held, go_on = post.county.hold("/2")
    worker = post.start()
    assert held.wait(60)
    with psycopg.connect(post.node.database.url) as connection:
        name = connection.execute("select current_database()").fetchone()
    assert name
    with psycopg.connect(post.node.database.url, dbname="postgres", autocommit=True) as keeper:
        database = sql.Identifier(name[0])
        keeper.execute(sql.SQL("alter database {} allow_connections false").format(database))
        try:
            keeper.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", name)
            go_on.set()
            time.sleep(3)  # many looks and signs of life; the harvest ends, which cannot be noted
            assert worker.poll() is None
        finally:
            keeper.execute(sql.SQL("alter database {} allow_connections true").format(database))
    until(lambda: [run for run in post.runs() if run["state"] == "committed"])
    assert post.stop(worker) == 0
    assert [request[0] for request in post.county.requests].count("/0401-a/1") == 1, "it did not go on"
    assert "Job harvest" not in capfd.readouterr().err, "a traceback for each harvest that ended meanwhile"


def test_a_mistake_in_the_declaration_does_not_stop_the_worker(post: Post) -> None:
    file = post.node.home / "configs/regions/proba/region.yaml"
    good = file.read_text(encoding="utf-8")
    worker = post.start()
    until(lambda: post.node.rows("select 1 from queue.procrastinate_workers"))
    file.write_text("title: [", encoding="utf-8")
    time.sleep(0.3)  # a few looks
    assert worker.poll() is None
    file.write_text(good, encoding="utf-8")
    post.declare("0401-a")
    until(lambda: [run for run in post.runs() if run["state"] == "committed"])
    assert post.stop(worker) == 0


def test_services_do_not_see_the_queue(post: Post) -> None:
    with post.node.database.connect("serve") as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from queue.procrastinate_jobs")
    with post.node.database.connect("serve") as connection:
        assert connection.execute("select * from sdi.schedule").fetchall() == []


def execute(post: Post, statement: str) -> None:
    with psycopg.connect(post.node.database.url) as connection:
        connection.execute(statement.encode())


def children(parent: int) -> list[int]:
    return [int(pid) for task in os.listdir(f"/proc/{parent}/task")
            for pid in Path(f"/proc/{parent}/task/{task}/children").read_text().split()]
