"""`sdi harvest`, `sdi issues` and `sdi status` as a clerk uses them."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from sdi.cli import main
from tests.harvest.run.conftest import Node, field_at, kinds, node

__all__ = ["kinds", "node"]


@pytest.fixture
def sdi(node: Node, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a verb on the node."""
    monkeypatch.setenv("SDI_DATABASE_URL", node.database.url)
    monkeypatch.setenv("SDI_VAR", str(node.settings.var))
    return lambda *arguments: main(["--home", str(node.home), "--region", "proba", *arguments])


FIELDS = [{"id": f"p{n}", "wkt": field_at(20 * n, 0)} for n in range(30)]
BAD = {"id": "bad [x]", "wkt": "POINT (480100 580100)"}


def test_harvest_says_what_it_did(node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    node.deliver([*FIELDS, BAD])
    assert sdi("harvest", "0415-proba") == 0
    out = capsys.readouterr()
    assert "committed as version 1" in out.out
    assert "issues: wrong-geometry-type 1; see `sdi issues 0415-proba`" in out.out
    line = next(line for line in out.out.splitlines() if "pola" in line)
    assert [word for word in line.replace("│", " ").split()] == ["pola", "31", "30", "0", "0", "0", "1"]
    assert out.err.splitlines()[0] == "0415-proba: fetching"
    assert sdi("harvest", "--all") == 0
    assert "nothing has changed" in capsys.readouterr().out


def test_one_bad_source_does_not_stop_the_others(node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    node.declare(delivers=["pola"])
    node.declare("0415-a", kind="jsonlines", county="0415", delivers=["slupy"], parameters={"path": "nowhere"})
    node.deliver(FIELDS)
    assert sdi("harvest", "--all") == 1
    out = capsys.readouterr().out
    assert "0415-a: FAILED" in out and "no such folder" in out
    assert "0415-proba: committed" in out
    assert sdi("status") == 0
    shown = capsys.readouterr().out
    assert "0415-a" in shown and "no such folder" in shown


def test_a_refusal_is_explained(node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    node.declare(expect={"min": {"pola": 100}})
    node.deliver(FIELDS)
    assert sdi("harvest", "0415-proba") == 1
    out = capsys.readouterr().out
    assert "REFUSED" in out and "pola: 30 objects, at least 100 expected" in out


@pytest.mark.parametrize(("arguments", "message"), [
    ((), "say which sources to harvest, or --all"),
    (("--all", "0415-proba"), "say which sources to harvest, or --all"),
    (("0415-prob",), "no source '0415-prob'; there are: 0415-proba"),
])
def test_wrong_usage(sdi: Any, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    assert sdi("harvest", *arguments) == 1
    assert message in capsys.readouterr().err


def test_a_broken_file_is_a_warning_unless_it_is_asked_for(
    node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    node.deliver(FIELDS)
    broken: Path = node.home / "configs" / "regions" / "proba" / "sources" / "broken.yaml"
    broken.write_text("kind: jsonlines\n", encoding="utf-8")
    assert sdi("harvest", "0415-proba") == 0
    assert "warning: " in capsys.readouterr().err
    assert sdi("harvest", "broken") == 1
    assert "broken.yaml:1: " in capsys.readouterr().err


def test_issues_are_listed(node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    node.deliver([*FIELDS, BAD, {**BAD, "id": "bad2"}])
    sdi("harvest", "--all")
    capsys.readouterr()
    sdi("issues")
    assert "wrong-geometry-type" in capsys.readouterr().out
    sdi("issues", "0415-proba", "--limit", "1")
    shown = capsys.readouterr().out
    assert "bad [x]" in shown and "bad2" not in shown and "1 of 2 issues" in shown
    sdi("issues", "--json", "--code", "wrong-geometry-type")
    issues = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(i["object_id"], i["excerpt"]) for i in issues] == [
        ("bad [x]", "POINT (480100 580100)"), ("bad2", "POINT (480100 580100)")]
    assert sdi("issues", "--code", "missing-id") == 0
    assert capsys.readouterr().out == "No issues.\n"


@pytest.mark.parametrize(("arguments", "message"), [
    (("0415-prob",), "no source '0415-prob'; there are: 0415-gone, 0415-proba\n"),
    (("--code", "invalid"), "--code invalid: no such code; there are: "),
    (("--limit", "-1"), "--limit -1: expected a number from 0 to "),
    (("--limit", str(2**63)), f"--limit {2**63}: expected a number from 0 to "),
])
def test_issues_of_what_there_is_not(
    node: Node, sdi: Any, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """A source that is gone may be asked for as long as its last run is known."""
    node.declare(delivers=["pola"])
    node.declare("0415-gone", kind="jsonlines", county="0415", delivers=["slupy"], parameters={"path": "nowhere"})
    sdi("harvest", "0415-gone")
    (node.home / "configs/regions/proba/sources/0415-gone.yaml").unlink()
    capsys.readouterr()
    assert sdi("issues", "0415-gone") == 0
    assert capsys.readouterr().out == "No issues.\n"
    assert sdi("issues", *arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("url", ["foo", "postgresql://%zz", "postgresql:///x?badopt=1", "connect_timeout=soon"])
def test_a_wrong_database_url_is_named(
    sdi: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("SDI_DATABASE_URL", url)
    assert sdi("status") == 1
    assert "sdi status: SDI_DATABASE_URL is not a libpq URL" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_fails_each_source(
    node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    node.declare(delivers=["pola"])
    node.declare("0415-a", kind="jsonlines", county="0415", delivers=["slupy"], parameters={"path": "delivery"})
    node.deliver(FIELDS)
    node.settings.var.mkdir()
    (node.settings.var / "archive").write_text("not a folder")
    assert sdi("harvest", "--all") == 1
    out = capsys.readouterr().out
    assert "0415-a: FAILED" in out and "0415-proba: FAILED" in out and "archive" in out and "mistake in sdi" not in out
    assert {row["state"] for row in node.rows("select state from sdi.run")} == {"failed"}


def test_history_is_told_of_where_it_was_written(node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    past = {"id": "p0", "wkt": field_at(0, 0), "valid_from": "2010-01-01T00:00:00", "valid_to": "2011-01-01T00:00:00"}
    node.deliver([*FIELDS, past])
    said = []
    for least in (100, 1, 1):
        node.declare(expect={"min": {"pola": least}})
        sdi("harvest", "--all")
        said.append("1 closed versions went to history" in capsys.readouterr().out)
    assert said == [False, True, False], "refused, committed, unchanged"


def test_status_is_json(node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sdi("status", "--json")
    (before,) = json.loads(capsys.readouterr().out)
    assert (before["source"], before["state"], before["objects"]) == ("0415-proba", None, {})
    node.deliver(FIELDS)
    sdi("harvest", "--all")
    capsys.readouterr()
    sdi("status", "--json")
    (after,) = json.loads(capsys.readouterr().out)
    assert (after["state"], after["version"], after["objects"]) == ("committed", 1, {"pola": 30})


def test_a_refused_run_is_accepted_by_a_person(node: Node, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    node.declare(expect={"min": {"pola": 100}})
    node.deliver(FIELDS)
    assert sdi("harvest", "0415-proba") == 1
    (run,) = node.rows("select run from sdi.run")
    assert f"sdi harvest --accept {run['run']}" in capsys.readouterr().out
    assert sdi("harvest", "--accept", str(run["run"])) == 0
    out = capsys.readouterr().out
    assert "committed as version" in out and "warning: pola: 30 objects, at least 100 expected" in out
    (version,) = node.rows("select lineage from sdi.version")
    assert version["lineage"]["accepted"]["by"] == pwd.getpwuid(os.getuid()).pw_name
    assert sdi("harvest", "--accept", str(run["run"])) == 1
    assert "only a run that was refused can be accepted" in capsys.readouterr().err
