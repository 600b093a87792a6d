"""How a client tells what it found; standard library only, as QGIS brings a Python of its own.

A client is a program. It gets two arguments, the file of the truth (`truth.py`) and a folder for what it keeps, and
writes a line of JSON for each check to the standard output: `title`, `seconds`, and `problem` where it failed.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MILLIMETRE = 0.001

UNAVAILABLE = 3
"""With this a program ends whose client cannot be had; the log says why."""

Position = tuple[float, float]

SHOWN = 400
"""Characters of a problem."""


class Checks:
    """The truth, the folder, and a `with` for each check: what is raised inside becomes the problem of that check."""

    def __init__(self) -> None:
        self.truth: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        self.folder = Path(sys.argv[2])
        self.base: str = self.truth["base"]
        self.output = sys.stdout
        sys.stdout = sys.stderr  # what libraries print is not ours

    @contextmanager
    def __call__(self, title: str) -> Iterator[None]:
        """One check."""
        started, problem = time.monotonic(), None
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            problem = f"{type(error).__name__}: {error}"[:SHOWN]
        seconds = round(time.monotonic() - started, 2)
        print(json.dumps({"title": title, "problem": problem, "seconds": seconds}), file=self.output, flush=True)

    def run(self, *groups: Callable[[Checks], None]) -> None:
        """Run groups of checks; one that breaks between its checks is a failed check itself."""
        for group in groups:
            try:
                group(self)
            except Exception as error:
                with self(group.__doc__ or group.__name__):
                    raise error


def same(found: object, wanted: object, what: str) -> None:
    """Raises AssertionError where two things differ."""
    assert found == wanted, f"{what}: {_short(found)} instead of {_short(wanted)}"


def same_ids(found: Iterable[str], wanted: Iterable[str], what: str = "objects") -> None:
    """The same identifiers, each once, in any order. Raises AssertionError."""
    found, wanted = list(found), set(wanted)
    doubles = len(found) - len(set(found))
    missing, strange = wanted - set(found), set(found) - wanted
    assert not doubles and not missing and not strange, (
        f"{what}: {len(found)} found, {len(wanted)} wanted; {doubles} twice, "
        f"missing {_short(sorted(missing)[:3])}, not asked for {_short(sorted(strange)[:3])}")


def same_ring(found: Iterable[Position], wanted: Iterable[Position], tolerance: float, what: str = "ring") -> None:
    """The same positions, wherever the ring begins and whichever way it goes. Raises AssertionError."""
    found, wanted = list(found), list(wanted)
    for one, others in ((found, wanted), (wanted, found)):
        for x, y in one:
            nearest = min(max(abs(x - a), abs(y - b)) for a, b in others)
            assert nearest <= tolerance, (
                f"{what}: {x}, {y} is {nearest:.4f} off; {_short(found)} instead of {_short(wanted)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:160]}…"
