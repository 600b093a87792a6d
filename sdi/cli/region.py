"""Make the list of a region's counties and communes, with their boundaries.

  sdi --region kujawsko-pomorskie region units powiaty.geojson gminy.geojson

writes units.geojson of the region from GeoJSON files in longitude and latitude. Each feature has a TERYT code (`terc`,
`teryt` or `JPT_KOD_JE`; communes with 7 digits, the last one says what they are) and a name (`name` or `JPT_NAZWA_`).
English names (`name_en`) that units.geojson has already are kept. A file that says something else is replaced only
with --force. Exit code 1 where it was left as it is.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from sdi.declare.files import put
from sdi.declare.units import units_geojson
from sdi.errors import ConfigurationError
from sdi.model.units import read_units
from sdi.settings import Settings

WIDTH = 120
"""Of a line that differs so much is shown: a unit's code and name, and not all of its boundary."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The one thing to do, and its files."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    units = actions.add_parser("units", help="write units.geojson", description="Write units.geojson of the region.")
    units.add_argument("files", nargs="+", type=Path, metavar="GEOJSON", help="counties and communes, in any order")
    units.add_argument("--force", action="store_true", help="replace a units.geojson that says something else")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Write the units; nothing is written where they have a mistake."""
    target = settings.region_folder / "units.geojson"
    if not settings.region_folder.is_dir():
        raise ConfigurationError([f"{settings.region_folder}: no such region; make this folder and its region.yaml"])
    text = units_geojson(options.files, target)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / target.name
        draft.write_text(text, encoding="utf-8")
        units, findings = read_units(draft)
    if findings:
        raise ConfigurationError([finding.message for finding in findings])
    done = put(target, text, options.force)
    counties = sum(len(teryt) == 4 for teryt in units)
    print(f"{done}: {counties} counties, {len(units) - counties} communes")
    for line in done.difference.splitlines():
        print(line if len(line) <= WIDTH else f"{line[:WIDTH]}…")
    return 1 if done.state == "differs" else 0
