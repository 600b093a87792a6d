"""A loopback HTTP server with answers by request, and a real MapServer WFS behind the same."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

Answer = tuple[int, dict[str, str], bytes]
Respond = Callable[[dict[str, str]], Answer]
"""From the parameters of a request (names in upper case) to status, headers and body."""

MAPSERV = Path("/usr/lib/cgi-bin/mapserv")


@contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """The address of a server that answers by `respond`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name.upper(): value for name, value in parse_qsl(urlsplit(self.path).query)}
            status, headers, body = respond(query)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/wfs"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def mapserver(tmp_path: Path) -> Iterator[str]:
    """A MapServer WFS with 25 parcels `ms:dzialki` and 3 buildings `ms:budynki` near Toruń, stored in EPSG:2177."""
    if not MAPSERV.is_file():
        pytest.skip("no mapserv here")
    parcels = [({"ID_DZIALKI": f"041501_1.0001.{n}", "NUMER_DZIALKI": str(n), "POLE_EWIDENCYJNE": "0,1200",
                 "KW": "secret"}, 6560000 + 30 * n, 5880000) for n in range(25)]
    buildings = [({"ID_BUDYNKU": f"041501_1.0001.{n}.1_BUD", "RODZAJ": "m\n"}, 6560005 + 30 * n, 5880005)
                 for n in range(3)]
    for name, rows in (("dzialki", parcels), ("budynki", buildings)):
        features = [
            {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [
                [[x, y], [x, y + 10], [x + 20, y + 10], [x + 20, y], [x, y]]]}}
            for properties, x, y in rows
        ]
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2177"}}
        text = json.dumps({"type": "FeatureCollection", "crs": crs, "features": features})
        (tmp_path / f"{name}.geojson").write_text(text, encoding="utf-8")
    mapfile = tmp_path / "county.map"
    mapfile.write_text(_mapfile(tmp_path), encoding="utf-8")
    config = tmp_path / "mapserver.conf"
    config.write_text('CONFIG ENV MS_MAP_PATTERN "." END END', encoding="utf-8")

    def respond(query: dict[str, str]) -> Answer:
        environ = {"PATH": os.environ["PATH"], "MS_MAPFILE": str(mapfile), "REQUEST_METHOD": "GET",
                   "MAPSERVER_CONFIG_FILE": str(config),
                   "QUERY_STRING": "&".join(f"{name}={value}" for name, value in query.items())}
        ran = subprocess.run([MAPSERV], env=environ, capture_output=True, check=True, timeout=60)
        _, _, body = ran.stdout.partition(b"\r\n\r\n")
        return 200, {"Content-Type": "text/xml"}, body

    with serving(respond) as url:
        yield url


def _mapfile(folder: Path) -> str:
    layers = "".join(
        f"""
  LAYER
    NAME "{name}" TYPE POLYGON STATUS ON CONNECTIONTYPE OGR CONNECTION "{folder}/{name}.geojson"
    PROJECTION "init=epsg:2177" END
    METADATA "wfs_title" "{name}" "gml_include_items" "all" "gml_featureid" "{key}" "wfs_extent"
      "6559000 5879000 6562000 5881000" END
  END"""
        for name, key in (("dzialki", "ID_DZIALKI"), ("budynki", "ID_BUDYNKU"))
    )
    return f"""MAP
  NAME "county" SIZE 10 10 EXTENT 6559000 5879000 6562000 5881000 UNITS METERS
  PROJECTION "init=epsg:2177" END
  WEB METADATA "wfs_title" "county" "wfs_enable_request" "*" "wfs_onlineresource" "http://127.0.0.1/wfs?"
    "wfs_srs" "EPSG:2177 EPSG:2180 EPSG:4326" END END{layers}
END
"""
