"""Take out what is still served of a source that no longer delivers it.

Deleting the file of a source, or a feature type from its `delivers`, takes nothing away: what was harvested is served
until another source takes it over. Where none will, this ends it:

  rm configs/regions/demo/sources/0415-bdot500.yaml
  sdi withdraw 0415-bdot500

Only what the source's file no longer says that it delivers; `sdi status` shows what that is. History keeps what was
known until then, and the feed of changes tells replicas of it. Who did so stands in the lineage.
"""

from __future__ import annotations

import argparse

from sdi.cli.harvest import user
from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.errors import ConfigurationError
from sdi.harvest.withdraw import withdraw
from sdi.model.load import load_region
from sdi.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument("source", metavar="SOURCE", help="the id of the source: the name of its file under sources/")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Withdraw, and say what. A file that cannot be used is not one that is gone: nothing is withdrawn then."""
    loaded = load_region(settings.home, settings.region)
    if loaded.unusable_sources:
        raise ConfigurationError(["what sources still deliver cannot be told before this is mended:", *loaded.lines()])
    with node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        for part in withdraw(options.source, user(), loaded.region, database, settings.home):
            print(f"{options.source}: withdrew {part.feature_type} of county {part.county}, objects: {part.objects:,}")
    return 0
