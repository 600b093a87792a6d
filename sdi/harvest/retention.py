"""How long raw deliveries stay in the archive: as long as one of the last versions or an unfinished run needs them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from sdi.db.queries import query
from sdi.harvest.archive import Archive

YOUNG_S = 24 * 3600.0
"""Younger files are left alone: a run may have kept one and not yet written so into its books."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def prune(
    connection: psycopg.Connection[Any], archive: Archive, keep: int, young_s: float = YOUNG_S
) -> tuple[int, int]:
    """Delete what none of the last `keep` versions of a source and no unfinished run needs; returns files and bytes.

    Whatever lies in the archive under a name that is no hash is left alone. Safe beside running harvests and others
    that prune.
    """
    before = time.time() - young_s
    old = list(_older(archive, before))
    # Asked for after the files: what was added meanwhile is not among them.
    needed = {row[0] for row in connection.execute(query("retention", "needed"), {"keep": keep})}
    files = size = 0
    for path in old:
        if path.name in needed:
            continue
        with suppress(FileNotFoundError):  # another one that prunes has deleted it
            facts = path.stat()
            if facts.st_mtime < before:  # not put there once more meanwhile
                path.unlink()
                files, size = files + 1, size + facts.st_size
    return files, size


def _older(archive: Archive, before: float) -> Iterator[Path]:
    for path in archive.folder.glob("??/*"):
        with suppress(FileNotFoundError):
            if _SHA256.fullmatch(path.name) and path.lstat().st_mtime < before:
                yield path
