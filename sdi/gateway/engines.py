"""The engines of this node: mapserv workers, one pool for `sdi serve`, a small one while `sdi publish` probes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sdi.db.database import Database
from sdi.services.contract import Engines
from sdi.services.ows.workers import MapservPool, write_config
from sdi.settings import Settings


@contextmanager
def mapserv_pool(settings: Settings, workers: int) -> Iterator[Path]:
    """Workers that may open the mapfiles under `var/build`; gives their unix socket.

    The socket lies in a private folder with a short name, because a unix socket's path is limited to 107 bytes.
    """
    logs = settings.var / "log"
    logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sdi-") as folder:
        config = write_config(Path(folder) / "mapserver.conf", maps=settings.var / "build")
        socket = Path(folder) / "mapserv.sock"
        with MapservPool(socket, workers=workers, config=config, log=logs / "mapserv.log"):
            yield socket


def engines_of(settings: Settings, database: Database, mapserv_socket: Path, connections: int) -> Engines:
    """What the services of one process share; its pool, of at most so many connections, is not open yet."""
    return Engines(database.pool("serve", connections), mapserv_socket, settings.home, settings.var,
                   settings.downloads_gb << 30)
