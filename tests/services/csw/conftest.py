"""Two partners and their region with committed records, and their catalogues in a small application."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import httpx
import pytest
import uvicorn
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sdi.db.database import Database
from sdi.model.region import Region
from sdi.model.register import Register
from sdi.records.refresh import refresh
from sdi.services.contract import Engines, Publication, Published
from sdi.services.csw.app import Csw
from tests.catalogue_region import HOSTILE, catalogue_region, commit_all
from tests.conftest import new_database

HOME = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def region(registers: dict[str, Register]) -> Region:
    return catalogue_region({"egib": registers["egib"]}, HOSTILE)


@pytest.fixture(scope="module")
def catalogue(template: tuple[Database, str], region: Region) -> Iterator[Database]:
    """A database with commits of every county, shared by the tests of a module."""
    with new_database(*template) as database:
        with database.connect("harvest") as connection:
            commit_all(connection)
        yield database


def application(pool: ConnectionPool, region: Region, folder: Path, public_url: str) -> Starlette:
    """`/{tenant}/csw` of every tenant, compiled to `folder`."""
    service = Csw(Engines(pool, folder / "mapserv.sock", HOME))
    publication = Publication(region, public_url, "", HOME)
    published = {}
    for tenant in region.tenants.values():
        (folder / tenant.id / "csw").mkdir(parents=True)
        for name, text in service.compile(publication, tenant).items():
            (folder / tenant.id / "csw" / name).write_text(text, encoding="utf-8")
        published[tenant.id] = Published(tenant, folder / tenant.id, region, public_url)

    async def endpoint(request: Request) -> Response:
        return await service.answer(request, published[request.path_params["tenant"]], request.path_params["path"])

    return Starlette(routes=[Route("/{tenant}/csw{path:path}", endpoint, methods=["GET", "POST", "PUT"])])


@pytest.fixture(scope="module")
def address(catalogue: Database, region: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """All catalogues behind a real server on the loopback; the records name its own address."""
    with catalogue.pool("serve", 4) as pool:
        app = Starlette()
        with serving(app) as url:
            with catalogue.connect("harvest") as connection:
                refresh(connection, region, url, HOME)
            app.router.routes[:] = application(pool, region, tmp_path_factory.mktemp("build"), url).router.routes
            yield url


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    """A client of all catalogues."""
    with httpx.Client(base_url=address) as client:
        yield client


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The address of a uvicorn that serves `app` in a thread."""
    server = uvicorn.Server(uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=10))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
