"""What a person sees while a harvest runs: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as RichProgress,
)

PAUSE_S = 5.0
"""Seconds between two lines where there is no terminal."""


class Progress(AbstractContextManager["Progress"]):
    """What a run reports; this one shows nothing."""

    def step(self, source: str, text: str) -> None:
        """A new stage of the work on a source: fetching, reading, committing."""

    def fetched(self, units: int, size: int) -> None:
        """So many units and bytes have been fetched in all."""

    def expect(self, size: int, objects: int | None) -> None:
        """So many bytes are to be read in all, and about so many objects where an earlier run tells."""

    def read(self, objects: int) -> None:
        """So many more objects have been read."""

    def done(self, size: int) -> None:
        """So many more bytes have been read."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Bars(Progress):
    """A bar per source on a terminal: what, how many, how fast, how long still."""

    def __init__(self, console: Console) -> None:
        self._bars = RichProgress(
            TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True,
        )
        self._task = self._bars.add_task("", total=None, count="")
        self._objects = 0
        self._by_objects = False
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def step(self, source: str, text: str) -> None:
        """Begin the bar anew."""
        self._objects, self._since = 0, time.monotonic()
        self._bars.reset(self._task, description=f"{source}: {text}", total=None, count="")

    def fetched(self, units: int, size: int) -> None:
        """Show what has come in."""
        self._bars.update(self._task, count=f"{units} units, {decimal(size)}")

    def expect(self, size: int, objects: int | None) -> None:
        """The bar's full length: in objects where their number is known, else in bytes."""
        self._by_objects = bool(objects)
        self._bars.update(self._task, total=objects or size)

    def read(self, objects: int) -> None:
        """Show how many and how fast."""
        self._objects += objects
        self._bars.update(self._task, count=_rate(self._objects, self._since),
                          advance=objects if self._by_objects else 0)

    def done(self, size: int) -> None:
        """Move the bar."""
        self._bars.update(self._task, advance=0 if self._by_objects else size)


class Lines(Progress):
    """A line at each stage of the work, and every few seconds in between."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._source = ""
        self._objects = self._bytes = self._all_bytes = self._all_objects = 0
        self._since = self._last = time.monotonic()

    def step(self, source: str, text: str) -> None:
        """Always worth a line."""
        self._source = source
        self._objects = self._bytes = self._all_bytes = self._all_objects = 0
        self._since = self._last = time.monotonic()
        self._say(text)

    def fetched(self, units: int, size: int) -> None:
        """Now and then."""
        self._now_and_then(f"{units} units, {decimal(size)}")

    def expect(self, size: int, objects: int | None) -> None:
        """Remembered for the share and the time left."""
        self._all_bytes, self._all_objects = size, objects or 0

    def read(self, objects: int) -> None:
        """Now and then."""
        self._objects += objects
        self._now_and_then(f"{_rate(self._objects, self._since)}{self._left()}")

    def done(self, size: int) -> None:
        """Remembered for the share and the time left."""
        self._bytes += size

    def _left(self) -> str:
        """The share that is done and the time left, by objects where their number is known, else by bytes."""
        done, total = (self._objects, self._all_objects) if self._all_objects else (self._bytes, self._all_bytes)
        if not 0 < done < total:
            return ""
        seconds = (time.monotonic() - self._since) * (total - done) / done
        return f", {done / total:.0%}, about {seconds:.0f} s left"

    def _now_and_then(self, text: str) -> None:
        if time.monotonic() - self._last >= PAUSE_S:
            self._last = time.monotonic()
            self._say(text)

    def _say(self, text: str) -> None:
        print(f"{self._source}: {text}", file=self._stream, flush=True)


def _rate(objects: int, since: float) -> str:
    seconds = max(time.monotonic() - since, 0.001)
    return f"{objects:,} objects, {objects / seconds:,.0f}/s"


def for_terminal() -> Progress:
    """Bars where the error output is a terminal, else lines."""
    console = Console(stderr=True)
    return Bars(console) if console.is_terminal else Lines(sys.stderr)


def wide_console() -> Console:
    """A console for tables on standard output: as wide as the terminal, or wide enough where there is none."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 160)
