"""A large document cut between its members, so that each part is a document of its own and several are read at once.

It is cut only where bytes tell it for sure: in an encoding with the ASCII characters as ASCII bytes, at the end tag of
a member that has as many start tags before it. From the first comment, CDATA section or processing instruction on,
which may hold tags that are none, the rest is one part.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

SLICE = 1 << 22
"""Bytes of a slice, about."""
PROLOGUE = 1 << 16
"""Within so many bytes the first member must start."""

NEWLINE = ord("\n")

_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml\s([^?>]*)\?>)?\s*")
_ENCODING = re.compile(rb"encoding\s*=\s*.(utf-8|us-ascii|iso-8859-\d+|windows-125\d).", re.IGNORECASE)
_ROOT = re.compile(rb"<([A-Za-z_][\w.-]*(?::[\w.-]+)?)\s[^<]*>")
_MEMBER = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?(?:featureMember|member))\s*>")


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a document: `head` and `tail` make a document of the bytes from `start` to `end` (None: the end)."""

    start: int
    end: int | None
    head: bytes = b""
    tail: bytes = b""
    line: int = 0
    """What to add to a line of this document to have the line of the whole."""
    member: bytes = b""
    """Name of the elements that wrap members, of which the bytes up to `end` are made, as many starts as ends; empty
    where `end` is None."""
    encoding: str = "utf-8"

    def open(self, path: Path) -> IO[bytes]:
        """The document of this slice of the file `path`."""
        if self.end is not None:
            return io.BytesIO(self.around(self.body(path)))
        file = path.open("rb")
        file.seek(self.start)
        return _Headed(self.head, file) if self.head else file  # type: ignore[return-value]

    @property
    def first_line(self) -> int:
        """The line of the whole on which the bytes from `start` on begin."""
        return 1 + self.head.count(b"\n") + self.line

    @property
    def member_end(self) -> bytes:
        """The end tag of a member."""
        return b"</" + self.member + b">"

    def around(self, body: bytes) -> bytes:
        """The document of some members of this slice."""
        return self.head + body + self.tail

    def body(self, path: Path) -> bytes:
        """The bytes from `start` to `end`, which must be known."""
        assert self.end is not None
        with path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.end - self.start)


class _Headed(io.RawIOBase):
    """A file behind some bytes of another; not a BytesIO, as it may be of any size."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head, self._file = head, file

    def read(self, size: int = -1) -> bytes:
        """The head, then the file."""
        head, self._head = self._head, b""
        return head or self._file.read(size)

    def close(self) -> None:
        """Close the file as well."""
        self._file.close()
        super().close()


def _marked(piece: bytearray) -> bool:
    """Whether there is a comment, a CDATA section or a processing instruction; the single signs are found faster."""
    return (b"!" in piece and b"<!" in piece) or (b"?" in piece and b"<?" in piece)


def slices(path: Path) -> Iterator[Slice]:
    """The slices of an XML file that is not packed, in order; the whole where it is small or cannot be cut."""
    with path.open("rb") as file:
        cuts = _Cuts.of(file.read(PROLOGUE))
        if cuts is None or path.stat().st_size < 2 * SLICE:
            yield Slice(0, None)
            return
        yield from cuts.slices(file)


@dataclass(frozen=True, slots=True)
class _Cuts:
    """How a document is cut."""

    head: bytes
    """Up to the first member."""
    root: bytes
    """Name of the root element."""
    member: bytes
    """Name of the elements that wrap members."""
    encoding: str

    @classmethod
    def of(cls, beginning: bytes) -> _Cuts | None:
        """None where the document cannot be cut."""
        first = _MEMBER.search(beginning)
        declaration = _DECLARATION.match(beginning)
        if first is None or declaration is None:
            return None
        said = declaration[1] or b""
        head = beginning[: first.start()]
        root = _ROOT.match(head, declaration.end())
        encoding = _ENCODING.search(said)
        if (b"encoding" in said and encoding is None) or root is None:
            return None
        if b"<!" in head or b"<?" in head[declaration.end():]:
            return None
        return cls(head, root[1], first[1], encoding[1].decode() if encoding else "utf-8")

    def slices(self, file: IO[bytes]) -> Iterator[Slice]:
        """All slices of the document."""
        end_tag = b"</" + self.member + b">"
        start, line = len(self.head), 0
        piece = bytearray(SLICE)  # one for all, as memory that is new each time takes longer than to look through it
        while True:
            file.seek(start)
            del piece[file.readinto(piece):]  # type: ignore[attr-defined]
            size = piece.rfind(end_tag) + len(end_tag)
            if size < len(end_tag) or _marked(piece) or not self._balanced(piece, size):
                break
            yield Slice(start, start + size, self.head, b"</" + self.root + b">", line, self.member, self.encoding)
            line += int(np.count_nonzero(np.frombuffer(piece, np.uint8, size) == NEWLINE))
            start += size
        yield Slice(start, None, self.head, line=line)

    def _balanced(self, piece: bytearray, size: int) -> bool:
        """Whether every member that starts in the first bytes of a piece ends in them."""
        return piece.count(b"</" + self.member, 0, size) == piece.count(b"<" + self.member, 0, size)
