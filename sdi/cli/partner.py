"""Add partners (counties and communes that publish here), and list them.

  sdi partner add 0415                        a county
  sdi partner add 041506 --email gis@example.org --organisation-pl "Urząd Gminy" --organisation-en "Commune Office"
  sdi partner add --all                       every county and commune of the region that is no partner yet
  sdi partner list

A partner is one short file under partners/, which is yours to edit. `add` writes it from units.geojson; adding what is
there already changes nothing. A file that says something else is left as it is, unless --force; exit code 1 then.
Nothing is served before `sdi publish`.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from sdi.declare.files import Put
from sdi.declare.names import Named, named
from sdi.declare.partners import declared, known, partner, put_partner
from sdi.errors import ConfigurationError, SettingsError
from sdi.model.findings import Loaded
from sdi.model.links import TAKEN
from sdi.model.load import ID, examine
from sdi.model.mistakes import mistakes
from sdi.model.region import PROTOCOLS, Partner
from sdi.model.text import Text
from sdi.settings import Settings

WORDS = ("id", "title_pl", "title_en", "organisation_pl", "organisation_en", "email", "registers", "services")
"""Options about one partner."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the partners as they are declared")
    add = actions.add_parser("add", help="write the file of a partner", description="Write the file of a partner.")
    add.add_argument("teryt", nargs="?", metavar="TERYT", help="4 digits: a county; 6 or 7: a commune")
    add.add_argument("--all", action="store_true", help="every unit of the region that is no partner yet")
    add.add_argument("--force", action="store_true", help="replace a file that says something else")
    add.add_argument("--id", help="part of its addresses, a-z, 0-9 and hyphens (default: made of its name)")
    for language, name in (("pl", "Polish"), ("en", "English")):
        add.add_argument(f"--title-{language}", metavar="TEXT", help=f"its title in {name} (default: made of its name)")
        add.add_argument(f"--organisation-{language}", metavar="TEXT", help=f"who answers for its services, in {name}")
    add.add_argument("--email", help="where to reach them (these three default to the region's contact)")
    add.add_argument("--registers", nargs="+", metavar="NAME",
                     help="registers or feature types (default: all that its county's sources deliver)")
    add.add_argument("--services", nargs="+", choices=PROTOCOLS, metavar="NAME",
                     help=f"of {', '.join(PROTOCOLS)} (default: the region's)")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """List, or add one or all."""
    loaded, _ = examine(settings.home, settings.region)
    if options.action == "list":
        _list(loaded)
        return 0
    if bool(options.teryt) == options.all:
        raise SettingsError("say the TERYT code of a unit, or --all")
    if options.all:
        given = [f"--{word.replace('_', '-')}" for word in WORDS if getattr(options, word)]
        if given:
            raise SettingsError(f"{', '.join(given)}: of one partner; not together with --all")
        return _add_all(settings, loaded, options.force)
    return _add_one(settings, loaded, options)


def _add_one(settings: Settings, loaded: Loaded, options: argparse.Namespace) -> int:
    units = loaded.region.units
    teryt = known(units, options.teryt)
    default = named(units)[teryt]
    there = declared(loaded)
    ids = [options.id] if options.id else there.get(teryt) or [default.id]
    if not ID.match(ids[0]):
        raise SettingsError(f"--id {ids[0]!r}: use a-z, 0-9 and hyphens")
    if ids[0] in TAKEN:
        raise SettingsError(f"--id {ids[0]!r}: is taken by the node itself; choose another")
    title = Text(pl=options.title_pl or default.title.pl, en=options.title_en or default.title.en)
    data = partner(teryt, Named(ids[0], title), _extra(options))
    unknown = [name for name in options.registers or () if not loaded.region.expand((name,))]
    if unknown:
        raise SettingsError(f"--registers {' '.join(unknown)}: there are: {', '.join(loaded.region.registers)}")
    try:
        Partner.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError([wrong.en for wrong in mistakes(error)]) from error
    done = _put(settings, loaded, ids[0], data, options.force)
    print(done)
    if done.difference:
        print(done.difference)
    if not loaded.region.delivered(teryt):
        print(f"no source delivers anything for county {teryt[:4]} yet: sdi source add {teryt[:4]} --url …")
    if done.state in ("written", "replaced"):
        print(f"next: {_next(settings)}")
    return 1 if done.state == "differs" else 0


def _add_all(settings: Settings, loaded: Loaded, force: bool) -> int:
    units, there = loaded.region.units, declared(loaded)
    results = []
    for teryt, unit in named(units).items():
        name = there.get(teryt, [unit.id])[0]
        results.append(_put(settings, loaded, name, partner(teryt, unit, {}), force))
    for result in results:
        if result.state != "same":
            print(result)
        if result.difference:
            print(result.difference)
    counts = {state: sum(result.state == state for result in results)
              for state in ("written", "replaced", "same", "differs")}
    print(f"{len(results)} units: {counts['written']} partners written, {counts['replaced']} replaced, "
          f"{counts['same']} as they are, {counts['differs']} with contents of their own")
    if counts["written"] or counts["replaced"]:
        print(f"next: {_next(settings)}")
    return 1 if counts["differs"] else 0


def _put(settings: Settings, loaded: Loaded, name: str, data: dict[str, Any], force: bool) -> Put:
    """Write a partner's file; one of another unit is not replaced even by `force`."""
    document = loaded.documents.get(("partners", name))
    other = document.data.get("teryt") if document and isinstance(document.data, dict) else None
    if other is not None and str(other)[:6] != data["teryt"]:
        raise ConfigurationError([f"{name}.yaml is the partner with TERYT {other}; choose another --id"])
    return put_partner(settings.region_folder / "partners", name, data, loaded.region.units, force)


def _extra(options: argparse.Namespace) -> dict[str, Any]:
    """What the partner does not inherit from the region."""
    contact = (options.organisation_pl, options.organisation_en, options.email)
    if any(contact) and not all(contact):
        raise SettingsError("a contact has all of --organisation-pl, --organisation-en and --email")
    extra: dict[str, Any] = {}
    if options.registers:
        extra["registers"] = options.registers
    if options.services:
        extra["services"] = options.services
    if options.email:
        organisation = {"pl": options.organisation_pl, "en": options.organisation_en}
        extra["contact"] = {"organisation": organisation, "email": options.email}
    return extra


def _next(settings: Settings) -> str:
    return f"sdi --region {settings.region} check && sdi --region {settings.region} publish"


def _list(loaded: Loaded) -> None:
    table = Table("partner", "TERYT", "title", "publishes", show_edge=False)
    region = loaded.region
    for name, found in sorted(region.partners.items()):
        mine = region.delivered(found.teryt)
        wanted = mine if found.registers is None else [ft for ft in region.expand(found.registers) if ft in mine]
        table.add_row(name, found.teryt, found.title.pl, ", ".join(ft.name for ft in wanted))
    for folder, name in sorted(loaded.documents):
        if folder == "partners" and name not in region.partners:
            table.add_row(name, "", "has mistakes: see sdi check", "", style="red")
    Console(width=None if sys.stdout.isatty() else 200).print(table, highlight=False)
