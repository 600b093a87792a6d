"""Compile the services of every tenant and swap them in; a running node takes them over at the next request.

What cannot be published is named with its reason, and keeps what it published last; the others go ahead.
Ends with 1 where anything was left out.
"""

from __future__ import annotations

import argparse
import sys

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
    for finding in loaded.findings:
        print(f"left out: {finding}", file=sys.stderr)
    with node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        outcome = publish(loaded, database, settings)
    print(summary(outcome))
    return 1 if outcome.failed or loaded.findings else 0
