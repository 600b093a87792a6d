"""How fast a GML delivery gets into PostGIS: `sdi harvest` to the commit, against ogr2ogr of the same file."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from sdi.db.database import Database
from sdi.harvest.progress import Progress
from sdi.harvest.run import harvest
from sdi.model.region import Region
from sdi.settings import Settings
from tests.bench.rows import Row

SOURCE = "0415-egib"


def harvest_rate(region: Region, database: Database, peer: Database, settings: Settings, delivery: Path) -> Row:
    """Objects of the delivery per second; both databases must be empty, `database` migrated."""
    objects = delivery.read_bytes().count(b"<gml:featureMember>")
    outcome = harvest(region.sources[SOURCE], region, database, settings, Progress())
    if outcome.state != "committed":
        raise SystemExit(f"{SOURCE}: {outcome.state}: {outcome.message}")
    return Row("GML harvest, file to commit", "objects/s", "higher", objects / outcome.seconds,
               objects / _ogr2ogr(delivery, peer), "ogr2ogr", _version())


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
