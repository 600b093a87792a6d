"""What the tests of a suite found, whatever engine ran them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test with one set of parameters."""

    status: str
    """PASS, FAIL or SKIP."""
    test: str
    parameters: tuple[str, ...]
    message: str


def summary(results: Iterable[Outcome]) -> str:
    """Passed, failed and skipped, in one line."""
    count = Counter(outcome.status for outcome in results)
    return f"{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped"
