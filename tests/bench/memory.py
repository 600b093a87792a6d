"""Peak memory of a command and of the processes that it starts, without the database's."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PAUSE_S = 0.2


def peak_mb(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """The largest sum of proportional set sizes seen while a command runs, in MB (Linux)."""
    most = 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, sum(map(size, family(process.pid))))
            time.sleep(PAUSE_S)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return most


def family(process: int) -> Iterator[int]:
    """A process and all below it, but for PostgreSQL."""
    with suppress(OSError):
        if Path(f"/proc/{process}/comm").read_text().startswith("postgres"):
            return
        yield process
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from family(int(child))


def size(process: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
