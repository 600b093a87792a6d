"""Make, harvest and serve the sample region: two invented counties near Toruń.

Writes the counties' deliveries below var/demo, starts the WFS that one of the counties runs itself, harvests every
source, then publishes and serves until Ctrl-C. What is there already is neither written nor harvested again.

  sdi demo                        about 4,000 parcels
  sdi demo --parcels 50000        the same land, divided more finely
  sdi demo --revision 2           a later delivery in which 2 % of the objects differ

SDI_PORT moves the node, SDI_DEMO_WFS_PORT (8081) the county's WFS.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from sdi.cli.harvest import harvest_each
from sdi.db.cluster import node_database
from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.db.queries import query
from sdi.demo.chance import Scenario
from sdi.demo.county_wfs import county_wfs
from sdi.demo.deliveries import write_deliveries
from sdi.errors import ConfigurationError, SettingsError
from sdi.model.load import Loaded, load_region
from sdi.serve import serve
from sdi.settings import Settings

DEFAULT = Scenario()


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument("--parcels", type=int, default=DEFAULT.parcels, metavar="N",
                        help="parcels of the whole region, 100 to 500,000 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=DEFAULT.seed, metavar="S",
                        help="another land and other objects (default: %(default)s)")
    parser.add_argument("--revision", type=float, default=DEFAULT.revision, metavar="R",
                        help="per cent of the objects that differ from revision 0 (default: %(default)s)")
    parser.add_argument("--write-only", action="store_true", help="write the deliveries and stop")
    parser.add_argument("--no-serve", action="store_true", help="write and harvest, then stop")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Write, harvest, serve; 1 where a source could not be harvested and nothing is served."""
    settings = replace(settings, region="demo")
    folder = settings.var / "demo"
    port = _port()
    os.environ |= {"SDI_VAR": str(settings.var), "SDI_DEMO_WFS_PORT": str(port)}  # the sources' parameters name them
    loaded = load_region(settings.home, settings.region)
    if loaded.findings:
        raise ConfigurationError([str(finding) for finding in loaded.findings])
    scenario = Scenario(options.seed, options.parcels, options.revision)
    _say(f"Deliveries in {folder}:")
    if not write_deliveries(scenario, folder, _say):
        _say("  written before")
    if options.write_only:
        return 0
    with county_wfs(folder / "0404" / "egib.gpkg", port), node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        good = _harvest(settings, loaded, database, folder)
        if options.no_serve:
            return 0 if good else 1
        _say(_addresses(settings.public_url))
        return serve(settings, loaded, say=_say)


def _harvest(settings: Settings, loaded: Loaded, database: Database, folder: Path) -> bool:
    """Harvest what is new; the mark that all is done goes with the deliveries when they are written anew."""
    done = folder / "harvested"
    sources = list(loaded.region.sources)
    if done.exists():
        with database.connect("harvest") as connection:
            rows = connection.execute(query("status", "sources")).fetchall()
        committed = {row[0] for row in rows if row[1] is not None}
        sources = [source for source in sources if source not in committed]
    if not sources:
        return True
    if not harvest_each([loaded.region.sources[name] for name in sources], loaded, database, settings):
        _say("Not every source could be harvested; what is served of those is as it was.")
        return False
    done.touch()
    return True


def _addresses(url: str) -> str:
    return "\n".join((
        f"Open {url}/ in a browser, or in QGIS:",
        f"  WMS           {url}/powiat-torunski/wms",
        f"  WFS           {url}/powiat-torunski/wfs",
        f"  OGC API       {url}/powiat-torunski/ogcapi/",
        f"  CSW           {url}/region/csw",
    ))


def _port() -> int:
    text = os.environ.get("SDI_DEMO_WFS_PORT") or "8081"
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise SettingsError(f"SDI_DEMO_WFS_PORT={text!r}: expected a whole number from 1 to 65535")
    return int(text)


def _say(text: str) -> None:
    print(text, flush=True)
