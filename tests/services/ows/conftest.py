"""A small region whose titles try to break out of a mapfile, its database, workers and the app on a loopback port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from psycopg import sql
from shapely.geometry import LineString, Point, Polygon, box
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sdi.db.database import Database
from sdi.db.feature_tables import current_table
from sdi.db.migrate import migrate
from sdi.model.region import Contact, Licence, Partner, Region, RegionFile, Source, Tenant, Unit
from sdi.model.register import Register
from sdi.model.text import Text
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ows.app import Wms
from sdi.services.ows.workers import MapservPool, write_config
from sdi.services.wfs.app import Wfs
from tests.conftest import HOME, new_database

HOSTILE = """Zażółć "gęślą" 'jaźń' [id] {a} %b% \\ <&> ' END LAYER # $ \t; """


def text(value: str) -> dict[str, str]:
    return {"pl": value, "en": f"{value} (en)"}


REGISTERS: dict[str, dict[str, Any]] = {
    "egib": {
        "title": text("Ewidencja " + HOSTILE), "abstract": text(HOSTILE), "legal_basis": text("x"),
        "namespaces": ["a"], "inspire_theme": "CP", "topic_category": "planningCadastre",
        "keywords": [text('działka, "ewidencyjna"')],
        "code_lists": {"kst": {"m": {"title": text("mieszkalny <b>")}, "g": {"title": text("gospodarczy")}}},
        "feature_types": {
            "dzialki": {
                "title": text("Działki " + HOSTILE), "abstract": text(HOSTILE), "geometry": "polygon",
                "label": "numer_dzialki",
                "attributes": {
                    "numer_dzialki": {"title": text("Numer <działki>")},
                    "pole": {"title": text("Pole"), "type": "number", "unit": "ha"},
                    "porzadek": {"title": text("Porządek"), "type": "integer"},
                    "sporna": {"title": text("Sporna"), "type": "boolean"},
                    "wpis": {"title": text("Wpis"), "type": "date"},
                },
            },
            "budynki": {
                "title": text("Budynki"), "abstract": text("Budynki"), "geometry": "polygon",
                "attributes": {
                    "rodzaj": {"title": text("Rodzaj"), "code_list": "kst"},
                    "kondygnacje_nadziemne": {"title": text("Kondygnacje"), "type": "integer"},
                },
            },
        },
    },
    "gesut": {
        "title": text("Sieci"), "abstract": text("Sieci"), "legal_basis": text("x"),
        "namespaces": ["b"], "inspire_theme": "US", "topic_category": "utilitiesCommunication",
        "feature_types": {
            "przewody_wodociagowe": {
                "title": text("Przewody wodociągowe"), "abstract": text("Przewody"), "geometry": "line",
                "attributes": {"funkcja": {"title": text("Funkcja")},
                               "srednica": {"title": text("Średnica"), "type": "integer"}},
            },
            "urzadzenia_wodociagowe": {
                "title": text("Urządzenia wodociągowe"), "abstract": text("Urządzenia"), "geometry": "any",
                "attributes": {"rodzaj_urzadzenia": {"title": text("Rodzaj")}},
            },
            "nieznane": {
                "title": text("Typ bez stylu"), "abstract": text("Typ"), "geometry": "point",
                "attributes": {"order": {"title": text("Słowo zastrzeżone"), "type": "integer"}},
            },
        },
    },
}

CORNER = (470_000.0, 570_000.0)
"""South-west corner of the parcels, EPSG:2180 easting, northing: near Toruń, zone 6 (EPSG:2177)."""
SIDE = 50.0
COLUMNS, ROWS = 14, 10
"""Parcels east of the 7th column lie in county 0463."""


OUTSIDE = box(CORNER[0] - 900, CORNER[1] - 900, CORNER[0] - 850, CORNER[1] - 850)
"""A parcel of county 0415 beyond the county's polygon."""


def parcel(column: int, row: int) -> Polygon:
    """The polygon of a parcel, columns and rows from 0."""
    west, south = CORNER[0] + column * SIDE, CORNER[1] + row * SIDE
    return box(west, south, west + SIDE, south + SIDE)


@pytest.fixture(scope="session")
def region() -> Region:
    registers = {name: Register.model_validate({**body, "id": name}) for name, body in REGISTERS.items()}
    west, south = CORNER
    middle = west + COLUMNS / 2 * SIDE
    units = [
        Unit(teryt="0415", name="toruński", geometry=box(west, south, middle, south + ROWS * SIDE)),
        Unit(teryt="0463", name="Toruń", geometry=box(middle, south, west + COLUMNS * SIDE, south + ROWS * SIDE)),
    ]
    delivers = tuple(REGISTERS)
    return Region(
        id="proba",
        file=RegionFile(
            title=Text.model_validate(text("Region " + HOSTILE)), abstract=Text.model_validate(text(HOSTILE)),
            contact=Contact(organisation=Text.model_validate(text("Urząd " + HOSTILE)), email="a@example.org",
                            phone="+48 56 000", address="ul. Długa 1", url="https://example.org/a?b=c&d"),
            licence=Licence(title=Text.model_validate(text("Bez ograniczeń " + HOSTILE)), url="https://example.org/l"),
        ),
        registers=registers,
        units={unit.teryt: unit for unit in units},
        sources={county: Source(id=county, kind="gml", county=county, delivers=delivers)
                 for county in ("0415", "0463")},
        partners={
            "powiat": Partner(id="powiat", teryt="0415", title=Text.model_validate(text("Powiat"))),
            "miasto": Partner(id="miasto", teryt="0463", title=Text.model_validate(text("Miasto"))),
        },
    )


@dataclass(frozen=True)
class Node:
    """A running node of WMS and WFS."""

    url: str
    pool: MapservPool
    region: Region
    database: Database

    def get(self, path: str, **parameters: object) -> httpx.Response:
        """GET `/{tenant}/{protocol}`; keys are taken as they stand."""
        query = {key: str(value) for key, value in parameters.items()}
        return httpx.get(f"{self.url}/{path}", params=query, timeout=60, trust_env=False)

    def tenant(self, name: str = "region") -> Tenant:
        return self.region.tenants[name]


def insert(database: Database, region: Region, feature_type: str, rows: list[Mapping[str, Any]]) -> None:
    """Insert rows; columns that every table needs are filled in, `geom` is shapely in EPSG:2180."""
    table = current_table(region.feature_types[feature_type])
    always = {"county": "0415", "commune": None, "source": "0415", "known_from": datetime(2026, 1, 2, tzinfo=UTC),
              "valid_from": datetime(2025, 6, 1, 12, 30, tzinfo=UTC), "version": 1,
              "content": "00000000-0000-0000-0000-000000000000"}
    with psycopg.connect(database.conninfo("owner")) as connection:
        for row in rows:
            full = always | dict(row)
            geom = full.pop("geom")
            names = sql.SQL(", ").join(map(sql.Identifier, full))
            connection.execute(
                sql.SQL("insert into {} ({}, geom) values ({}, ST_GeomFromText(%s, 2180))").format(
                    table, names, sql.SQL(", ").join([sql.Placeholder()] * len(full))),
                [*full.values(), geom.wkt if geom is not None else None],
            )


def fill(database: Database, region: Region) -> None:
    """Parcels in a grid, a building and a water main in county 0415, devices of every kind of geometry."""
    cells = [(column, row) for column in range(COLUMNS) for row in range(ROWS)]
    insert(database, region, "dzialki", [
        {"id": f"041501_2.0001.{column}/{row}", "county": "0415" if column < COLUMNS / 2 else "0463",
         "numer_dzialki": f"{column}/{row}", "pole": (column * ROWS + row) / 8, "porzadek": column * ROWS + row,
         "sporna": row % 2 == 0, "wpis": "2024-02-29", "geom": parcel(column, row)}
        for column, row in cells
    ] + [{"id": "bez geometrii", "geom": None}, {"id": "poza granicą", "geom": OUTSIDE}])
    west, south = CORNER
    insert(database, region, "budynki", [
        {"id": "b1", "rodzaj": "m", "kondygnacje_nadziemne": 2,
         "geom": box(west + 10, south + 10, west + 30, south + 25)},
        {"id": "<script>", "rodzaj": "?", "geom": box(west + 110, south + 10, west + 130, south + 25)},
    ])
    insert(database, region, "przewody_wodociagowe", [
        {"id": "w1", "funkcja": "g", "srednica": 110,
         "geom": LineString([(west, south + 330), (west + 600, south + 330)])},
    ])
    insert(database, region, "urzadzenia_wodociagowe", [
        {"id": "punkt", "rodzaj_urzadzenia": "zdrój", "geom": Point(west + 225, south + 225)},
        {"id": "linia", "rodzaj_urzadzenia": "łata", "geom": parcel(6, 4).boundary},
        {"id": "obszar", "rodzaj_urzadzenia": "lej", "geom": parcel(2, 6).buffer(-10)},
    ])
    points = [{"id": f"n{n}", "order": n, "geom": Point(west + n, south)} for n in range(3)]
    insert(database, region, "nieznane", points)


@pytest.fixture(scope="session")
def node(server: Database, region: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("ows")
    with new_database(server) as database:
        migrate(database, region.registers.values())
        fill(database, region)
        config = write_config(folder / "mapserver.conf", folder / "build")
        with (
            MapservPool(folder / "sock", 2, config, folder / "log") as pool,
            database.pool("serve", 1) as connections,
            Served(region, database, folder / "build", Engines(connections, pool.socket, HOME)) as served,
        ):
            yield Node(served.url, pool, region, database)


class Served:
    """WMS and WFS of every tenant under uvicorn, on a free loopback port, inside the `with`."""

    def __init__(self, region: Region, database: Database, build: Path, engines: Engines) -> None:
        self.region, self.database, self.build = region, database, build
        self.services: dict[str, Any] = {"wms": Wms(engines), "wfs": Wfs(engines)}
        app = Starlette(routes=[Route("/{tenant}/{protocol}", self.answer, methods=["GET", "HEAD", "POST", "PUT"])])
        self.server = uvicorn.Server(uvicorn.Config(
            app, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=10))
        self.socket = self.server.config.bind_socket()
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        # As in a web worker: what services keep of a tenant outlives the request.
        self.published = {name: Published(tenant, build / name, region, self.url)
                          for name, tenant in region.tenants.items()}
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve([self.socket])))

    async def answer(self, request: Request) -> Response:
        tenant, protocol = request.path_params["tenant"], request.path_params["protocol"]
        response: Response = await self.services[protocol].answer(request, self.published[tenant], "")
        return response

    def __enter__(self) -> Served:
        publication = Publication(self.region, self.url, self.database.conninfo("serve"), HOME)
        for tenant in self.region.tenants.values():
            for protocol, service in self.services.items():
                folder = self.build / tenant.id / protocol
                folder.mkdir(parents=True)
                for name, content in service.compile(publication, tenant).items():
                    (folder / name).write_text(content, encoding="utf-8")
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()
