"""The archive keeps what versions and unfinished runs need, and nothing else for long."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sdi.harvest.archive import Archive
from sdi.harvest.retention import prune
from tests.harvest.run.conftest import Node, field_at


def deliver(node: Node, generation: int) -> None:
    node.deliver([{"id": f"p{n}", "wkt": field_at(20 * n, 0), "attributes": {"liczba": generation}} for n in range(9)])


def kept(node: Node) -> set[str]:
    return {path.name for path in (node.settings.var / "archive").glob("??/*")}


def tidy(node: Node, keep: int, young_s: float = -60.0) -> tuple[int, int]:
    with node.database.connect("harvest") as connection:
        return prune(connection, Archive(node.settings.var), keep, young_s)


def versions(node: Node) -> list[str]:
    """The hash that each version was made of."""
    return [row["sha256"] for row in node.rows(
        "select sha256 from sdi.unit join sdi.version using (run) order by version")]


def test_the_last_versions_stay(node: Node) -> None:
    for generation in range(4):
        deliver(node, generation)
        assert node.harvest().state == "committed"
    hashes = versions(node)
    assert kept(node) == set(hashes) and len(hashes) == 4
    size = sum((node.settings.var / "archive" / h[:2] / h).stat().st_size for h in hashes[:2])
    assert tidy(node, 2) == (2, size)
    assert kept(node) == set(hashes[2:])
    assert tidy(node, 2) == (0, 0)
    assert node.harvest().state == "unchanged"


def test_an_old_delivery_that_came_again_stays(node: Node) -> None:
    for generation in (0, 1, 0):
        deliver(node, generation)
        node.harvest()
    first, second, third = versions(node)
    assert first == third
    assert tidy(node, 1)[0] == 1
    assert kept(node) == {third} != {second}


def test_an_unfinished_run_keeps_its_deliveries(node: Node) -> None:
    deliver(node, 0)
    node.harvest()
    node.deliver([{"broken": "line 1"}], [{"broken": "line 1"}, {"broken": "line 2"}])
    assert node.harvest().state == "failed"
    before = kept(node)
    assert len(before) == 3
    assert tidy(node, 1) == (0, 0)
    deliver(node, 1)
    assert node.harvest().state == "committed"
    tidy(node, 1)
    assert kept(node) == {versions(node)[-1]}


def test_young_files_and_files_of_others_stay(node: Node) -> None:
    deliver(node, 0)
    node.harvest()
    folder: Path = node.settings.var / "archive" / "ab"
    folder.mkdir(exist_ok=True)
    stranger, young, old = folder / "notes.txt", folder / ("ab" + "0" * 62), folder / ("ab" + "1" * 62)
    for path in (stranger, young, old):
        path.write_text("x")
    os.utime(stranger, (0, 0))
    os.utime(old, (0, 0))
    assert tidy(node, 1, 3600.0) == (1, 1)
    assert stranger.exists() and young.exists() and not old.exists()


def test_an_empty_node_has_nothing_to_tidy(node: Node) -> None:
    assert tidy(node, 1) == (0, 0)


def test_two_that_prune_at_the_same_time_share_the_work(node: Node) -> None:
    folder: Path = node.settings.var / "archive" / "ab"
    folder.mkdir(parents=True)
    for number in range(2000):
        path = folder / f"ab{number:062x}"
        path.write_text("x")
        os.utime(path, (0, 0))
    with ThreadPoolExecutor(4) as pool:
        pruning = [pool.submit(tidy, node, 1, 3600.0) for _ in range(4)]
    files, size = (sum(each) for each in zip(*(done.result() for done in pruning), strict=True))
    assert (files, size) == (2000, 2000) and not any(folder.iterdir())
