"""Files of editions: their names, their places under `var/downloads/`, and the description that lies beside each.

`var/downloads/<tenant>/<collection>-v<version>-<key>.<extension>`; a file is there when it has this name, whole and for
good, and its description, the same name and `.json`, was there before it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sdi.services.downloads.formats import FORMATS, REVISION, Format
from sdi.services.downloads.locks import locked
from sdi.store.editions import Edition

GRACE_S = 24 * 3600
"""How long after its last use a file of a former edition stays, so that downloads in parts can be ended."""

_NAME = re.compile(rf"(?P<collection>[a-z][a-z0-9_]*)-v(?P<version>\d{{1,18}})-(?P<key>[0-9a-f]{{8}})"
                   rf"\.(?P<extension>{'|'.join(map(re.escape, FORMATS))})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Name:
    """Which edition of which collection in which format."""

    collection: str
    version: int
    key: str
    """Tells apart what has the same version: another declaration, another database, another way of writing."""
    extension: str

    @classmethod
    def of(cls, collection: str, edition: Edition, declaration: str, extension: str) -> Name:
        """The name for an edition; `declaration` is a digest of all else that the file says."""
        key = sha256(f"{declaration} {edition.feed} {REVISION}".encode()).hexdigest()[:8]
        return cls(collection, edition.version, key, extension)

    @classmethod
    def parsed(cls, text: str) -> Name | None:
        """The name that `str` gave; None for any other text."""
        match = _NAME.match(text)
        return None if match is None else cls(
            match["collection"], int(match["version"]), match["key"], match["extension"])

    def __str__(self) -> str:
        return f"{self.collection}-v{self.version}-{self.key}.{self.extension}"

    @property
    def format(self) -> Format:
        """The file's format."""
        return FORMATS[self.extension]

    @property
    def lock(self) -> str:
        """The lock of whoever makes a file of this collection and format, of any edition."""
        return f".{self.collection}.{self.extension}.lock"

    @property
    def workshop(self) -> str:
        """The folder in which the owner of the lock makes it."""
        return f".{self.collection}.{self.extension}.making"


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a file that exists; also what a feed of downloads has to say of it."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    """Hexadecimal."""
    objects: int
    crs: str
    """URI of the CRS of its coordinates."""
    bounds: tuple[float, float, float, float] | None
    """EPSG:2180: min easting, min northing, max easting, max northing, in metres."""
    version: int
    committed_at: datetime
    made_at: datetime

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1) + "\n"

    @classmethod
    def parsed(cls, text: str) -> Description:
        """From what `text` gave."""
        data: dict[str, Any] = json.loads(text)
        times = {key: datetime.fromisoformat(data[key]).astimezone(UTC) for key in ("committed_at", "made_at")}
        return cls(**{**data, **times, "bounds": data["bounds"] and tuple(data["bounds"])})


def described(folder: Path, name: Name) -> Description | None:
    """The description of a tenant's file; None where there is no such file (yet, or any more)."""
    path = folder / str(name)
    try:
        description = Description.parsed(beside(path).read_text(encoding="utf-8"))
        return description if path.stat().st_size == description.bytes else None
    except OSError:
        return None


def beside(path: Path) -> Path:
    """Where the description of a file lies."""
    return path.with_name(f"{path.name}.json")


def used(path: Path) -> None:
    """Note that a file is wanted: the time of its last use is its modification time."""
    os.utime(path)


def last_uses(downloads: Path) -> Iterator[tuple[float, str, str, str]]:
    """When (seconds since 1970) a file of a tenant (its id), collection and extension was used last, in any edition.

    The latest first.
    """
    found: dict[tuple[str, str, str], float] = {}
    for folder in downloads.iterdir() if downloads.is_dir() else ():
        for path, name in _files(folder) if folder.is_dir() else ():
            key = (folder.name, name.collection, name.extension)
            with suppress(FileNotFoundError):
                found[key] = max(found.get(key, 0.0), path.stat().st_mtime)
    yield from sorted(((time_, *key) for key, time_ in found.items()), reverse=True)


def remove_superfluous(downloads: Path, made: Path, max_bytes: int) -> None:
    """After `made` was made: remove former editions of it after their grace, and what is beyond `max_bytes`.

    What was not used for longest goes first; it is made again when somebody wants it. What a process that was killed
    left behind goes, too. Safe beside others that do the same.
    """
    name = Name.parsed(made.name)
    assert name is not None
    for path, other in _files(made.parent):
        same = (other.collection, other.extension) == (name.collection, name.extension)
        if same and other != name:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - GRACE_S:
                    _remove(path)
    for workshop in downloads.glob("*/.*.making"):
        with locked(workshop.with_suffix(".lock")) as lock:
            if lock is not None:
                shutil.rmtree(workshop, ignore_errors=True)
    stats: dict[Path, os.stat_result] = {}
    for folder in downloads.iterdir():
        for path, _ in _files(folder) if folder.is_dir() else ():
            with suppress(FileNotFoundError):
                stats[path] = path.stat()
    total = sum(stat.st_size for stat in stats.values())
    for path in sorted(stats.keys() - {made}, key=lambda path: stats[path].st_mtime):
        if total <= max_bytes:
            break
        _remove(path)
        total -= stats[path].st_size


def _files(folder: Path) -> Iterator[tuple[Path, Name]]:
    for path in sorted(folder.iterdir()):
        if (name := Name.parsed(path.name)) is not None:
            yield path, name


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    beside(path).unlink(missing_ok=True)
