"""How fast a delivery gets into PostGIS, and at what cost: `sdi harvest` to the commit, against ogr2ogr of the file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from sdi.db.database import Database
from sdi.demo.county_wfs import county_wfs
from sdi.harvest.progress import Progress
from sdi.harvest.run import harvest
from sdi.model.load import load_region
from sdi.model.region import Region
from sdi.settings import Settings
from tests.bench.memory import peak_mb
from tests.bench.rows import Row
from tests.conftest import HOME

SOURCE = "0415-egib"
WFS_SOURCE = "0404-egib"
START = b"<egb:startWersjaObiekt>"
MEMBER, END = b"<gml:featureMember>", b"</gml:featureMember>"
BOUND_MB = 300.0
"""What a harvest may take, whatever the size of the delivery."""


def first_harvest(
    region: Region, database: Database, peer: Database, settings: Settings, delivery: Path, what: str
) -> tuple[float, Row]:
    """How long a delivery takes for the first time, and the rate; both databases empty, `database` migrated."""
    with delivery.open("rb") as file:
        objects = sum(line.startswith(MEMBER) for line in file)
    first = _harvest(SOURCE, region, database, settings, "committed")
    peer_s = _ogr2ogr(delivery, peer)
    return first, Row(f"GML harvest, file to commit, {what}: {objects:,} objects", "objects/s", "higher",
                      objects / first, objects / peer_s, "ogr2ogr", _version(), aim=2)


def harvest_rates(
    region: Region, database: Database, peer: Database, settings: Settings, delivery: Path, what: str
) -> list[Row]:
    """The delivery for the first time, unchanged, and with 1 % changed; as `first_harvest`."""
    first, rate = first_harvest(region, database, peer, settings, delivery, what)
    unchanged = _harvest(SOURCE, region, database, settings, "unchanged")
    _change(delivery)
    changed = _harvest(SOURCE, region, database, settings, "committed")
    return [
        rate,
        Row("GML harvest, the same file again", "s", "lower", unchanged, first, "the first harvest", "", bound=1),
        Row("GML harvest, 1 % changed", "s", "lower", changed, first, "the first harvest", "", aim=4),
    ]


def peak_memory(database: Database, settings: Settings, parcels: int) -> Row:
    """Peak memory of `sdi harvest` in a process of its own; `database` is migrated and empty."""
    peak = peak_mb(
        [sys.executable, "-c", "import sys; from sdi.cli import main; sys.exit(main())", "--home", str(HOME),
         "--region", "demo", "harvest", SOURCE],
        os.environ | {"SDI_DATABASE_URL": database.url, "SDI_VAR": str(settings.var)},
    )
    return Row(f"GML harvest, peak memory, {parcels:,} parcels", "MB", "lower", peak, BOUND_MB, "the bound", "",
               bound=BOUND_MB)


def wfs_cpu(settings: Settings, database: Database, data: Path) -> Row:
    """CPU seconds of ours per 1,000 objects of the sample county's WFS; the peer is the time on the wall."""
    with county_wfs(data) as url:
        os.environ["SDI_DEMO_WFS_PORT"] = str(urlsplit(url).port)
        region = load_region(HOME, "demo").region
        since = time.process_time()
        outcome = harvest(region.sources[WFS_SOURCE], region, database, settings, Progress())
        used = time.process_time() - since
    if outcome.state != "committed":
        raise SystemExit(f"{WFS_SOURCE}: {outcome.state}: {outcome.message}")
    thousands = outcome.summary["read"] / 1_000
    return Row("WFS harvest, our CPU per 1,000 objects", "s", "lower", used / thousands, outcome.seconds / thousands,
               "on the wall", "")


def _harvest(source: str, region: Region, database: Database, settings: Settings, state: str) -> float:
    """Seconds that a harvest takes, which must end in `state`."""
    outcome = harvest(region.sources[source], region, database, settings, Progress())
    if outcome.state != state:
        raise SystemExit(f"{source}: {outcome.state}, expected {state}: {outcome.message}")
    return outcome.seconds


def only(delivery: Path, wanted: dict[str, int]) -> None:
    """Leave so many objects of some classes in a delivery, the first ones. Raises SystemExit where there are fewer."""
    made = delivery.with_suffix(".only")
    left = {f"<egb:EGB_{name} ".encode(): count for name, count in wanted.items()}
    with delivery.open("rb") as given, made.open("wb") as kept:
        member: list[bytes] = []
        for line in given:
            if not member and not line.startswith(MEMBER):
                kept.write(line)
                continue
            member.append(line)
            if line.startswith(END):
                start = next((start for start in left if member[1].startswith(start)), b"")
                if left.get(start, 0):
                    left[start] -= 1
                    kept.writelines(member)
                member = []
    if any(left.values()):
        raise SystemExit(f"{delivery.name}: too few objects: {left} are missing")
    made.replace(delivery)


def _change(delivery: Path) -> None:
    """Let every hundredth object of a delivery say that its version began a century before."""
    made = delivery.with_suffix(".changed")
    count = 0
    with delivery.open("rb") as given, made.open("wb") as changed:
        for line in given:
            if line.startswith(START):
                count += 1
                line = line.replace(START + b"20", START + b"19") if count % 100 == 0 else line
            changed.write(line)
    made.replace(delivery)


def _ogr2ogr(delivery: Path, peer: Database) -> float:
    """Seconds that ogr2ogr takes; reading only, without history, checks, counts or personal data kept out."""
    target = " ".join(f"{key}='{value}'" for key, value in conninfo_to_dict(peer.url).items() if key != "options")
    with peer.connect("owner", autocommit=True) as connection:
        connection.execute("create extension if not exists postgis")
    since = time.monotonic()
    done = subprocess.run(
        ["ogr2ogr", "-f", "PostgreSQL", f"PG:{target}", str(delivery), "-t_srs", "EPSG:2180",
         "-oo", "DOWNLOAD_SCHEMA=NO", "--config", "PG_USE_COPY", "YES", "-gt", "65536"],
        capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise SystemExit(f"ogr2ogr: {done.stderr.strip()[-500:]}")
    return time.monotonic() - since


def _version() -> str:
    said = subprocess.run([shutil.which("ogr2ogr") or "ogr2ogr", "--version"], capture_output=True, text=True,
                          check=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else said.strip()
