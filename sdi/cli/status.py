"""Show what each source last brought in: version, when, how many objects, and what went wrong since."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.db.queries import query
from sdi.harvest.progress import wide_console
from sdi.model.load import load_region
from sdi.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument("--json", action="store_true", help="as JSON: a list with one object per source")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Show the sources; those that are declared and were never harvested stand there too."""
    region = load_region(settings.home, settings.region).region
    with node_database(settings) as database:
        migrate(database, region.registers.values())
        with database.connect("harvest", row_factory=dict_row) as connection:
            rows = {row["source"]: row for row in connection.execute(query("status", "sources"))}
            counts = connection.execute(query("status", "objects")).fetchall()
    never = {"version": None, "committed_at": None, "checked_at": None, "state": None, "message": None, "issues": 0}
    for name in sorted({*region.sources, *rows}):
        row = rows.setdefault(name, {"source": name, **never})
        row["declared"] = name in region.sources
        row["objects"] = {c["feature_type"]: c["objects"] for c in counts if c["source"] == name}
    found = [rows[name] for name in sorted(rows)]
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2, default=datetime.isoformat))
        return 0
    _show(found, wide_console())
    return 0


def _show(found: list[dict[str, Any]], console: Console) -> None:
    table = Table("source", "version", "committed", "up to date", "objects", "issues", "last run", show_edge=False)
    for row in found:
        state = row["state"] or "never harvested"
        table.add_row(
            row["source"] + ("" if row["declared"] else " (no longer declared)"), str(row["version"] or ""),
            _moment(row["committed_at"]), _moment(row["checked_at"]), f"{sum(row['objects'].values()):,}",
            f"{row['issues']:,}", state, style="red" if state in ("failed", "refused") else "",
        )
    console.print(table)
    for row in found:
        if row["message"] and row["state"] in ("failed", "refused"):
            console.print(f"{row['source']}: {row['message']}", highlight=False, markup=False)


def _moment(value: datetime | None) -> str:
    return "" if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M")
