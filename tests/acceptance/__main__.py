"""Drive real clients against a demo node, and compare what they see with what its database holds.

    python -m tests.acceptance [--parcels 8000] [--node URL] [client ...]

Prints a line per check; pictures, logs and what else clients made are in var/acceptance/. Exit codes: 0 all clients ran
and nothing failed, 1 a check failed, 3 nothing failed but a client could not be had.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdi.db.cluster import node_database
from sdi.model.load import load_region
from sdi.settings import Settings
from tests.acceptance.checks import UNAVAILABLE
from tests.acceptance.truth import truth
from tests.conftest import HOME
from tests.demo_node import DemoNode, demo_node

FAILED = 1

TIME_S = 900
"""For all that one client does."""

QGIS_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Client:
    """A program that drives a client, and the files without which that cannot be."""

    name: str
    title: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()


CLIENTS = (
    Client("gdal", "GDAL/OGR of the system and of pyogrio", (sys.executable, "-m", "tests.acceptance.gdal_client"),
           ("/usr/bin/ogr2ogr", "/usr/bin/gdal_translate")),
    Client("owslib", "OWSLib", (sys.executable, "-m", "tests.acceptance.owslib_client")),
    Client("openapi", "openapi-spec-validator and schemathesis",
           (sys.executable, "-m", "tests.acceptance.openapi_client")),
    Client("qgis", "QGIS", (QGIS_PYTHON, "-m", "tests.acceptance.qgis_client"),
           (QGIS_PYTHON, "/usr/lib/python3/dist-packages/qgis/core/__init__.py")),
    Client("browser", "OpenLayers and MapLibre in Chromium", (sys.executable, "-m", "tests.acceptance.browser_client"),
           ("/usr/bin/chromium", "/usr/bin/node", "/usr/bin/npm")),
)


def main() -> int:
    """Run every client that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description="Drive real clients.")
    parser.add_argument("clients", nargs="*", metavar="client", help=", ".join(client.name for client in CLIENTS))
    parser.add_argument("--parcels", type=int, default=8000, help="size of the sample region (default: 8000)")
    parser.add_argument("--node", help="drive them against this running demo node, whose database SDI_DATABASE_URL or"
                                       " SDI_VAR names, and start none")
    options = parser.parse_args()
    if unknown := set(options.clients) - {client.name for client in CLIENTS}:
        parser.error(f"no such client: {', '.join(sorted(unknown))}")
    settings = Settings.from_environment(home=HOME, region="demo")
    folder = settings.var / "acceptance"
    folder.mkdir(parents=True, exist_ok=True)
    with _running(settings, folder, options.parcels, options.node) as node:
        facts = folder / "truth.json"
        region = load_region(HOME, "demo").region
        facts.write_text(json.dumps(truth(node.url, node.database, region), indent=1), encoding="utf-8")
        codes = [drive(client, facts, folder / client.name) for client in CLIENTS
                 if client.name in (options.clients or [client.name])]
    print(f"Kept in {folder}")
    return FAILED if FAILED in codes else max(codes)


@contextlib.contextmanager
def _running(settings: Settings, folder: Path, parcels: int, url: str | None) -> Iterator[DemoNode]:
    if url is None:
        with demo_node(settings, folder, parcels) as node:
            yield node
    else:
        with node_database(settings) as database:
            yield DemoNode(url.rstrip("/"), database)


def drive(client: Client, facts: Path, folder: Path) -> int:
    """Run one client and print what it found as it comes."""
    print(f"\n{client.title}", flush=True)
    if absent := [file for file in client.needs if not Path(file).exists()]:
        print(f"  cannot be had: no {', '.join(absent)} here (tests/acceptance/apt.txt names the packages)")
        return UNAVAILABLE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(HOME), "PYTHONDONTWRITEBYTECODE": "1"}
    passed = failed = 0
    with (folder / "log").open("w", encoding="utf-8") as log, subprocess.Popen(
        ["timeout", "--kill-after=10", str(TIME_S), *client.command, str(facts), str(folder)], cwd=HOME,
        env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            check = json.loads(line)
            good = check["problem"] is None
            passed, failed = passed + good, failed + (not good)
            print(f"  {'ok    ' if good else 'FAILED'} {check['title']} ({check['seconds']} s)"
                  + ("" if good else f"\n         {check['problem']}"), flush=True)
    if program.returncode == UNAVAILABLE and not passed + failed:
        print(f"  cannot be had; see {folder / 'log'}")
        return UNAVAILABLE
    if program.returncode or not passed:
        failed += 1
        print(f"  FAILED the program ended with {program.returncode}; see {folder / 'log'}")
    print(f"  {passed} passed, {failed} failed", flush=True)
    return FAILED if failed else 0


if __name__ == "__main__":
    sys.exit(main())
