"""Every code of an issue is explained in both languages, and every explanation is of a code that can come."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sdi.harvest.contract import Issue
from sdi.model.issues import ISSUE_CODES, SEVERITIES
from sdi.model.text import Text
from tests.conftest import HOME

CODE = re.compile(r"""["']([a-z]+(?:-[a-z]+)+)["']""")
CHECK = re.compile(r"""(?:Check|_checked)\(\s*"([a-z]+)\"""")


def sources() -> list[Path]:
    return [path for folder in ("sdi/harvest", "harvesters") for path in (HOME / folder).rglob("*.py")] + [
        HOME / "sdi/store/resolve.py"]


def test_all_codes_that_can_come_are_explained_and_no_other() -> None:
    found = {code for path in sources() for code in CODE.findall(path.read_text(encoding="utf-8"))}
    checks = {f"source-{name}" for name in CHECK.findall((HOME / "sdi/harvest/checks.py").read_text(encoding="utf-8"))}
    assert len(checks) == 10
    assert set(ISSUE_CODES) <= found | checks
    assert checks <= set(ISSUE_CODES)


def test_a_code_that_is_not_explained_is_refused() -> None:
    with pytest.raises(ValueError, match="made-up"):
        Issue("warning", "made-up", Text.verbatim("nobody knows what it means"))


@pytest.mark.parametrize("codes", [ISSUE_CODES, SEVERITIES])
def test_explanations_are_in_both_languages(codes: dict[str, object]) -> None:
    for code in codes.values():
        title = code.title  # type: ignore[attr-defined]
        assert title.pl and title.en and title.pl != title.en
