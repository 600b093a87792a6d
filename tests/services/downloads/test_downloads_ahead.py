"""Files that people fetch are there before anybody asks for the new edition, and no others."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sdi.services.downloads.ahead import HABIT_S, Ahead, running
from sdi.services.downloads.files import Name
from sdi.services.downloads.locks import locked
from sdi.services.publications import Publications
from tests.services.downloads.conftest import NORTH, WEST, Site, application, square

LATEST = f"/{WEST}/download/powierzchnie.gpkg"


@pytest.fixture
def ahead(site: Site) -> Ahead:
    return Ahead(site.gateway.engines, site.gateway.publications, quiet_s=0)


def changed(site: Site, number: int) -> None:
    site.commit("powierzchnie", [{"id": f"new{number}", "geom": square(0, 800 + number)}])


def made(site: Site, tenant: str = WEST) -> list[tuple[str, int]]:
    """Extensions and versions of a tenant's files."""
    names = [Name.parsed(name) for name in site.files(tenant)]
    return sorted((name.extension, name.version) for name in names if name)


def path_of(site: Site, extension: str, version: int) -> Path:
    (path,) = (site.var / "downloads" / WEST).glob(f"powierzchnie-v{version}-*.{extension}")
    return path


def test_what_was_fetched_is_there_before_anybody_asks(site: Site, ahead: Ahead) -> None:
    for extension in ("gpkg", "fgb"):
        site.get(f"/{WEST}/download/powierzchnie.{extension}")
    site.get(f"/{NORTH}/download/mieszane.parquet")
    asyncio.run(ahead.look())
    before = made(site)
    changed(site, 1)
    asyncio.run(ahead.look())
    added = set(made(site)) - set(before)
    assert len(before) == 2 and {extension for extension, _ in added} == {"gpkg", "fgb"}
    (version,) = {version for _, version in added}
    assert made(site, NORTH) == [("parquet", made(site, NORTH)[0][1])]  # that one has no new edition
    whole = site.get(LATEST)
    assert whole.url.path.endswith(path_of(site, "gpkg", version).name)
    listed = [entry for entry in site.get(f"/{WEST}/download/?f=json").json()["files"] if entry["length"]]
    assert {entry["version"] for entry in listed} == {version} and len(listed) == 2


def test_what_nobody_fetches_any_more_falls_out(site: Site, ahead: Ahead) -> None:
    def used(days_ago: float) -> int:
        """The version of the one file, which was used last so long ago."""
        ((extension, version),) = made(site)
        moment = time.time() - days_ago * 24 * 3600
        os.utime(path_of(site, extension, version), (moment, moment))
        return version

    site.get(LATEST)
    days = HABIT_S / 24 / 3600
    first = used(days - 1)
    changed(site, 1)
    asyncio.run(ahead.look())
    second = made(site)[-1][1]
    since = time.time() - path_of(site, "gpkg", second).stat().st_mtime
    assert second > first and since > (days - 2) * 24 * 3600  # nobody has used the new one yet
    used(days + 1)
    changed(site, 2)
    asyncio.run(ahead.look())
    assert made(site) == [("gpkg", second)]
    site.get(LATEST)
    third = made(site)[-1][1]
    changed(site, 3)
    asyncio.run(ahead.look())
    assert made(site)[-1][1] > third > second


def test_while_harvests_follow_each_other_nothing_is_made(site: Site) -> None:
    patient = Ahead(site.gateway.engines, site.gateway.publications, quiet_s=3600)
    site.get(LATEST)
    changed(site, 1)
    asyncio.run(patient.look())
    assert len(made(site)) == 1
    with site.database.connect("owner") as connection:
        connection.execute("update sdi.version set committed_at = committed_at - interval '2 hours'")
    asyncio.run(patient.look())
    assert len(made(site)) == 2


def test_who_waits_for_a_file_does_not_wait_for_those_made_ahead(site: Site) -> None:
    (site.var / "downloads").mkdir(parents=True)
    with locked(site.var / "downloads" / ".ahead.lock"):
        site.get(LATEST)
        site.get(f"/{WEST}/download/powierzchnie.fgb")


def test_a_failure_is_logged_once_and_others_are_made(
    site: Site, ahead: Ahead, caplog: pytest.LogCaptureFixture
) -> None:
    site.get(f"/{WEST}/download/mieszane.gpkg")
    site.get(LATEST)
    site.commit("mieszane", [{"id": "more"}])
    changed(site, 1)
    with site.database.connect("owner") as connection:
        connection.execute("alter table proba.powierzchnie rename column nazwa to gone")
    asyncio.run(ahead.look())
    asyncio.run(ahead.look())
    assert caplog.text.count("was not made") == 1
    collections = [parsed.collection for name in site.files(WEST) if (parsed := Name.parsed(name))]
    assert sorted(collections) == ["mieszane", "mieszane", "powierzchnie"]


def test_another_declaration_is_a_new_edition_too(site: Site, ahead: Ahead, tmp_path: Path) -> None:
    site.get(LATEST)
    declarations = tmp_path / "build" / WEST / "download" / "declarations.json"
    text = declarations.read_text()
    other = application(site.database, tmp_path / "other", site.gateway.engines)
    path = tmp_path / "other" / WEST / "download" / "declarations.json"
    assert path.read_text() == text
    path.write_text(text.replace('": "', '": "0'))
    asyncio.run(Ahead(site.gateway.engines, other.publications, quiet_s=0).look())
    names = [parsed for name in site.files(WEST) if (parsed := Name.parsed(name))]
    assert len({name.key for name in names}) == 2 and len({name.version for name in names}) == 1


def test_it_runs_beside_the_node_and_ends_with_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdi.services.downloads.ahead.LOOK_S", 0.1)
    site.get(LATEST)
    changed(site, 1)
    engines = replace(site.gateway.engines, pool=site.database.pool("serve", 1))
    deadline = time.monotonic() + 60
    with running(Ahead(engines, site.gateway.publications, quiet_s=0)):
        while len(made(site)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert engines.pool.closed
    unpublished = Ahead(site.gateway.engines, Publications(tmp_path / "nothing"), quiet_s=0)
    asyncio.run(unpublished.look())
