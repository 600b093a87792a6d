"""A row of the table of measurements, and the table as text and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: ours and the peer's, in the same unit."""

    name: str
    unit: str
    better: Literal["higher", "lower"]
    ours: float
    peer: float
    peer_name: str
    peer_version: str

    @property
    def ratio(self) -> float:
        """Ours divided by the peer's."""
        return self.ours / self.peer


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table("measured", "unit", "ours", "peer", "ratio", "better", "peer is", show_edge=False)
    for row in rows:
        table.add_row(row.name, row.unit, f"{row.ours:,.1f}", f"{row.peer:,.1f}", f"{row.ratio:.2f}", row.better,
                      f"{row.peer_name} {row.peer_version}")
    Console(soft_wrap=True).print(table)


def write(rows: Sequence[Row], path: Path, parcels: int) -> None:
    """Write the rows, with when and on what they were measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "parcels": parcels,
        "rows": [{**asdict(row), "ratio": round(row.ratio, 4)} for row in rows],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
