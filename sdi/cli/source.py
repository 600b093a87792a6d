"""Add the WFS services of counties as sources, and list the sources.

  sdi source add 0415 --url https://torunski-wms.webewid.pl/iip/ows
  sdi source add 0461 --url https://e-uslugi.mpg.bydgoszcz.pl/ggp --family ggp --crs 2177
  sdi source add --from counties.csv
  sdi source list

`add` writes one complete file under sources/, from what the family of the server is known to need
(configs/wfs-families.yaml); from then on it is yours to edit. Without --family the address tells. A list is a CSV file
in UTF-8 with the columns teryt and url and, where known, family, register and crs; if one row has a mistake, nothing is
written. Adding what is there already changes nothing. A file that says something else is left as it is, unless --force;
exit code 1 then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from sdi.declare.names import named
from sdi.declare.partners import known
from sdi.declare.sources import (
    Wanted,
    check_source,
    family_for,
    family_of,
    put_source,
    read_families,
    read_list,
    source,
)
from sdi.errors import ConfigurationError, SettingsError
from sdi.harvest import registry
from sdi.model.findings import Loaded
from sdi.model.load import examine
from sdi.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the sources as they are declared")
    add = actions.add_parser("add", help="write the file of a source", description="Write the file of a source.")
    add.add_argument("teryt", nargs="?", metavar="TERYT", help="the county, 4 digits")
    add.add_argument("--url", help="the address of its WFS, without the parameters of a request")
    add.add_argument("--family", help="of the server, see configs/wfs-families.yaml (default: as the address tells)")
    add.add_argument("--register", default="egib", help="what it delivers (default: egib)")
    add.add_argument("--crs", type=int, metavar="EPSG", help="to ask for (default: the family's)")
    add.add_argument("--outside-max", type=float, metavar="SHARE",
                     help="largest share of objects outside the county (default: 0.05); more for inexact boundaries")
    add.add_argument("--from", dest="list", type=Path, metavar="CSV", help="many sources at once")
    add.add_argument("--force", action="store_true", help="replace files that say something else")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """List, or add one or many."""
    loaded, _ = examine(settings.home, settings.region)
    if options.action == "list":
        _list(settings, loaded)
        return 0
    if bool(options.list) == bool(options.teryt):
        raise SettingsError("say the TERYT code of a county, or a list with --from")
    if options.list:
        if options.url or options.family or options.crs:
            raise SettingsError("--url, --family, --crs: of one source; not together with --from")
        wanted = read_list(options.list)
    else:
        if not options.url:
            raise SettingsError("--url is missing: the address of the county's WFS")
        wanted = [Wanted(teryt=options.teryt, url=options.url, family=options.family, register_id=options.register,
                         crs=options.crs)]
    return _add(settings, loaded, [item.model_copy(update={"outside_max": options.outside_max}) for item in wanted],
                options.force)


def _add(settings: Settings, loaded: Loaded, wanted: list[Wanted], force: bool) -> int:
    """Make all of them, then write them."""
    families, names, units = read_families(settings.home), named(loaded.region.units), loaded.region.units
    made, findings = {}, []
    for item in wanted:
        try:
            teryt = known(units, item.teryt, digits=(4,))
            family = family_for(item, families)
            data = source(item.model_copy(update={"teryt": teryt}), family, loaded.region, names[teryt].title)
            name = f"{teryt}-{item.register_id}"
            check_source(name, data, registry.harvester(family.kind).Parameters)
            if name in made:
                raise ConfigurationError([f"{name}: stands in the list twice"])
            made[name] = data, family
        except ConfigurationError as error:
            findings += error.findings
    if findings:
        raise ConfigurationError(findings)
    folder = settings.region_folder / "sources"
    results = [put_source(folder, name, data, family, force) for name, (data, family) in made.items()]
    for result in results:
        print(result)
        if result.difference:
            print(result.difference)
    if any(result.state in ("written", "replaced") for result in results):
        what = next(iter(made)) if len(made) == 1 else "--all"
        print(f"next: sdi --region {settings.region} check && sdi --region {settings.region} harvest {what}")
    return 1 if any(result.state == "differs" for result in results) else 0


def _list(settings: Settings, loaded: Loaded) -> None:
    families = read_families(settings.home)
    table = Table("source", "kind", "family", "delivers", Column("address", overflow="fold"), show_edge=False)
    for name, found in sorted(loaded.region.sources.items()):
        address = found.parameters.get("url") or found.parameters.get("path") or ""
        table.add_row(name, found.kind, family_of(address, families) or "", ", ".join(found.delivers), str(address))
    for folder, name in sorted(loaded.documents):
        if folder == "sources" and name not in loaded.region.sources:
            table.add_row(name, "", "", "", "has mistakes: see sdi check", style="red")
    Console(width=None if sys.stdout.isatty() else 200).print(table, highlight=False)
