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
    sdi("issues", "--code", "no-such")
    assert capsys.readouterr().out == "No issues.\n"


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
