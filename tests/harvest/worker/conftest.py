"""A node whose sources are fetched from a county server on loopback, and workers in a hurry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyproj
import pytest
import shapely
from shapely.geometry import box, mapping

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.settings import Settings
from tests.harvest.run.conftest import SOUTH, WEST, Node, kinds, node

__all__ = ["kinds", "node"]

HERE = Path(__file__).parent
YEARLY = "0 3 1 1 *"
"""A cron line that does not come up while a test runs."""

COMMAND = """
import asyncio, logging, sys
from sdi.db.database import Database
from sdi.settings import Settings
from sdi.worker.run import Pace, Worker
logging.basicConfig(level=logging.INFO)
logging.getLogger("procrastinate").setLevel(logging.WARNING)
settings = Settings.from_environment()
pace = Pace(look_s=0.1, sign_of_life_s=0.2, given_up_s=1.0, again_s=0.2, first_wait_s=0.3)
worker = Worker(settings, Database(settings.database_url), jobs=int(sys.argv[1]), pace=pace)
failed = asyncio.run(worker.run(once="once" in sys.argv))
sys.exit(failed if "once" in sys.argv else 0)
"""


@dataclass
class County:
    """A server that notes who asks when; `answer` may wait, or give a status that is not 200."""

    requests: list[tuple[str, float, float]] = field(default_factory=list)
    """Path, begin and end of each."""
    answer: Callable[[str], int] = lambda path: 200
    port: int = 0

    def hold(self, ending: str) -> tuple[threading.Event, threading.Event]:
        """Hold back what is asked for by paths with an ending: set when one is; to be set to go on."""
        held, go_on = threading.Event(), threading.Event()

        def answer(path: str) -> int:
            if path.endswith(ending):
                held.set()
                go_on.wait(60)
            return 200

        self.answer = answer
        return held, go_on

    def of(self, source: str) -> list[tuple[str, float, float]]:
        return [request for request in self.requests if request[0].startswith(f"/{source}/")]

    def spans(self) -> dict[str, tuple[float, float]]:
        """From the first request of each source to the end of its last."""
        names = {request[0].split("/")[1] for request in self.requests}
        return {name: (min(r[1] for r in self.of(name)), max(r[2] for r in self.of(name))) for name in names}

    def most_at_once(self) -> int:
        """The most sources that were being harvested at the same time."""
        spans = self.spans().values()
        return max(sum(since <= moment <= until for since, until in spans) for moment, _ in spans)


@pytest.fixture
def county() -> Iterator[County]:
    """The server, answering every page with a few objects of its own."""
    county = County()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            since = time.monotonic()
            status = county.answer(self.path)
            page = int(self.path.rpartition("/")[2])
            west = WEST + 1_000 * int(self.path[3:5])
            body = "".join(json.dumps({"id": f"{self.path}-{n}", "feature_type": "slupy",
                                       "wkt": f"POINT ({west + 10 * page} {SOUTH + 10 * n + 10})"}) + "\n"
                           for n in range(5)).encode()
            county.requests.append((self.path, since, time.monotonic()))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        county.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield county
        server.shutdown()


@dataclass
class Post:
    """Where workers are started and looked at."""

    node: Node
    county: County
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        settings: Settings = self.node.settings
        paths = [str(HERE / "site"), str(HERE.parents[2]), os.environ.get("PYTHONPATH", "")]
        return os.environ | {
            "SDI_HOME": str(settings.home), "SDI_VAR": str(settings.var), "SDI_REGION": "proba",
            "SDI_DATABASE_URL": self.node.database.url, "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }

    def declare(self, name: str, host: str = "127.0.0.1", **changes: Any) -> None:
        """A source of this county server; `name` begins with its county, 0400 to 0409."""
        self.node.declare(name, **{
            "kind": "jsonpages", "county": name[:4], "delivers": ["slupy"], "schedule": YEARLY,
            "parameters": {"url": f"http://{host}:{self.county.port}/{name}"},
        } | changes)

    def start(self, *arguments: str, jobs: int = 2) -> subprocess.Popen[bytes]:
        """Start a worker; `once` as an argument has it end by itself."""
        process = subprocess.Popen([sys.executable, "-c", COMMAND, str(jobs), *arguments], env=self.environment)
        self.started.append(process)
        return process

    def once(self, jobs: int = 2) -> int:
        """Harvest what is due; returns how many failed."""
        return self.start("once", jobs=jobs).wait(120)

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def plan(self) -> dict[str, dict[str, Any]]:
        return {row["source"]: row for row in self.node.rows("select *, next_at > now() as later from sdi.schedule")}

    def runs(self) -> list[dict[str, Any]]:
        return self.node.rows("select * from sdi.run order by run")

    def queued(self) -> list[dict[str, Any]]:
        return self.node.rows("select * from queue.procrastinate_jobs")


@pytest.fixture
def post(node: Node, county: County, database: Database) -> Iterator[Post]:
    """A region of ten counties, each a kilometre wide, without any source yet."""
    folder = node.home / "configs" / "regions" / "proba"
    (folder / "sources" / "0415-proba.yaml").unlink()
    to_crs84 = pyproj.Transformer.from_crs("EPSG:2180", "OGC:CRS84", always_xy=True).transform
    (folder / "units.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"teryt": teryt, "name": teryt}, "geometry": mapping(shapely.transform(
            box(WEST + 1_000 * number, SOUTH, WEST + 1_000 * number + 1_000, SOUTH + 1_000), to_crs84,
            interleaved=False))}
        for number in range(10) for teryt in (f"{400 + number:04}", f"{400 + number:04}01")
    ]}), encoding="utf-8")
    migrate(database, node.region.registers.values())
    post = Post(node, county)
    yield post
    for process in post.started:
        if process.poll() is None:
            process.kill()
            process.wait(10)

