"""Members that look alike are read alike: one tells where things stand, the others are cut by a regular expression.

A registry writes its objects by a template: of a class there are few shapes, alike in all but their values, identifiers
and links. A shape is learned from the tree of a member whose values have been numbered. What fits it is well-formed
and has the same tree, because the values that are let through cannot hold markup. Whatever does not fit, or has
something to be said about, is left to those who read the tree.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdi.errors import SourceError
from sdi.harvest.contract import Feature, LeftOut
from sdi.harvest.gml.attributes import Texts
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.objects import Draft, Layout, ObjectReader, Tally
from sdi.harvest.gml.plain import PlainPlace, build
from sdi.harvest.gml.reader import RegisterChooser
from sdi.harvest.gml.slices import Slice

TRIED = 12
"""Shapes of a class at most: to try more would take longer than to read the tree."""
LONG = 1 << 14
"""Characters of a member that is too long to make a regular expression of."""
WORTH, FREE = 50, 1_000
"""Members that must have been read alike for each shape that is learned, and how many are lent to begin with."""

_PIECE = re.compile(r'([^>"]*)([>"])([^<>"]*)([<"])')
"""Markup up to a value, what opens it, the value, and what ends it."""
_VARIES = re.compile(r"[\s:](?:id|href)=$")
"""Before the value of an attribute that differs from object to object."""
_CLASS = re.compile(r"\s*<[^<>]*>\s*<([^\s<>/]+)")
"""The tag of the object in a member."""
_FORBIDDEN = re.compile(r"[&\x00-\x08\x0b-\x1f\ufffe\uffff]|<!|<\?")
"""What only the parser reads right."""

# Marks of a template: a text, the value of an attribute, the same where they are read, and what may come again.
_TEXT, _VALUE, _TEXT_READ, _VALUE_READ, _AGAIN, _ENDED = "\x01", "\x02", "\x03", "\x04", "\x05", "\x06"
_REPEATED = re.compile(r"(<([^\s<>/]+)[^<>\x03\x04]*>[^<>\x03\x04]*</\2>\s*)\1+")
"""An element of which nothing is read, several times."""
_PATTERNS = {
    _TEXT: r'[^<>"&\x00-\x08\x0b-\x1f\ufffe\uffff]*', _VALUE: r'[^<>"&\x00-\x1f\ufffe\uffff]*',
    _AGAIN: "(?:", _ENDED: ")+",
}
_PATTERNS |= {_TEXT_READ: f"({_PATTERNS[_TEXT]})", _VALUE_READ: f"({_PATTERNS[_VALUE]})"}
_WHEN_READ = {_TEXT: _TEXT_READ, _VALUE: _VALUE_READ}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What members that fit have in common."""

    fits: Callable[[str], re.Match[str] | None]
    chosen: ObjectReader | LeftOut
    line: int
    """Of the object's tag within the member, from 0."""
    layout: Layout
    plains: list[PlainPlace]
    slots: list[tuple[Texts, int, int]]
    """Which text of both is filled by which group."""

    def draft(self, match: re.Match[str], position: str) -> Draft | None:
        """The object, its geometries to be built; None where it is not to be read by its shape."""
        assert isinstance(self.chosen, ObjectReader)
        values = match.groups()
        for texts, place, group in self.slots:
            texts[place] = values[group]
        draft = self.chosen.draft(self.layout, position)
        for at in self.plains:
            shape = at.plain()
            if shape is None:
                return None
            draft.plains.append((at.column, shape))
            draft.feature.srid = at.srs.srid
        return None if draft.failed or draft.problems else draft


@dataclass(slots=True)
class Shapes:
    """The shapes of members between the same head and tail."""

    piece: Slice
    """Any slice of the document."""
    chooser: RegisterChooser
    _by_class: dict[str, list[_Shape]] = field(default_factory=dict)
    _learned: int = 0
    _read: int = 0

    def read(
        self, members: Sequence[bytes], digests: Sequence[bytes], lines: Sequence[int], name: str
    ) -> list[Feature | LeftOut | None]:
        """What each member is; None where that takes its tree.

        `lines`: where each begins in the document `name`.
        """
        drafts: list[tuple[Draft, ObjectReader] | LeftOut | None] = [
            self._one(member, line, name) for member, line in zip(members, lines, strict=True)]
        built = iter(build([shape for draft in drafts if isinstance(draft, tuple) for _, shape in draft[0].plains]))
        found: list[Feature | LeftOut | None] = []
        for draft, digest in zip(drafts, digests, strict=True):
            if isinstance(draft, tuple):
                draft[1].place(draft[0], built)
                found.append(None if draft[0].failed else draft[1].whole(draft[0], digest))
            else:
                found.append(draft and LeftOut(draft.class_name, digest))
        self._read += len(found) - found.count(None)
        return found

    def _one(self, content: bytes, line: int, name: str) -> tuple[Draft, ObjectReader] | LeftOut | None:
        try:
            member = content.decode(self.piece.encoding)
        except UnicodeDecodeError:
            return None
        tag = _CLASS.match(member)
        if tag is None:
            return None
        shapes = self._by_class.setdefault(tag[1], [])
        for number, shape in enumerate(shapes):
            match = shape.fits(member)
            if match is None:
                continue
            if number:  # those that fit often come to be tried first
                shapes[number - 1: number + 1] = shape, shapes[number - 1]
            if isinstance(shape.chosen, LeftOut):
                return shape.chosen
            draft = shape.draft(match, f"{name}:{line + shape.line}")
            return None if draft is None else (draft, shape.chosen)
        if len(shapes) < TRIED and self._learned * WORTH <= self._read + FREE:
            self._learned += 1
            if (learned := self._learn(member)) is not None:
                shapes.append(learned)
        return None

    def _learn(self, member: str) -> _Shape | None:
        """The shape of a member; None where it has none that others could share."""
        template = _numbered(member)
        if template is None:
            return None
        probe, pieces = template
        content = self.piece.around(probe.encode(self.piece.encoding) + self.piece.member_end)
        document = Document(io.BytesIO(content), "")
        try:
            elements = [element for batch in document.batches() for element in batch]
        except SourceError:
            return None
        if len(elements) != 1 or not document.regular:
            return None
        element, tally = elements[0], Tally()
        self.chooser.choose(element, tally)
        chosen = self.chooser.by_tag(element.tag)
        if chosen is None or tally.total:
            return None
        at: Any = element.sourceline
        line = at - 1 - self.piece.head.count(b"\n")
        if isinstance(chosen, LeftOut):
            return _Shape(_pattern(pieces, {}), chosen, line, Layout([], [], []), [], [])
        learned = chosen.learn(element, document.srs_name)
        if learned is None:
            return None
        layout, plains = learned
        numbers = _numbers([*layout.texts(), *(place.texts for place in plains)])
        if numbers is None:
            return None
        groups = {number: group for group, number in enumerate(sorted({number for _, _, number in numbers}))}
        slots = [(texts, place, groups[number]) for texts, place, number in numbers]
        return _Shape(_pattern(pieces, groups), chosen, line, layout, plains, slots)


Piece = tuple[str, str]
"""A stretch of markup, and the mark of the value after it (empty where there is none)."""


def _numbered(member: str) -> tuple[str, list[Piece]] | None:
    """A member with numbers for its values, and what stands around them; None where only the parser can read it."""
    if len(member) > LONG or _FORBIDDEN.search(member):
        return None
    probe: list[str] = []
    pieces: list[Piece] = []
    done = 0
    for found in _PIECE.finditer(member):
        markup, opens, value, ends = found.groups()
        if (opens == '"') != (ends == '"'):
            return None  # a quotation mark in a text
        if "'" in markup:
            return None  # values in marks that are not looked for
        varies = _VARIES.search(markup) if opens == '"' else value.strip()
        before = member[done: found.start(3)] if varies else member[done: found.end(3)]
        if varies:
            probe += before, str(len(pieces))
            pieces.append((before, _VALUE if opens == '"' else _TEXT))
        else:
            probe.append(before)
            pieces.append((before, ""))
        done = found.end(3)
    probe.append(member[done:])
    pieces.append((member[done:], ""))
    return "".join(probe), pieces


def _numbers(read: Sequence[Texts]) -> list[tuple[Texts, int, int]] | None:
    """The texts that are read, each with the number that stands for its value; None where one is not just that."""
    found: list[tuple[Texts, int, int]] = []
    for texts in read:
        for place, text in enumerate(texts):
            if text is None or not text.strip():
                continue
            if not (text.isascii() and text.isdecimal()):
                return None
            found.append((texts, place, int(text)))
    return found


def _pattern(pieces: Sequence[Piece], groups: dict[int, int]) -> Callable[[str], re.Match[str] | None]:
    """What matches whole members that are alike, with a group for each value that is read."""
    template = "".join(
        markup + (_WHEN_READ[mark] if number in groups else mark) for number, (markup, mark) in enumerate(pieces))
    template = _REPEATED.sub(rf"{_AGAIN}\1{_ENDED}", template)
    return re.compile("".join(_PATTERNS.get(mark) or re.escape(mark) for mark in _stretches(template))).fullmatch


def _stretches(template: str) -> Iterator[str]:
    """A template cut at its marks."""
    yield from filter(None, re.split(f"([{''.join(_PATTERNS)}])", template))
