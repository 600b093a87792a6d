"""The measurements as docs/benchmarks.md: what was measured on what, and how."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sdi import __version__
from sdi.db.database import Database
from tests.bench import nginx, peers
from tests.bench.rows import Row, compares, number, verdict, wanted
from tests.bench.services import mapserver_version

HEAD = """# Benchmarks

Written by `make bench ARGS="--parcels 500000"`: what is compared is measured in one run, on one machine, over one
database. A figure with two in brackets is a median with the smallest and the largest; others were taken once. "12 ×
better" is peer over ours for times, ours over peer for rates.
"""

HOW = """
## How

- The database is the sample region's EGiB of two counties, harvested as any delivery. Peers read the same table by a
  view with the columns that we publish (QGIS Server: the table itself).
- Latency: one client in Python's `http.client` on a connection that is kept; each round asks all contenders the same
  thing, each time another one first. Throughput: 8 connections for 3 seconds, in turns, three times. Nobody compresses.
- pygeoapi and tipg run under uvicorn with as many workers as our node; their JIT is off, as ours is. MapServer has our
  own mapfile for maps, one with the same columns for WFS (`tests/bench/peer.map`), and as many processes as our node;
  QGIS Server as many, with a project that draws the same parcels, numbers and buildings; both are behind nginx. Else
  everything is as it comes.
- A page of items is always the first one. Maps and tiles are of other places each time, the same for all contenders.
- The floor is the statement that our own reader runs, its text rows fetched by psycopg in the client's process.
- tipg keeps no tiles, and puts at most 10,000 features into one; "cached" compares its second answer with ours.
- The region of many partners has no data: it measures what tenants cost. Memory is the sum of proportional set sizes
  (PSS) of all our processes, MapServer among them, PostgreSQL not, after every tenant has been asked for items, pages
  and capabilities of every service.
- Harvested is one county's EGiB, first all ten classes, then its first parcels (`--harvest-parcels`) and seven tenths
  as many buildings. ogr2ogr reads the same file with COPY and `-t_srs EPSG:2180`, without differences, history, checks.
- A peer that could not be had is named below its table with the reason.
"""

COLUMNS = "| what | unit | ours | peer | compared | aim | met | peer is |\n|---|---|---|---|---|---|---|---|\n"


def circumstances(database: Database, parcels: int) -> dict[str, object]:
    """When and on what is measured."""
    with database.connect("owner") as connection:
        row = connection.execute(
            "select current_setting('server_version'), default_version from pg_available_extensions"
            " where name = 'postgis'").fetchone()
    postgresql, postgis = row or ("?", "?")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu(), "cpus": os.cpu_count(), "memory_gb": _memory_gb(), "system": _system(),
                    "kernel": platform.release()},
        "versions": {
            "sdi": __version__, "commit": _commit(), "Python": platform.python_version(),
            "PostgreSQL": postgresql.partition(" ")[0], "PostGIS": postgis,
            **{name: version(name) for name in ("psycopg", "uvicorn", "starlette", "pygeoapi")},
            "MapServer": mapserver_version(), "nginx": nginx.nginx_version(), "QGIS Server": nginx.qgis_version(),
            "tipg": peers.version("tipg"),
        },
        "parcels": parcels,
    }


def document(sections: Mapping[str, Sequence[Row]], facts: Mapping[str, object]) -> str:
    """docs/benchmarks.md."""
    machine, versions = facts["machine"], facts["versions"]
    assert isinstance(machine, dict) and isinstance(versions, dict)
    lines = [
        HEAD,
        f"Measured {str(facts['measured_at'])[:10]} on {machine['cpu']}, {machine['cpus']} processors, "
        f"{machine['memory_gb']} GB, {machine['system']}; {facts['parcels']:,} parcels.",
        ", ".join(f"{name} {said}" for name, said in versions.items() if said) + ".",
    ]
    for title, rows in sections.items():
        lines.append(f"\n## {title}\n")
        lines.append(COLUMNS + "\n".join(map(_line, rows)))
        notes = dict.fromkeys(row.note for row in rows if row.note)
        if notes:
            lines.append("\nNot measured:\n\n" + "\n".join(f"- {note}" for note in notes))
    return "\n".join(lines) + "\n" + HOW


def _line(row: Row) -> str:
    cells = (row.name, row.unit, _range(row.ours, row.ours_range), _range(row.peer, row.peer_range),
             compares(row.times), wanted(row), verdict(row), f"{row.peer_name} {row.peer_version}".strip())
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _range(value: float | None, bounds: tuple[float, float] | None) -> str:
    return number(value) if bounds is None else f"{number(value)} ({number(bounds[0])}–{number(bounds[1])})"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _commit() -> str:
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True,
                          text=True, check=False).stdout
    return said.strip()
