"""Servers on loopback that misbehave as county servers do, and the certificates they may have."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

_PAUSE = threading.Event()


@dataclass(frozen=True)
class Asked:
    """A request."""

    path: str
    query: dict[str, str]
    """Names in upper case."""
    headers: dict[str, str]
    """Names in lower case."""


@dataclass(frozen=True)
class Answer:
    """An answer; pieces are sent one after the other, `pause_s` apart."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """The Content-Length to claim (default: the right one; none for pieces, whose end is the end of the line)."""
    pause_s: float = 0.0


Respond = Callable[[Asked], Answer]


@dataclass
class Server:
    """A running server."""

    port: int
    scheme: str
    asked: list[Asked]
    """Every request so far."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://127.0.0.1:{self.port}/wfs"


@contextmanager
def serving(respond: Respond, certificate: Path | None = None) -> Iterator[Server]:
    """A server that answers by `respond`, by TLS where it has a certificate (PEM with its key)."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append(Asked(parts.path, {name.upper(): value for name, value in parse_qsl(parts.query)},
                               {name.lower(): value for name, value in self.headers.items()}))
            self._send(respond(asked[-1]))

        def _send(self, answer: Answer) -> None:
            pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
            length = len(answer.body) if isinstance(answer.body, bytes) and answer.length is None else answer.length
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    _PAUSE.wait(answer.pause_s)
            except OSError:
                pass  # the client has had enough

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that refuses the certificate

    with Quiet(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Server(server.server_port, "http" if certificate is None else "https", asked)
        finally:
            server.shutdown()
            thread.join()


_CA = """[ca]
default_ca = x
[x]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = p
copy_extensions = copy
[p]
commonName = supplied
"""


def certificate(folder: Path, name: str, start: str = "20200101000000Z", end: str = "20990101000000Z") -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, valid between two times, as one PEM file."""
    home = folder / name
    home.mkdir()
    (home / "ca.cnf").write_text(_CA, encoding="ascii")
    (home / "index.txt").touch()
    for command in (
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem",
         "-out", "request.csr", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
        ["ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem", "-in", "request.csr", "-out",
         "certificate.pem", "-notext", "-startdate", start, "-enddate", end],
    ):
        subprocess.run(["openssl", *command], cwd=home, check=True, capture_output=True)
    pem = home / "both.pem"
    pem.write_bytes((home / "key.pem").read_bytes() + (home / "certificate.pem").read_bytes())
    return pem
