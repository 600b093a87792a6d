"""Errors of the gateway and of downloads: pages for people, problem+json for programs, both in their language."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import lxml.html
import pytest

from sdi.gateway.app import Gateway
from sdi.services.publications import Publications
from tests.services.downloads.conftest import PUBLIC_URL, WEST, Site

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def page(site: Site, path: str, status: int, language: str) -> Any:
    answer = site.get(path, status, accept=BROWSER, accept_language=language)
    assert answer.headers["content-type"].startswith("text/html") and answer.headers["content-language"] == language
    assert answer.headers["vary"].startswith("Accept, Accept-Language")
    return lxml.html.document_fromstring(answer.text)


@pytest.mark.parametrize(("path", "polish", "english"), [
    (f"/{WEST}/nothing", "Brak usługi „nothing”", "No service 'nothing' here"),
    ("/nobody/", "Nie ma tu partnera „nobody”", "There is no partner 'nobody' here"),
    (f"/{WEST}/download/powierzchnie.shp", "Nie ma pliku powierzchnie.shp", "There is no file powierzchnie.shp"),
    ("/static/nothing", "Pod tym adresem nic nie ma", "There is nothing at this address"),
])
def test_people_get_a_page_with_ways_on(site: Site, path: str, polish: str, english: str) -> None:
    for language, words in (("pl", polish), ("en", english)):
        found = page(site, path, 404, language)
        assert words in found.xpath("string(//*[@role='alert'])")
        links = found.xpath("//p[@class='actions']/a/@href")
        assert len(links) == 1 + path.startswith(f"/{WEST}/") + ("/download/" in path)
        for link in links:
            answer = site.get(link.removeprefix(PUBLIC_URL), accept=BROWSER)
            assert answer.headers["content-language"] == language
        told = site.get(path, 404, accept_language=language)
        assert told.headers["content-type"] == "application/problem+json" and words in told.json()["title"]


@pytest.mark.parametrize(("accept", "query", "is_page"), [
    ("*/*", "", False), ("application/json", "", False), ("application/json, text/html;q=0.5", "", False),
    ("text/html", "", True), (BROWSER, "f=json", False), ("*/*", "f=html", True), ("", "", False),
])
def test_programs_get_what_they_ask_for(site: Site, accept: str, query: str, is_page: bool) -> None:
    answer = site.get(f"/{WEST}/nothing?{query}", 404, accept=accept)
    assert answer.headers["content-type"].startswith("text/html") == is_page


def test_a_method_that_is_not_supported_is_told(site: Site) -> None:
    answer = site.request("POST", "/", headers={"accept": BROWSER, "accept-language": "pl"})
    assert answer.status_code == 405 and "Ta metoda nie jest tu obsługiwana" in answer.text
    assert "GET" in answer.headers["allow"]


def test_a_file_that_is_not_ready_has_its_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdi.services.downloads.app.WAIT_S", 0)
    with site.database.connect("owner") as connection, connection.transaction():
        connection.execute("lock table proba.powierzchnie in access exclusive mode")
        answer = site.request("GET", f"/{WEST}/download/powierzchnie.gpkg", headers={
            "accept": BROWSER, "accept-language": "en"})
    assert answer.status_code == 503 and "is being made" in answer.text and "asks again by itself" in answer.text
    assert (answer.headers["retry-after"], answer.headers["refresh"]) == ("10", "10")
    assert answer.headers["cache-control"] == "no-store"


def test_a_failure_has_a_page_with_its_number(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with site.database.connect("owner") as connection:
        connection.execute("alter table proba.mieszane rename column nazwa to gone")
    answer = _asked(site.gateway, f"/{WEST}/ogcapi/collections/mieszane/items")
    assert answer.status_code == 500 and answer.headers["content-type"].startswith("text/html")
    number = lxml.html.document_fromstring(answer.text).xpath("string(//*[@role='alert'])").split()[-1]
    assert f"failure {number}" in caplog.text and "gone" not in answer.text


def test_before_anything_is_published_there_is_a_page(site: Site, tmp_path: Path) -> None:
    answer = _asked(Gateway(site.gateway.engines, Publications(tmp_path / "nothing")), "/")
    assert answer.status_code == 503 and "Nic jeszcze nie opublikowano" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def _asked(gateway: Gateway, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(gateway.app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            return await client.get(path, headers={"accept": BROWSER, "accept-language": "pl"})

    return asyncio.run(ask())
