"""List what is wrong with the objects that were harvested last.

An object that was `quarantined` is set aside and not served; one that was `repaired`, or has a `warning`, is served.

  sdi issues                          of all sources, how many by code
  sdi issues 0415-egib                each of one source
  sdi issues --code invalid-geometry  each with this code
"""

from __future__ import annotations

import argparse
import json

from psycopg.rows import dict_row
from rich.table import Table

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.db.queries import query
from sdi.errors import SettingsError
from sdi.harvest.progress import wide_console
from sdi.model.issues import ISSUE_CODES
from sdi.model.load import load_region
from sdi.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="of this source only")
    parser.add_argument("--code", help="with this code only, such as invalid-geometry")
    parser.add_argument("--limit", type=int, default=100, help="list at most so many (default: 100)")
    parser.add_argument("--json", action="store_true", help="as JSON, one issue a line, with the object as it came")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """List issues."""
    if not 0 <= options.limit < 2**63:
        raise SettingsError(f"--limit {options.limit}: expected a number from 0 to {2**63 - 1}")
    if options.code is not None and options.code not in ISSUE_CODES:
        raise SettingsError(f"--code {options.code}: no such code; there are: {', '.join(sorted(ISSUE_CODES))}")
    chosen = {"source": options.source, "code": options.code}
    loaded = load_region(settings.home, settings.region)
    with node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        with database.connect("harvest", row_factory=dict_row) as connection:
            tried = {row["source"] for row in connection.execute(query("status", "sources"))}
            known = loaded.region.sources.keys() | loaded.unusable_sources | tried
            if options.source is not None and options.source not in known:
                raise SettingsError(f"no source {options.source!r}; there are: {', '.join(sorted(known)) or 'none'}")
            counts = connection.execute(query("issues", "counts"), chosen).fetchall()
            found = connection.execute(query("issues", "current"), {**chosen, "limit": options.limit}).fetchall()
    console = wide_console()
    if options.json:
        for issue in found:
            print(json.dumps(issue, ensure_ascii=False))
    elif not counts:
        console.print("No issues.")
    elif options.source is None and options.code is None:
        explained = [row | {"meaning": ISSUE_CODES[row["code"]].title.en} for row in counts]
        console.print(_table(("source", "severity", "code", "count", "meaning"), explained))
    else:
        columns = ("severity", "code", "feature_type", "object_id", "field", "message", "position")
        console.print(_table(columns, found))
        total = sum(row["count"] for row in counts)
        if total > len(found):
            console.print(f"{len(found)} of {total:,} issues; more with --limit")
    return 0


def _table(columns: tuple[str, ...], rows: list[dict[str, object]]) -> Table:
    table = Table(show_edge=False)
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]).replace("[", r"\[") for name in columns))
    return table
