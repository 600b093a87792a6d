"""A GML document of any size as batches of its members, with line numbers; entities are refused.

The parser is fed piece by piece; members that are complete are taken out of the tree, so memory does not grow
with the document. libxml2 does the encodings, comments and CDATA; nothing is fetched for `xsi:schemaLocation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import IO, Any, Literal

from lxml import etree

from sdi.errors import SourceError
from sdi.harvest.gml.coordinates import NAMESPACES
from sdi.harvest.gml.names import local, namespace
from sdi.model.text import Text

PIECE = 1 << 17
"""Bytes fed to the parser at once."""
PROLOGUE = 1 << 20
"""Within so many bytes the root element must start."""
MEMBER_LIMIT = 1 << 27
"""Bytes without the end of a member; more is no collection of objects."""

SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
"""Options of every parser: what a stranger wrote is data, never an instruction to open something."""

_WRAPPERS = (*NAMESPACES, "http://www.opengis.net/wfs", "http://www.opengis.net/wfs/2.0")
_BOUNDS = tuple(f"{{{namespace}}}Envelope" for namespace in NAMESPACES)


class Document:
    """A collection of features in a stream; `name` stands in messages and positions, `line` is added to lines.

    `encoding` overrules what the document says of itself.
    """

    def __init__(self, stream: IO[bytes], name: str, encoding: str | None = None, line: int = 0) -> None:
        self._stream, self.name, self._encoding, self.line = stream, name, encoding, line
        self.attributes: dict[str, str] = {}
        """Attributes of the root by local name (numberMatched, numberReturned …), known with the first batch."""
        self.srs_name: str | None = None
        """srsName of the collection's envelope, which its geometries inherit."""
        self.regular = True
        """So far, every element that wraps a member had one object in it."""

    def batches(self) -> Iterator[list[etree._Element]]:
        """Lists of feature elements in document order; an element is good until the next batch is asked for.

        Raises SourceError, with the line, where the document is truncated, malformed, or no collection.
        """
        head = self._read_root()
        parser = etree.XMLPullParser(events=("start",), tag=self._root.tag, huge_tree=True, **self._options)
        root: etree._Element | None = None
        unfinished = 0
        piece = head
        try:
            while piece:
                parser.feed(piece)
                if root is None:
                    root = _started(parser)
                done = self._take(root, final=False) if root is not None else []
                unfinished = 0 if done else unfinished + len(piece)
                if unfinished > MEMBER_LIMIT:
                    raise self._endless(parser)
                if done:
                    yield done
                    del done
                piece = self._stream.read(PIECE)
            parser.close()
        except etree.XMLSyntaxError as error:
            raise self._malformed(error, parser) from error
        if root is not None and (done := self._take(root, final=True)):
            yield done

    @property
    def _options(self) -> dict[str, Any]:
        return SAFE | {"encoding": self._encoding}

    def check(self) -> None:
        """Look at the root only. Raises SourceError where it is no collection."""
        self._read_root()

    def _read_root(self) -> bytes:
        """The bytes up to the root's start tag or beyond, after what is no collection has been refused."""
        parser = etree.XMLPullParser(events=("start",), **self._options)
        head = b""
        try:
            while len(head) < PROLOGUE and (piece := self._stream.read(1 << 12)):
                head += piece
                if head.lstrip().lower().startswith(b"<!doctype html"):
                    raise _web_page(head, self.name)
                parser.feed(piece)
                root = _started(parser)
                if root is not None:
                    self._accept(root, head)
                    return head
            if len(head) < PROLOGUE and head.strip():
                self._accept(parser.close(), head)
                return head
        except etree.XMLSyntaxError as error:
            if b"<html" in head[:2048].lower():
                raise _web_page(head, self.name) from error
            raise self._malformed(error, parser) from error
        raise SourceError(Text(
            pl="nie ma w nim elementu XML" if head.strip() else "plik jest pusty",
            en="no XML element in it" if head.strip() else "the file is empty").at(self.name))

    def _accept(self, root: etree._Element, head: bytes) -> None:
        """Keep what is known from the root; raise SourceError where it cannot be a collection."""
        name = etree.QName(root)
        if root.getroottree().docinfo.internalDTD is not None:
            raise SourceError(Text(
                pl="ma DOCTYPE, które mogłoby definiować encje; takiego pliku się nie czyta",
                en="has a DOCTYPE; it could define entities, so such a file is not read").at(self.name))
        if name.localname.lower() == "html":
            raise _web_page(head, self.name)
        if name.localname in ("ExceptionReport", "ServiceExceptionReport"):
            rest = head + self._stream.read(PIECE)
            raise SourceError(Text(
                pl=f"serwer odpowiedział wyjątkiem: {exception_text(rest)}",
                en=f"the server answered with an exception: {exception_text(rest)}").at(self.name))
        if not name.localname.endswith("Collection"):
            raise SourceError(Text(
                pl=f"korzeniem jest {name.localname!r}, oczekiwano kolekcji obiektów GML",
                en=f"the root is {name.localname!r}, expected a GML FeatureCollection").at(self.name))
        self._root = root
        self.attributes = {str(etree.QName(key).localname): str(value) for key, value in root.attrib.items()}

    def _take(self, root: etree._Element, final: bool) -> list[etree._Element]:
        """Cut the complete features out of the tree; the last child may still grow unless `final`."""
        features: list[etree._Element] = []
        children = list(root)
        growing = None if final or not children else children[-1]
        for child in children:
            role = _role(child.tag)
            if role == "members":
                grown = list(child) if child is not growing else list(child)[:-1]
                features += grown
                del child[:len(grown)]
            elif child is growing:
                continue
            elif role == "member":
                features += child
                self.regular = self.regular and len(child) == 1
            elif role == "object":
                features.append(child)
            elif role == "bounds":
                envelope = next(child.iter(*_BOUNDS), None)
                self.srs_name = envelope.get("srsName") if envelope is not None else None
        # What is cut out lives on as long as it is referred to.
        del root[:len(children) if growing is None else -1]
        return features

    def _endless(self, parser: etree.XMLPullParser) -> SourceError:
        error = _first_error(parser)
        if error is not None:
            return self._error_at(*error)
        return SourceError(Text(
            pl=f"żaden obiekt nie kończy się w {MEMBER_LIMIT >> 20} MB; to nie kolekcja obiektów",
            en=f"no member ends within {MEMBER_LIMIT >> 20} MB; no collection of objects").at(self.name))

    def _malformed(self, error: etree.XMLSyntaxError, parser: etree.XMLPullParser) -> SourceError:
        return self._error_at(*(_first_error(parser) or (error.lineno, error.msg)))

    def _error_at(self, line: int | None, message: str | None) -> SourceError:
        place = f"{self.name}:{line + self.line}" if line else self.name
        if "encoding" in (message or ""):
            return SourceError(Text(
                pl=f"litery nie są w kodowaniu, o którym mówi ({message}); poproś powiat o poprawę; dla WFS do tego"
                   " czasu ustaw właściwe `encoding`",
                en=f"its letters are not in the encoding that it says ({message}); ask the county to mend it; of a"
                   " WFS, set `encoding` to the right one until then").at(place))
        return SourceError(Text(
            pl=f"niepoprawny lub ucięty XML: {message}; poproś o nową dostawę",
            en=f"not well-formed XML, or cut off: {message}; ask for the delivery again").at(place))


@lru_cache(maxsize=256)
def _role(tag: str) -> Literal["member", "members", "bounds", "object", "other"]:
    """What a child of a collection is; one in a namespace of its own is an object without a wrapper."""
    if namespace(tag) not in _WRAPPERS:
        return "object"
    match local(tag):
        case "featureMember" | "member":
            return "member"
        case "featureMembers" | "members":
            return "members"
        case "boundedBy":
            return "bounds"
    return "other"


def _started(parser: etree.XMLPullParser) -> etree._Element | None:
    """The first element that has started since the last call."""
    return next((element for _, element in parser.read_events() if isinstance(element, etree._Element)), None)


def exception_text(document: bytes) -> str:
    """What an OGC exception report says (OWS Common, WFS 1.0.0), in one line."""
    try:
        root = etree.fromstring(document, etree.XMLParser(recover=True, **SAFE))
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        return " ".join(document[:300].decode("utf-8", "replace").split())
    codes = {value for element in root.iter() for key in ("exceptionCode", "code") if (value := element.get(key))}
    return " ".join([*sorted(map(str, codes)), *" ".join(map(str, root.itertext())).split()])[:500]


def _web_page(head: bytes, name: str) -> SourceError:
    """What to say of a document that is an HTML page, with its first words."""
    root = etree.fromstring(head, etree.HTMLParser(no_network=True))
    words = ""
    if root is not None:
        etree.strip_elements(root, "script", "style", with_tail=False)
        words = " ".join(" ".join(str(text) for text in root.itertext()).split())[:200]
    return SourceError(Text(
        pl=f"to strona HTML, nie GML: {words or '(bez tekstu)'}",
        en=f"an HTML page, not GML: {words or '(no text)'}").at(name))


def _first_error(parser: etree.XMLPullParser) -> tuple[int, str] | None:
    """Line and message of the first thing that libxml2 found wrong; what it says at the end may be another."""
    for entry in parser.feed_error_log:
        if entry.level >= etree.ErrorLevels.ERROR:
            return entry.line, entry.message
    return None
