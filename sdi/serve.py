"""Run the node until a signal: the database, the mapserv and web workers, and the maker of files; then stop them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.errors import SettingsError
from sdi.gateway import web
from sdi.gateway.engines import engines_of, mapserv_pool
from sdi.model.load import Loaded
from sdi.publish import publish, summary
from sdi.services.downloads.ahead import Ahead, running
from sdi.services.publications import Publications
from sdi.settings import Settings


def serve(settings: Settings, loaded: Loaded, say: Callable[[str], None] = print) -> int:
    """Publish and answer until SIGINT or SIGTERM. Returns the exit code.

    Raises SettingsError where the address or the port cannot be had, DatabaseError, PublicationError.
    """
    listener = _listen(settings)
    web.prepare()
    with listener, node_database(settings) as database:
        migrate(database, loaded.region.registers.values())
        say(summary(publish(loaded, database, settings)))
        with mapserv_pool(settings, workers=settings.map_workers) as mapserv_socket:
            ahead = Ahead(engines_of(settings, database, mapserv_socket, 1), Publications(settings.var / "build"))
            say(f"Serving {loaded.region.file.title.get('en')}: {settings.public_url}/   (Ctrl-C stops)")
            with running(ahead):
                web.run(settings, database.url, mapserv_socket, listener)
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
        advice = ("stop what listens there or choose another port with SDI_PORT"
                  if error.errno in (errno.EADDRINUSE, errno.EACCES) else
                  "SDI_HOST must be an address of this machine, or 0.0.0.0 for all of them")
        raise SettingsError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; {advice}") from error
    listener.set_inheritable(True)
    return listener
