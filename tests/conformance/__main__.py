"""Run the OGC's executable test suites against a demo node that is started for them.

    python -m tests.conformance [--parcels 4000] [--node URL] [suite ...]

Prints a line per failed test and a summary per suite; the reports are in var/conformance/<suite>/. Exit codes: 0 all
suites ran and nothing failed but declared defects of the suites, 1 a test failed or such a defect did not show,
3 nothing failed but a suite (or Java, or Maven) could not be had.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sdi.settings import Settings
from tests.conformance.defects import explained, unseen
from tests.conformance.outcomes import Outcome, summary
from tests.conformance.schemas import serving
from tests.conformance.suites import SUITES, Suite, Unavailable, jars, run
from tests.conftest import HOME
from tests.demo_node import demo_node

FAILED, UNAVAILABLE = 1, 3

TENANT = "powiat-torunski"

WEB = Path(__file__).parent / "web"
"""What the engines ask of the web, besides schemas."""

_NAMES = re.compile(r"\{[^}]*\}\w+")
"""Qualified names as Java writes them: so that one reason is told once, not for each feature type."""


def main() -> int:
    """Run every suite that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="Run the OGC's test suites.")
    parser.add_argument("suites", nargs="*", metavar="suite", help=", ".join(suite.name for suite in SUITES))
    parser.add_argument("--parcels", type=int, default=4000, help="size of the sample region (default: 4000)")
    parser.add_argument("--node", help="test the sample region of this running node, and start none")
    options = parser.parse_args()
    chosen = [suite for suite in SUITES if suite.name in (options.suites or [suite.name])]
    if unknown := set(options.suites) - {suite.name for suite in SUITES}:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    if absent := [program for program in ("java", "mvn") if shutil.which(program) is None]:
        print(f"The suites need Java 17 and Maven; not found: {', '.join(absent)}")
        return UNAVAILABLE
    settings = Settings.from_environment(home=HOME)
    folder = (settings.var / "conformance").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=folder / "here.log", filemode="w", level=logging.WARNING)  # of a node in this process
    shared = Path(os.environ.get("SDI_SHARED", HOME.parent / "shared"))
    with serving(WEB, shared / "schemas") as schemas, ExitStack() as nodes:
        demo = options.node.rstrip("/") if options.node else None
        if demo is None and any(suite.own_data is None for suite in chosen):
            demo = nodes.enter_context(demo_node(settings, folder, options.parcels)).url
        codes = [_tell(suite, demo, settings, folder, schemas.port) for suite in chosen]
    for address in sorted(schemas.missing):
        print(f"A suite asked for {address}, which is not in {shared / 'schemas'}")
    return FAILED if FAILED in codes else max(codes)


def _tell(suite: Suite, demo: str | None, settings: Settings, folder: Path, proxy_port: int) -> int:
    """Run one suite and print what it found."""
    own = folder / suite.name
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    print(f"\n{suite.title}", flush=True)
    try:
        found = jars(suite, own)
        with _tenant(suite, demo, settings, own, found) as tenant:
            results = run(suite, found, tenant, own, proxy_port)
    except Unavailable as error:
        print(f"  cannot be had: {error}")
        return UNAVAILABLE
    failures = explained(suite.name, [outcome for outcome in results if outcome.status == "FAIL"])
    for outcome, defect in failures.items():
        verdict = f"defect of the suite ({defect.reason}):" if defect else "FAILED"
        print(f"  {verdict} {outcome.test} {' '.join(outcome.parameters)[:200]}\n         {outcome.message[:500]}")
    stale = unseen(suite.name, failures.values())
    for defect in stale:
        print(f"  FAILED to show the declared defect of the suite: {defect.test}; see tests/conformance/defects.py")
    for reason, count in _skips(results).most_common():
        print(f"  skipped {count} {reason}")
    print(f"  {summary(results)}; {own}", flush=True)
    return FAILED if stale or None in failures.values() else 0


@contextmanager
def _tenant(suite: Suite, demo: str | None, settings: Settings, folder: Path, found: list[Path]) -> Iterator[str]:
    """The address of the tenant that a suite is run against."""
    if suite.own_data is None:
        yield f"{demo}/{TENANT}"
    else:
        with suite.own_data(settings, folder, found) as address:
            yield address


def _skips(results: list[Outcome]) -> Counter[str]:
    """Why tests were skipped, and how many for that."""
    return Counter(
        "after another that did not pass" if " depends on not successfully finished " in outcome.message
        else f"{outcome.test}: {_NAMES.sub('…', outcome.message)[:200]}"
        for outcome in results if outcome.status == "SKIP"
    )


if __name__ == "__main__":
    sys.exit(main())
