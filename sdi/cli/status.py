"""Show how each source is doing: what is served, how old it is, what went wrong last, when it is harvested next.

A source is `late` when its data were last found up to date longer ago than its `promise_h` says.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.db.queries import query
from sdi.harvest.progress import wide_console
from sdi.model.load import load_region
from sdi.model.schedule import WARSAW
from sdi.settings import Settings
from sdi.store.status import SourceStatus, source_statuses


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument("--json", action="store_true", help="as JSON: a list with one object per source")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Show the sources; those that are declared and were never harvested stand there too."""
    region = load_region(settings.home, settings.region).region
    with node_database(settings) as database:
        migrate(database, region.registers.values())
        with database.connect("harvest") as connection:
            found = source_statuses(connection, region, datetime.now(UTC))
            workers = connection.execute(query("schedule", "workers")).fetchone()
    if options.json:
        facts = [{**asdict(status), "problem": status.problem and status.problem.model_dump(),
                  "promise": status.promise} for status in found]
        print(json.dumps(facts, ensure_ascii=False, indent=2, default=datetime.isoformat))
        return 0
    console = wide_console()
    _show(found, console)
    if any(status.schedule for status in found) and not (workers and workers[0]):
        console.print("No worker is running: nothing is harvested by schedule. Start `sdi worker`.", style="yellow")
    return 0


def _show(found: list[SourceStatus], console: Console) -> None:
    table = Table("source", "version", "committed", "up to date", "age / promise", "objects", "issues", "last run",
                  "next run", show_edge=False)
    now = datetime.now(UTC)
    for status in found:
        bad = status.problem is not None or status.promise == "late"
        table.add_row(
            status.source + ("" if status.declared else " (no longer declared)"), str(status.version or ""),
            _moment(status.committed_at), _moment(status.checked_at), _age(status),
            f"{sum(status.objects.values()):,}", f"{status.issues:,}", status.state or "never harvested",
            _next(status, now), style="red" if bad else "",
        )
    console.print(table)
    for status in found:
        if status.problem:
            after = f"; after a look: sdi harvest --accept {status.run}" if status.state == "refused" else ""
            console.print(f"[red]{escape(status.source)}[/]: {escape(status.problem.en)}{after}", highlight=False)
        if status.left:
            what = ", ".join(f"{name} {count:,}" for name, count in status.left.items())
            console.print(f"{escape(status.source)}: still served, though it no longer delivers it: {what}; to end it:"
                          f" sdi withdraw {escape(status.source)}", highlight=False)


def _age(status: SourceStatus) -> str:
    age = "" if status.age_h is None else f"{status.age_h:,.1f} h"
    return age if status.promise_h is None else f"{age} / {status.promise_h:g} h {status.promise}".strip()


def _next(status: SourceStatus, now: datetime) -> str:
    if status.next_at is None:
        return "by hand"
    when = "due" if status.next_at <= now else _moment(status.next_at)
    return f"{when} (failed {status.failures}×)" if status.failures else when


def _moment(value: datetime | None) -> str:
    return "" if value is None else value.astimezone(WARSAW).strftime("%Y-%m-%d %H:%M")
