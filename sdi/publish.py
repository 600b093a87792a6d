"""Compile every tenant's services, try them, and only then swap them in.

compile → write `var/build/<digest>/` → probe each changed tenant with the real engines → refresh records → swap.
A tenant that cannot be compiled or does not answer is named and keeps what it published last; the others are published
all the same. What a broken file declared counts as it was published last (`sdi.carried`). What was published without a
fault from the same inputs is neither compiled nor tried again: so a node of many partners starts at once.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx

from sdi.carried import with_carried
from sdi.db.database import Database
from sdi.errors import PublicationError
from sdi.fingerprint import code, files
from sdi.gateway.app import Gateway
from sdi.gateway.engines import mapserv_pool
from sdi.model.load import Loaded
from sdi.model.region import Region
from sdi.records.refresh import refresh
from sdi.services import classes
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ogcapi.tiles.cache import forget_others
from sdi.services.publications import ADDRESS_FILE, REGION_FILE, Build, OneBuild, read_build
from sdi.settings import Settings

KEEP = 3
"""Builds kept on disk: the current one and those that a slow worker may still read."""

LOCK_FILE = "lock"
"""Beside the builds: held by the process that publishes."""

INPUTS_FILE = "inputs"
"""Beside the builds: the digest of the current one and, where nothing failed, of all that it was made from."""

PROBES_AT_ONCE = 8
"""Requests under way while a publication is tried: enough to keep every engine busy."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a publication did."""

    tenants: list[str]
    changed: bool
    """False: exactly this was already published."""
    records: int
    """Metadata records that changed."""
    failed: dict[str, str]
    """Tenants that are not published as declared, each with the reason."""
    carried: list[str]
    """Files of sources, registers and units that cannot be used, and count as they were published last."""
    gone: dict[str, list[str]]
    """By tenant the collections that it published before and does not now; none: the whole tenant."""


def publish(loaded: Loaded, database: Database, settings: Settings) -> Outcome:
    """Publish the region as declared; one after the other, where several processes do.

    Raises PublicationError where not one tenant could be published, or the build cannot be written.
    """
    builds = settings.var / "build"
    try:
        builds.mkdir(parents=True, exist_ok=True)
        with (builds / LOCK_FILE).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                return _publish(builds, loaded, database, settings)
            finally:
                _tidy(builds)
    except OSError as error:
        raise PublicationError(f"the publication failed: {error}; is {builds} writable, and has it room?") from error


def _publish(builds: Path, loaded: Loaded, database: Database, settings: Settings) -> Outcome:
    _tidy(builds)
    previous = _previous(builds)
    region, carried = with_carried(loaded, previous.region if previous else None, settings.home)
    failed = {name: "its file, or one that it needs, has mistakes (see sdi check); published as before"
              for name in region.partners.keys() - loaded.region.partners.keys()}
    publication = Publication(region, settings.public_url, database.conninfo("serve"), settings.home)
    inputs = _inputs(publication)
    if (previous is not None and not failed and previous.tenants.keys() == region.tenants.keys()
            and _published_from(builds) == f"{previous.digest} {inputs}"):
        return Outcome(sorted(previous.tenants), False, _records(database, region, settings), failed, carried, {})
    draft = _compile(builds, publication, failed)
    failed |= {name: reason + _replace(draft / name, previous, name) for name, reason in failed.items()
               if not (draft / name).is_dir()}
    silent = _probe(draft, previous, database, settings)
    failed |= {name: reason + _replace(draft / name, previous, name) for name, reason in silent.items()}
    tenants = sorted(path.name for path in draft.iterdir() if path.is_dir())
    if not tenants:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise PublicationError(f"not one tenant could be published: {reasons}")
    records = _records(database, region, settings)
    changed = _swap(builds, draft)
    forget_others(settings.var / "tiles", tenants)
    (builds / INPUTS_FILE).write_text(
        f"{os.readlink(builds / 'current')} {'' if failed else inputs}", encoding="utf-8")
    return Outcome(tenants, changed, records, failed, carried, _gone(previous, region, tenants))


def _tidy(builds: Path) -> None:
    """Take away what a publication that ended early has left; the caller has the lock."""
    for draft in builds.glob(".draft*"):
        shutil.rmtree(draft, ignore_errors=True)


def _gone(previous: Build | None, region: Region, tenants: list[str]) -> dict[str, list[str]]:
    gone: dict[str, list[str]] = {}
    for name, before in (previous.tenants if previous else {}).items():
        if name not in tenants:
            gone[name] = []
        elif lost := [ft.name for ft in before.tenant.feature_types if not region.tenants[name].feature_type(ft.name)]:
            gone[name] = lost
    return gone


def _records(database: Database, region: Region, settings: Settings) -> int:
    with database.connect("harvest") as connection:
        return refresh(connection, region, settings.public_url, settings.home)


def _inputs(publication: Publication) -> str:
    """A digest of all that decides about a publication: declaration, addresses, content of the home, our own code."""
    parts = (publication.region.model_dump_json(), publication.public_url, publication.conninfo, code(),
             files([publication.home / "metadata", publication.home / "tiles"]))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _published_from(builds: Path) -> str:
    try:
        return (builds / INPUTS_FILE).read_text(encoding="utf-8")
    except OSError:
        return ""


def _previous(builds: Path) -> Build | None:
    try:
        return read_build(builds / os.readlink(builds / "current"))
    except (OSError, ValueError):
        return None


def _compile(builds: Path, publication: Publication, failed: dict[str, str]) -> Path:
    """Write a draft of the build; returns its folder. Tenants that do not compile are not there and go to `failed`."""
    draft = builds / ".draft"
    draft.mkdir()
    builds.chmod(0o700)  # mapfiles carry the password of an own database
    services = classes()
    for name, tenant in publication.region.tenants.items():
        try:
            texts = {draft / name / protocol / file: text for protocol in tenant.services
                     for file, text in services[protocol].compile(publication, tenant).items()}
        except Exception as error:
            failed[name] = f"cannot be compiled: {type(error).__name__}: {error}"
            continue
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (draft / REGION_FILE).write_text(publication.region.written(), encoding="utf-8")
    (draft / ADDRESS_FILE).write_text(publication.public_url, encoding="utf-8")
    return draft


def _probe(draft: Path, previous: Build | None, database: Database, settings: Settings) -> dict[str, str]:
    """Ask each service of each changed tenant for its capabilities; returns what is wrong by tenant."""
    build = read_build(draft)
    changed = [
        published for name, published in build.tenants.items()
        if previous is None or name not in previous.tenants
        or files([published.folder]) != files([previous.tenants[name].folder])
    ]
    if not changed:
        return {}
    with mapserv_pool(settings, workers=settings.map_workers) as socket, database.pool("serve", 4) as pool:
        gateway = Gateway(Engines(pool, socket, settings.home, settings.var), OneBuild(build))
        return asyncio.run(_silent(gateway, changed))


async def _silent(gateway: Gateway, changed: Iterable[Published]) -> dict[str, str]:
    """The tenants whose services do not answer, asked through the gateway as a user would."""
    at_once = asyncio.Semaphore(PROBES_AT_ONCE)
    transport = httpx.ASGITransport(app=gateway.app(), raise_app_exceptions=False)

    async def fault(client: httpx.AsyncClient, published: Published) -> str | None:
        for protocol in published.tenant.services:
            address = published.addresses.capabilities(protocol).removeprefix(published.public_url)
            async with at_once:
                answer = await client.get(address)
            if answer.status_code != 200 or b"ExceptionReport" in answer.content[:1000]:
                return f"{protocol} does not answer: {answer.status_code} {' '.join(answer.text[:300].split())}"
        return None

    async with httpx.AsyncClient(transport=transport, base_url="http://probe", timeout=60) as client:
        asked = list(changed)
        faults = await asyncio.gather(*(fault(client, published) for published in asked))
    return {p.tenant.id: found for p, found in zip(asked, faults, strict=True) if found is not None}


def _replace(folder: Path, previous: Build | None, name: str) -> str:
    """Put what a tenant published last in place of what it cannot publish now; says whether there was such."""
    shutil.rmtree(folder, ignore_errors=True)
    if previous is None or name not in previous.tenants:
        return "; not published"
    shutil.copytree(previous.tenants[name].folder, folder)
    return "; published as before"


def _swap(builds: Path, draft: Path) -> bool:
    """Name the draft by its digest and point `current` to it in one rename. False: it was current already."""
    digest = files([draft])[:16]
    link, folder = builds / "current", builds / digest
    if not folder.is_dir():
        draft.rename(folder)
    if link.is_symlink() and os.readlink(link) == digest:
        return False
    next_link = builds / ".current"
    next_link.unlink(missing_ok=True)
    next_link.symlink_to(digest)
    next_link.rename(link)
    os.utime(folder)
    old = sorted((p for p in builds.iterdir() if p.is_dir() and p.name[0] != "." and not p.is_symlink()),
                 key=lambda p: p.stat().st_mtime)
    for unused in old[:-KEEP]:
        shutil.rmtree(unused, ignore_errors=True)
    return True


def summary(outcome: Outcome) -> str:
    """What happened, for the operator."""
    lines = [f"{len(outcome.tenants)} tenants published" + ("" if outcome.changed else ", as before")
             + f"; {outcome.records} metadata records changed"]
    if outcome.carried:
        lines.append(f"  as published last, until mended (see sdi check): {', '.join(outcome.carried)}")
    lines += [f"  {name}: {reason}" for name, reason in sorted(outcome.failed.items())]
    lines += [f"  {name}: no longer publishes {', '.join(lost)}" if lost else f"  {name}: no longer published"
              for name, lost in sorted(outcome.gone.items())]
    return "\n".join(lines)
