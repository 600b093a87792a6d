"""Members that come again are not read again, and nothing that is stored or said differs from a node that reads all."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from sdi.db.database import Database
from sdi.db.feature_tables import current_table, history_table
from sdi.demo.chance import Scenario
from sdi.demo.egib import write_egib
from sdi.demo.survey import Survey
from sdi.harvest import run
from sdi.harvest.archive import Archive
from sdi.harvest.gml import reader, slices
from sdi.harvest.gml.shapes import Shapes
from sdi.harvest.load import NO_CONTENT
from sdi.harvest.memory import digests
from sdi.harvest.progress import Progress
from sdi.harvest.remembering import Remembering
from sdi.harvest.run import Outcome, accept, harvest
from sdi.model.load import load_region
from sdi.model.region import Region
from sdi.settings import Settings
from tests.conftest import HOME, new_database

SOURCE = "0415-egib"
MEMBER, END = b"<gml:featureMember>", b"</gml:featureMember>"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A delivery of objects of all kinds."""
    path = tmp_path_factory.mktemp("delivery") / "egib.gml"
    write_egib(Survey(Scenario(parcels=250)), "0415", path)
    return path.read_bytes()


def zipped(delivery: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("egib.gml", delivery)
    return buffer.getvalue()


class Node:
    """A node with one source, whose delivery is written by the test."""

    def __init__(self, database: Database, settings: Settings, region: Region) -> None:
        self.database, self.settings, self.region = database, settings, region

    def harvest(self, delivery: bytes) -> Outcome:
        path = self.settings.var / "demo" / "0415" / "egib.gml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(delivery)
        return harvest(self.region.sources[SOURCE], self.region, self.database, self.settings, Progress())

    @property
    def memory(self) -> Path:
        return self.settings.var / "memory" / SOURCE

    def state(self) -> dict[str, Any]:
        """All that the store has, but for moments and numbers that harvests count up."""
        found: dict[str, Any] = {}
        with self.database.connect("owner") as connection:
            def rows(statement: Any) -> list[str]:
                return sorted(row[0] for row in connection.execute(statement).fetchall())

            for feature_type in self.region.feature_types.values():
                for table in (current_table(feature_type), history_table(feature_type)):
                    found[table.as_string()] = rows(psycopg.sql.SQL(
                        "select (to_jsonb(t) - 'fid' - 'known_from' - 'known_to' ||"
                        " jsonb_build_object('open', to_jsonb(t)->'known_to' is null))::text from {} t").format(table))
            found["changes"] = rows("select (version, feature_type, id, commune, op)::text from sdi.change")
            found["issues"] = rows("select (severity, code, feature_type, object_id, field, message, excerpt,"
                                   " st_astext(geom))::text from sdi.issue")
            found["counts"] = rows("select (feature_type, commune, objects, newest)::text from sdi.count")
        return found


@pytest.fixture
def nodes(
    template: tuple[Database, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Node]]:
    """Makes nodes by name."""
    monkeypatch.setattr(slices, "SLICE", 30_000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    made: list[new_database] = []

    def make(name: str) -> Node:
        settings = replace(Settings.from_environment(home=HOME), var=tmp_path / name, region="demo")
        monkeypatch.setenv("SDI_VAR", str(settings.var))
        made.append(new_database(*template))
        return Node(made[-1].__enter__(), settings, load_region(HOME, "demo").region)

    yield make
    for database in made:
        database.__exit__()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tags of the objects that are read, all from their trees."""
    monkeypatch.setattr(Shapes, "read", lambda self, members, *_: [None] * len(members))
    tags: list[str] = []
    choose = reader.RegisterChooser.choose
    monkeypatch.setattr(reader.RegisterChooser, "choose",
                        lambda self, element, tally: tags.append(element.tag) or choose(self, element, tally))
    return tags


def split(delivery: bytes) -> tuple[bytes, list[bytes], bytes]:
    start, end = delivery.index(MEMBER), delivery.rindex(END) + len(END)
    return delivery[:start], [part + END for part in delivery[start:end].split(END)[:-1]], delivery[end:]


def joined(head: bytes, members: list[bytes], tail: bytes) -> bytes:
    return head + b"".join(members) + tail


def edited(chance: random.Random, members: list[bytes]) -> list[bytes]:
    """The members of the next delivery: most as they were."""
    made = []
    for member in members:
        match chance.randrange(60):
            case 0:
                continue
            case 1:
                made.append(member)  # twice, word for word
            case 2:
                made.append(member.replace(b"startWersjaObiekt>20", b"startWersjaObiekt>19"))
            case 3:  # twice, in other words
                made.append(member.replace(b"<egb:startObiekt>20", b"<egb:startObiekt>19"))
            case 4:
                member = member.replace(b"</gml:posList>", b" 1</gml:posList>")  # cannot be read
            case 5:
                member = member.replace(b"<egb:startObiekt>", b"<egb:nowe>1</egb:nowe><egb:startObiekt>", 1)
            case 6:
                member = member.replace(b"<egb:startObiekt>", b"<!-- --><egb:startObiekt>", 1)
            case 7:
                member = member.replace(b">\n", b">\n\n")
        made.append(member)
    if chance.random() < 0.3:
        chance.shuffle(made)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_a_node_that_remembers_stores_and_says_what_one_does_that_reads_all(
    nodes: Callable[[str], Node], whole: bytes, seed: int
) -> None:
    chance = random.Random(seed)
    head, first, tail = split(whole)
    ours, other = nodes("ours"), nodes("other")
    members = first
    for _ in range(5):
        delivery = joined(head, members, tail)
        shutil.rmtree(other.memory, ignore_errors=True)
        done, peer = ours.harvest(delivery), other.harvest(delivery)
        for outcome in (done, peer):
            outcome.summary.pop("version", None)
        assert (done.state, done.message) == (peer.state, peer.message)
        assert done.summary == peer.summary
        assert done.state == "committed"
        assert ours.state() == other.state()
        members = edited(chance, first if chance.random() < 0.3 else members)


def test_only_what_changed_is_read(nodes: Callable[[str], Node], whole: bytes, read: list[str]) -> None:
    node = nodes("ours")
    head, members, tail = split(whole)
    assert node.harvest(whole).state == "committed"
    assert len(read) == len(members)
    read.clear()
    assert node.harvest(whole + b"\n").state == "unchanged"
    again = [*read]  # those outside of the county, or with something else to say about them
    assert len(again) < len(members) / 20
    read.clear()
    changed = [member.replace(b"startWersjaObiekt>20", b"startWersjaObiekt>19") if number % 50 == 7 else member
               for number, member in enumerate(members)]
    done = node.harvest(joined(head, changed, tail))
    assert done.state == "committed"
    assert done.summary["read"] == len(members)
    assert 0 < len(read) - len(again) <= len(members) // 50 + 1
    # Another head may mean something else: other namespaces, another CRS.
    read.clear()
    assert node.harvest(joined(head.replace(b"<gml:boundedBy>", b"\n<gml:boundedBy>") + b"\n", members, tail)).good
    assert len(read) == len(members)


@pytest.mark.parametrize("pack", [gzip.compress, zipped], ids=["gzip", "zip"])
def test_a_packed_delivery_is_cut_and_remembered_as_well(
    nodes: Callable[[str], Node], whole: bytes, read: list[str], monkeypatch: pytest.MonkeyPatch,
    pack: Callable[[bytes], bytes],
) -> None:
    monkeypatch.setattr("harvesters.gml.LARGE", 60_000)
    node, plain = nodes("ours"), nodes("other")
    done, peer = node.harvest(pack(whole)), plain.harvest(whole)
    for key in ("read", "staged", "left_out", "issues", "feature_types"):
        assert done.summary[key] == peer.summary[key]
    members = len(read) / 2
    read.clear()
    assert node.harvest(pack(whole + b"\n")).state == "unchanged"
    assert len(read) < members / 20
    assert not list((node.settings.var / "archive" / "incoming").iterdir())


def test_what_left_the_store_behind_our_back_is_read(
    nodes: Callable[[str], Node], whole: bytes, read: list[str]
) -> None:
    node = nodes("ours")
    assert node.harvest(whole).state == "committed"
    read.clear()
    with node.database.connect("owner") as connection:
        gone = connection.execute("delete from egib.dzialki where fid % 2 = 0").rowcount
    done = node.harvest(whole + b"\n")
    assert done.summary["feature_types"]["dzialki"]["new"] == gone
    assert gone <= len(read) < len(split(whole)[1]) / 2


def test_what_is_known_is_seen_beside_history_that_changes_hands(nodes: Callable[[str], Node], whole: bytes) -> None:
    ours, peer = nodes("ours"), nodes("peer")
    for node in (ours, peer):
        assert node.harvest(whole).state == "committed"
        with node.database.connect("owner") as connection:
            connection.execute(
                "insert into egib.dzialki_history"
                " (fid, id, county, commune, source, version_id, valid_from, known_from, version, why, content) "
                "select fid, id, county, commune, 'former', version_id, valid_from, known_from, version, 'd', content"
                " from egib.dzialki order by id limit 3")
    shutil.rmtree(peer.memory)
    assert [node.harvest(whole + b"\n").state for node in (ours, peer)] == ["committed"] * 2
    assert ours.state() == peer.state()
    with ours.database.connect("owner") as connection:
        closed = connection.execute(
            "select count(*) from egib.dzialki_history join egib.dzialki using (id, version_id)"
            " where why = 'd' and known_to is not null").fetchone()
    assert closed == (3,)


def test_a_broken_memory_is_none(nodes: Callable[[str], Node], whole: bytes, read: list[str]) -> None:
    node = nodes("ours")
    assert node.harvest(whole).state == "committed"
    for file in node.memory.iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    read.clear()
    assert node.harvest(whole + b"\n").state == "unchanged"
    assert read


def test_a_class_that_no_register_has_any_more_is_read(nodes: Callable[[str], Node]) -> None:
    node = nodes("ours")
    members = digests([b"known", b"gone"], b"")
    made = Remembering(node.settings.var / "memory", node.region.sources[SOURCE], node.region, "f")
    made.note(np.empty(0, np.int64), {
        "EGB_OsobaFizyczna": members[0] + NO_CONTENT, "EGB_Inna": members[1] + NO_CONTENT})
    made.keep()
    again = Remembering(node.settings.var / "memory", node.region.sources[SOURCE], node.region, "f")
    with node.database.connect("harvest") as connection:
        again.recall(connection, resumed=False)
    assert again.memory.find(members).tolist() == [0, -1]
    assert list(again.memory.by_name(np.array([0]))) == ["EGB_OsobaFizyczna"]


def test_a_refused_delivery_is_accepted_with_what_was_not_read_again(
    nodes: Callable[[str], Node], whole: bytes, read: list[str]
) -> None:
    node = nodes("ours")
    head, members, tail = split(whole)
    first = node.harvest(whole)
    assert first.state == "committed"
    parcels = [member for member in members if b"<egb:EGB_DzialkaEwidencyjna " in member]
    left = [member for member in members if member not in parcels[5:]]
    read.clear()
    refused = node.harvest(joined(head, left, tail))
    assert refused.state == "refused", refused
    assert len(read) < len(left) / 20
    accepted = accept(refused.run, "tester", node.region, node.database, node.settings)
    assert accepted.state == "committed"
    current = first.summary["feature_types"]["dzialki"]["current"]
    assert 0 < accepted.summary["feature_types"]["dzialki"]["current"] <= 5
    assert accepted.summary["feature_types"]["dzialki"]["gone"] == (
        current - accepted.summary["feature_types"]["dzialki"]["current"])


def test_processes_start_while_a_large_delivery_that_has_changed_is_fetched(
    nodes: Callable[[str], Node], whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = nodes("ours")
    done: list[str] = []
    started: list[subprocess.Popen[bytes]] = []
    popen, keep = subprocess.Popen, Archive.keep

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        done.append("start")
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(run, "LARGE", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(Archive, "keep", lambda *arguments: done.append("fetch") or keep(*arguments))
    assert node.harvest(whole).state == "committed"
    assert done == ["fetch", "start", "start"]
    done.clear()
    assert node.harvest(whole + b"\n").state == "unchanged"
    assert done == ["start", "fetch", "start"]
    done.clear()
    assert node.harvest(whole + b"\n").message.en == "the same bytes as in the last good run"
    assert all(process.poll() is not None for process in started)
