"""Bring county registers in: read sources, check them, commit what has changed.

Each source is read whole, compared with what was committed before, and committed at once. If a check fails, what is
served stays as it was. A harvest that was stopped or killed goes on where it was when it is started again; harvesting
the same thing twice changes nothing.

  sdi harvest 0415-egib 0415-gesut    these two
  sdi harvest --all                   every source of the region, one after the other
  sdi harvest --accept 17             commit run 17, which a check refused, after you have looked at it

A run that was refused keeps what it read until its source is harvested again. `--accept` commits that, in spite of the
checks, as long as nothing newer came from the source; who did so stands in the lineage.

Exit code 1: at least one source failed or was refused; the others were harvested all the same.
"""

from __future__ import annotations

import argparse
import os
import pwd
import signal
import sys
import traceback
from collections.abc import Iterable
from types import FrameType

from rich.console import Console
from rich.table import Table

from sdi.db.cluster import node_database
from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.errors import ConfigurationError, SdiError, SettingsError
from sdi.harvest.progress import Progress, for_terminal, wide_console
from sdi.harvest.run import Outcome, accept, harvest
from sdi.model.load import Loaded, load_region
from sdi.model.region import Source
from sdi.settings import Settings
from sdi.worker.agenda import Agenda, Ending

COLUMNS = ("read", "new", "changed", "gone", "unchanged", "quarantined")
HEADINGS = ("read", "new", "changed", "gone", "unchanged", "set aside")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="ids of sources: file names under sources/")
    parser.add_argument("--all", action="store_true", help="every source of the region")
    parser.add_argument("--accept", type=int, metavar="RUN", help="commit this refused run after all")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Harvest the chosen sources; 0 when all went well."""
    if bool(options.sources) + options.all + (options.accept is not None) != 1:
        raise SettingsError("say which sources to harvest, or --all, or which run to --accept")
    loaded = load_region(settings.home, settings.region)
    for line in loaded.lines():
        print(f"warning: {line}", file=sys.stderr)
    sources = list(loaded.region.sources.values()) if options.all else chosen(loaded, options.sources)
    signal.signal(signal.SIGTERM, _interrupt)
    with node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        if options.accept is not None:
            outcome = accept(options.accept, user(), loaded.region, database, settings)
            _tell(outcome, wide_console())
            _settle(outcome, loaded, database)
            return 0 if outcome.good else 1
        good = harvest_each(sources, loaded, database, settings)
    if options.all and not sources:
        print("The region has no usable source; see `sdi check`.")
    return 0 if good and (sources or not loaded.findings) else 1


def harvest_each(sources: Iterable[Source], loaded: Loaded, database: Database, settings: Settings) -> bool:
    """Harvest one source after the other and say how each went; whether all went well."""
    console = wide_console()
    return all([_one(source, loaded, database, settings, console) for source in sources])


def chosen(loaded: Loaded, names: list[str]) -> list[Source]:
    """The sources with these ids. Raises ConfigurationError with what is wrong with those that cannot be used."""
    known = loaded.region.sources
    wrong: list[str] = []
    for name in dict.fromkeys(names):
        if name in known:
            continue
        mistakes = [str(f) for f in loaded.findings if f.path.stem == name and f.path.parent.name == "sources"]
        wrong += mistakes or [f"no source {name!r}; there are: {', '.join(known) or 'none'}"]
    if wrong:
        raise ConfigurationError(wrong)
    return [known[name] for name in dict.fromkeys(names)]


def _one(source: Source, loaded: Loaded, database: Database, settings: Settings, console: Console) -> bool:
    """Harvest one source and say how it went."""
    progress: Progress = for_terminal()
    try:
        with progress:
            outcome = harvest(source, loaded.region, database, settings, progress)
    except SdiError as error:
        console.print(f"{source.id}: failed", style="bold red", highlight=False)
        console.print(f"  {error}", highlight=False, markup=False)
        return False
    except Exception:  # a mistake of ours; the other sources are harvested all the same
        console.print(f"{source.id}: failed by a mistake in sdi; please report it", style="bold red", highlight=False)
        traceback.print_exc()
        return False
    _tell(outcome, console)
    _settle(outcome, loaded, database)
    return outcome.good


def _settle(outcome: Outcome, loaded: Loaded, database: Database) -> None:
    """A good harvest is one, whoever made it: no worker need try the source again before its next regular time."""
    if outcome.state in ("committed", "unchanged"):
        Agenda(database).settle(outcome.source, Ending(outcome.state, outcome.message), loaded.region)


def user() -> str:
    """Who runs this command, by the operating system's books and not by the environment."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def _tell(outcome: Outcome, console: Console) -> None:
    """Say how a run ended."""
    console.print(f"{outcome.source}: {heading(outcome)}", highlight=False,
                  style="bold green" if outcome.good else "bold red")
    if outcome.message:
        console.print(f"  {outcome.message.en}", highlight=False, markup=False)
    if outcome.state == "refused":
        console.print(f"  to commit it all the same, after a look: sdi harvest --accept {outcome.run}",
                      highlight=False, markup=False)
    if outcome.summary:
        console.print(table(outcome))
        for line in remarks(outcome):
            console.print(f"  {line}", highlight=False, markup=False)


def heading(outcome: Outcome) -> str:
    """How a run ended, in a few words."""
    took = f"{outcome.seconds:.1f} s"
    return {
        "committed": f"committed as version {outcome.summary.get('version')} in {took}",
        "unchanged": f"nothing has changed ({took})",
        "refused": f"REFUSED after {took}; what is served stays as it was",
        "failed": f"FAILED after {took}; what is served stays as it was; harvest again to go on from there",
    }.get(outcome.state, outcome.state)


def table(outcome: Outcome) -> Table:
    """Counts per feature type that the delivery or the store has something of, and in all."""
    result = Table("feature type", *HEADINGS, show_edge=False, pad_edge=True)
    result.columns[0].no_wrap = True
    for number in result.columns[1:]:
        number.justify = "right"
    total = dict.fromkeys(COLUMNS, 0)
    for name, part in outcome.summary["feature_types"].items():
        counts = [part.get(column, 0) for column in COLUMNS]
        if any(counts):
            result.add_row(name, *(f"{count:,}" for count in counts))
            for column, count in zip(COLUMNS, counts, strict=True):
                total[column] += count
    result.add_section()
    result.add_row("in all", *(f"{count:,}" for count in total.values()))
    return result


def remarks(outcome: Outcome) -> list[str]:
    """What else a clerk should know of a run."""
    summary = outcome.summary
    lines = [f"warning: {c['message']}" for c in summary["checks"] if not c["passed"]
             and (not c["refuses"] or "accepted" in summary)]
    parts = summary["feature_types"].values()
    if outcome.state == "committed" and (past := sum(part["past"] for part in parts)):
        lines.append(f"{past:,} closed versions went to history")
    if duplicates := sum(part["duplicates"] for part in parts):
        lines.append(f"{duplicates:,} objects were delivered more than once, word for word")
    if left_out := summary["left_out"]:
        lines.append(f"{left_out:,} objects of classes that are not published were left out")
    if issues := summary["issues"]:
        codes = ", ".join(f"{code} {count:,}" for code, count in issues.items())
        lines.append(f"issues: {codes}; see `sdi issues {outcome.source}`")
    return lines


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
