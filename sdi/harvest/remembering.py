"""Keeping the memory of a source: what of it can be used in a run, and what the run adds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from sdi.harvest.memory import FIELDS, Entries, Memory, number
from sdi.model.region import Region, Source
from sdi.store.staging import contents


class Remembering:
    """The memory of one source through one run, whose caller holds the source's lock; files below `folder`."""

    def __init__(self, folder: Path, source: Source, region: Region, fingerprint: str) -> None:
        self._folder, self._source = folder / source.id, source
        self._kept, self._usable, self._noted, self._made = (
            self._folder / f"{fingerprint}{suffix}" for suffix in (".npy", ".usable.npy", ".noted", ".made.npy"))
        self._feature_types = {number(ft.name): ft for ft in region.owned_by(source)}
        classes = {name for register in region.registers.values()
                   for name in (*register.by_class, *register.not_read, *register.divided)}
        self._classes = np.array([number(name) for name in classes], np.uint64)
        self.memory = Memory(None, (*(ft.name for ft in self._feature_types.values()), *classes))

    def recall(self, connection: psycopg.Connection[Any], resumed: bool) -> None:
        """Fill `memory` with what can be used now; `resumed`: what a killed run had noted still counts."""
        if not resumed:
            self._noted.unlink(missing_ok=True)
        with suppress(OSError, ValueError):  # there is none, or it is broken
            table = np.load(self._kept, mmap_mode="r", allow_pickle=False)
            usable = np.isin(table[4], self._classes)
            for each, feature_type in self._feature_types.items():
                current = np.frombuffer(contents(connection, feature_type, self._source), np.uint64)[::2]
                usable |= (table[4] == each) & np.isin(table[2], current)
            np.save(self._usable, table[:, usable])
            self.memory.path = self._usable

    def note(self, recalled: Entries, learned: Mapping[str, bytes | bytearray]) -> None:
        """Entries that were used, and what was learned: by feature type or class, digests with hashes of contents."""
        new = [np.empty((len(pairs) // 32, FIELDS), np.uint64) for pairs in learned.values()]
        for (name, pairs), records in zip(learned.items(), new, strict=True):
            records[:, :4] = np.frombuffer(pairs, np.uint64).reshape(-1, 4)
            records[:, 4] = number(name)
        if new or recalled.size:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._noted.open("ab") as file:
                file.write(np.concatenate([self.memory.table[:, recalled].T, *new]).tobytes())

    def keep(self) -> None:
        """The end of a run: what it has noted is the memory of the next. Without room for it there is none."""
        with suppress(OSError, ValueError):
            noted = np.memmap(self._noted, np.uint64, mode="r").reshape(-1, FIELDS)
            order = np.argsort(noted[:, 0], kind="stable")
            table = np.lib.format.open_memmap(self._made, "w+", np.uint64, (FIELDS, len(order)))
            for field in range(FIELDS):
                table[field] = noted[:, field][order]
            table.flush()
            self._made.replace(self._kept)
        for other in self._folder.glob("*"):
            if other != self._kept:
                other.unlink()

    def forget(self) -> None:
        """Throw it away."""
        self._kept.unlink(missing_ok=True)
