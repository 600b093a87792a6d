"""Random sequences of deliveries against a model in memory: store, history, counts and changes agree with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Node, field_at

Delivery = list[dict[str, Any]]

objects = st.fixed_dictionaries({
    "id": st.sampled_from("abcde"),
    "version_id": st.sampled_from([None, "1", "2", "3"]),
    "valid_from": st.sampled_from(["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z"]),
    "valid_to": st.sampled_from([None, None, "2020-01-09T00:00:00Z"]),
    "attributes": st.fixed_dictionaries({"liczba": st.integers(0, 1)}),
    "place": st.sampled_from([0, 1_500]),
})
sequences = st.lists(st.lists(objects, min_size=1, max_size=8), min_size=1, max_size=4)


def said(item: dict[str, Any]) -> str:
    """All that a delivery says of an object."""
    return str(sorted((key, str(value)) for key, value in item.items()))


@dataclass
class Model:
    """What a delivery does, one object at a time."""

    current: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[tuple[Any, ...], tuple[dict[str, Any], Any]] = field(default_factory=dict)
    """What is known of the past by version: the object and its end."""
    superseded: Counter[str] = field(default_factory=Counter)
    """What stood in the store once and is no longer known, however often."""

    def deliver(self, delivery: Delivery) -> bool:
        """Take a delivery; whether anything changed. A delivery without current objects is refused."""
        versions: dict[tuple[Any, ...], tuple[int, dict[str, Any]]] = {}
        for number, item in enumerate(delivery):
            versions[self.version(item)] = (number, item)
        current: dict[str, dict[str, Any]] = {}
        past: dict[tuple[Any, ...], tuple[dict[str, Any], Any]] = {}
        for name in {item["id"] for item in delivery}:
            mine = sorted((v for v in versions.values() if v[1]["id"] == name),
                          key=lambda v: (v[1]["valid_from"], v[1]["version_id"] is not None,
                                         v[1]["version_id"] or "", v[0]))
            is_open = [item for _, item in mine if item["valid_to"] is None]
            newest = max(is_open, key=lambda i: (i["valid_from"], i["version_id"] or ""), default=None)
            for (_, item), after in zip(mine, [*(i for _, i in mine[1:]), None], strict=True):
                if item is newest:
                    current[name] = item
                else:
                    follows = after["valid_from"] if after and after["valid_from"] > item["valid_from"] else None
                    past[self.version(item)] = (item, item["valid_to"] or follows)
        return bool(current) and self.commit(current, past)

    def commit(self, current: dict[str, Any], past: dict[tuple[Any, ...], tuple[dict[str, Any], Any]]) -> bool:
        before = (dict(self.current), dict(self.told))
        for name, item in self.current.items():
            if name not in current or said(current[name]) != said(item):
                self.superseded[said(item)] += 1
        live = {self.version(item) for item in current.values()}
        for version, (item, end) in list(self.told.items()):
            if version in live or (version in past and (said(past[version][0]), past[version][1]) != (said(item), end)):
                self.superseded[said(item)] += 1
                del self.told[version]
        self.told |= past
        self.current = current
        return {k: said(v) for k, v in before[0].items()} != {k: said(v) for k, v in current.items()} or {
            k: (said(v), end) for k, (v, end) in before[1].items()
        } != {k: (said(v), end) for k, (v, end) in self.told.items()}

    @staticmethod
    def version(item: dict[str, Any]) -> tuple[Any, ...]:
        return item["id"], item["version_id"], None if item["version_id"] else item["valid_from"]


def row_of(item: dict[str, Any]) -> tuple[Any, ...]:
    return (item["id"], item["version_id"], item["valid_from"], item["attributes"]["liczba"],
            "041501" if item["place"] == 0 else "041502")


FACTS = """
id, version_id, to_char(valid_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as valid_from, liczba, commune
"""


def rows(node: Node, table: str, where: str = "true", more: str = "") -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.values()) for row in node.rows(f"select {FACTS}{more} from proba.{table} where {where}"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequences)
def test_store_agrees_with_the_model(node: Node, sequence: list[Delivery]) -> None:
    node.harvest_nothing()
    node.declare(expect={"quarantined_max": 1})
    model = Model()
    for delivery in sequence:
        node.deliver([{**{k: v for k, v in item.items() if k != "place"}, "wkt": field_at(item["place"], 0)}
                      for item in delivery])
        changed = model.deliver(delivery)
        outcome = node.harvest()
        if all(part["current"] == 0 for part in outcome.summary["feature_types"].values()):
            assert outcome.state == "refused"
        else:
            assert outcome.state == ("committed" if changed else "unchanged"), outcome.message
        agree(node, model)


def agree(node: Node, model: Model) -> None:
    ends = ", to_char(valid_to at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as valid_to"
    assert rows(node, "pola") == Counter(row_of(item) for item in model.current.values())
    assert rows(node, "pola_history", "known_to is null", ends) == Counter(
        (*row_of(item), end) for item, end in model.told.values())
    assert rows(node, "pola_history", "known_to is not null").total() == model.superseded.total()
    communes = Counter(row_of(item)[4] for item in model.current.values())
    counts = node.rows("select commune, objects from sdi.count where feature_type = 'pola'")
    assert {row["commune"]: row["objects"] for row in counts} == dict(communes)
    assert replayed(node, None) == set(model.current)
    for commune in ("041501", "041502"):
        assert replayed(node, commune) == {name for name, item in model.current.items() if row_of(item)[4] == commune}


def replayed(node: Node, commune: str | None) -> set[str]:
    """The objects that whoever follows the change feed (of one commune) ends with."""
    standing: dict[int, str] = {}
    for change in node.rows("select fid, id, op, commune from sdi.change order by seq"):
        if commune is None or change["commune"] == commune:
            if change["op"] == "u":
                standing[change["fid"]] = change["id"]
            else:
                del standing[change["fid"]]
    return set(standing.values())
