"""Pitfalls 12, 13, 20 and 21: certificates, redirects, hostile documents, slow servers."""

from __future__ import annotations

import gzip
import hashlib
import ssl
from pathlib import Path

import pytest

from .conftest import WfsNode
from .county import County, parcels
from .server import Answer, Asked, certificate


def fingerprint(pem: Path) -> str:
    lines = pem.read_text(encoding="ascii")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(lines[lines.index("-----BEGIN CERTIFICATE"):])).hexdigest()


def good(count: int = 3) -> County:
    return County({"dzialki": parcels(count)})


def test_12_an_expired_certificate_is_refused_unless_pinned(node: WfsNode, tmp_path: Path) -> None:
    expired = certificate(tmp_path, "county", end="20200201000000Z")
    server = node.play(good(), expired)
    node.describe(server)
    node.refuses("failed", "certificate cannot be verified", fingerprint(expired))
    assert server.asked == [], "not a byte of a request to a server that did not prove itself"
    colons = ":".join(fingerprint(expired)[n:n + 2] for n in range(0, 64, 2)).upper()
    node.describe(server, tls={"pin_sha256": colons})
    node.takes()
    (version,) = node.rows("select lineage from sdi.version")
    assert fingerprint(expired) in version["lineage"]["tls"]
    assert node.codes() == {"source-tls": 1}
    assert any(check["name"] == "tls" for check in version["lineage"]["checks"])


def test_12_another_certificate_than_the_pinned_one(node: WfsNode, tmp_path: Path) -> None:
    pinned, new = certificate(tmp_path, "old"), certificate(tmp_path, "new")
    node.describe(node.play(good(), pinned), tls={"pin_sha256": fingerprint(pinned)})
    node.takes()
    server = node.play(good(5), new)
    node.describe(server, tls={"pin_sha256": fingerprint(pinned)})
    node.refuses("failed", "not the pinned one", fingerprint(new))
    assert server.asked == []


def test_12_an_authority_of_the_county(node: WfsNode, tmp_path: Path) -> None:
    own, other = certificate(tmp_path, "own"), certificate(tmp_path, "other")
    for name, pem in (("own", own), ("other", other)):
        (node.home / f"{name}.pem").write_bytes(pem.read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2])
    server = node.play(good(), own)
    node.describe(server, tls={"ca_file": "other.pem"})
    node.refuses("failed", "certificate cannot be verified")
    node.describe(server, tls={"ca_file": "missing.pem"})
    with pytest.raises(Exception, match=r"missing.pem.*tls.ca_file"):
        node.harvest()
    node.describe(server, tls={"ca_file": "own.pem"})
    node.takes()


def test_13_ports_headers_and_connections_that_close(node: WfsNode) -> None:
    county = good()

    def browsers_only(asked: Asked) -> Answer:
        if "Mozilla" not in asked.headers["user-agent"]:
            return Answer(b"only browsers", 403)
        answer = county(asked)
        assert isinstance(answer.body, bytes)
        return Answer([answer.body], headers={"Connection": "close"})

    server = node.play(browsers_only)
    node.describe(server)
    node.refuses("failed", "HTTP 403", "ask the county for access", "only browsers")
    node.describe(server, headers={"User-Agent": "Mozilla/5.0"})
    node.takes()


def test_13_redirects_within_the_host_are_followed(node: WfsNode) -> None:
    county = good()

    def moved(asked: Asked) -> Answer:
        if asked.path == "/new":
            return county(asked)
        query = "&".join(f"{name}={value}" for name, value in asked.query.items())
        return Answer(status=302, headers={"Location": f"/new?{query}"})

    node.describe(node.play(moved))
    node.takes()


@pytest.mark.parametrize(("where", "words"), [
    ("http://localhost:{port}/wfs", "redirected to another host: http://localhost:{port}/wfs"),
    ("file:///etc/passwd", "is no web address"), ("ftp://127.0.0.1/x", "is no web address"),
    ("/wfs", "redirected again and again"),
])
def test_13_redirects_elsewhere_are_not(node: WfsNode, where: str, words: str) -> None:
    other = node.play(good())
    target, expected = where.format(port=other.port), words.format(port=other.port)
    node.describe(node.play(lambda _: Answer(status=301, headers={"Location": target})),
                  headers={"X-Api-Key": "geheim"})
    node.refuses("failed", expected)
    assert other.asked == []


def test_13_a_redirect_from_https_to_http_is_refused_before_it_is_followed(node: WfsNode, tmp_path: Path) -> None:
    pem = certificate(tmp_path, "county")
    plain = node.play(good())
    server = node.play(lambda _: Answer(status=302, headers={"Location": plain.url}), pem)
    node.describe(server, tls={"pin_sha256": fingerprint(pem)})
    node.refuses("failed", "redirected from https to http")
    assert plain.asked == []


HOSTILE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "{url}/entity"><!ENTITY b SYSTEM "file:///etc/passwd">
<!ENTITY % d SYSTEM "{url}/dtd"> %d;]>"""


@pytest.mark.parametrize("entity", ["&a;", "&b;"])
def test_20_entities_are_refused_and_nothing_is_fetched(node: WfsNode, entity: str) -> None:
    trap = node.play(lambda _: Answer(b"<x/>"))
    page = County({}).dialect.page("dzialki", parcels(1)).decode().partition("?>\n")[2].replace("2026-01-01", entity)
    body = HOSTILE.format(url=trap.url) + page
    node.describe(node.play(County({"dzialki": []}, instead=Answer(body.encode()))), paging="none")
    node.refuses("failed", "DOCTYPE")
    assert trap.asked == []


def test_20_entities_in_capabilities_are_refused(node: WfsNode) -> None:
    trap = node.play(lambda _: Answer(b"<x/>"))
    body = HOSTILE.format(url=trap.url) + ("<WFS_Capabilities><FeatureTypeList><FeatureType><Name>dzialki&b;</Name>"
                                           "</FeatureType></FeatureTypeList></WFS_Capabilities>")
    node.describe(node.play(lambda _: Answer(body.encode())))
    node.refuses("failed", "DOCTYPE")
    assert trap.asked == []


def test_20_schema_locations_are_not_fetched(node: WfsNode) -> None:
    trap = node.play(lambda _: Answer(b"<x/>"))
    page = County({}).dialect.page("dzialki", parcels(3))
    body = page.replace(b"<wfs:FeatureCollection", b'<wfs:FeatureCollection xmlns:xsi="http://www.w3.org/2001/'
                        b'XMLSchema-instance" xsi:schemaLocation="http://www.opengis.net/wfs/2.0 '
                        + trap.url.encode() + b'"')
    assert b"schemaLocation" in body
    node.describe(node.play(County({"dzialki": []}, instead=Answer(body))), paging="none")
    node.takes()
    assert trap.asked == []


def test_21_busy_servers_are_asked_again_when_they_say(node: WfsNode, waits: list[float]) -> None:
    county, left = good(), [Answer(b"busy", 503, {"Retry-After": "17"}), Answer(b"slow down", 429)]

    def busy(asked: Asked) -> Answer:
        return left.pop() if left and asked.query["REQUEST"] == "GetFeature" else county(asked)

    node.describe(node.play(busy))
    node.takes()
    assert len(waits) == 2 and 1.8 <= waits[0] <= 2.2 and 15.3 <= waits[1] <= 18.7


def test_21_silent_servers_are_given_up(node: WfsNode) -> None:
    server = node.play(County({"dzialki": []}, instead=Answer([b"<x>", b"<y>"], pause_s=2.0)))
    node.describe(server, timeout_s=0.3, paging="none")
    node.refuses("failed", "no answer in time; raise timeout_s")
    assert len([asked for asked in server.asked if asked.query["REQUEST"] == "GetFeature"]) == 5


def test_21_servers_that_only_drip_are_given_up(node: WfsNode) -> None:
    drops = Answer([b" "] * 100, pause_s=0.05)
    node.describe(node.play(County({"dzialki": []}, instead=drops)), timeout_s=0.4, paging="none")
    node.refuses("failed", "no answer in time")


def test_a_truncated_answer_is_no_delivery(node: WfsNode) -> None:
    county = good(30)
    server = node.play(county)
    node.describe(server)
    node.takes()
    body = county.dialect.page("dzialki", parcels(30))
    county.instead = Answer(body[:3_000], length=len(body))
    node.refuses("failed", "is the server up?")
    county.instead = Answer([body[:3_000]])
    node.refuses("failed", "cut off")


def test_a_gzip_bomb_is_refused(node: WfsNode) -> None:
    page = County({}).dialect.page("dzialki", parcels(1)).replace(b"2026-01-01", b" " * (40 << 20))
    once = gzip.compress(page)
    assert len(once) < 100_000
    node.describe(node.play(County({"dzialki": []}, instead=Answer(once, headers={"Content-Encoding": "gzip"}))))
    node.refuses("failed", "unpack to more than")
    node.describe(node.play(County({"dzialki": []}, instead=Answer(once))))
    node.refuses("failed", "unpacks to more than")
    twice = Answer(gzip.compress(once), headers={"Content-Encoding": "gzip, gzip"})
    node.describe(node.play(County({"dzialki": []}, instead=twice)))
    node.refuses("failed", "packed several times over")
