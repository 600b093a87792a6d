"""Three tenants over two counties with parcels of known places, and their OGC API in a small application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import lxml.html
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sdi.db.database import Database
from sdi.model.region import Contact, Licence, Partner, Region, RegionFile, Source, Unit
from sdi.model.register import Register
from sdi.model.text import Text
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ogcapi.app import OgcApi

HOME = Path(__file__).parents[3]
PUBLIC_URL = "http://testserver"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


@pytest.fixture(scope="session")
def region(registers: dict[str, Register]) -> Region:
    """Counties 0415 and 0463; as partners both, and the commune 041501."""
    def text(name: str) -> Text:
        return Text(pl=f"{name} po polsku", en=f"{name} in English")

    return Region(
        id="test",
        file=RegionFile(
            title=text("Region"), abstract=text("Abstract"),
            contact=Contact(organisation=text("Office"), email="office@example.org"),
            licence=Licence(title=text("Licence"), url="https://example.org/licence"),
        ),
        registers={"egib": registers["egib"]},
        units={code: Unit(teryt=code, name=code, geometry=shapely.box(*bounds)) for code, bounds in {
            "0415": (460_000, 540_000, 490_000, 570_000),
            "0463": (470_000, 570_000, 480_000, 580_000),
            "041501": (460_000, 540_000, 475_000, 570_000),
        }.items()},
        sources={f"{code}-egib": Source(id=f"{code}-egib", kind="gml", county=code, delivers=("dzialki", "budynki"))
                 for code in ("0415", "0463")},
        partners={code: Partner(id=code, teryt=code, title=text(f"Partner-{code}"))
                  for code in ("0415", "0463", "041501")},
    )


@pytest.fixture
def service(database: Database) -> Iterator[OgcApi]:
    """The service over a pool of the serving role."""
    with database.pool("serve", 4) as pool:
        yield OgcApi(Engines(pool=pool, mapserv_socket=Path("/nowhere"), home=Path(__file__).parents[3]))


def application(service: OgcApi, region: Region, folder: Path, public_url: str) -> Starlette:
    """The API of all tenants under `/{tenant}/ogcapi`, compiled into `folder`."""
    publication = Publication(region=region, public_url=public_url, conninfo="", home=folder)
    tenants: dict[str, Published] = {}
    for tenant in region.tenants.values():
        files = folder / tenant.id / service.protocol
        files.mkdir(parents=True)
        for name, content in service.compile(publication, tenant).items():
            (files / name).write_text(content, encoding="utf-8")
        tenants[tenant.id] = Published(tenant, folder / tenant.id, region, public_url)

    async def answer(request: Request) -> Response:
        published = tenants[request.path_params["tenant"]]
        return await service.answer(request, published, request.path_params.get("path", ""))

    return Starlette(routes=[
        Route("/{tenant}/ogcapi", answer, methods=METHODS),
        Route("/{tenant}/ogcapi/{path:path}", answer, methods=METHODS),
    ])


class Client:
    """Requests to an application in this process; its exceptions come through."""

    def __init__(self, application: Starlette) -> None:
        self.transport = httpx.ASGITransport(application)

    def request(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url=PUBLIC_URL) as client:
                return await client.request(method, url, **arguments)

        return asyncio.run(send())

    def get(self, url: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", url, **arguments)

    def items(self, tenant: str, **parameters: object) -> Any:
        """The feature collection of a tenant's parcels; `_` in names of parameters stands for `-`."""
        response = self.get(f"/{tenant}/ogcapi/collections/dzialki/items", params={
            name.replace("_crs", "-crs"): value for name, value in parameters.items()})
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
def client(service: OgcApi, region: Region, tmp_path: Path) -> Client:
    """A client of the API of all tenants."""
    return Client(application(service, region, tmp_path, PUBLIC_URL))


class Table:
    """Rows put straight into the table of a feature type."""

    def __init__(self, database: Database, name: str) -> None:
        self.database, self.name = database, name

    def insert(self, rows: list[dict[str, Any]]) -> None:
        """Each row gives columns; a shapely geometry is EPSG:2180 with x = easting."""
        with self.database.connect("owner") as connection, connection.cursor() as cursor:
            for row in rows:
                full = {"county": "0415", "source": "test", "known_from": "2024-05-06T07:08:09Z", "version": 1,
                        "content": "00000000-0000-0000-0000-000000000000", **row}
                values = {key: shapely.to_wkb(shapely.set_srid(value, 2180), hex=True, include_srid=True)
                          if isinstance(value, BaseGeometry) else value for key, value in full.items()}
                columns = ", ".join(values)
                marks = ", ".join(f"%({key})s" for key in values)
                cursor.execute(f"insert into egib.{self.name} ({columns}) values ({marks})", values)  # type: ignore[arg-type]


@pytest.fixture
def dzialki(database: Database) -> Table:
    """The table of parcels."""
    return Table(database, "dzialki")


@pytest.fixture
def tiled(database: Database, region: Region, tmp_path: Path) -> Iterator[Client]:
    """A client of a node that keeps tiles below `var`."""
    with database.pool("serve", 4) as pool:
        service = OgcApi(Engines(pool, Path("/nowhere"), HOME, tmp_path / "var"))
        yield Client(application(service, region, tmp_path / "build", PUBLIC_URL))


def page(client: Client, address: str, status: int = 200, **parameters: str) -> Any:
    """A page in English, or as its address says, with its links made absolute."""
    response = client.get(address, params={"f": "html", "lang": "en", **parameters} if "?" not in address else None)
    assert response.status_code == status, response.text[:500]
    found = lxml.html.document_fromstring(response.text)
    found.make_links_absolute(str(response.url), resolve_base_href=False)
    return found
