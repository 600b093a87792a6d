"""A proxy on the loopback that answers requests for schemas on the web from folders."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(slots=True)
class Schemas:
    """A running proxy."""

    folders: tuple[Path, ...]
    """`<folder>/<host>/<path>`, as the schemas lie on the web; the first that has one gives it; may be absent."""
    port: int = 0
    missing: set[str] = field(default_factory=set)
    """Addresses that were asked for and are in no folder."""

    def find(self, address: str) -> bytes | None:
        """What lies at an http address; files may refer to those of other hosts by `../<host>/`, as they lie here."""
        parts = urlsplit(address)
        for folder in map(Path.resolve, self.folders):
            path = (folder / (parts.hostname or "-") / parts.path.lstrip("/")).resolve()
            if path.is_relative_to(folder) and len(path.relative_to(folder).parts) > 1 and path.is_file():
                return path.read_bytes()
        self.missing.add(address)
        return None


@contextmanager
def serving(*folders: Path) -> Iterator[Schemas]:
    """A proxy, for as long as the `with` lasts."""
    schemas = Schemas(folders)

    class Handler(BaseHTTPRequestHandler):
        """Answers GET with the file or 404, CONNECT (https) with 501: TLS has no place on the loopback."""

        def do_GET(self) -> None:
            """One schema."""
            body = schemas.find(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what is missing is told at the end."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    schemas.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield schemas
    finally:
        server.shutdown()
        server.server_close()
