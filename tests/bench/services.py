"""The services of one node against their peers, over one database: items, WFS, WMS, vector tiles."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sdi.db.database import Database
from sdi.model.load import load_region
from sdi.model.region import REGION_TENANT, Tenant
from sdi.model.register import FeatureType
from sdi.services.ows.mapfile import quote
from sdi.services.ows.workers import mapserv
from sdi.settings import Settings
from sdi.store.columns import ID, published
from tests.bench import nginx, peers
from tests.bench.data import bench_database, bench_home, for_peers
from tests.bench.timing import Absent, NoAnswer, Web
from tests.environments import Environment, NotInstalled
from tests.features.conftest import environment, start


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a peer answers, or why it is not here."""

    name: str
    version: str
    url: str | NoAnswer

    def web(self, path: Callable[[int], str], valid: Callable[[bytes], bool]) -> Web | Absent:
        """The peer as a contender."""
        return Web(self.url, path, valid) if isinstance(self.url, str) else Absent(str(self.url))


@dataclass(frozen=True, slots=True)
class Bench:
    """All that answers, over one database."""

    database: Database
    tenant: Tenant
    """The region: its rows are all rows, as for the peers."""
    ours: Peer
    pygeoapi: Peer
    tipg: Peer
    mapserver: Peer
    qgis: Peer


@contextmanager
def bench(
    server: Database, settings: Settings, folder: Path, peers_at: Path, parcels: int, keep: bool
) -> Iterator[Bench]:
    """The node and its peers while inside the `with`; a peer that does not start is named with its reason."""
    home = bench_home(folder / "home")
    making = replace(settings, home=home, var=folder / "making", region="demo")
    with ExitStack() as stack:
        database = stack.enter_context(bench_database(server, making, parcels, keep))
        region = load_region(home, "demo").region
        for_peers(database, [ID.name, *published(region.feature_types["dzialki"])])
        variables = environment(home) | {"SDI_DATABASE_URL": database.url, "SDI_VAR": str(folder / "serving"),
                                         "SDI_WEB_WORKERS": str(settings.web_workers),
                                         "SDI_MAP_WORKERS": str(settings.map_workers)}
        url = stack.enter_context(_node(home, variables))
        made = Environment(peers_at, peers.REQUIREMENTS)
        build = (folder / "serving" / "build" / "current").resolve()
        maps = {"wms": build / REGION_TENANT / "wms" / "pol.map",
                "wfs": _wfs_map(database, region.feature_types["dzialki"], folder / "peer.map")}

        def peer(name: str, version: str, begin: Callable[[], AbstractContextManager[str]]) -> Peer:
            try:
                return Peer(name, version, stack.enter_context(begin()))
            except NoAnswer as reason:
                print(f"{name}: {reason}", flush=True)
                return Peer(name, version, reason)

        def python(which: Callable[..., AbstractContextManager[str]], name: str) -> AbstractContextManager[str]:
            try:
                made.make()
            except NotInstalled as reason:
                raise NoAnswer(str(reason)) from reason
            return which(made, database, folder / name, settings.web_workers)

        yield Bench(
            database, region.tenants[REGION_TENANT], Peer("ours", "", url),
            peer("pygeoapi", peers.version("pygeoapi"), lambda: python(peers.pygeoapi, "pygeoapi")),
            peer("tipg", peers.version("tipg"), lambda: python(peers.tipg, "tipg")),
            peer("MapServer behind nginx", mapserver_version(),
                 lambda: nginx.mapserver(maps, folder, folder / "mapserver", settings.map_workers)),
            peer("QGIS Server behind nginx", nginx.qgis_version(),
                 lambda: nginx.qgis_server(database, folder / "qgis", settings.map_workers)),
        )


def _wfs_map(database: Database, feature_type: FeatureType, path: Path) -> Path:
    """Write a mapfile by which MapServer serves the parcels as WFS; its path."""
    columns = ", ".join(f'x."{name}"' for name in (ID.name, *published(feature_type)))
    table = ".".join(feature_type.table)
    rows = f"SELECT x.fid, {columns}, x.geom FROM {table} AS x WHERE x.geom IS NOT NULL ORDER BY x.fid"
    data = f"geom FROM ({rows}) AS t USING UNIQUE fid USING SRID=2180"
    names = ",".join((ID.name, *published(feature_type)))
    text = (Path(__file__).parent / "peer.map").read_text(encoding="utf-8")
    for mark, value in (("@conninfo@", database.conninfo("serve")), ("@data@", data), ("@columns@", names)):
        text = text.replace(mark, quote(value))
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def _node(home: Path, variables: dict[str, str]) -> Iterator[str]:
    node = start(home, variables, "serve")
    try:
        yield node.url
    finally:
        node.process.send_signal(signal.SIGINT)
        node.process.wait(60)


def mapserver_version() -> str:
    """As `mapserv -v` says it."""
    said = subprocess.run([mapserv(), "-v"], capture_output=True, text=True, check=False).stdout
    return said.partition("version ")[2].partition(" ")[0]
