"""Run the OGC's executable test suites against a demo node that is started for them.

    python -m tests.conformance [--parcels 4000] [--node URL] [suite ...]

Prints a line per failed test and a summary per suite; the reports are in var/conformance/<suite>/. Exit codes: 0 all
suites ran and nothing failed, 1 a test failed, 3 nothing failed but a suite (or Java, or Maven) could not be had.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

from sdi.settings import Settings
from tests.conformance.schemas import serving
from tests.conformance.suites import SUITES, Outcome, Suite, Unavailable, run, summary
from tests.conftest import HOME
from tests.demo_node import demo_node

FAILED, UNAVAILABLE = 1, 3

TENANT = "powiat-torunski"

_NAMES = re.compile(r"\{[^}]*\}\w+")
"""Qualified names as Java writes them: so that one reason is told once, not for each feature type."""


def main() -> int:
    """Run every suite that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="Run the OGC's test suites.")
    parser.add_argument("suites", nargs="*", metavar="suite", help=", ".join(suite.profile for suite in SUITES))
    parser.add_argument("--parcels", type=int, default=4000, help="size of the sample region (default: 4000)")
    parser.add_argument("--node", help="test the sample region of this running node, and start none")
    options = parser.parse_args()
    chosen = [suite for suite in SUITES if suite.profile in (options.suites or [suite.profile])]
    if unknown := set(options.suites) - {suite.profile for suite in SUITES}:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    if absent := [program for program in ("java", "mvn") if shutil.which(program) is None]:
        print(f"The suites need Java 17 and Maven; not found: {', '.join(absent)}")
        return UNAVAILABLE
    settings = Settings.from_environment(home=HOME)
    folder = settings.var / "conformance"
    shared = Path(os.environ.get("SDI_SHARED", HOME.parent / "shared"))
    with serving(shared / "schemas") as schemas:
        if options.node:
            codes = [_tell(suite, options.node.rstrip("/"), folder, schemas.port) for suite in chosen]
        else:
            with demo_node(settings, folder, options.parcels) as node:
                codes = [_tell(suite, node.url, folder, schemas.port) for suite in chosen]
    for address in sorted(schemas.missing):
        print(f"A suite asked for {address}, which is not in {shared / 'schemas'}")
    return FAILED if FAILED in codes else max(codes)


def _tell(suite: Suite, node: str, folder: Path, proxy_port: int) -> int:
    """Run one suite and print what it found."""
    own = folder / suite.profile
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    print(f"\n{suite.title}", flush=True)
    try:
        results = run(suite, f"{node}/{TENANT}", own, proxy_port)
    except Unavailable as error:
        print(f"  cannot be had: {error}")
        return UNAVAILABLE
    for outcome in results:
        if outcome.status == "FAIL":
            print(f"  FAILED {outcome.test} {' '.join(outcome.parameters)[:200]}\n         {outcome.message[:500]}")
    for reason, count in _skips(results).most_common():
        print(f"  skipped {count} {reason}")
    print(f"  {summary(results)}; {own}", flush=True)
    return FAILED if any(outcome.status == "FAIL" for outcome in results) else 0


def _skips(results: list[Outcome]) -> Counter[str]:
    """Why tests were skipped, and how many for that."""
    return Counter(
        "after another that did not pass" if " depends on not successfully finished " in outcome.message
        else f"{outcome.test}: {_NAMES.sub('…', outcome.message)[:200]}"
        for outcome in results if outcome.status == "SKIP"
    )


if __name__ == "__main__":
    sys.exit(main())
