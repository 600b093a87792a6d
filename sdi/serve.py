"""Run the node: the database, the mapserv workers and the web workers, until a signal; then stop all of them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

import uvicorn
from uvicorn.supervisors import Multiprocess

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.errors import SettingsError
from sdi.gateway.engines import mapserv_pool
from sdi.model.load import Loaded
from sdi.publish import publish, summary
from sdi.settings import Settings


def serve(settings: Settings, loaded: Loaded, say: Callable[[str], None] = print) -> int:
    """Publish and answer until SIGINT or SIGTERM. Returns the exit code.

    Raises SettingsError where the port is taken, DatabaseError, PublicationError.
    """
    listener = _listen(settings)
    with listener, node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        say(summary(publish(loaded, database, settings)))
        with mapserv_pool(settings, workers=settings.map_workers) as mapserv_socket:
            # Web workers are fresh interpreters: the environment is their only inheritance.
            os.environ |= {
                "SDI_HOME": str(settings.home), "SDI_VAR": str(settings.var), "SDI_REGION": settings.region,
                "SDI_PUBLIC_URL": settings.public_url, "SDI_DOWNLOADS_GB": str(settings.downloads_gb),
                "SDI_DATABASE_URL": database.url,
                "SDI_MAPSERV_SOCKET": str(mapserv_socket), "SDI_SUPERVISOR": str(os.getpid()),
            }
            say(f"Serving {loaded.region.file.title.get('en')}: {settings.public_url}/   (Ctrl-C stops)")
            _run(settings, listener)
    return 0


def _listen(settings: Settings) -> socket.socket:
    """The listening socket, taken first so that a taken port is known before anything starts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: 40 ms of each small answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
            "stop what listens there or choose another port with SDI_PORT"
        ) from error
    listener.set_inheritable(True)
    return listener


def _run(settings: Settings, listener: socket.socket) -> None:
    config = uvicorn.Config(
        "sdi.gateway.app:create", factory=True, workers=settings.web_workers, log_level="warning",
        access_log=False, server_header=False, timeout_graceful_shutdown=10, timeout_keep_alive=30,
        timeout_worker_healthcheck=30,
    )
    assert threading.current_thread() is threading.main_thread()
    Multiprocess(config, sockets=[listener]).run()
