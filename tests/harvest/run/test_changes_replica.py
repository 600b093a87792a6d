"""Replicas made from the change feed alone equal the source, whatever is harvested, interrupted and read when."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from shapely.affinity import translate
from shapely.geometry import mapping, shape

from sdi.db.migrate import migrate
from sdi.errors import DatabaseError
from sdi.harvest import settle
from sdi.harvest.progress import Progress
from sdi.harvest.run import harvest
from sdi.model.region import Tenant
from sdi.store.changes import changes
from sdi.store.crs import PL1992
from sdi.store.reader import Reader
from sdi.store.selection import Page, Selection
from tests.reading import read_page

from .conftest import Node, field_at

HARVESTS = 250
PLACES = {"041501": 0, "041502": 1_500, None: -30}
"""Eastings by the commune that they lie in; the last is within the tolerance, in no commune."""


@dataclass
class Replica:
    """What somebody has who follows the feed of a tenant."""

    reader: Reader
    objects: dict[str, Any] = field(default_factory=dict)
    token: str | None = None

    def read(self, limit: int) -> bool:
        """One page; whether that was all."""
        page = changes(self.reader, "pola", self.token, limit, PL1992)
        assert len(page.features) + len(page.removed) <= limit
        features, removed = [json.loads(f) for f in page.features], [json.loads(r) for r in page.removed]
        ids = [item["id"] for item in (*features, *removed)]
        assert len(set(ids)) == len(ids)
        self.objects |= {feature["id"]: feature for feature in features}
        for removal in removed:
            self.objects.pop(removal["id"], None)
        self.token = page.token
        return page.complete

    def check(self, limit: int) -> None:
        """Read to the end, and compare."""
        while not self.read(limit):
            pass
        features, _ = read_page(self.reader, "pola", Selection(), Page(limit=10_000, crs=PL1992))
        assert self.objects == {feature["id"]: feature for feature in map(json.loads, features)}


def tenants(node: Node) -> list[Tenant]:
    """The region, its county and communes."""
    region = node.region.tenants["region"]
    return [region, *(region.model_copy(update={"id": teryt, "teryt": teryt}) for teryt in (
        "0415", "041501", "041502"))]


@contextmanager
def readers(node: Node) -> Iterator[list[Reader]]:
    """A reader for each tenant."""
    with node.database.pool("serve", 2) as pool:
        yield [Reader(pool, tenant) for tenant in tenants(node)]


def delivered(chance: random.Random, names: list[str]) -> list[dict[str, Any]]:
    """A delivery of some of the objects, each anywhere and in one of two states."""
    chosen = chance.sample(names, chance.randint(1, len(names)))
    return [{"id": name, "wkt": field_at(chance.choice(list(PLACES.values())), 10 * number),
             "attributes": {"liczba": chance.randint(0, 1)}} for number, name in enumerate(chosen)]


def lost(*arguments: Any) -> None:
    """In place of the last step of a commit: its connection goes away."""
    arguments[0].execute("set role none")
    arguments[0].execute("select pg_terminate_backend(pg_backend_pid())")


def test_replicas_equal_the_source_after_hundreds_of_harvests(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(11)
    names = [f"p{number}" for number in range(25)]
    node.declare(expect={"vanished_max": 1, "outside_max": 1})
    region = node.region
    migrate(node.database, region.registers.values())
    interrupted = committed = 0
    with readers(node) as every:
        replicas = [Replica(reader) for reader in every]
        for number in range(HARVESTS):
            node.deliver(delivered(chance, names[: chance.choice((1, 5, 25))]))
            with monkeypatch.context() as patch:
                kill = chance.random() < 0.1
                if kill:
                    patch.setattr(settle, "refresh_county", lost)
                try:
                    outcome = harvest(region.sources["0415-proba"], region, node.database, node.settings, Progress())
                    committed += outcome.state == "committed"
                except DatabaseError:
                    interrupted += 1
            if number % 25 == 10:
                replicas += [Replica(reader) for reader in every]
            for replica in chance.sample(replicas, 3):
                replica.read(chance.choice((1, 2, 5, 100)))
            if number % 50 == 49:
                for replica in replicas:
                    replica.check(chance.choice((1, 3, 1000)))
    assert interrupted > 10 and committed > 150


def second_county(node: Node) -> None:
    """A county beside the first, with a source of the same feature types."""
    path = node.home / "configs" / "regions" / "proba" / "units.geojson"
    units = json.loads(path.read_text(encoding="utf-8"))
    moved = translate(shape(units["features"][0]["geometry"]), xoff=0.1)
    units["features"].append({"type": "Feature", "properties": {"teryt": "0416", "name": "0416"},
                              "geometry": mapping(moved)})
    path.write_text(json.dumps(units), encoding="utf-8")
    node.declare("0416-proba", **{**node.source, "county": "0416", "expect": {"outside_max": 1}})


def test_no_change_becomes_visible_behind_a_reader(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that has numbered its changes and takes its time must not be overtaken by another source's commit."""
    second_county(node)
    region = node.region
    migrate(node.database, region.registers.values())
    numbered, go_on = threading.Event(), threading.Event()
    refresh = settle.refresh_county

    def slow(connection: psycopg.Connection[Any], *arguments: Any) -> None:
        if arguments[-1] == "0415":
            numbered.set()
            assert go_on.wait(60)
        refresh(connection, *arguments)

    monkeypatch.setattr(settle, "refresh_county", slow)

    def run(source: str) -> threading.Thread:
        thread = threading.Thread(target=harvest, args=(
            region.sources[source], region, node.database, node.settings, Progress()))
        thread.start()
        return thread

    with readers(node) as (reader, *_):
        replica = Replica(reader)
        node.deliver([{"id": "west", "wkt": field_at(0, 0)}])
        slow_one = run("0415-proba")
        try:
            assert numbered.wait(60)
            node.deliver([{"id": "east", "wkt": field_at(0, 100)}])
            fast_one = run("0416-proba")
            while not (waiting(node) or not fast_one.is_alive()):
                pass
            replica.read(10)
        finally:
            go_on.set()
        slow_one.join()
        fast_one.join()
        replica.check(10)
        assert set(replica.objects) == {"west", "east"}


def waiting(node: Node) -> bool:
    """Whether a session waits for the lock that every commit takes."""
    return bool(node.rows("select 1 from pg_locks where locktype = 'advisory' and not granted"))
