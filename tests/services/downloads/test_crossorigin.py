"""Scripts on other sites may ask whatever our own pages may, and read every answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.services.downloads.conftest import PUBLIC_URL, WEST, Site

ORIGIN = {"Origin": "https://map.example.org"}

REQUESTS = [
    ("GET", "ogcapi/collections/mieszane/items", "if-none-match,x-requested-with"),
    ("GET", "ogcapi/collections/nothing/items", "accept"),
    ("POST", "wfs", "content-type"),
    ("POST", "csw", "content-type"),
    ("POST", "wms", "content-type"),
    ("GET", "download/powierzchnie.gpkg", "range,if-range"),
    ("GET", "nothing", "authorization"),
]


@pytest.mark.parametrize(("method", "path", "headers"), REQUESTS)
def test_a_browser_may_send_what_it_asks_to_send(site: Site, method: str, path: str, headers: str) -> None:
    answer = site.request("OPTIONS", f"/{WEST}/{path}", headers={
        **ORIGIN, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers})
    assert answer.status_code == 204 and answer.content == b""
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert all(name in allowed or ("*" in allowed and name != "authorization") for name in headers.split(","))
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "ogcapi/collections/mieszane/items", 200), ("GET", "ogcapi/collections/nothing/items", 404),
    ("POST", "ogcapi/collections/mieszane/items", 405), ("GET", "nothing", 404),
])
def test_every_answer_can_be_read_by_others(site: Site, method: str, path: str, status: int) -> None:
    answer = site.request(method, f"/{WEST}/{path}", headers=ORIGIN)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "origin" not in answer.headers.get("vary", "").lower(), "answers to all origins are one for caches"


def test_a_failure_can_be_read_by_others(site: Site) -> None:
    with site.database.connect("owner") as connection:
        connection.execute("alter table proba.mieszane rename column nazwa to gone")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(site.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            return await client.get(f"/{WEST}/ogcapi/collections/mieszane/items", headers=ORIGIN)

    answer = asyncio.run(ask())
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "gone" not in answer.text and "nazwa" not in answer.text
