"""A slice of a document without the members that need not be parsed: they are known, or read by their shape."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Self

import numpy as np

from sdi.harvest.contract import Feature, Issue, Known, LeftOut, Read
from sdi.harvest.gml.shapes import Shapes
from sdi.harvest.gml.slices import NEWLINE, Slice
from sdi.harvest.memory import Entries, Memory, digests


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is left to parse of a slice, and what is there of the others."""

    document: bytes
    """With empty lines for members before those that are left."""
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
        members = body.split(piece.member_end)[:-1]
        if not _nothing_between(members, b"<" + piece.member):
            return None
        made = digests(members, piece.head)
        entries = memory.find(made)
        unknown = np.flatnonzero(entries < 0).tolist()
        lines = _lines(body, members, unknown, piece)
        found = shapes.read([members[place] for place in unknown], [made[place] for place in unknown], lines, name)
        alike = {place: item for place, item in zip(unknown, found, strict=True) if item is not None}
        left = {place: line for place, line in zip(unknown, lines, strict=True) if place not in alike}
        document = piece.around(_at_lines(piece, ((members[place], line) for place, line in left.items())))
        return cls(document, [*left], [made[place] for place in left], entries, alike)

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


def _nothing_between(members: list[bytes], start: bytes) -> bool:
    """Whether each piece up to the end of a member begins with its start tag."""
    like_last = members[-1][: members[-1].find(b"<")] + start
    return all(member.startswith(start, member.find(b"<"))
               for member in [member for member in members if not member.startswith(like_last)])


def _lines(body: bytes, members: list[bytes], wanted: list[int], piece: Slice) -> list[int]:
    """The lines of the whole document on which some members begin."""
    end = len(piece.member_end)
    starts = list(accumulate([len(member) + end for member in members], initial=0))
    ends = np.frombuffer(body, np.uint8) == NEWLINE
    gaps = pairwise([0, *(starts[place] for place in wanted)])
    return list(accumulate((int(np.count_nonzero(ends[before:start])) for before, start in gaps),
                           initial=piece.first_line))[1:]


def _at_lines(piece: Slice, members: Iterable[tuple[bytes, int]]) -> bytes:
    """Some members of a slice with empty lines before them, so that each begins on its line."""
    made: list[bytes] = []
    reached = piece.first_line
    for member, line in members:
        made += b"\n" * (line - reached), member, piece.member_end
        reached = line + member.count(b"\n")
    return b"".join(made)
