"""Assets are served for ever under their digest, and never something else under it."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from sdi import assets
from sdi.assets import FOREVER, Assets, asset


def get(path: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=[Mount("/static", Assets())]))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.get(path)

    return asyncio.run(send())


def test_an_asset_is_kept_for_ever_under_its_digest_only() -> None:
    for name, kind in (("sdi.css", "text/css"), ("maplibre/maplibre-gl.mjs", "text/javascript"),
                       ("icon.svg", "image/svg+xml")):
        response = get(f"/{asset(name)}")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(kind)
        assert response.headers["cache-control"] == FOREVER
        old = get(f"/static/0123456789abcdef/{name}")
        assert old.content == response.content and old.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["", "/", "/x", "/x/", "/x/nothing.css", "/x/../__init__.py", "/x/%2e%2e/__init__.py",
                                  "/sdi.css", "/x/maplibre"])
def test_nothing_else_is_served(path: str) -> None:
    assert get(f"/static{path}").status_code in (307, 404, 405)


def test_the_address_changes_with_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.js").write_text("1")
    (tmp_path / "folder" / "b.js").write_text("1")
    (tmp_path / "c.css").write_text("1")
    known = {}
    for change in (None, "c.css", "folder/b.js"):
        if change:
            (tmp_path / change).write_text("2")
        asset.cache_clear()
        known[change] = {name: asset(name) for name in ("folder/a.js", "c.css")}
    asset.cache_clear()
    assert known["c.css"]["folder/a.js"] == known[None]["folder/a.js"]
    assert known["c.css"]["c.css"] != known[None]["c.css"]
    assert known["folder/b.js"]["folder/a.js"] != known["c.css"]["folder/a.js"]
