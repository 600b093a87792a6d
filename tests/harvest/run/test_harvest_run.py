"""One run of one source, from files to a committed version."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from sdi.errors import DatabaseError, SourceError
from sdi.harvest.ledger import lock_source

from .conftest import REGISTER, Node, field_at, text


def fields(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"p{n}", "attributes": {"nazwa": f"pole {n}"}, "wkt": field_at(20 * (n % 40), 20 * (n // 40))} | more
            for n in range(count)]


def adds_up(summary: dict[str, Any]) -> bool:
    parts = summary["feature_types"].values()
    return bool(
        summary["read"] == summary["staged"] + summary["quarantined"] + summary["left_out"]
        and summary["staged"] == sum(p["current"] + p["past"] + p["duplicates"] for p in parts)
        and all(p["read"] == p["current"] + p["past"] + p["duplicates"] + p["quarantined"] for p in parts)
        and all(p["current"] == p["new"] + p["changed"] + p["unchanged"] for p in parts)
    )


def test_first_harvest_is_a_version(node: Node) -> None:
    node.deliver(fields(30), [{"feature_type": "slupy", "id": "s1", "wkt": "POINT (481500 580500)"}])
    outcome = node.harvest()
    assert outcome.state == "committed", outcome.message
    assert outcome.summary["feature_types"]["pola"]["new"] == 30
    assert adds_up(outcome.summary)
    assert len(node.current()) == 30
    assert {row["commune"] for row in node.current().values()} == {"041501"}
    assert node.current("proba.slupy")["s1"]["commune"] == "041502"
    (version,) = node.rows("select * from sdi.version")
    assert version["lineage"]["read"] == 31
    assert [d["bytes"] > 0 for d in version["lineage"]["deliveries"]] == [True, True]
    assert node.rows("select count(*) from sdi.change where op = 'u'")[0]["count"] == 31
    assert node.rows("select count(*) from pg_tables where schemaname = 'stage'")[0]["count"] == 0
    assert {row["known_from"] for row in node.current().values()} == {version["committed_at"]}


def test_counts_extents_and_newest_are_exact(node: Node) -> None:
    node.deliver([
        {"id": "a", "wkt": field_at(0, 0), "valid_from": "2020-07-01T12:00:00"},
        {"id": "b", "wkt": field_at(1500, 0), "valid_from": "2020-01-01T12:00:00"},
        {"id": "c", "wkt": field_at(1600, 100), "valid_from": "2021-01-01T12:00:00Z"},
        {"feature_type": "slupy", "id": "s", "wkt": "POINT (480100 580100)"},
    ])
    node.harvest()
    counts = {(r["feature_type"], r["commune"]): r for r in node.rows(
        "select *, st_xmin(extent) as west, st_xmax(extent) as east, st_ymax(extent) as north from sdi.count")}
    assert {key: r["objects"] for key, r in counts.items()} == {
        ("pola", "041501"): 1, ("pola", "041502"): 2, ("slupy", "041501"): 1}
    both = counts["pola", "041502"]
    assert (both["west"], both["east"], both["north"]) == (481_500, 481_610, 580_110)
    assert both["newest"] == datetime(2021, 1, 1, 12, tzinfo=UTC)
    assert counts["pola", "041501"]["newest"] == datetime(2020, 7, 1, 10, tzinfo=UTC), "Polish summer time"
    assert counts["slupy", "041501"]["west"] == counts["slupy", "041501"]["east"] == 480_100


def test_the_same_bytes_change_nothing(node: Node) -> None:
    node.deliver([*fields(30), {"id": "bad", "wkt": "POINT (480100 580100)"}])
    node.harvest()
    before = node.rows("select xmin, * from proba.pola")
    node.kind.was_read.clear()
    outcome = node.harvest()
    assert (outcome.state, outcome.summary["feature_types"]["pola"]["unchanged"]) == ("unchanged", 30)
    assert node.kind.was_read == []
    assert node.rows("select xmin, * from proba.pola") == before
    assert len(node.rows("select * from sdi.version")) == 1
    assert [(issue["run"], issue["code"]) for issue in node.issues()] == [(outcome.run, "wrong-geometry-type")]
    assert node.harvest().state == "unchanged", "also against a run that was unchanged itself"


def test_other_bytes_of_the_same_objects_change_nothing(node: Node) -> None:
    node.deliver(fields(30))
    node.harvest()
    before = node.rows("select xmin, * from proba.pola")
    node.deliver(list(reversed(fields(30))))
    assert node.harvest().state == "unchanged"
    assert node.rows("select xmin, * from proba.pola") == before
    assert len(node.rows("select * from sdi.version")) == 1


def test_a_column_that_the_register_gains_changes_no_object(node: Node) -> None:
    node.deliver(fields(30))
    node.harvest()
    register = deepcopy(REGISTER)
    register["feature_types"]["pola"]["attributes"]["inna"] = {"title": text("inna")}
    (node.home / "configs" / "registers" / "proba.yaml").write_text(yaml.safe_dump(register), encoding="utf-8")
    node.kind.was_read.clear()
    assert node.harvest().state == "unchanged"
    assert node.kind.was_read == ["001.jsonl"], "the fingerprint changed, so the bytes are read again"


def test_new_changed_and_gone(node: Node) -> None:
    node.deliver(fields(30, valid_from="2020-01-01T00:00:00", version_id="1"))
    node.harvest()
    fids = {key: row["fid"] for key, row in node.current().items()}
    changed = {"id": "p3", "attributes": {"nazwa": "inna"}, "wkt": field_at(60, 0), "version_id": "2",
               "valid_from": "2021-01-01T00:00:00"}
    added = {"id": "new", "wkt": field_at(1500, 900)}
    old = fields(29, valid_from="2020-01-01T00:00:00", version_id="1")
    node.deliver([item for item in old if item["id"] != "p3"], [changed, added])
    outcome = node.harvest()
    part = outcome.summary["feature_types"]["pola"]
    assert (part["new"], part["changed"], part["gone"], part["unchanged"]) == (1, 1, 1, 28)
    current = node.current()
    assert "p29" not in current and current["p3"]["nazwa"] == "inna" and current["p3"]["fid"] == fids["p3"]
    history = {row["id"]: row for row in node.rows("select * from proba.pola_history")}
    assert set(history) == {"p3", "p29"}
    committed_at = current["new"]["known_from"]
    assert all(row["known_to"] == committed_at for row in history.values())
    assert history["p3"]["valid_to"] == current["p3"]["valid_from"]
    assert history["p3"]["nazwa"] == "pole 3" and history["p3"]["version"] < current["p3"]["version"]
    assert history["p29"]["valid_to"] is None
    ops = node.rows("select op, id from sdi.change where version = (select max(version) from sdi.version) order by seq")
    assert {(row["op"], row["id"]) for row in ops} == {("d", "p29"), ("u", "p3"), ("u", "new")}


def test_an_object_that_moves_leaves_a_tombstone_in_its_old_commune(node: Node) -> None:
    node.deliver([{"id": "a", "wkt": field_at(0, 0)}])
    node.harvest()
    node.deliver([{"id": "a", "wkt": field_at(1500, 0)}])
    node.harvest()
    changes = node.rows("select op, commune from sdi.change order by seq")
    assert [(c["op"], c["commune"]) for c in changes] == [("u", "041501"), ("d", "041501"), ("u", "041502")]


def test_of_several_versions_one_is_current(node: Node) -> None:
    def version(number: int, day: int, end: int | None = None, **more: Any) -> dict[str, Any]:
        return {"id": "a", "wkt": field_at(0, 0), "version_id": str(number), "valid_from": f"2020-01-{day:02}T00:00:00",
                "valid_to": None if end is None else f"2020-01-{end:02}T00:00:00", **more}

    ended = {"id": "z", "wkt": field_at(50, 0), "version_id": "1", "valid_to": "2020-01-01T00:00:00"}
    node.deliver([version(3, 9), version(1, 1, 5), version(2, 5), ended])
    outcome = node.harvest()
    assert adds_up(outcome.summary)
    assert {key: row["version_id"] for key, row in node.current().items()} == {"a": "3"}
    history = node.rows("select * from proba.pola_history order by id, version_id")
    assert [(h["id"], h["version_id"], h["known_to"]) for h in history] == [
        ("a", "1", None), ("a", "2", None), ("z", "1", None)]
    assert history[1]["valid_to"].isoformat() == "2020-01-08T23:00:00+00:00", "the start of the version after it"
    assert history[0]["fid"] == history[1]["fid"] == node.current()["a"]["fid"] != history[2]["fid"]

    node.deliver([version(3, 9), version(1, 1, 5), version(2, 5), ended, version(1, 1, 5)])
    assert node.harvest().state == "unchanged"
    node.deliver([version(3, 9), version(1, 1, 4), version(2, 5)])
    assert node.harvest().state == "committed"
    told = node.rows("select version_id, known_to is null as known, valid_to from proba.pola_history where id = 'a'"
                     " order by version_id, known_from")
    assert [(t["version_id"], t["known"]) for t in told] == [("1", False), ("1", True), ("2", True)]

    node.deliver([version(3, 9, 20), {"id": "b", "wkt": field_at(0, 0)}])
    node.harvest()
    assert list(node.current()) == ["b"], "a closed version only: the object has ended"
    assert node.rows("select op from sdi.change where id = 'a' order by seq desc limit 1")[0]["op"] == "d"


def test_duplicates_within_a_delivery(node: Node) -> None:
    twice = [{"id": "a", "wkt": field_at(0, 0)}, {"id": "b", "wkt": field_at(50, 0), "attributes": {"nazwa": "first"}}]
    later = [{"id": "a", "wkt": field_at(0, 0)}, {"id": "b", "wkt": field_at(50, 0), "attributes": {"nazwa": "last"}}]
    node.declare(expect={"quarantined_max": 0.5})
    node.deliver(twice, later)
    outcome = node.harvest()
    part = outcome.summary["feature_types"]["pola"]
    assert (part["duplicates"], part["quarantined"], part["new"]) == (1, 1, 2)
    assert adds_up(outcome.summary)
    assert node.current()["b"]["nazwa"] == "last"
    (issue,) = node.issues()
    assert (issue["code"], issue["object_id"], issue["position"]) == ("duplicate-id", "b", "001.jsonl:2")
    assert '"first"' in issue["excerpt"] and issue["geom"] is not None


BOW_TIE = "POLYGON ((480000 580000, 480010 580010, 480010 580000, 480000 580010, 480000 580000))"
SPIKE = "POLYGON ((480000 580000, 480010 580000, 480010 580010, 480010 580000, 480000 580000))"


@pytest.mark.parametrize(("item", "code", "severity"), [
    ({"wkt": "POINT (480100 580100)"}, "wrong-geometry-type", "quarantined"),
    ({"wkt": "POLYGON EMPTY"}, "empty-geometry", "quarantined"),
    ({"wkt": BOW_TIE}, "invalid-geometry", "repaired"),
    ({"wkt": SPIKE}, "invalid-geometry", "quarantined"),
    ({"wkt": "POLYGON ((580000 6480000, 580010 6480000, 580010 6480010, 580000 6480000))"},
     "impossible-coordinates", "quarantined"),
    ({"wkt": field_at(0, 0), "srid": 999999}, "unknown-crs", "quarantined"),
    ({"wkt": field_at(0, 0), "valid_from": "0001-01-01"}, "unreadable-time", "warning"),
    ({"wkt": None}, "no-geometry", "warning"),
    ({"wkt": field_at(0, 0), "shapes": {"os": "POINT (480100 580100)"}}, "wrong-geometry-type", "warning"),
    ({"wkt": field_at(0, 0), "id": None}, "missing-id", "quarantined"),
    ({"wkt": field_at(0, 0), "id": "  "}, "missing-id", "quarantined"),
    ({"wkt": field_at(0, 0), "attributes": {"liczba": 2**63}}, "bad-value", "warning"),
    ({"wkt": field_at(0, 0), "attributes": {"miara": float("nan")}}, "bad-value", "warning"),
    ({"wkt": field_at(0, 0), "attributes": {"nazwa": "a\0b"}}, "bad-value", "warning"),
    ({"wkt": field_at(0, 0), "valid_from": "dawno"}, "unreadable-time", "warning"),
    ({"wkt": field_at(0, 0), "valid_to": "dawno"}, "unreadable-time", "quarantined"),
    ({"wkt": field_at(0, 0), "attributes": {"id_pola": "046301_1.0001.5"}}, "foreign-commune", "warning"),
])
def test_what_is_wrong_with_an_object_is_an_issue(node: Node, item: dict[str, Any], code: str, severity: str) -> None:
    node.deliver([*fields(20), {"id": "x"} | item])
    outcome = node.harvest()
    assert outcome.state == "committed", outcome.message
    assert adds_up(outcome.summary)
    (issue,) = node.issues()
    assert (issue["code"], issue["severity"], issue["position"]) == (code, severity, "001.jsonl:21")
    assert outcome.summary["issues"] == {code: 1}
    assert ("x" in node.current()) == (severity != "quarantined")
    assert outcome.summary["quarantined"] == (severity == "quarantined")


def test_a_repaired_polygon_keeps_its_area_and_the_original_is_kept(node: Node) -> None:
    node.deliver([{"id": "x", "wkt": BOW_TIE}])
    node.harvest()
    (row,) = node.rows("select st_isvalid(geom) as valid, st_area(geom) as area, geometrytype(geom) as type"
                       " from proba.pola")
    assert (row["valid"], row["area"], row["type"]) == (True, 50, "MULTIPOLYGON")
    assert node.issues()[0]["excerpt"].startswith("POLYGON ((480000 580000, 480010 580010,")


def test_coordinates_are_transformed(node: Node) -> None:
    """The corner of a parcel of Toruń in zone 6 (EPSG:2177), against `cs2cs` of PROJ 9.1."""
    node.declare(expect={"outside_max": 1})
    node.deliver([{"feature_type": "slupy", "id": "s", "wkt": "POINT (6540000 5877000)", "srid": 2177}])
    node.harvest()
    (row,) = node.rows("select st_x(st_transform(geom, 2177)) as x, st_y(st_transform(geom, 2177)) as y,"
                       " st_x(geom) as e, st_y(geom) as n from proba.slupy")
    assert (row["x"], row["y"]) == pytest.approx((6_540_000, 5_877_000), abs=1e-4)
    assert 470_000 < row["e"] < 480_000 and 570_000 < row["n"] < 600_000


def test_the_commune_comes_from_the_identifier_then_from_the_location(node: Node) -> None:
    node.declare(commune="041502", expect={"outside_max": 1})
    node.deliver([
        {"id": "by-id", "wkt": field_at(0, 0), "attributes": {"id_pola": "041502_2.0001.12"}},
        {"id": "by-place", "wkt": field_at(0, 0), "attributes": {"id_pola": "12"}},
        {"id": "by-source", "wkt": field_at(0, 5_000)},
    ])
    node.harvest()
    assert {key: row["commune"] for key, row in node.current().items()} == {
        "by-id": "041502", "by-place": "041501", "by-source": "041502"}


def test_left_out_objects_and_the_readers_issues_are_counted(node: Node) -> None:
    node.declare(delivers=["pola"])
    reader = {"severity": "quarantined", "code": "unknown-class", "message": "?", "excerpt": "x" * 9000}
    node.deliver([*fields(20), {"left_out": "EGB_Osoba"}, {"left_out": "EGB_Osoba"}, {"issue": reader},
                  {"feature_type": "slupy", "id": "s", "wkt": "POINT (480100 580100)"}])
    outcome = node.harvest()
    assert outcome.summary["left_out_classes"] == {"EGB_Osoba": 2, "slupy": 1}
    assert (outcome.summary["read"], outcome.summary["staged"], outcome.summary["quarantined"]) == (24, 20, 1)
    assert len(node.issues()[0]["excerpt"]) == 4096


def test_an_issue_lies_where_its_object_lies(node: Node) -> None:
    """Also where a reader told of it, which knows no places, or where what came is set aside and another stands."""
    def told(name: str, severity: str = "warning") -> dict[str, Any]:
        return {"issue": {"severity": severity, "code": "bad-value", "message": "?", "feature_type": "pola",
                          "object_id": name}}

    east = {"id": "east", "wkt": field_at(1500, 0)}
    node.deliver([*fields(20), east])
    assert node.harvest().state == "committed"
    node.deliver([*fields(20), told("p3"), {"id": "none", "attributes": {"id_pola": "041502_2.0001.1"}},
                  told("east", "quarantined"), told("nobody")])
    node.harvest()
    found = {issue["object_id"]: (issue["commune"], issue["geom"] is not None) for issue in node.issues()}
    assert found == {"p3": ("041501", True), "none": ("041502", False), "east": ("041502", True),
                     "nobody": (None, False)}


@pytest.mark.parametrize(("expect", "delivery", "word"), [
    ({"min": {"pola": 40}}, fields(30), "at least 40 expected"),
    ({}, fields(10), "no longer delivered"),
    ({}, [], "the delivery holds no object"),
    ({}, [{**item, "wkt": field_at(9_000, 9_000)} for item in fields(30)], "axes are swapped"),
    ({}, [*fields(30), *({"id": f"b{n}", "wkt": "POINT (480100 580100)"} for n in range(4))], "set aside"),
])
def test_a_refused_delivery_changes_nothing(
    node: Node, expect: dict[str, Any], delivery: list[dict[str, Any]], word: str
) -> None:
    node.deliver(fields(30))
    node.harvest()
    served = [node.rows(f"select xmin, * from {table}") for table in ("proba.pola", "sdi.count", "sdi.version")]
    node.declare(expect=expect)
    node.deliver(delivery)
    outcome = node.harvest()
    assert outcome.state == "refused" and word in outcome.message.en
    (run,) = node.rows(f"select message, message_pl from sdi.run where run = {outcome.run}")
    assert (run["message"], run["message_pl"]) == (outcome.message.en, outcome.message.pl)
    assert run["message_pl"] != run["message"]
    assert [node.rows(f"select xmin, * from {table}") for table in ("proba.pola", "sdi.count", "sdi.version")] == served
    stage = f"stage.run_{outcome.run}_pola"
    assert node.rows(f"select count(*) from {stage}")[0]["count"] == len([d for d in delivery if d["id"][0] == "p"])
    node.declare(expect={})
    node.deliver(fields(30))
    assert node.harvest().state == "unchanged"
    assert node.rows("select count(*) from pg_tables where schemaname = 'stage'")[0]["count"] == 0


def test_too_many_objects_are_a_warning_only(node: Node) -> None:
    node.declare(expect={"max": {"pola": 20}})
    node.deliver(fields(30))
    outcome = node.harvest()
    assert outcome.state == "committed"
    (failed,) = [c for c in outcome.summary["checks"] if not c["passed"]]
    assert (failed["name"], failed["refuses"]) == ("max", False)


def test_a_failed_run_is_gone_on_with(node: Node) -> None:
    node.deliver(fields(20), [{"broken": "not a register"}])
    outcome = node.harvest()
    assert outcome.state == "failed" and "not a register" in outcome.message.en
    assert node.current() == {}
    node.kind.was_read.clear()
    node.kind.fetched.clear()
    again = node.harvest()
    assert (again.state, again.run) == ("failed", outcome.run)
    assert (node.kind.fetched, node.kind.was_read) == ([], ["002.jsonl"])


def test_a_source_that_changed_under_a_failed_run_is_read_anew(node: Node) -> None:
    node.deliver(fields(20), [{"broken": "not a register"}])
    failed = node.harvest()
    node.deliver(fields(20, attributes={"nazwa": "mended"}), [])
    outcome = node.harvest()
    assert outcome.state == "committed" and outcome.run != failed.run
    assert {row["nazwa"] for row in node.current().values()} == {"mended"}


def test_an_emptied_stage_is_not_gone_on_with(node: Node) -> None:
    """Unlogged tables are empty after a crash of the database server."""
    node.deliver(fields(20), [{"broken": "not a register"}])
    failed = node.harvest()
    with node.database.connect("harvest") as connection:
        connection.execute(f"truncate stage.run_{failed.run}_pola".encode())
    again = node.harvest()
    assert again.run != failed.run
    states = {row["run"]: row["state"] for row in node.rows("select run, state from sdi.run")}
    assert states == {failed.run: "failed", again.run: "failed"}


def test_one_run_of_a_source_at_a_time(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdi.harvest.ledger.PATIENCE_S", 0.2)
    node.deliver(fields(3))
    with node.database.connect("harvest", autocommit=True) as connection:
        lock_source(connection, "0415-proba")
        with pytest.raises(SourceError, match=r"already being harvested by sdi-harvest \(pid \d+\)"):
            node.harvest()
    assert node.harvest().state == "committed"


def test_archive_keeps_the_bytes(node: Node) -> None:
    node.deliver(fields(3))
    node.harvest()
    (unit,) = node.rows("select * from sdi.unit")
    kept = node.settings.var / "archive" / unit["sha256"][:2] / unit["sha256"]
    assert kept.read_bytes() == (node.folder / "001.jsonl").read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list((node.settings.var / "archive" / "incoming").iterdir()) == []


def test_a_lost_database_is_said_and_the_run_is_gone_on_with(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends the session while the second file is read, as at its shutdown."""
    read = node.kind.read

    def cut_off(self: Any, delivery: Any) -> Any:
        yield from read(self, delivery)
        if delivery.unit.id == "002.jsonl":
            node.rows("select pg_terminate_backend(pid) from pg_stat_activity"
                      " where application_name like 'sdi-harvest%%' and datname = current_database()")

    node.deliver(fields(20), fields(20, attributes={"nazwa": "last"}))
    with monkeypatch.context() as patched:
        patched.setattr(node.kind, "read", cut_off)
        with pytest.raises(DatabaseError, match="harvest again to go on"):
            node.harvest()
    node.kind.was_read.clear()
    outcome = node.harvest()
    assert outcome.state == "refused", "each object was delivered twice, with other content"
    assert node.kind.was_read == ["002.jsonl"]
    assert len(node.rows("select * from sdi.run")) == 1


def test_a_mistake_of_a_harvester_fails_the_run_and_is_not_hidden(node: Node) -> None:
    node.deliver([{"id": "a", "wkt": field_at(0, 0), "attributes": {"wlasciciel": "Jan Kowalski"}}])
    with pytest.raises(TypeError, match="wlasciciel"):
        node.harvest()
    (run,) = node.rows("select * from sdi.run")
    assert run["state"] == "failed" and "Kowalski" not in run["message"]
    assert node.current() == {}
