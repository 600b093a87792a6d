"""What was known and what was valid at any time, and pages between which harvests happen, against a model in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdi.store.history import Interval
from sdi.store.reader import Reader
from sdi.store.selection import InvalidQuery, Page, Selection
from tests.reading import read_page

from .conftest import Node, field_at
from .test_harvest_model import Delivery, Model, row_of, sequences

DAYS = [datetime(2019, 12, 31, tzinfo=UTC) + timedelta(days=n) for n in (0, 1, 2, 3, 5, 9, 20)]


def start_of(item: dict[str, Any]) -> str:
    return str(item["valid_from"])


@dataclass
class Known:
    """All that was known after each commit, kept whole: how history would be told without a database."""

    snapshots: list[tuple[dict[str, Any], dict[tuple[Any, ...], tuple[dict[str, Any], Any]], datetime]] = field(
        default_factory=list)

    def standing(self, at: int) -> dict[str, dict[str, Any]]:
        return self.snapshots[at][0]

    def valid(self, at: int, interval: Interval) -> dict[str, tuple[Any, ...]]:
        """Of each object its state that meets the interval, as known after commit number `at`."""
        start, end = (None if moment is None else moment.isoformat().replace("+00:00", "Z")
                      for moment in (interval.start, interval.end))
        answer = {name: row_of(item) for name, item in self.standing(at).items()
                  if end is None or start_of(item) <= end}
        past: dict[str, list[tuple[Any, ...]]] = {}
        for item, began, ended, known, told in self.past(at):
            if ended and ended > began and (end is None or began <= end) and (start is None or ended > start):
                rank = (began, known, item["version_id"] is not None, item["version_id"] or "")
                past.setdefault(item["id"], []).append((rank, row_of(item), told))
        for name, candidates in past.items():
            if name not in answer:
                best = max(rank for rank, _, _ in candidates)
                rows = {row for rank, row, _ in candidates if rank == best}
                answer[name] = rows.pop() if len(rows) == 1 else ("any of", frozenset(rows | {rows.pop()}))
        return answer

    def past(self, at: int) -> Iterator[tuple[dict[str, Any], str, Any, int, bool]]:
        """Past states: the object, when it began and ended, the commit that brought it, whether it was delivered."""
        for version, (item, ended) in self.snapshots[at][1].items():
            yield item, start_of(item), ended, self.told_since(version, at), True
        for number in range(at):
            for name, item in self.snapshots[number][0].items():
                after = self.snapshots[number + 1][0].get(name)
                if after == item or self.told_between(Model.version(item), number + 1, at):
                    continue
                if after is None:
                    ended = self.snapshots[number + 1][2].isoformat()
                elif start_of(after) > start_of(item) and (
                        after["version_id"] is None or after["version_id"] != item["version_id"]):
                    ended = start_of(after)
                else:
                    continue
                since = number
                while since and self.snapshots[since - 1][0].get(name) == item:
                    since -= 1
                yield item, start_of(item), ended, since, False

    def told_since(self, version: tuple[Any, ...], at: int) -> int:
        while at and self.snapshots[at - 1][1].get(version) == self.snapshots[at][1][version]:
            at -= 1
        return at

    def told_between(self, version: tuple[Any, ...], first: int, last: int) -> bool:
        """Whether it was newly delivered as past by one of these commits."""
        return any(version in self.snapshots[number][1] and self.told_since(version, number) == number
                   for number in range(first, last + 1))


def reader_of(node: Node, pool: Any, tenant: str = "region") -> Reader:
    return Reader(pool, node.region.tenants[tenant])


def found(reader: Reader, selection: Selection, limit: int = 3) -> dict[str, tuple[Any, ...]]:
    """Facts of all features by id, read in pages."""
    facts: dict[str, tuple[Any, ...]] = {}
    cursor = None
    while True:
        features, around = read_page(reader, "pola", selection, Page(limit=limit, cursor=cursor))
        for text in features:
            feature = json.loads(text)
            assert feature["id"] not in facts
            p = feature["properties"]
            facts[feature["id"]] = (feature["id"], p["version_id"], p["valid_from"].replace("+00:00", "Z"), p["liczba"],
                                    p["commune"])
        if around.next is None:
            assert around.matched == len(facts) == reader.count("pola", selection)
            return facts
        cursor = around.next


def write(node: Node, delivery: Delivery) -> None:
    node.deliver([{**{k: v for k, v in item.items() if k != "place"}, "wkt": field_at(item["place"], 0)}
                  for item in delivery])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequences, st.lists(st.tuples(st.sampled_from([*DAYS, None]), st.sampled_from([*DAYS, None])), max_size=6))
def test_history_agrees_with_the_model(
    node: Node, sequence: list[Delivery], intervals: list[tuple[datetime | None, datetime | None]]
) -> None:
    node.harvest_nothing()
    node.declare(expect={"quarantined_max": 1})
    model, known = Model(), Known()
    with node.database.pool("serve", 2) as pool:
        for delivery in sequence:
            write(node, delivery)
            if model.deliver(delivery) and node.harvest().state == "committed":
                [version] = node.rows("select version, committed_at from sdi.version order by version desc limit 1")
                known.snapshots.append((dict(model.current), dict(model.told), version["committed_at"]))
        reader = reader_of(node, pool)
        for at, (current, _, when) in enumerate(known.snapshots):
            for moment in (when, when + timedelta(microseconds=1)):
                assert found(reader, Selection(as_of=moment)) == {n: row_of(i) for n, i in current.items()}
            for start, end in [*((day, day) for day in DAYS), *intervals]:
                if (start or end) and not (start and end and start > end):
                    interval = Interval(start, end)
                    assert found(reader, Selection(as_of=when, valid=interval)) == known.valid(at, interval)
        if known.snapshots:
            before = known.snapshots[0][2] - timedelta(microseconds=1)
            assert found(reader, Selection(as_of=before)) == {}
            assert found(reader, Selection(valid=Interval(DAYS[2], DAYS[2]))) == known.valid(
                len(known.snapshots) - 1, Interval(DAYS[2], DAYS[2]))


def fields(numbers: range, **more: Any) -> Delivery:
    return [{"id": f"p{n}", "valid_from": "2020-01-01T00:00:00Z", "attributes": {"liczba": n}, "place": n * 20, **more}
            for n in numbers]


ORDERS: list[tuple[tuple[str, bool], ...]] = [
    (), (("liczba", True),), (("id", False),), (("nazwa", False), ("liczba", False))]


def test_pages_are_of_one_version_whatever_is_harvested_between(node: Node) -> None:
    node.declare(expect={"vanished_max": 1})
    write(node, fields(range(40)))
    assert node.harvest().state == "committed"
    with node.database.pool("serve", 2) as pool:
        read = partial(read_page, reader_of(node, pool), "pola", Selection())
        wholes = [read(Page(limit=1_000, order=order))[0] for order in ORDERS]
        pages = [[read(Page(limit=7, order=order))] for order in ORDERS]

        def turn(number: int) -> None:
            cursor = pages[number][-1][1].next
            pages[number].append(read(Page(limit=7, order=ORDERS[number], cursor=cursor)))

        for day, names in enumerate((range(3, 60), range(0, 60, 2), range(50)), 1):
            # Some go, some come (back), those that stay change; one page is read between two harvests.
            write(node, fields(names, valid_from=f"2021-01-0{day}T00:00:00Z"))
            assert node.harvest().state == "committed"
            for number in range(len(ORDERS)):
                turn(number)
        for number, whole in enumerate(wholes):
            while pages[number][-1][1].next:
                turn(number)
            assert [text for features, _ in pages[number] for text in features] == whole
            assert {around.matched for _, around in pages[number]} == {40}
            back = Page(limit=7, order=ORDERS[number], cursor=pages[number][-1][1].previous)
            assert read(back)[0] == pages[number][-2][0]


def test_one_feature_as_it_was_known(node: Node) -> None:
    write(node, fields(range(2)))
    node.harvest()
    write(node, fields(range(1, 2), attributes={"liczba": 7}))
    node.harvest()
    first, second = (row["version"] for row in node.rows("select version from sdi.version order by version"))
    with node.database.pool("serve", 2) as pool:
        reader = reader_of(node, pool)

        def number(name: str, as_of: datetime | None) -> Any:
            text = reader.feature("pola", name, as_of=as_of)
            return None if text is None else json.loads(text)["properties"]["liczba"]

        then, now = reader.known_at(first), reader.known_at(second)
        assert [number("p0", t) for t in (then - timedelta(seconds=1), then, now, None)] == [None, 0, None, None]
        assert [number("p1", t) for t in (then, now - timedelta(microseconds=1), now, None)] == [1, 1, 7, 7]
        assert number("p0", reader.last_known("pola", "p0")) == 0
        assert reader.last_known("pola", "p9") is None
        with pytest.raises(InvalidQuery, match="no dataset version"):
            reader.known_at(first + 1_000)
