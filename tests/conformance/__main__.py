"""Run the OGC's executable test suites against a demo node that is started for them.

    python -m tests.conformance [--parcels 4000] [--node URL] [suite ...]

Prints a line per failed test and a summary per suite; the reports are in var/conformance/<suite>/. Exit codes: 0 all
suites ran and nothing failed, 1 a test failed, 3 nothing failed but a suite (or Java, or Maven) could not be had.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from sdi.db.cluster import node_database
from sdi.settings import Settings
from tests.conformance.schemas import serving
from tests.conformance.suites import SUITES, Outcome, Suite, Unavailable, run, summary
from tests.conftest import HOME, new_database

FAILED, UNAVAILABLE = 1, 3

TENANT = "powiat-torunski"

START_S = 600


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
            with _node(settings, folder, options.parcels) as address:
                codes = [_tell(suite, address, folder, schemas.port) for suite in chosen]
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
        else f"{outcome.test}: {outcome.message[:200]}"
        for outcome in results if outcome.status == "SKIP"
    )


@contextmanager
def _node(settings: Settings, folder: Path, parcels: int) -> Iterator[str]:
    """A demo node on ports of its own, with a database of its own; its address."""
    own = replace(settings, var=folder / "node")
    shutil.rmtree(own.var, ignore_errors=True)
    own.var.mkdir(parents=True)
    port, wfs_port = _free_ports(2)
    address = f"http://localhost:{port}"
    with node_database(own) as server, new_database(server) as database:
        environment = os.environ | {
            "SDI_DATABASE_URL": database.url, "SDI_VAR": str(own.var), "SDI_HOME": str(HOME), "SDI_PORT": str(port),
            "SDI_PUBLIC_URL": address, "SDI_DEMO_WFS_PORT": str(wfs_port),
        }
        with (folder / "node.log").open("w", encoding="utf-8") as log:
            node = subprocess.Popen([sys.executable, "-m", "sdi", "demo", "--parcels", str(parcels)], env=environment,
                                    stdout=log, stderr=subprocess.STDOUT)
        try:
            print(f"Starting a node of {parcels} parcels at {address} …", flush=True)
            _wait(node, address, folder)
            yield address
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(60)


def _wait(node: subprocess.Popen[bytes], address: str, folder: Path) -> None:
    """Until the node answers. Exits where it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and node.poll() is None:
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise SystemExit(f"The node did not start; see {folder / 'node.log'}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
