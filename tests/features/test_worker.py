"""`sdi worker --once` and `sdi status` as an operator uses them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sdi.cli import main
from tests.harvest.run.conftest import kinds, node
from tests.harvest.worker.conftest import Post, county, post

__all__ = ["county", "kinds", "node", "post"]


@pytest.fixture
def sdi(post: Post, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a verb on the node; the processes of harvests know the kinds of the tests."""
    for name, value in post.environment.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: main(list(arguments))


def test_an_operator_harvests_by_schedule_and_looks(post: Post, sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    post.declare("0401-a", promise_h=24)
    post.declare("0402-b", parameters={"url": f"http://127.0.0.1:{post.county.port}/0402-b", "pages": 1})
    post.declare("0403-c", schedule="never")
    post.county.answer = lambda path: 403 if path.startswith("/0402") else 200
    assert sdi("worker", "--once") == 1
    assert "2 of 3 sources have a schedule" in capsys.readouterr().err
    assert sdi("status", "--json") == 0
    good, bad, hand = json.loads(capsys.readouterr().out)
    assert (good["promise"], good["state"], good["objects"], good["failures"]) == ("ok", "committed", {"slupy": 15}, 0)
    assert (bad["state"], bad["failures"]) == ("failed", 1) and "ask the county for access" in bad["problem"]["en"]
    assert (hand["schedule"], hand["next_at"], hand["state"]) == (None, None, None)
    assert sdi("status") == 0
    shown = capsys.readouterr().out
    assert "24 h ok" in shown and "by hand" in shown and "(failed 1×)" in shown
    assert "ask the county for access" in shown and "No worker is running" in shown


def test_the_number_of_jobs_is_checked(sdi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert sdi("worker", "--jobs", "0") == 1
    assert "--jobs 0: expected a number from 1 to 64" in capsys.readouterr().err
