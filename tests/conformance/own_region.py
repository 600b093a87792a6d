"""A region of a suite's own data, near 0° 0° or nowhere, served by the real parts of a node in this process.

Such data cannot be harvested: no register of Poland has them. From the database on all is as for any other region: our
compilers write the files, and gateway, engines and catalogue answer.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import shapely
import uvicorn
from shapely.geometry.base import BaseGeometry

from sdi.db.cluster import node_database
from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.gateway.app import Gateway
from sdi.gateway.engines import mapserv_pool
from sdi.model.region import REGION_TENANT, Contact, Licence, Protocol, Region, RegionFile, Source, Unit
from sdi.model.register import FeatureType, GeometryType, Register
from sdi.model.text import Text
from sdi.records.refresh import refresh
from sdi.services import classes
from sdi.services.contract import Engines, Publication, Published
from sdi.services.publications import Build, OneBuild
from sdi.settings import Settings
from tests.conftest import HOME, new_database

COUNTY, REGISTER = "0000", "cite"


@contextmanager
def serving(settings: Settings, folder: Path, region: Region, fill: Callable[[Database], None]) -> Iterator[str]:
    """Serve a region below a folder, with what `fill` puts into its database; gives the address of its tenant."""
    own = replace(settings, var=folder / "node")
    shutil.rmtree(own.var, ignore_errors=True)
    server = uvicorn.Server(uvicorn.Config(
        "", log_level="warning", host="localhost", port=0, timeout_graceful_shutdown=10))
    listener = server.config.bind_socket()
    address = f"http://localhost:{listener.getsockname()[1]}"
    with node_database(own) as cluster, new_database(cluster) as database:
        migrate(database, region.registers.values())
        with database.connect("harvest") as connection:
            refresh(connection, region, address, HOME)
        fill(database)
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


def declared(
    services: tuple[Protocol, ...], layers: Mapping[str, GeometryType], objects: Iterable[BaseGeometry] = ()
) -> Region:
    """A region of one county around objects (EPSG:2180), and one register with a feature type for each layer."""
    types = {name: FeatureType(name=name, register_id=REGISTER, title=text(f"cite:{name}"), abstract=text(name),
                               geometry=geometry, attributes={}) for name, geometry in layers.items()}
    register = Register(id=REGISTER, title=text("OGC CITE"), abstract=text("Blue Lake"), legal_basis=text("OGC 06-042"),
                        namespaces=(), inspire_theme="LC", topic_category="environment", feature_types={})
    place = shapely.GeometryCollection(list(objects))
    # Not validated: names of the suite have capitals, which those of a declaration may not.
    return Region.model_construct(
        id=REGISTER,
        file=RegionFile(
            title=text("OGC CITE"), abstract=text("Blue Lake"), services=services,
            contact=Contact(organisation=text("OGC"), email="cite@example.org"),
            licence=Licence(title=text("-"), url="https://example.org/"),
        ),
        registers={REGISTER: register.model_copy(update={"feature_types": types})},
        units={COUNTY: Unit(teryt=COUNTY, name="Blue Lake",
                            geometry=None if place.is_empty else shapely.box(*place.bounds))},
        sources={COUNTY: Source(id=COUNTY, kind="gml", county=COUNTY, delivers=(REGISTER,))},
        partners={},
    )


def text(same: str) -> Text:
    """The same in both languages."""
    return Text(pl=same, en=same)


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
    return Build(REGISTER, region, publication.public_url, {tenant.id: published})
