"""A whole document: which class each member is, and what is read, left out or set aside."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, Protocol

from lxml import etree

from sdi.harvest.contract import Issue, LeftOut, Read
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.excerpt import Allowed, excerpt
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.names import local, namespace
from sdi.harvest.gml.objects import COUNTY_WFS, GUGIK, Draft, ObjectReader, Tally
from sdi.harvest.gml.plain import build
from sdi.harvest.texts import clean
from sdi.model.register import FeatureType, Register
from sdi.model.text import Text

BASE_MODEL = "urn:gugik:specyfikacje:gmlas:modelPodstawowy:1.0"
"""The schema under all registers of the 2015 generation; no register has it to itself."""


class Chooser(Protocol):
    """Decides for each object of a document."""

    def choose(self, element: etree._Element, tally: Tally) -> ObjectReader | LeftOut | None:
        """The reader of the object's class; LeftOut where the class is not read; None where it is unknown."""
        ...


def read_document(document: Document, chooser: Chooser) -> Iterator[Read]:
    """All objects of a document in its order; issues about the whole document come last.

    Raises SourceError where the document cannot be read to its end.
    """
    tally = yield from read_members(document, chooser)
    yield from tally.issues(document.name)


def read_members(
    document: Document, chooser: Chooser, digests: Iterable[bytes] = ()
) -> Generator[Read, None, Tally]:
    """The objects of a document, or of a part of one; returns what there is to say about it as a whole.

    `digests` of its members, in their order, go to objects that there is nothing to say about.
    """
    tally = Tally()
    members = chain(digests, repeat(b""))
    for batch in document.batches():
        steps: list[tuple[Draft | LeftOut | Issue, bytes]] = []
        readers: list[tuple[ObjectReader, etree._Element]] = []
        for element, member in zip(batch, members, strict=False):
            line: Any = element.sourceline
            position = f"{document.name}:{line + document.line}"
            said = tally.total
            chosen = chooser.choose(element, tally)
            step: Draft | LeftOut | Issue
            if isinstance(chosen, ObjectReader):
                step = chosen.read(element, position, document.srs_name, tally)
                readers.append((chosen, element))
            else:
                step = chosen or _unknown_class(element, position)
            steps.append((step, member if document.regular and tally.total == said else b""))
        built = iter(build([plain for step, _ in steps if isinstance(step, Draft) for _, plain in step.plains]))
        finishing = iter(readers)
        for step, member in steps:
            if isinstance(step, Draft):
                reader, element = next(finishing)
                reader.place(step, built)
                yield from reader.finish(step, element, member)
            elif isinstance(step, LeftOut) and member:
                yield LeftOut(step.class_name, member)
            else:
                yield step
    return tally


def _unknown_class(element: etree._Element, position: str) -> Issue:
    name = local(element.tag)
    return Issue(
        "quarantined",
        "unknown-class",
        Text(pl="żaden zadeklarowany rejestr nie czyta tej klasy ani nie wymienia jej jako pomijanej",
             en="no declared register reads this class or names it as left out").at(name),
        object_id=next((str(value) for key, value in element.attrib.items() if local(str(key)) == "id"), None),
        position=position,
        excerpt=excerpt(element, Allowed()),
    )


class RegisterChooser:
    """Classes of declared registers by local name, within the register's namespaces where those tell it.

    Objects of feature types that are not `owned` are left out.
    """

    def __init__(
        self, registers: Mapping[str, Register], owned: Iterable[FeatureType], geometries: GeometryReader
    ) -> None:
        self._registers, self._geometries = list(registers.values()), geometries
        self._owned = {feature_type.name for feature_type in owned}
        self._readers: dict[str, ObjectReader | LeftOut] = {}
        self._divided: dict[tuple[str, str], ObjectReader | LeftOut] = {}
        self._known = {name for register in self._registers for name in register.namespaces} | {BASE_MODEL}

    def choose(self, element: etree._Element, tally: Tally) -> ObjectReader | LeftOut | None:
        """See Chooser. A known class in an unknown namespace is read, and the namespace is counted."""
        tag = element.tag
        if namespace(tag) not in self._known:
            tally.count(tally.strange, namespace(tag))
        known = self._readers.get(tag)
        if known is not None:
            return known
        register = self._register(tag)
        if register is not None and local(tag) in register.divided:
            return self._divide(register, element)
        chosen: ObjectReader | LeftOut | None = None
        if register is not None:
            feature_type = register.by_class.get(local(tag))
            chosen = self._reader(register, local(tag), feature_type) if feature_type else LeftOut(local(tag))
        if chosen is not None:
            self._readers[tag] = chosen
        return chosen

    def by_tag(self, tag: str) -> ObjectReader | LeftOut | None:
        """What was chosen for an object, where it is so for all with its tag."""
        return self._readers.get(tag)

    def _register(self, tag: str) -> Register | None:
        """The register that knows a class: one that has its namespace, else any."""
        name = local(tag)
        by_namespace = [register for register in self._registers if namespace(tag) in register.namespaces]
        candidates = by_namespace if by_namespace and namespace(tag) != BASE_MODEL else self._registers
        return next((r for r in candidates if name in r.by_class), None) or next(
            (r for r in candidates if name in r.not_read), None
        )

    def _divide(self, register: Register, element: etree._Element) -> ObjectReader | LeftOut | None:
        name = local(element.tag)
        feature_type = register.feature_type_of(name, lambda prop: _text_of(element, prop))
        if feature_type is None:
            return None
        key = element.tag, feature_type.name
        if key not in self._divided:
            self._divided[key] = self._reader(register, name, feature_type)
        return self._divided[key]

    def _reader(self, register: Register, class_name: str, feature_type: FeatureType) -> ObjectReader | LeftOut:
        if feature_type.name not in self._owned:
            return LeftOut(class_name)
        division = register.divided.get(class_name)
        used = (division.by,) if division else ()
        return ObjectReader(class_name, feature_type, register, self._geometries, GUGIK, used=used)


class TypeChooser:
    """Objects of one WFS type, compared by local name without case; anything else is unknown."""

    def __init__(
        self,
        type_name: str,
        feature_type: FeatureType,
        register: Register,
        geometries: GeometryReader,
        geometry_name: str | None = None,
    ) -> None:
        self._name = type_name.rpartition(":")[2].casefold()
        self._reader = ObjectReader(feature_type.name, feature_type, register, geometries, COUNTY_WFS, geometry_name)

    def choose(self, element: etree._Element, tally: Tally) -> ObjectReader | None:
        """See Chooser."""
        return self._reader if local(element.tag).casefold() == self._name else None


def _text_of(element: etree._Element, name: str) -> str | None:
    return next((clean(child.text) for child in element if local(child.tag) == name), None)
