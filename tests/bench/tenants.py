"""A region of many partners: how long it takes to start, what memory, and how long a first user waits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.model.load import load_region
from tests.bench.memory import family, size
from tests.bench.rows import Row, compared
from tests.bench.timing import NoAnswer, Sample
from tests.conftest import new_database
from tests.features.conftest import Node, copy_home, environment, start

TENANTS = 190
COLLECTIONS = ("dzialki", "budynki", "jednostki_ewidencyjne", "obreby", "uzytki", "kontury_klasyfikacyjne", "adresy",
               "punkty_graniczne", "przewody_wodociagowe", "przewody_kanalizacyjne", "komunikacja", "wody")
REGION = "kujawsko-pomorskie"

START_S, MEMORY_MB, FIRST_MS = 5.0, 1_000.0, 200.0
"""What we want to keep whatever one tenant takes."""

STARTS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """What one region takes."""

    publish_s: float
    """For the first time."""
    start_s: Sample
    """From the command to an answer of /health; what is published has not changed."""
    first_ms: Sample
    """The first request to each tenant, after each start."""
    memory_mb: float
    """When every tenant has been asked for items, pages and capabilities."""


def tenant_rows(server: Database, folder: Path) -> Iterator[Row]:
    """Many partners against one, in regions that are alike otherwise."""
    many, one = _region(server, folder / "many", TENANTS), _region(server, folder / "one", 1)
    name = f"{TENANTS} partners × {len(COLLECTIONS)} collections"
    yield compared(f"{name}: start", many.start_s, one.start_s, "one partner", "", unit="s", bound=START_S)
    yield compared(f"{name}: first request to each", many.first_ms, one.first_ms, "one partner", "", bound=FIRST_MS)
    worst = [Sample(s.most, s.most, s.most) for s in (many.first_ms, one.first_ms)]
    yield compared(f"{name}: the slowest first request", *worst, "one partner", "", bound=FIRST_MS)
    yield Row(f"{name}: memory when all were asked", "MB", "lower", many.memory_mb, one.memory_mb, "one partner", "",
              bound=MEMORY_MB)
    yield Row(f"{name}: first publication", "s", "lower", many.publish_s, one.publish_s, "one partner", "")


def _region(server: Database, folder: Path, partners: int) -> Measured:
    home = copy_home(folder)
    names = declare(home / "configs" / "regions" / REGION, partners)
    with new_database(server) as database:
        region = load_region(home, REGION).region
        if len(region.partners) != partners:
            raise SystemExit(f"{REGION}: {len(region.partners)} partners, expected {partners}")
        migrate(database, region.registers.values())
        variables = environment(home) | {"SDI_REGION": REGION, "SDI_DATABASE_URL": database.url,
                                         "SDI_VAR": str(home / "var")}
        print(f"Publishing {partners} partners …", flush=True)
        publish_s = _publish(home, variables)
        starts, firsts, memory = [], [], 0.0
        for last in [False] * (STARTS - 1) + [True]:
            since = time.monotonic()
            node = start(home, variables, "serve")
            starts.append(time.monotonic() - since)
            try:
                firsts += _first_requests(node, names)
                if last:
                    _ask_all(node, names)
                    memory = sum(map(size, family(node.process.pid)))
            finally:
                node.process.send_signal(signal.SIGINT)
                node.process.wait(60)
    return Measured(publish_s, Sample.of(starts), Sample.of(firsts), memory)


def declare(region: Path, partners: int) -> list[str]:
    """Make a copied region one of `partners` partners that publish COLLECTIONS each; their names.

    Every county's source delivers all of them; units have a second partner where there are fewer of them.
    """
    for path in (region / "partners").iterdir():
        path.unlink()
    units = [feature["properties"] for feature in
             json.loads((region / "units.geojson").read_text(encoding="utf-8"))["features"]]
    for path in (region / "sources").iterdir():
        path.unlink()
    for unit in units:
        if len(unit["teryt"]) == 4:
            _write(region / "sources" / f"{unit['teryt']}.yaml", {
                "kind": "gml", "county": unit["teryt"], "delivers": list(COLLECTIONS),
                "parameters": {"path": "nothing.gml"}})
    names = []
    for number in range(partners):
        unit = units[number % len(units)]
        name = f"partner-{number:03d}"
        names.append(name)
        _write(region / "partners" / f"{name}.yaml", {
            "teryt": unit["teryt"], "title": {"pl": f"Partner {number}", "en": f"Partner {number}"},
            "registers": list(COLLECTIONS)})
    return names


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def _publish(home: Path, variables: dict[str, str]) -> float:
    since = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "sdi", "publish"], env=variables, cwd=home, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sdi publish: {done.stderr.strip()[-500:]}")
    return time.monotonic() - since


def _first_requests(node: Node, names: list[str]) -> list[float]:
    """Milliseconds of the first request to each tenant: a page of items of a connection of its own."""
    taken = []
    # One client: to make one takes 40 ms, for the certificates that it reads.
    with httpx.Client(base_url=node.url, timeout=60, headers={"connection": "close"}) as client:
        for name in names:
            since = time.perf_counter()
            answer = client.get(f"{name}/ogcapi/collections/{COLLECTIONS[0]}/items", params={"f": "json"})
            taken.append((time.perf_counter() - since) * 1_000)
            if answer.status_code != 200:
                raise NoAnswer(f"{name}: {answer.status_code} {answer.text[:200]}")
    return taken


def _ask_all(node: Node, names: list[str]) -> None:
    """Everything that a worker builds of a tenant, some times over, so that each worker has built it."""
    with httpx.Client(base_url=node.url, timeout=60, headers={"connection": "close"}) as client:
        for name in names:
            for path in (f"{name}/ogcapi/collections/{COLLECTIONS[1]}/items?f=html",
                         f"{name}/ogcapi/openapi?f=json", f"{name}/wms?service=WMS&request=GetCapabilities",
                         f"{name}/wfs?service=WFS&request=GetCapabilities",
                         f"{name}/csw?service=CSW&version=2.0.2&request=GetCapabilities"):
                for _ in range(4):
                    answer = client.get(path)
                    if answer.status_code != 200:
                        raise NoAnswer(f"{path}: {answer.status_code} {answer.text[:200]}")
