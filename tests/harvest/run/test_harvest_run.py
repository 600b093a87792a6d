"""One run of one source, from files to a committed version."""

from __future__ import annotations

from typing import Any

from .conftest import Node, field_at


def fields(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"p{n}", "attributes": {"nazwa": f"pole {n}"}, "wkt": field_at(20 * (n % 40), 20 * (n // 40))} | more
            for n in range(count)]


def test_first_harvest_is_a_version(node: Node) -> None:
    node.deliver(fields(30), [{"feature_type": "slupy", "id": "s1", "wkt": "POINT (481500 580500)"}])
    outcome = node.harvest()
    assert outcome.state == "committed", outcome.message
    assert outcome.summary["feature_types"]["pola"]["new"] == 30
    assert len(node.current()) == 30
    assert {row["commune"] for row in node.current().values()} == {"041501"}
    assert node.current("proba.slupy")["s1"]["commune"] == "041502"
    (version,) = node.rows("select * from sdi.version")
    assert version["lineage"]["read"] == 31
    assert node.rows("select count(*) from sdi.change where op = 'u'")[0]["count"] == 31
    assert node.rows("select count(*) from pg_tables where schemaname = 'stage'")[0]["count"] == 0


def test_the_same_bytes_change_nothing(node: Node) -> None:
    node.deliver(fields(30))
    node.harvest()
    before = node.rows("select xmin, * from proba.pola")
    outcome = node.harvest()
    assert (outcome.state, outcome.summary["feature_types"]["pola"]["unchanged"]) == ("unchanged", 30)
    assert node.rows("select xmin, * from proba.pola") == before
    assert len(node.rows("select * from sdi.version")) == 1
