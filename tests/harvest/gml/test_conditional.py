"""A file that the server says is the same is not fetched again; one that it says nothing of is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from tests.harvest.run.conftest import SOUTH, WEST, Node, kinds, node

__all__ = ["kinds", "node"]


def delivery(*numbers: int) -> bytes:
    """GML of fields of the trial register, EPSG:2180 northing easting."""
    members = "".join(
        f"""<gml:featureMember><p:Pole><p:idIIP><p:I><p:lokalnyId>pole-{n}</p:lokalnyId></p:I></p:idIIP>
        <p:nazwa>pole {n}</p:nazwa><p:geometria><gml:Polygon srsName="urn:ogc:def:crs:EPSG::2180"><gml:exterior>
        <gml:LinearRing><gml:posList>{_square(n)}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>
        </p:geometria></p:Pole></gml:featureMember>""" for n in numbers)
    return (f'<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:p="urn:proba">{members}'
            "</gml:FeatureCollection>").encode()


def _square(n: int) -> str:
    x, y = WEST + 20 * n, SOUTH
    corners = [(y, x), (y + 10, x), (y + 10, x + 10), (y, x + 10), (y, x)]
    return " ".join(f"{north} {east}" for north, east in corners)


@dataclass
class County:
    """A county's web server with one file."""

    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    sent: int = 0
    """How often the file itself was sent."""


@pytest.fixture
def county(node: Node) -> Iterator[County]:
    county = County()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            for name, value in county.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(county.body)))
            self.end_headers()

        def do_GET(self) -> None:
            county.sent += 1
            self.do_HEAD()
            self.wfile.write(county.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        county.port = server.server_port
        declare(node, county)
        yield county
        server.shutdown()
        thread.join()


def declare(node: Node, county: County, **parameters: object) -> None:
    register = node.home / "configs" / "registers" / "proba.yaml"
    text = register.read_text(encoding="utf-8")
    if "gml:" not in text:
        body = yaml.safe_load(text)
        body["feature_types"]["pola"]["gml"] = {"Pole": {}}
        body["feature_types"]["pola"]["attributes"]["nazwa"]["gml"] = ["nazwa"]
        del body["feature_types"]["pola"]["commune_from"]
        register.write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")
    node.source = {}
    node.declare(kind="gml", county="0415", delivers=["pola"],
                 parameters={"url": f"http://127.0.0.1:{county.port}/egib.gml", **parameters})


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {"Last-Modified": "Sat, 01 Nov 2025 10:00:00 GMT"}])
def test_what_has_not_changed_is_not_fetched_again(node: Node, county: County, headers: dict[str, str]) -> None:
    county.body, county.headers = delivery(1, 2, 3), headers
    first = node.harvest()
    assert (first.state, county.sent) == ("committed", 1), first.message
    assert (node.harvest().state, county.sent) == ("unchanged", 1)

    county.body, county.headers = delivery(1, 2, 3, 4), {name: value + "x" for name, value in headers.items()}
    assert (node.harvest().state, county.sent) == ("committed", 2)
    assert len(node.rows("select 1 from proba.pola")) == 4


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}])
def test_what_the_server_does_not_vouch_for_is_fetched(node: Node, county: County, headers: dict[str, str]) -> None:
    county.body, county.headers = delivery(1, 2, 3), headers
    assert (node.harvest().state, county.sent) == ("committed", 1)
    assert (node.harvest().state, county.sent) == ("unchanged", 2)


def test_a_file_gone_from_the_archive_is_fetched_again(node: Node, county: County) -> None:
    county.body, county.headers = delivery(1, 2, 3), {"ETag": '"1"'}
    node.harvest()
    for file in (node.settings.var / "archive").rglob("*"):
        if file.is_file():
            file.unlink()
    assert (node.harvest().state, county.sent) == ("unchanged", 2)
