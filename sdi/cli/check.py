"""Find every mistake in the declaration of a region, without changing anything.

Each mistake is printed as `file:line: what is wrong and what to do`, sorted by file and line. A file without a mistake
of its own that cannot be used because of another file's is printed as a note. Exit code 1 where there are mistakes.
"""

from __future__ import annotations

import argparse

from pydantic import ValidationError

from sdi.errors import ConfigurationError
from sdi.harvest import registry
from sdi.model.load import Loaded, examine, explain, region_ids
from sdi.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `sdi check`."""
    parser.add_argument("--all", action="store_true", help="check every region under configs/regions/")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the mistakes and a summary; 1 where there are any."""
    regions = region_ids(settings.home) if options.all else [settings.region]
    if not regions:
        raise ConfigurationError([f"{settings.home}/configs/regions: no region is declared here"])
    shown: set[str] = set()
    wrong = False
    for name in regions:
        loaded, _ = examine(settings.home, name)
        check_sources(loaded)
        # Registers belong to every region; their mistakes are printed with the first.
        for text in [str(finding) for finding in sorted(loaded.findings)]:
            if text not in shown:
                print(text)
            shown.add(text)
        for note in sorted(loaded.notes):
            print(f"{note} (no mistake of its own)")
        print(f"{name}: {summary(loaded)}")
        wrong = wrong or bool(loaded.findings)
    return 1 if wrong else 0


def check_sources(loaded: Loaded) -> None:
    """Add the findings that need the harvesters: does the kind exist, do the parameters fit it."""
    kinds = registry.kinds()
    for name, source in loaded.region.sources.items():
        if source.kind not in kinds:
            loaded.find("sources", name, ("kind",),
                        f"unknown kind of source `{source.kind}`; there are: {', '.join(kinds)}")
            continue
        model = registry.harvester(source.kind).Parameters
        try:
            model.model_validate(source.parameters)
        except ValidationError as error:
            document = loaded.documents["sources", name]
            for detail in error.errors():
                loaded.find("sources", name, ("parameters", *detail["loc"]),
                            explain(document, ("parameters",), detail, model)[1])


def summary(loaded: Loaded) -> str:
    """What is usable, and how many mistakes there are."""
    region = loaded.region
    published = len(region.delivered(None))
    found = len(loaded.findings)
    mistakes = "no mistakes" if not found else "1 mistake" if found == 1 else f"{found} mistakes"
    return (
        f"{_count(len(region.sources), 'source')}, {_count(len(region.partners), 'partner')}, "
        f"{_count(published, 'feature type')}; {mistakes}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
