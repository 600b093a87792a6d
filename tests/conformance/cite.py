"""The layers that the suite for WMS wants (`cite:*`, near 0° 0°) as a region of their own, on the real parts of a node.

They cannot be harvested: no register of Poland lies there. So they are put into the tables that a register of theirs
makes, in the one CRS that is stored (it is exact there too), and from there on all is as for any other region: our
compiler writes the mapfiles, and gateway, normaliser and `mapserv` answer.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch
from zipfile import ZipFile

import pyogrio.raw
import pyproj
import shapely
import uvicorn
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from sdi.db.cluster import node_database
from sdi.db.database import Database
from sdi.db.feature_tables import current_table
from sdi.db.migrate import migrate
from sdi.gateway.app import Gateway
from sdi.gateway.engines import mapserv_pool
from sdi.gateway.publications import Build, OneBuild
from sdi.model.region import REGION_TENANT, Contact, Licence, Region, RegionFile, Source, Unit
from sdi.model.register import FeatureType, GeometryType, Register
from sdi.model.text import Text
from sdi.records.refresh import refresh
from sdi.services import classes
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ows.styles import BROWN, DARK, GREEN, STYLES, WATER, Look, Style
from sdi.settings import Settings
from tests.conftest import HOME, new_database

DATA = "data-wms-1.3.0.zip"
"""Among the suite's scripts and pages; its shapefiles are in longitude and latitude."""

LAYERS: dict[str, tuple[GeometryType, Look]] = {
    "BasicPolygons": ("polygon", Look(line=DARK, fill="#f4c2a1")),
    "Forests": ("polygon", Look(line=GREEN, fill="#cfe8c0")),
    "NamedPlaces": ("polygon", Look(line="#808080", fill="#e8dcf0")),
    "Lakes": ("polygon", Look(line=WATER, fill="#9fc9f3")),
    "Ponds": ("polygon", Look(line=WATER, fill="#9fc9f3")),
    "Streams": ("line", Look(line=WATER, width=1.4)),
    "RoadSegments": ("line", Look(line=DARK, width=1.6)),
    "DividedRoutes": ("line", Look(line="#b00020", width=2.4)),
    "Bridges": ("point", Look(fill=BROWN, size=6.0)),
    "Buildings": ("polygon", Look(line=DARK, fill="#dcdcdc")),
    "MapNeatline": ("line", Look(line=DARK)),
}
"""By the names that the suite gives them, from the bottom up."""

_COUNTY, _REGISTER = "0000", "cite"
_TO_STORED = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:2180", always_xy=True)


@contextmanager
def serving(settings: Settings, folder: Path, jars: list[Path]) -> Iterator[str]:
    """Serve the layers out of the suite's jars, below a folder; gives the address of the tenant."""
    own = replace(settings, var=folder / "node")
    shutil.rmtree(own.var, ignore_errors=True)
    server = uvicorn.Server(uvicorn.Config("", log_level="warning", host="localhost", port=0))
    listener = server.config.bind_socket()
    address = f"http://localhost:{listener.getsockname()[1]}"
    (site,) = (jar for jar in jars if jar.name.startswith("ets-wms13-") and jar.name.endswith("-site.jar"))
    with ZipFile(site) as pages, ZipFile(pages.open(DATA)) as data:
        data.extractall(folder / "data")
    objects = {name: _objects(folder / "data" / "shapefile" / f"{name}.shp") for name in LAYERS}
    region = _region([geometry for found in objects.values() for geometry in found])
    styles = {name: Style(look, max_scale=None) for name, (_, look) in LAYERS.items()}
    with node_database(own) as cluster, new_database(cluster) as database, patch.dict(STYLES, styles):
        migrate(database, region.registers.values())
        _insert(database, region, objects)
        with database.connect("harvest") as connection:
            refresh(connection, region, address, HOME)
        build = _compile(own.var / "build", Publication(region, address, database.conninfo("serve"), HOME))
        with mapserv_pool(own, workers=2) as socket, database.pool("serve", 4) as pool:
            server.config.app = Gateway(Engines(pool, socket, HOME, own.var), OneBuild(build)).app()
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                yield f"{address}/{REGION_TENANT}"
            finally:
                server.should_exit = True
                thread.join()


def _objects(shapefile: Path) -> list[BaseGeometry]:
    """The geometries of a shapefile in EPSG:2180, x = easting."""
    _, _, geometries, _ = pyogrio.raw.read(shapefile, columns=[])
    return list(shapely.transform(shapely.from_wkb(geometries), _TO_STORED.transform, interleaved=False))


def _region(objects: list[BaseGeometry]) -> Region:
    """A region of one county around the objects, and one register: a feature type for each layer."""
    layer = {name: _feature_type(name, geometry) for name, (geometry, _) in LAYERS.items()}
    register = Register(
        id=_REGISTER, title=_text("OGC CITE"), abstract=_text("Blue Lake"), legal_basis=_text("OGC 06-042"),
        namespaces=(), inspire_theme="LC", topic_category="environment", feature_types={},
    )
    # Not validated: names of the suite have capitals, which those of a declaration may not.
    return Region.model_construct(
        id=_REGISTER,
        file=RegionFile(
            title=_text("OGC CITE"), abstract=_text("Blue Lake"), services=("wms", "csw"),
            contact=Contact(organisation=_text("OGC"), email="cite@example.org"),
            licence=Licence(title=_text("-"), url="https://example.org/"),
        ),
        registers={_REGISTER: register.model_copy(update={"feature_types": layer})},
        units={_COUNTY: Unit(teryt=_COUNTY, name="Blue Lake",
                             geometry=shapely.box(*shapely.GeometryCollection(objects).bounds))},
        sources={_COUNTY: Source(id=_COUNTY, kind="gml", county=_COUNTY, delivers=(_REGISTER,))},
        partners={},
    )


def _feature_type(name: str, geometry: GeometryType) -> FeatureType:
    return FeatureType(name=name, register_id=_REGISTER, title=_text(f"cite:{name}"), abstract=_text(name),
                       geometry=geometry, attributes={})


def _text(text: str) -> Text:
    return Text(pl=text, en=text)


def _insert(database: Database, region: Region, objects: dict[str, list[BaseGeometry]]) -> None:
    statement = sql.SQL(
        "insert into {} (id, county, source, known_from, version, content, geom) values "
        "(%s, %s, %s, now(), 1, gen_random_uuid(), ST_GeomFromWKB(%s, 2180))")
    with database.connect("harvest") as connection, connection.cursor() as cursor:
        for name, geometries in objects.items():
            cursor.executemany(statement.format(current_table(region.feature_types[name])), [
                (f"{name}.{number}", _COUNTY, _COUNTY, geometry.wkb) for number, geometry in enumerate(geometries)])


def _compile(folder: Path, publication: Publication) -> Build:
    """Write what each service compiles for the one tenant."""
    region, services = publication.region, classes()
    tenant = region.tenants[REGION_TENANT]
    for protocol in tenant.services:
        for name, text in services[protocol].compile(publication, tenant).items():
            path = folder / tenant.id / protocol / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    published = Published(tenant, folder / tenant.id, region, publication.public_url)
    return Build(_REGISTER, region, publication.public_url, {tenant.id: published})
