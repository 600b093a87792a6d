"""What a person sees while a harvest runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sdi.harvest.progress import Bars, Lines


def test_lines_say_how_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, *(110.0,) * 10])
    monkeypatch.setattr("sdi.harvest.progress.time.monotonic", lambda: next(clock))
    shown = io.StringIO()
    lines = Lines(shown)
    lines.step("0415-egib", "reading")
    lines.expect(5_000_000, 40_000)
    lines.read(10_000)
    assert shown.getvalue().splitlines() == [
        "0415-egib: reading", "0415-egib: 10,000 objects, 1,000/s, 25%, about 30 s left"]


@pytest.mark.parametrize(("objects", "share"), [(4_000, "25%"), (None, "50%")])
def test_bars_move_by_objects_else_by_bytes(objects: int | None, share: str) -> None:
    bars = Bars(Console(file=io.StringIO(), force_terminal=True, width=160))
    with bars:
        bars.step("0415-egib", "reading")
        bars.expect(10_000, objects)
        bars.read(1_000)
        bars.done(5_000)
        (task,) = bars._bars.tasks
        assert f"{task.percentage:.0f}%" == share
        assert task.fields["count"].startswith("1,000 objects, ")
