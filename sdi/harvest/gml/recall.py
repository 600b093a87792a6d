"""A slice of a document without the members that need not be parsed: they are known, or read by their shape."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import Self

import numpy as np

from sdi.harvest.contract import Feature, Issue, Known, LeftOut, Read
from sdi.harvest.gml.shapes import Shapes
from sdi.harvest.gml.slices import Slice
from sdi.harvest.memory import DIGEST, Entries, Memory, digests


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is left to parse of a slice, and what is there of the others."""

    document: bytes
    """With empty lines for members that need not be parsed."""
    left: list[int]
    """The members that are left."""
    digests: list[bytes]
    """Of those."""
    entries: Entries
    """Of every member, where it is known."""
    alike: dict[int, Feature | LeftOut]
    """Members that were read by their shape."""

    @classmethod
    def of(cls, piece: Slice, path: Path, memory: Memory, shapes: Shapes, name: str) -> Self | None:
        """None where members cannot be told by their bytes: there is something else between them.

        `name` of the document stands in positions.
        """
        body = piece.body(path)
        start, end = b"<" + piece.member, piece.member_end
        members = body.split(end)[:-1]
        if not all(member.startswith(start, member.find(b"<")) for member in members):
            return None
        made = digests(members, blake2b(piece.head, digest_size=16).digest())
        each = [made[place: place + DIGEST] for place in range(0, len(made), DIGEST)]
        entries = memory.find(made)
        unknown = np.flatnonzero(entries < 0).tolist()
        heights = [member.count(b"\n") for member in members]
        lines = list(accumulate(heights, initial=1 + piece.head.count(b"\n") + piece.line))
        found = shapes.read([members[place] for place in unknown], [each[place] for place in unknown],
                            [lines[place] for place in unknown], name)
        alike = {place: item for place, item in zip(unknown, found, strict=True) if item is not None}
        left = [place for place in unknown if place not in alike]
        rest = [b"\n" * height for height in heights]
        for place in left:
            rest[place] = members[place] + end
        return cls(piece.around(b"".join(rest)), left, [each[place] for place in left], entries, alike)

    def between[T](self, items: Generator[Read, None, T]) -> Generator[Read, None, T]:
        """What is read of `document`, with the others in their places; returns what `items` returns."""
        left, place = iter(self.left), 0
        said: list[Read] = []
        try:
            while True:
                item = next(items)
                said.append(item)
                if isinstance(item, Feature | LeftOut) or (isinstance(item, Issue) and item.severity == "quarantined"):
                    if (this := next(left, None)) is not None:  # a member may hold several objects
                        yield from self._others(place, this)
                        place = this + 1
                    yield from said  # warnings about an object come before it
                    said.clear()
        except StopIteration as stop:
            yield from self._others(place, len(self.entries))
            return stop.value  # type: ignore[no-any-return]

    def _others(self, start: int, end: int) -> Iterator[Read]:
        """The members from `start` to before `end`; of those that are left to parse, nothing."""
        for place in range(start, end):
            item = self.alike.get(place)
            if item is not None or self.entries[place] < 0:
                if start < place:
                    yield Known(self.entries[start:place])
                if item is not None:
                    yield item
                start = place + 1
        if start < end:
            yield Known(self.entries[start:end])
