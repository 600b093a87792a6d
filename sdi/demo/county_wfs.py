"""A county's own WFS over its GeoPackage: MapServer with `ms:dzialki` and `ms:budynki`, as counties run it.

    python -m sdi.demo.county_wfs --data var/demo/0404/egib.gpkg --port 8081

It answers WFS 2.0.0 and 1.1.0 at /wfs in EPSG:2177 and 2180, pages by `startIndex` and `count`, and gives at most
1000 objects at once.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sdi.demo.geopackage import BUILDINGS, PARCELS
from sdi.demo.units import SRID
from sdi.errors import SourceError
from sdi.model.text import Text
from sdi.services.ows import fastcgi
from sdi.services.ows.workers import MapservPool, write_config

TIMEOUT_S = 120.0
PAGE = 1000
"""Most objects in one answer, as counties' services have it."""


def mapfile(data: Path, url: str) -> str:
    """The mapfile of the service: one layer per table of the GeoPackage `data`, published at `url`."""
    layers = "".join(_layer(data, name, columns) for name, columns in (("dzialki", PARCELS), ("budynki", BUILDINGS)))
    return f"""MAP
  NAME "egib"
  EXTENT 6500000 5850000 6580000 5920000
  UNITS METERS
  PROJECTION "init=epsg:{SRID}" END
  WEB
    METADATA
      "ows_title" "EGiB, powiat chełmiński (dane przykładowe)"
      "ows_onlineresource" "{url}"
      "ows_enable_request" "*"
      "ows_srs" "EPSG:{SRID} EPSG:2180"
      "ows_encoding" "UTF-8"
      "wfs_namespace_prefix" "ms"
      "wfs_namespace_uri" "http://mapserver.gis.umn.edu/mapserver"
      "wfs_maxfeatures" "{PAGE}"
    END
  END
{layers}END
"""


def _layer(data: Path, name: str, columns: tuple[str, ...]) -> str:
    return f"""  LAYER
    NAME "{name}"
    TYPE POLYGON
    STATUS ON
    CONNECTIONTYPE OGR
    CONNECTION "{data}"
    DATA "{name}"
    PROJECTION "init=epsg:{SRID}" END
    METADATA
      "ows_title" "{name}"
      "gml_featureid" "{columns[0]}"
      "gml_include_items" "{','.join(columns)}"
      "gml_geometries" "msGeometry"
      "gml_msGeometry_type" "polygon"
    END
  END
"""


def application(data: Path, url: str, folder: Path) -> Starlette:
    """The service as an ASGI application; its mapfile, socket and log lie in `folder`."""
    folder = folder.resolve()
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    map_path = folder / "maps" / "egib.map"
    map_path.write_text(mapfile(data.resolve(), url), encoding="utf-8")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        config = write_config(folder / "mapserver.conf", folder / "maps")
        with MapservPool(folder / "s", 2, config, folder / "mapserv.log"):
            yield

    async def answer(request: Request) -> Response:
        body = await request.body()
        params = fastcgi.environment(request.method, request.url.query, request.headers.get("content-type", ""),
                                     len(body)) | {"MS_MAPFILE": str(map_path)}
        try:
            got = await fastcgi.request(folder / "s", params, body, TIMEOUT_S)
        except fastcgi.NoAnswer as error:
            return PlainTextResponse(str(error), error.status)
        return StreamingResponse(got.body, got.status, dict(got.headers))

    return Starlette(routes=[Route("/wfs", answer, methods=["GET", "POST"])], lifespan=lifespan)


@contextmanager
def county_wfs(data: Path, port: int = 0) -> Iterator[str]:
    """The service in a process of its own inside the `with`; its address. Port 0: any free one.

    It dies with this process, however that ends. Raises SourceError where the port is taken or it does not come up.
    """
    if not data.is_file():
        raise SourceError(Text(
            pl=f"nie ma pliku {data}; zapisuje go `sdi demo --write-only`",
            en=f"no such file: {data}; `sdi demo --write-only` writes it"))
    with _listener(port) as listener:
        number = listener.fileno()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/wfs"
        command = [sys.executable, "-m", "sdi.demo.county_wfs", "--data", str(data),
                   "--port", str(listener.getsockname()[1]), "--listener", str(number)]
        log = tempfile.TemporaryFile()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log,
                                   pass_fds=[number])
    with log, process:
        try:
            _wait(process, url, log)
            yield url
        finally:
            process.terminate()


def _listener(port: int) -> socket.socket:
    """The listening socket, taken before the service starts: whoever has the port already must not pass for it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise SourceError(Text(
            pl=f"port {port} dla WFS powiatu nie jest dostępny ({error.strerror}); inny wybiera SDI_DEMO_WFS_PORT",
            en=f"port {port} cannot be had for the county's WFS ({error.strerror}); SDI_DEMO_WFS_PORT chooses another",
        )) from error
    return listener


def _wait(process: subprocess.Popen[bytes], url: str, log: IO[bytes]) -> None:
    capabilities = f"{url}?service=WFS&version=2.0.0&request=GetCapabilities"
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if "dzialki" in httpx.get(capabilities, timeout=30).text and process.poll() is None:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    process.kill()
    log.seek(0)
    said = log.read().decode(errors="replace").strip()[-500:] or "no reason given"
    raise SourceError(Text(
        pl=f"WFS powiatu nie odpowiada pod {url}: {said}; inny port wybiera SDI_DEMO_WFS_PORT",
        en=f"the county's WFS does not answer at {url}: {said}; SDI_DEMO_WFS_PORT moves it"))


def _leash(server: uvicorn.Server) -> None:
    """Stop when standard input ends, which it does when the parent dies."""
    os.read(sys.stdin.fileno(), 1)
    server.should_exit = True


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m sdi.demo.county_wfs", description="A county's own WFS.")
    parser.add_argument("--data", type=Path, required=True, help="the GeoPackage with dzialki and budynki")
    parser.add_argument("--port", type=int, default=8081, help="TCP port on 127.0.0.1 (default: 8081)")
    parser.add_argument("--listener", type=int, metavar="FD",
                        help="listen on this inherited socket, and stop when standard input ends")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="county-wfs-") as folder:
        app = application(options.data, f"http://127.0.0.1:{options.port}/wfs?", Path(folder))
        server = uvicorn.Server(uvicorn.Config(app, port=options.port, log_level="warning", access_log=False))
        if options.listener is None:
            server.run()
        else:
            threading.Thread(target=_leash, args=(server,), daemon=True).start()
            server.run(sockets=[socket.socket(fileno=options.listener)])


if __name__ == "__main__":
    main()
