"""A row of the table of measurements, and the rows as a table on the screen and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from tests.bench.timing import NoAnswer, Outcome, Sample


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: ours and the peer's, in the same unit; None where it could not be taken, and `note` says why."""

    name: str
    unit: str
    better: Literal["higher", "lower"]
    ours: float | None
    peer: float | None
    peer_name: str
    peer_version: str
    ours_range: tuple[float, float] | None = None
    peer_range: tuple[float, float] | None = None
    aim: float | None = None
    """How many times better than the peer we want to be; 0.67 is half as much again."""
    bound: float | None = None
    """What ours must keep whatever the peer does."""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's."""
        return None if self.ours is None or not self.peer else self.ours / self.peer

    @property
    def times(self) -> float | None:
        """How many times better ours is."""
        if self.ratio is None:
            return None
        return self.ratio if self.better == "higher" else 1 / self.ratio

    @property
    def met(self) -> bool | None:
        """Whether aim and bound are kept; None where there is neither, or no measurement."""
        judged = []
        if self.aim is not None:
            judged.append(None if self.times is None else self.times >= self.aim)
        if self.bound is not None:
            judged.append(None if self.ours is None
                          else self.ours >= self.bound if self.better == "higher" else self.ours <= self.bound)
        return None if None in judged or not judged else all(judged)


def compared(
    name: str, ours: Outcome, peer: Outcome, peer_name: str, peer_version: str, *, aim: float | None = None,
    bound: float | None = None, unit: str = "ms", better: Literal["higher", "lower"] = "lower",
) -> Row:
    """A row of two outcomes."""
    notes = [f"{who}: {outcome}" for who, outcome in (("ours", ours), (peer_name, peer))
             if isinstance(outcome, NoAnswer)]
    return Row(name, unit, better, _median(ours), _median(peer), peer_name, peer_version, _range(ours), _range(peer),
               aim, bound, "; ".join(notes))


def _median(outcome: Outcome) -> float | None:
    return outcome.median if isinstance(outcome, Sample) else None


def _range(outcome: Outcome) -> tuple[float, float] | None:
    return (outcome.least, outcome.most) if isinstance(outcome, Sample) else None


def number(value: float | None) -> str:
    """A measurement with three figures that count, or a dash."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def compares(times: float | None) -> str:
    """`12 × better`, `1.1 × worse`: one over the other, so that more is more."""
    if times is None:
        return "–"
    return f"{number(times)} × better" if times >= 1 else f"{number(1 / times)} × worse"


def wanted(row: Row) -> str:
    """The aim of a row in words."""
    parts = []
    if row.aim is not None:
        parts.append("no worse" if row.aim == 1 else f"≥ {row.aim:g} × better" if row.aim > 1
                     else f"≤ {1 / row.aim:.3g} × worse")
    if row.bound is not None:
        parts.append(f"{'≥' if row.better == 'higher' else '≤'} {row.bound:,g} {row.unit}")
    return ", ".join(parts)


def verdict(row: Row) -> str:
    """Whether the aim is met, in a word."""
    return {True: "yes", False: "no", None: ""}[row.met]


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table("measured", "unit", "ours", "peer", "compared", "aim", "met", "peer is", show_edge=False)
    for row in rows:
        table.add_row(row.name, row.unit, number(row.ours), number(row.peer), compares(row.times), wanted(row),
                      verdict(row), f"{row.peer_name} {row.peer_version}")
    console = Console(width=180)
    console.print(table)
    for note in dict.fromkeys(row.note for row in rows if row.note):
        console.print(f"  not measured: {note}", markup=False)


def write(rows: Sequence[Row], path: Path, circumstances: Mapping[str, object]) -> None:
    """Write the rows as JSON, with when and on what they were measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        **circumstances,
        "rows": [{**asdict(row), "ratio": None if row.ratio is None else round(row.ratio, 4), "met": row.met}
                 for row in rows],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
