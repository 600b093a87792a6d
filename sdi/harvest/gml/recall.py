"""A slice of a document without the members that are known already."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice, pairwise
from pathlib import Path
from typing import Self

import numpy as np

from sdi.harvest.contract import Feature, Issue, Known, LeftOut, Read
from sdi.harvest.gml.slices import Slice
from sdi.harvest.memory import DIGEST, Entries, Memory, digests


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
        rest = [member + end if entry < 0 else b"\n" * member.count(b"\n")
                for member, entry in zip(members, entries.tolist(), strict=True)]
        return cls(
            b"".join([piece.head, *rest, piece.tail]),
            [made[DIGEST * index: DIGEST * (index + 1)] for index in left],
            [entries[before + 1: after] for before, after in pairwise([-1, *left, len(members)])],
        )

    def between[T](self, items: Generator[Read, None, T]) -> Generator[Read, None, T]:
        """What is read of `document`, with what is known in its place; returns what `items` returns."""
        known = (Known(entries) for entries in self.known)
        try:
            while True:
                item = next(items)
                if isinstance(item, Feature | LeftOut) or (isinstance(item, Issue) and item.severity == "quarantined"):
                    yield from islice(known, 1)
                yield item
        except StopIteration as stop:
            yield from known
            return stop.value  # type: ignore[no-any-return]
