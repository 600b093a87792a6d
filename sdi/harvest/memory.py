"""What was read from the members of earlier deliveries, so that a member that comes again is not read again.

What a member reads as depends on its bytes and on the run's fingerprint only. So this is a cache, which can be thrown
away at any time; an entry is used only while the object that it stands for is in the store just as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Entries = NDArray[np.int64]
"""Places in a memory; -1 for what it does not have."""

DIGEST = 16
"""Bytes of a digest."""
FIELDS = 5
"""Numbers of an entry: the digest of a member (2), the hash of its object's content (2), what it is."""


def digests(members: Iterable[bytes], context: bytes) -> list[bytes]:
    """DIGEST bytes for each member; `context`: all else that decides how it is read.

    SHA-256, cut off: where processors have it built in, it takes less time than BLAKE2b.
    """
    salt = sha256(context).digest()
    return [sha256(salt + member).digest()[:DIGEST] for member in members]


class Memory:
    """Members by digest, with the feature type and content of their objects, or the class that was left out.

    `path`: a file of sdi.harvest.remembering, None for an empty memory.

    It can be pickled: each process opens the file itself.
    """

    def __init__(self, path: Path | None = None, names: Iterable[str] = ()) -> None:
        self.path, self.names = path, {number(name): name for name in names}

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "names": self.names}

    @cached_property
    def table(self) -> NDArray[np.uint64]:
        """FIELDS x n, in the order of the first field."""
        if self.path is None:
            return np.empty((FIELDS, 0), np.uint64)
        table: NDArray[np.uint64] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return table

    def find(self, members: Iterable[bytes]) -> Entries:
        """The entries of members, given by their digests."""
        asked, size = np.frombuffer(b"".join(members), np.uint64).reshape(-1, 2), self.table.shape[1]
        if not size:
            return np.full(len(asked), -1)
        entries = np.minimum(np.searchsorted(self.table[0], asked[:, 0]), size - 1)
        found = (self.table[0][entries] == asked[:, 0]) & (self.table[1][entries] == asked[:, 1])
        return np.where(found, entries, -1)

    def by_name(self, entries: Entries) -> dict[str, NDArray[np.bool_]]:
        """Which of some entries are of each feature type or class."""
        numbers = self.table[4][entries]
        return {self.names[each]: numbers == each for each in np.unique(numbers).tolist()}

    def contents(self, entries: Entries) -> bytes:
        """The hashes of the contents of some entries, 16 bytes each."""
        return np.ascontiguousarray(self.table[2:4, entries].T).tobytes()


def number(name: str) -> int:
    """A name of a feature type or class as 8 bytes."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
