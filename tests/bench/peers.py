"""The peers that are web applications of their own: stock pygeoapi and tipg, over the same table by a view.

They run in an environment of their own below var/, made from requirements-peers.txt, as one uvicorn each with as many
workers as our node has.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
from psycopg.conninfo import conninfo_to_dict

from sdi.db.database import Database
from tests.bench.timing import NoAnswer
from tests.environments import Environment, without_ours
from tests.features.conftest import free_port

REQUIREMENTS = Path(__file__).parent / "requirements-peers.txt"
START_S = 120.0
CRS = "http://www.opengis.net/def/crs/"


def version(package: str) -> str:
    """The pinned version of a peer."""
    pins = dict(line.split("==") for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line)
    return pins[package]


@contextmanager
def pygeoapi(environment: Environment, database: Database, folder: Path, workers: int) -> Iterator[str]:
    """Stock pygeoapi with its own starlette app over `bench.dzialki`; its address. Raises NoAnswer."""
    folder.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config, openapi = folder / "config.json", folder / "openapi.json"
    config.write_text(json.dumps(_configuration(url, database)), encoding="utf-8")
    variables = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    made = subprocess.run(
        [str(environment.folder / "bin" / "pygeoapi"), "openapi", "generate", str(config), "--format", "json",
         "--output-file", str(openapi)],
        env=without_ours(os.environ) | variables, capture_output=True, text=True, check=False)
    if made.returncode:
        raise NoAnswer(f"no OpenAPI document: {made.stderr.strip()[-300:]}")
    with _uvicorn(environment, "pygeoapi.starlette_app:APP", port, workers, variables, folder / "log"):
        yield url


def _configuration(url: str, database: Database) -> dict[str, object]:
    """As pygeoapi's documentation has it; `always_xy`, without which its coordinates in CRS84 are wrong."""
    texts = {"title": "bench", "description": "bench", "keywords": ["bench"]}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 0}, "url": url, "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8", "languages": ["en-US"], "map": {"url": "", "attribution": ""},
            "limits": {"default_items": 10, "max_items": 10_000},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {**texts, "keywords_type": "theme", "terms_of_service": url, "url": url},
            "license": {"name": "none", "url": url}, "provider": {"name": "bench", "url": url},
            "contact": {"name": "bench"},
        },
        "resources": {"dzialki": {
            "type": "collection", **texts, "links": [],
            "extents": {"spatial": {"bbox": [14, 49, 24, 55], "crs": f"{CRS}OGC/1.3/CRS84"}},
            "providers": [{
                "type": "feature", "name": "PostgreSQL", "data": _address(database, "postgresql+psycopg2"),
                "options": {"search_path": ["bench", "public"]}, "id_field": "id", "table": "dzialki",
                "geom_field": "geom", "storage_crs": f"{CRS}EPSG/0/2180", "always_xy": True,
                "crs": [f"{CRS}OGC/1.3/CRS84", f"{CRS}EPSG/0/2180"],
            }],
        }},
    }


@contextmanager
def tipg(environment: Environment, database: Database, folder: Path, workers: int) -> Iterator[str]:
    """Stock tipg over `bench.dzialki`; its address. Raises NoAnswer."""
    folder.mkdir()
    port = free_port()
    variables = {"DATABASE_URL": _address(database, "postgresql"), "TIPG_DB_SCHEMAS": '["bench"]',
                 "TIPG_DB_EXCLUDE_FUNCTION_SCHEMAS": '["bench","public","pg_temp"]'}
    with _uvicorn(environment, "tipg.main:app", port, workers, variables, folder / "log"):
        yield f"http://127.0.0.1:{port}"


def _address(database: Database, scheme: str) -> str:
    """A URL with the parts that both SQLAlchemy and asyncpg understand; a socket's folder stands for the host."""
    parts = {key: str(value) for key, value in conninfo_to_dict(database.url).items()}
    user = quote(parts.get("user", os.environ.get("USER", "postgres")), safe="")
    secret = f":{quote(parts['password'], safe='')}" if "password" in parts else ""
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    if host.startswith("/") and "psycopg2" in scheme:
        return f"{scheme}://{user}{secret}@/{parts['dbname']}?host={quote(host, safe='')}&port={port}"
    return f"{scheme}://{user}{secret}@{quote(host, safe='')}:{port}/{parts['dbname']}"


@contextmanager
def _uvicorn(
    environment: Environment, app: str, port: int, workers: int, variables: Mapping[str, str], log: Path
) -> Iterator[None]:
    command = [str(environment.python), "-m", "uvicorn", app, "--port", str(port), "--workers", str(workers),
               "--log-level", "warning", "--no-access-log", "--timeout-keep-alive", "60"]
    with running(command, without_ours(os.environ) | variables, log) as process:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield


@contextmanager
def running(command: Sequence[str], variables: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process inside the `with`; its output goes to `log`."""
    with log.open("ab") as output, subprocess.Popen(
            command, env=dict(variables), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when `url` answers at all. Raises NoAnswer with the end of the log."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=30).status_code < 500:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
    raise NoAnswer(f"does not start: {lines[-1][:300]}")
