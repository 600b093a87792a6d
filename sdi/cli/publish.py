"""Compile the services of every tenant and swap them in; a running node takes them over at the next request.

What cannot be published is named with its reason, and keeps what it published last, be it for a mistake in its own
file or in that of a source, a register or the units; the others go ahead. Collections and partners that are published
no more are named. Ends with 1 where there are mistakes, or anything is not published as declared.
"""

from __future__ import annotations

import argparse
import sys

from sdi.cli.check import check_sources
from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.model.load import load_region
from sdi.publish import publish, summary
from sdi.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Publish the region as declared."""
    loaded = load_region(settings.home, settings.region)
    check_sources(loaded)
    for line in loaded.lines():
        print(f"warning: {line}", file=sys.stderr)
    with node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        outcome = publish(loaded, database, settings)
    print(summary(outcome))
    return 1 if outcome.failed or loaded.findings else 0
