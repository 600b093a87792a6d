"""Harvest sources by their schedules, until SIGTERM or Ctrl-C.

Each source has a cron line: `schedule` in its file, or under `harvest` in region.yaml. Any number of workers may run,
on any number of machines that reach the database and read the same configs/. A source is harvested by one of them at a
time, and no host is asked by more than `per_host` at once. A worker that is stopped or killed loses nothing: the next
one goes on where it was. See docs/operating.md.

  sdi worker           work until stopped
  sdi worker --once    harvest what is due now, then end; exit code 1 where a harvest failed
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

import psycopg
from procrastinate.exceptions import ConnectorException

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.errors import DatabaseError, SettingsError
from sdi.model.load import load_region
from sdi.settings import Settings
from sdi.worker.run import Worker


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument("--once", action="store_true", help="harvest what is due now, then end")
    parser.add_argument("--jobs", type=int, default=2, help="most harvests at once (default: 2)")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Work; mistakes in the declaration are printed and their files left out."""
    if not 1 <= options.jobs <= 64:
        raise SettingsError(f"--jobs {options.jobs}: expected a number from 1 to 64")
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("sdi.worker").setLevel(logging.INFO)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # each attempt to connect again is a warning
    loaded = load_region(settings.home, settings.region)
    for line in loaded.lines():
        print(f"warning: {line}", file=sys.stderr)
    scheduled = sum(loaded.region.schedule_of(source) is not None for source in loaded.region.sources.values())
    print(f"{scheduled} of {len(loaded.region.sources)} sources have a schedule", file=sys.stderr, flush=True)
    with node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        try:
            failed = asyncio.run(Worker(settings, database, options.jobs).run(options.once))
        except (ConnectorException, psycopg.OperationalError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise DatabaseError(f"the database gave up ({reason}); start the worker again to go on") from error
    return 1 if options.once and failed else 0

