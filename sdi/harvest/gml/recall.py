"""A slice of a document without the members that are known already."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from sdi.harvest.contract import Feature, Issue, Known, LeftOut, Read
from sdi.harvest.gml.slices import Slice
from sdi.harvest.memory import DIGEST, Entries, Memory, digests

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is left to read of a slice, and what is known between."""

    document: bytes
    """With empty lines for members that are known."""
    left: list[bytes]
    """Digests of the members that are left."""
    known: list[Entries]
    """Before each member that is left, and after the last."""

    @classmethod
    def of(cls, piece: Slice, path: Path, memory: Memory) -> Self | None:
        """None where members cannot be told by their bytes: there is something else between them."""
        body = piece.body(path)
        start, end = b"<" + piece.member, b"</" + piece.member + b">"
        members = body.split(end)[:-1]
        if body.count(start) != len(members) or not all(
            member.startswith(start, member.find(b"<")) for member in members
        ):
            return None
        made = digests(members, blake2b(piece.head, digest_size=16).digest())
        entries = memory.find(made)
        left = np.flatnonzero(entries < 0).tolist()
        if len(left) == len(members):
            known = [_NONE] * (len(left) + 1)
            return cls(piece.head + body + piece.tail, _cut(made), known)
        rest = [member + end if entry < 0 else b"\n" * member.count(b"\n")
                for member, entry in zip(members, entries.tolist(), strict=True)]
        return cls(
            b"".join([piece.head, *rest, piece.tail]),
            [each for each, entry in zip(_cut(made), entries.tolist(), strict=True) if entry < 0],
            [entries[before + 1: after] for before, after in pairwise([-1, *left, len(members)])],
        )

    def between[T](self, items: Generator[Read, None, T]) -> Generator[Read, None, T]:
        """What is read of `document`, with what is known in its place; returns what `items` returns."""
        known = iter(self.known)
        try:
            while True:
                item = next(items)
                if isinstance(item, Feature | LeftOut) or (isinstance(item, Issue) and item.severity == "quarantined"):
                    entries = next(known, _NONE)
                    if entries.size:
                        yield Known(entries)
                yield item
        except StopIteration as stop:
            yield from (Known(entries) for entries in known if entries.size)
            return stop.value  # type: ignore[no-any-return]


def _cut(made: bytes) -> list[bytes]:
    """Digests one by one."""
    return [made[place: place + DIGEST] for place in range(0, len(made), DIGEST)]
