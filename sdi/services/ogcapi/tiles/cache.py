"""Finished tiles on disk, compressed: `<tenant>/<collection>/<grid>/<edition>/<matrix>/<row>/<column>`.

The edition is a digest of everything that a tile is made from, so a file is right for ever and only its being asked for
ends. An edition makes the one before it go. What is lost here is made again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

DISK_MAX = 2 * 2**30
"""Bytes that all tiles may take; then the oldest go."""

_SWEPT_EVERY = DISK_MAX // 32
"""Bytes that a process writes before it looks how many there are."""

_BLOCK = 4096
"""What the smallest file takes."""

_LOCKS = 64

LOGGER = logging.getLogger(__name__)


class TileCache:
    """Tiles below a folder; without one, nothing is kept. Any number of processes may share it."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._written = _SWEPT_EVERY

    def read(self, name: str) -> bytes | None:
        """A tile as it was written; None where it is not there."""
        if self.folder is None:
            return None
        try:
            with open(f"{self.folder}/{name}", "rb", buffering=0) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Keep a tile; where the disk does not want it, say so in the log."""
        if self.folder is None:
            return
        target = self.folder / name
        draft = target.with_name(f".{os.getpid()}-{threading.get_ident()}-{target.name}")
        try:
            self._make_room(target.parents[2])
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            draft.rename(target)
            self._written += max(len(content), _BLOCK)
            if self._written > _SWEPT_EVERY:
                self._written = 0
                sweep(self.folder)
        except OSError as error:
            LOGGER.warning("a tile is not kept: %s", error)

    @contextmanager
    def making(self, name: str) -> Iterator[None]:
        """While this process makes a tile, others wait. The kernel frees what a killed process held."""
        if self.folder is None:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f".lock-{crc32(name.encode()) % _LOCKS}").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_room(self, edition: Path) -> None:
        """Remove the editions before, when one begins."""
        if edition.exists():
            return
        with suppress(FileNotFoundError):
            for other in list(edition.parent.iterdir()):
                if other != edition:
                    shutil.rmtree(other, ignore_errors=True)


def sweep(folder: Path, at_most: int = DISK_MAX) -> None:
    """Remove the oldest tiles until they take a tenth less than they may."""
    found: list[tuple[float, int, str]] = []
    for parent, _, names in os.walk(folder):
        for name in names if parent != str(folder) else ():  # above the tenants there are only locks, perhaps held
            with suppress(FileNotFoundError):
                status = os.stat(path := os.path.join(parent, name))
                found.append((status.st_mtime, max(status.st_blocks * 512, _BLOCK), path))
    total = sum(size for _, size, _ in found)
    if total <= at_most:
        return
    for _, size, path in sorted(found):
        with suppress(FileNotFoundError):
            os.unlink(path)
        total -= size
        if total <= at_most * 0.9:
            return


def forget_others(folder: Path, tenants: Collection[str]) -> None:
    """Remove the tiles of whoever is no longer published."""
    with suppress(FileNotFoundError):
        for path in list(folder.iterdir()):
            if path.is_dir() and path.name not in tenants:
                shutil.rmtree(path, ignore_errors=True)
