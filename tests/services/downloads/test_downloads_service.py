"""How files are made and served: once, whole, by edition, in parts, and told of in links and lists."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from sdi.services.downloads import makers
from sdi.services.downloads.files import GRACE_S, Name, beside, remove_superfluous
from tests.services.downloads.conftest import NORTH, WEST, Site, application, square

LATEST = f"/{WEST}/download/powierzchnie.gpkg"


def test_the_lasting_address_leads_to_the_edition(site: Site) -> None:
    answer = site.get(LATEST)
    assert answer.history[0].status_code == 302 and answer.history[0].headers["cache-control"] == "no-cache"
    name = Name.parsed(answer.url.path.rsplit("/", 1)[1])
    assert name is not None and (name.collection, name.extension) == ("powierzchnie", "gpkg")
    digest = hashlib.sha256(answer.content)
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["content-type"] == "application/geopackage+sqlite3"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="{WEST}_powierzchnie_v{name.version}.gpkg"')
    assert "last-modified" in answer.headers and "no-transform" in answer.headers["cache-control"]


def test_parts_are_served(site: Site) -> None:
    whole = site.get(LATEST)
    address, content, tag = whole.url.path, whole.content, whole.headers["etag"]
    for asked, expected in (("bytes=0-99", content[:100]), ("bytes=-50", content[-50:]),
                            (f"bytes={len(content) - 10}-", content[-10:])):
        part = site.get(address, 206, range=asked)
        assert part.content == expected and part.headers["content-length"] == str(len(expected))
        assert part.headers["content-range"].endswith(f"/{len(content)}") and part.headers["etag"] == tag
    assert site.get(address, 416, range=f"bytes={len(content)}-").headers["content-range"] == f"bytes */{len(content)}"
    assert site.get(address, 206, range="bytes=5-9", if_range=tag).content == content[5:10]
    assert site.get(address, 200, range="bytes=5-9", if_range='"other"').content == content
    for ignored in ("metres=5-9", "bytes=100-50", "bytes=0-9,100-50", "bytes=a-b", "bytes=", "bytes=-", "bytes", "-",
                    "bytes=0x1-9", f"bytes={'9' * 5000}-"):
        assert site.get(address, 200, range=ignored).content == content, ignored
    head = site.request("HEAD", address, headers={"Range": "bytes=0-99"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(content)))
    many = site.get(address, 206, range="bytes=0-4,10-14")
    assert many.headers["content-type"].startswith("multipart/byteranges") and content[10:15] in many.content


def test_conditional_requests_and_head(site: Site) -> None:
    whole = site.get(LATEST)
    head = site.request("HEAD", whole.url.path)
    assert head.status_code == 200 and head.content == b""
    assert {k: v for k, v in head.headers.items()} == {k: v for k, v in whole.headers.items()}
    assert site.get(whole.url.path, 304, if_none_match=whole.headers["etag"]).content == b""
    assert site.get(whole.url.path, 304, if_modified_since=whole.headers["last-modified"]).content == b""
    assert site.get(whole.url.path, 304, if_none_match="*").content == b""
    assert site.get(whole.url.path, 200, if_none_match='"other"').content == whole.content
    before, tag = "Mon, 01 Jan 1990 00:00:00 GMT", whole.headers["etag"]
    assert site.get(whole.url.path, 200, if_modified_since=before).content == whole.content
    assert site.get(whole.url.path, 200, if_modified_since="yesterday").content == whole.content
    for condition in ({"if_match": '"zzz"'}, {"if_match": f"W/{tag}"}, {"if_unmodified_since": before}):
        wanted = site.get(whole.url.path, 412, accept_language="en", **condition)
        assert wanted.headers["content-type"] == "application/problem+json" and "If-Match" in wanted.json()["title"]
    for condition in ({"if_match": tag, "range": "bytes=0-9"}, {"if_match": "*", "range": "bytes=0-9"}):
        assert site.get(whole.url.path, 206, **condition).content == whole.content[:10]


@pytest.mark.parametrize("extension", ["gpkg", "fgb", "parquet", "gml.zip"])
def test_nothing_is_compressed_again(site: Site, extension: str) -> None:
    answer = site.get(f"/{WEST}/download/powierzchnie.{extension}", accept_encoding="gzip, zstd, br")
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(answer.content)) and len(answer.content) > 1000


def test_it_is_for_reading(site: Site) -> None:
    answer = site.request("OPTIONS", LATEST)
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert site.request("POST", LATEST).status_code == 405


def test_many_at_once_have_it_made_once(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = 0
    start = makers._started

    async def counted(*arguments: object) -> asyncio.subprocess.Process:
        nonlocal started
        started += 1
        return await start(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(makers, "_started", counted)
    other = replace(site, app=application(site.database, tmp_path / "b", site.gateway.engines).app())

    async def ask() -> list[bytes]:
        async with site.client() as one, other.client() as two:
            answers = await asyncio.gather(*(client.get(LATEST) for client in (one, two) * 4))
            return [answer.content for answer in answers if answer.status_code == 200]

    contents = asyncio.run(ask())
    assert len(contents) == 8 and len(set(contents)) == 1
    assert started == 1


def test_a_new_version_has_a_new_file_and_the_old_one_stays_for_a_while(site: Site) -> None:
    old = site.get(LATEST)
    assert site.get(LATEST).url == old.url
    assert len(site.files(WEST)) == 1
    site.commit("powierzchnie", [{"id": "new", "geom": square(0, 700)}])
    new = site.get(LATEST)
    assert new.url != old.url and new.headers["etag"] != old.headers["etag"]
    assert site.get(old.url.path).content == old.content
    path = site.var / "downloads" / WEST / old.url.path.rsplit("/", 1)[1]
    os.utime(path, (time.time() - GRACE_S - 1,) * 2)
    site.commit("powierzchnie", [{"id": "newer", "geom": square(0, 800)}])
    site.get(LATEST)
    assert not path.exists() and not beside(path).exists() and len(site.files(WEST)) == 2
    assert LATEST.removesuffix(".gpkg") in site.get(old.url.path, 404).json()["title"]


def test_a_change_elsewhere_needs_no_new_file(site: Site) -> None:
    west, north = site.get(f"/{WEST}/download/mieszane.fgb"), site.get(f"/{NORTH}/download/mieszane.fgb")
    site.commit("mieszane", [{"id": "more", "commune": NORTH}])
    assert site.get(f"/{WEST}/download/mieszane.fgb").url == west.url
    assert site.get(f"/{NORTH}/download/mieszane.fgb").url != north.url


def test_the_file_of_another_tenant_has_no_address_here(site: Site) -> None:
    name = site.get(f"/{WEST}/download/mieszane.fgb").url.path.rsplit("/", 1)[1]
    site.get(f"/{NORTH}/download/{name}", 404)
    for path in (f"../{WEST}/{name}", f"%2e%2e/{WEST}/{name}", f"..%2f{WEST}%2f{name}", f"{name}.json", ".slot-0.lock"):
        assert site.request("GET", f"/{NORTH}/download/{path}").status_code == 404 or "%" not in path


def test_what_there_is_not_is_told(site: Site) -> None:
    assert "powierzchnie" in site.get(f"/{WEST}/download/domy.gpkg", 404).json()["title"]
    assert "gml.zip" in site.get(f"/{WEST}/download/powierzchnie.dwg", 404).json()["title"]
    assert "nie ma jeszcze danych" in site.get(f"/{WEST}/download/punkty.gpkg", 404).json()["title"]
    site.get(f"/{WEST}/download/powierzchnie-v999-00000000.gpkg", 404)


def children() -> list[int]:
    """Processes that make files for this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid() and b"sdi.services.downloads.make" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_a_making_that_is_killed_leaves_nothing_and_is_done_again(site: Site) -> None:
    async def killed() -> int:
        async with site.client() as client:
            asked = asyncio.create_task(client.get(LATEST))
            while not (found := children()):
                await asyncio.sleep(0.02)
            os.kill(found[0], signal.SIGKILL)
            return (await asked).status_code

    with psycopg.connect(site.database.url) as connection:
        connection.execute("lock table proba.powierzchnie in access exclusive mode")
        assert asyncio.run(killed()) == 503
    assert site.files(WEST) == []
    left = site.var / "downloads" / WEST / ".powierzchnie.gpkg.making"
    left.mkdir()
    (left / "draft.gpkg").write_bytes(b"half")
    assert site.get(LATEST).content.startswith(b"SQLite format 3")
    assert not left.exists()


def test_a_failure_is_told_and_logged_and_harms_no_other(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with site.database.connect("owner") as connection:
        connection.execute("alter table proba.powierzchnie rename column nazwa to gone")
    answer = site.get(LATEST, 503)
    assert answer.headers["retry-after"] == "60" and "nie udało się" in answer.json()["title"]
    assert "gone" not in answer.text and 'column "nazwa" does not exist' in caplog.text
    records = len(caplog.records)
    site.get(LATEST, 503)
    assert len(caplog.records) == records  # not tried again so soon
    site.get(f"/{WEST}/download/mieszane.gpkg")
    with site.database.connect("owner") as connection:
        connection.execute("alter table proba.powierzchnie rename column gone to nazwa")
    os.utime(site.var / "downloads" / WEST / ".powierzchnie.gpkg.failed", (0, 0))
    site.get(LATEST)


@pytest.mark.parametrize("extension", ["gpkg", "fgb", "parquet", "gml.zip"])
def test_a_file_beyond_the_bound_is_not_begun_for_good(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture, extension: str
) -> None:
    engines = replace(site.gateway.engines, downloads_bytes=8_192)
    bounded = replace(site, app=application(site.database, tmp_path / "b", engines).app())
    bounded.get(f"/{WEST}/download/powierzchnie.{extension}", 503)
    assert bounded.files(WEST) == [] and "was not made" in caplog.text


def test_what_is_used_least_goes_when_the_bound_is_reached(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    names = [Name(f"c{n}", 1, "0" * 8, "gpkg") for n in range(4)]
    for age, name in enumerate(reversed(names)):
        (folder / str(name)).write_bytes(b"x" * 100)
        beside(folder / str(name)).write_text("{}")
        os.utime(folder / str(name), (time.time() - 100 * age,) * 2)
    remove_superfluous(tmp_path, folder / str(names[0]), 250)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        text for name in (names[0], names[3]) for text in (str(name), f"{name}.json"))

@pytest.mark.parametrize("max_bytes", [1 << 30, 0])
def test_two_makers_tidy_at_the_same_time(tmp_path: Path, max_bytes: int) -> None:
    """Former editions after their grace, and what is beyond the bound: what one has removed does not stop the other."""
    folder = tmp_path / "t"
    folder.mkdir()
    collection = "c" if max_bytes else "other"
    old = [Name(collection, version, "0" * 8, "gpkg") for version in range(1, 1001)]
    for name in old:
        (folder / str(name)).write_bytes(b"x")
        os.utime(folder / str(name), (time.time() - GRACE_S - 60,) * 2)
    made = folder / str(Name("c", 2000, "0" * 8, "gpkg"))
    made.write_bytes(b"x")
    with ThreadPoolExecutor(4) as pool:
        tidying = [pool.submit(remove_superfluous, tmp_path, made, max_bytes) for _ in range(4)]
    for each in tidying:
        each.result()
    assert list(folder.iterdir()) == [made]


def test_a_collection_links_to_its_files(site: Site) -> None:
    def links() -> list[dict[str, object]]:
        answer = site.get(f"/{WEST}/ogcapi/collections/powierzchnie?f=json")
        tags.append(answer.headers["etag"])
        return [link for link in answer.json()["links"] if link["rel"] == "enclosure"]

    tags: list[str] = []
    before = links()
    assert before[0]["type"] == "application/geopackage+sqlite3" and len(before) == 4
    assert all("length" not in link for link in before)
    whole = site.get(str(before[0]["href"]).removeprefix("http://testserver"))
    after = links()
    assert after[0]["href"] == before[0]["href"] and after[0]["length"] == len(whole.content)
    assert after[0]["checksum"] == f"sha256:{hashlib.sha256(whole.content).hexdigest()}"
    assert tags[0] != tags[1]
    assert "as GeoPackage" in site.get(f"/{WEST}/ogcapi/collections/powierzchnie?f=json&lang=en").text
    assert str(before[1]["href"]) in site.get(f"/{WEST}/ogcapi/collections/powierzchnie?f=html").text
    every = site.get(f"/{WEST}/ogcapi/collections?f=json").json()["collections"]
    assert {c["id"]: sum(link["rel"] == "enclosure" for link in c["links"]) for c in every} == {
        "mieszane": 4, "powierzchnie": 4, "punkty": 0, "uwagi": 0}


def test_the_list_shows_what_there_is(site: Site) -> None:
    whole = site.get(LATEST)
    listed = site.get(f"/{WEST}/download/?f=json").json()["files"]
    assert len(listed) == 8
    made = [entry for entry in listed if entry["length"]]
    assert [entry["href"] for entry in made] == [str(whole.url)]
    assert made[0]["sha256"] == hashlib.sha256(whole.content).hexdigest()
    assert made[0]["crs"] == "http://www.opengis.net/def/crs/EPSG/0/2180" and made[0]["objects"] == 202
    for language, word in (("pl", "Pliki do pobrania"), ("en", "Files to download")):
        page = site.get(f"/{WEST}/download/?lang={language}", accept="text/html").text
        assert word in page and whole.url.path in page
    site.get(f"/{WEST}/download/?f=xml", 400)


@pytest.mark.parametrize(("language", "size"), [("pl", r">\d+,\d\xa0kB<"), ("en", r">\d+\.\d\xa0kB<")])
def test_sizes_have_the_decimal_mark_of_the_language(site: Site, language: str, size: str) -> None:
    site.get(LATEST)
    for path in ("download/", "ogcapi/collections/powierzchnie"):
        assert re.search(size, site.get(f"/{WEST}/{path}?f=html&lang={language}").text)


@pytest.mark.parametrize("language", ["pl", "en"])
def test_the_landing_page_hands_on_its_language(site: Site, language: str) -> None:
    page = site.get(f"/{WEST}/?lang={language}").text
    for protocol in ("ogcapi", "download"):
        address = f"http://testserver/{WEST}/{protocol}/?lang={language}"
        assert f'href="{address}"' in page
        assert f'lang="{language}"' in site.get(address.removeprefix("http://testserver"), accept="text/html").text
