"""Two communes with objects of every type of attribute and geometry, behind the real gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import shapely
from starlette.applications import Starlette

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.gateway.app import Gateway
from sdi.model.region import Contact, Licence, Partner, Region, RegionFile, Source, Unit
from sdi.model.register import Register
from sdi.model.text import Text
from sdi.services import classes
from sdi.services.contract import Engines, Publication, Published
from sdi.services.publications import Build, OneBuild

HOME = Path(__file__).parents[3]
PUBLIC_URL = "http://testserver"
WEST, NORTH = "041501", "041502"
"""The communes, which are also the tenants."""
PRIVATE = "Tylko dla zachodu"


def text(name: str) -> Text:
    return Text(pl=f"{name} po polsku", en=f"{name} in English")


REGISTER = Register.model_validate({
    "id": "proba", "title": {"pl": "Próba", "en": "Trial"}, "abstract": {"pl": "Próba", "en": "Trial"},
    "legal_basis": {"pl": "Dz.U. & <nic>", "en": "none"}, "namespaces": ["urn:proba"], "inspire_theme": "CP",
    "topic_category": "planningCadastre",
    "feature_types": {name: {
        "title": {"pl": f"Łąki {name}", "en": f"Meadows {name}"}, "abstract": {"pl": "Opis <ą>", "en": "Abstract"},
        "geometry": geometry,
        "attributes": {
            "nazwa": {"title": {"pl": "Nazwa łąki", "en": "Name of the meadow"}},
            "pole": {"title": {"pl": "Pole", "en": "Area"}, "type": "number", "unit": "m2"},
            "liczba": {"title": {"pl": "Liczba", "en": "Number"}, "type": "integer"},
            "czynny": {"title": {"pl": "Czynny", "en": "Active"}, "type": "boolean"},
            "dzien": {"title": {"pl": "Dzień", "en": "Day"}, "type": "date"},
            "chwila": {"title": {"pl": "Chwila", "en": "Moment"}, "type": "datetime"},
        },
    } for name, geometry in (("mieszane", "any"), ("powierzchnie", "polygon"), ("punkty", "point"))},
})


def region() -> Region:
    """A county of two communes; the tenants are the communes and the region."""
    bounds = {"0415": (460_000, 540_000, 490_000, 570_000), WEST: (460_000, 540_000, 475_000, 570_000),
              NORTH: (475_000, 540_000, 490_000, 570_000)}
    return Region(
        id="test",
        file=RegionFile(
            title=text("Region"), abstract=text("Abstract"), services=("ogcapi", "download"),
            contact=Contact(organisation=text("Urząd"), email="office@example.org"),
            licence=Licence(title=text("Licencja"), url="https://example.org/licence"),
        ),
        registers={"proba": REGISTER},
        units={code: Unit(teryt=code, name=code, geometry=shapely.box(*box)) for code, box in bounds.items()},
        sources={"0415-proba": Source(id="0415-proba", kind="gml", county="0415", delivers=("proba",))},
        partners={code: Partner(id=code, teryt=code, title=text(f"Gmina-{code}")) for code in (WEST, NORTH)},
    )


@dataclass
class Site:
    """A node with its database, its folder and its application."""

    database: Database
    var: Path
    gateway: Gateway
    app: Starlette

    def commit(self, feature_type: str, rows: list[dict[str, Any]], gone: tuple[str, ...] = ()) -> int:
        """Put rows into a table as a harvest does, with a version and its changes; geometries in EPSG:2180, x, y."""
        with self.database.connect("owner") as connection:
            run = _one(connection, "insert into sdi.run (source, kind) values ('0415-proba', 'gml') returning run")
            version = _one(connection, "insert into sdi.version (run, source, county, lineage)"
                                       " values (%s, '0415-proba', '0415', '{}') returning version", run)
            changes = [(identifier, "d") for identifier in gone]
            for identifier in gone:
                connection.execute(f"delete from proba.{feature_type} where id = %s".encode(), [identifier])
            for row in rows:
                full = {"county": "0415", "commune": WEST, "source": "0415-proba", "version": version,
                        "known_from": "2024-05-06T07:08:09.123456Z",
                        "content": "00000000-0000-0000-0000-000000000000", **row}
                values = {key: shapely.to_wkb(shapely.set_srid(value, 2180), hex=True, include_srid=True)
                          if isinstance(value, shapely.Geometry) else value for key, value in full.items()}
                names, marks = ", ".join(values), ", ".join(f"%({key})s" for key in values)
                connection.execute(f"insert into proba.{feature_type} ({names}) values ({marks})".encode(), values)
                changes.append((row["id"], "u"))
            for identifier, op in changes:
                connection.execute(
                    "insert into sdi.change (version, feature_type, fid, id, county, commune, op)"
                    " values (%s, %s, 1, %s, '0415', %s, %s)",
                    [version, feature_type, identifier,
                     next((r.get("commune", WEST) for r in rows if r["id"] == identifier), WEST), op])
        return int(version)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One request by the way of the gateway; redirects are followed."""
        async def send() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **arguments)

        return asyncio.run(send())

    def client(self) -> httpx.AsyncClient:
        """A client of the application."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=PUBLIC_URL, timeout=120,
                                 follow_redirects=True)

    def get(self, path: str, status: int = 200, **headers: str) -> httpx.Response:
        answer = self.request("GET", path, headers={name.replace("_", "-"): v for name, v in headers.items()})
        assert answer.status_code == status, answer.text[:500]
        return answer

    def file(self, path: str, folder: Path) -> Path:
        """Download a file."""
        target = folder / Path(path).name
        target.write_bytes(self.get(path).content)
        return target

    def files(self, tenant: str) -> list[str]:
        """Names of the finished files of a tenant."""
        return sorted(path.name for path in (self.var / "downloads" / tenant).glob("[!.]*")
                      if path.suffix != ".json")


def _one(connection: psycopg.Connection[Any], statement: str, *values: object) -> Any:
    row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None
    return row[0]


def application(database: Database, folder: Path, engines: Engines) -> Gateway:
    """The gateway over all tenants, compiled into `folder`."""
    declared = region()
    publication = Publication(region=declared, public_url=PUBLIC_URL, conninfo="", home=HOME)
    tenants = {}
    for tenant in declared.tenants.values():
        for protocol in tenant.services:
            (folder / tenant.id / protocol).mkdir(parents=True, exist_ok=True)
            for name, content in classes()[protocol].compile(publication, tenant).items():
                (folder / tenant.id / protocol / name).write_text(content, encoding="utf-8")
        tenants[tenant.id] = Published(tenant, folder / tenant.id, declared, PUBLIC_URL)
    return Gateway(engines, OneBuild(Build("digest", declared, PUBLIC_URL, tenants)))


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """A site with objects of every sort in both communes."""
    migrate(database, [REGISTER])
    with database.pool("serve", 4) as pool:
        engines = Engines(pool, Path("/nowhere"), HOME, tmp_path / "var")
        gateway = application(database, tmp_path / "build", engines)
        made = Site(database, tmp_path / "var", gateway, gateway.app())
        made.commit("mieszane", ROWS)
        made.commit("powierzchnie", POLYGONS)
        yield made


def square(x: float, y: float) -> shapely.Polygon:
    return shapely.box(470_000 + x, 550_000 + y, 470_010.1234 + x, 550_020.5678 + y)


ROWS: list[dict[str, Any]] = [
    {"id": "PL.1/ą b?", "nazwa": "Zażółć „gęślą” <jaźń> & 'x'; \"y\"", "pole": 0.1 + 0.2, "liczba": 2**53 + 1,
     "czynny": True, "dzien": "1999-12-31", "chwila": "2021-03-28T01:59:59.999+02:00", "namespace": "PL.X",
     "version_id": "w1", "valid_from": "2020-01-01T00:00:00Z", "geom": square(0, 0)},
    {"id": "multi", "nazwa": "", "pole": -1e-7, "liczba": -5, "czynny": False, "dzien": "2024-02-29",
     "geom": shapely.MultiPolygon([square(100, 0), square(200, 0)])},
    {"id": "line", "nazwa": "a\nb\tc", "geom": shapely.LineString([(470_000.001, 550_000), (470_001, 550_000.999)])},
    {"id": "point", "geom": shapely.Point(471_234.5678, 551_234.5678)},
    {"id": "nowhere", "nazwa": PRIVATE},
    {"id": "north", "nazwa": "Północ", "commune": NORTH, "geom": shapely.Point(480_000, 550_000)},
]

POLYGONS: list[dict[str, Any]] = [
    {"id": f"p{n}", "nazwa": f"Łąka {n}", "pole": n * 1.25, "liczba": n, "geom": square(37 * n, 11 * n)}
    for n in range(200)
] + [
    {"id": "hole", "geom": square(0, 9_000).union(square(50, 9_000)).convex_hull.difference(square(20, 9_000))},
    {"id": "two", "geom": shapely.MultiPolygon([square(0, 9_500), square(30, 9_500)])},
]


def items(site: Site, tenant: str, collection: str) -> dict[str, dict[str, Any]]:
    """All features of OGC API by id, in EPSG:2180 with northing first as its authority has it."""
    answer = site.get(f"/{tenant}/ogcapi/collections/{collection}/items?f=json&limit=10000"
                      "&crs=http://www.opengis.net/def/crs/EPSG/0/2180")
    return {feature["id"]: feature for feature in json.loads(answer.content)["features"]}
