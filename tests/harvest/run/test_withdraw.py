"""What a source has left is served until it is withdrawn, and then no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sdi.cli import main
from sdi.db.database import Database
from sdi.errors import SourceError
from sdi.harvest.withdraw import Left, withdraw
from sdi.store.status import SourceStatus, source_statuses

from .conftest import Node, field_at
from .test_harvest_run import fields

POLE = {"feature_type": "slupy", "id": "s1", "wkt": "POINT (481500 580500)"}
SOURCE = "0415-proba"


def take_out(node: Node, name: str = SOURCE) -> tuple[Left, ...]:
    return withdraw(name, "anna", node.region, node.database, node.home)


def undeclare(node: Node, name: str = SOURCE) -> None:
    (node.home / "configs" / "regions" / "proba" / "sources" / f"{name}.yaml").unlink()


def statuses(node: Node, database: Database) -> dict[str, SourceStatus]:
    with database.connect("harvest") as connection:
        return {s.source: s for s in source_statuses(connection, node.region, datetime.now(UTC))}


@pytest.fixture
def harvested(node: Node) -> Node:
    """30 fields and a pole, and a delivered past of the first field."""
    past = fields(1, valid_from="2019-01-01T00:00:00", valid_to="2020-01-01T00:00:00")
    node.deliver([*past, *fields(30, valid_from="2020-01-01T00:00:00"), POLE,
                  {"id": "bad", "wkt": "POINT (480100 580100)"},
                  {"feature_type": "slupy", "id": "worse", "wkt": field_at(0, 0)}])
    assert node.harvest().state == "committed"
    return node


def test_all_of_a_source_whose_file_is_gone(harvested: Node) -> None:
    node = harvested
    undeclare(node)
    assert statuses(node, node.database)[SOURCE].left == {"pola": 30, "slupy": 1}
    assert take_out(node) == (Left("0415", "pola", 30), Left("0415", "slupy", 1))
    assert not node.current() and not node.current("proba.slupy") and not node.rows("select * from sdi.count")
    assert node.rows("select count(*) from proba.pola_history where known_to is null")[0]["count"] == 0
    assert {row["why"] for row in node.rows("select why from proba.pola_history where id = 'p7'")} == {"g"}
    changes = node.rows("select feature_type, op, count(*) from sdi.change where version = 2 group by 1, 2 order by 1")
    assert [(c["feature_type"], c["op"], c["count"]) for c in changes] == [("pola", "d", 30), ("slupy", "d", 1)]
    (version,) = node.rows("select * from sdi.version where version = 2")
    assert version["lineage"]["withdrawn"]["by"] == "anna"
    assert version["lineage"]["feature_types"] == {"pola": {"gone": 30}, "slupy": {"gone": 1}}
    assert not node.issues() and not node.rows("select * from sdi.record where subject = 'proba'")
    assert node.rows("select count(*) from pg_tables where schemaname = 'stage'")[0]["count"] == 0
    assert SOURCE not in statuses(node, node.database), "nothing is served of it, and nobody declares it"
    with pytest.raises(SourceError, match="has left nothing: nothing is served of it"):
        take_out(node)


def test_a_source_that_comes_back_is_harvested_anew(harvested: Node) -> None:
    node = harvested
    undeclare(node)
    take_out(node)
    node.declare()
    outcome = node.harvest()
    assert (outcome.state, outcome.summary["feature_types"]["pola"]["new"]) == ("committed", 30), "the same bytes"
    assert len(node.current()) == 30 and node.harvest().state == "unchanged"


def test_a_feature_type_that_is_delivered_no_more(harvested: Node) -> None:
    node = harvested
    node.declare(delivers=["pola"])
    assert statuses(node, node.database)[SOURCE].left == {"slupy": 1}
    assert node.harvest().state == "unchanged"
    assert len(node.current("proba.slupy")) == 1, "a harvest takes nothing away that it does not look at"
    checked_at = statuses(node, node.database)[SOURCE].checked_at
    assert take_out(node) == (Left("0415", "slupy", 1),)
    assert len(node.current()) == 30 and not node.current("proba.slupy")
    assert {issue["feature_type"] for issue in node.issues()} == {"pola"}, "those of poles are gone"
    after = statuses(node, node.database)[SOURCE]
    assert (after.state, after.left, after.checked_at) == ("withdrawn", {}, checked_at)
    assert node.harvest().state == "unchanged" and len(node.current()) == 30


def test_what_is_still_delivered_is_not_withdrawn(harvested: Node) -> None:
    node = harvested
    with pytest.raises(SourceError, match="has left nothing: what is served of it, it still delivers"):
        take_out(node)
    assert len(node.current()) == 30 and len(node.rows("select * from sdi.run")) == 1


def test_what_another_source_takes_over_is_not_withdrawn(harvested: Node) -> None:
    node = harvested
    undeclare(node)
    node.declare("0415-nowe", kind="jsonlines", county="0415", delivers=["proba"], parameters={"path": "delivery"})
    with pytest.raises(SourceError, match=r"pola \(0415\): 0415-nowe.*sdi harvest 0415-nowe$"):
        take_out(node)
    assert node.harvest("0415-nowe").state == "committed" and len(node.current()) == 30
    with pytest.raises(SourceError, match="nothing is served of it"):
        take_out(node)


def test_a_refused_run_of_the_source_cannot_be_accepted_any_more(harvested: Node) -> None:
    node = harvested
    node.deliver(fields(2))
    refused = node.harvest()
    assert refused.state == "refused"
    undeclare(node)
    take_out(node)
    assert node.rows("select count(*) from pg_tables where schemaname = 'stage'")[0]["count"] == 0
    assert not node.rows("select * from sdi.run where summary ? 'stage'")


def test_the_command_says_what_it_withdrew(
    harvested: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = harvested
    for name, value in (("SDI_HOME", node.home), ("SDI_VAR", node.settings.var), ("SDI_REGION", "proba"),
                        ("SDI_DATABASE_URL", node.database.url)):
        monkeypatch.setenv(name, str(value))
    sources = node.home / "configs" / "regions" / "proba" / "sources"
    (sources / f"{SOURCE}.yaml").write_text("kind: [", encoding="utf-8")
    assert main(["withdraw", SOURCE]) == 1
    assert f"{SOURCE}.yaml:1" in capsys.readouterr().err and len(node.current()) == 30, "a broken file is not gone"
    undeclare(node)
    assert main(["status"]) == 0
    assert f"sdi withdraw {SOURCE}" in capsys.readouterr().out
    assert main(["withdraw", SOURCE]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{SOURCE}: withdrew pola of county 0415, objects: 30", f"{SOURCE}: withdrew slupy of county 0415, objects: 1"]
    assert main(["withdraw", SOURCE]) == 1
