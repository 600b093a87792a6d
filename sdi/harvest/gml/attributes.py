"""One attribute of a feature type, read from the properties of one object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lxml import etree

from sdi.harvest.gml.coordinates import XLINK_HREF
from sdi.harvest.gml.names import below, local
from sdi.harvest.texts import Problem, clean, converter, unit_factor
from sdi.model.register import Attribute, FeatureType, Register

Found = dict[str, list[etree._Element]]
"""The properties of an object by name, in their order."""

Texts = list[str | None]
"""What one value is made of; filled in anew for objects of one shape (sdi.harvest.gml.shapes)."""

KEPT = 4_096
"""Texts of an attribute whose values are kept, as most come again and again."""


class Place(NamedTuple):
    """Where a value stands."""

    texts: Texts
    unit: str | None
    """Its `uom`, where it has one."""


Places = list[list[Place]]
"""Where an attribute may have its value: by path, for the paths that the object has."""


class AttributeReader:
    """Reads an attribute from the first of its `paths` that gives a value; nested steps are separated by a slash."""

    def __init__(self, name: str, attribute: Attribute, register: Register, paths: tuple[str, ...]) -> None:
        self.name, self.many = name, attribute.many
        self._unit = attribute.unit
        self.paths = [(steps[0], tuple(steps[1:])) for steps in (path.split("/") for path in paths)]
        codes = register.code_lists[attribute.code_list] if attribute.code_list is not None else None
        self._convert = converter(attribute, codes)
        self._pattern = re.compile(attribute.pattern) if attribute.pattern is not None else None
        self._texts, self._composed = _READINGS[attribute.reading]
        self._nothing = {text.casefold() for text in attribute.nothing}
        self._kept: dict[str, Any] = {}
        """Values by text, where it has no unit or the declared one."""
        self.parts = ("OFU", "OZU", "OZK", "powierzchnia") if attribute.reading == "klasouzytek" else ()
        """Elements below the last step that it reads."""
        self.linked = attribute.reading == "href"
        """It reads the target of a link."""

    def implied(self, text: str) -> Any:
        """The value of a text that the declaration itself gives. Raises ValueError."""
        return self._convert(text)

    def places(self, found: Found) -> Places:
        """Where an object has the attribute."""
        places: Places = []
        for name, rest in self.paths:
            elements = found.get(name)
            if elements is None:
                continue
            if rest:
                elements = below(elements, rest)
            places.append([Place(self._texts(element), element.get("uom")) for element in elements])
        return places

    def read(self, places: Iterable[Iterable[Place]], problems: list[Problem]) -> Any:
        """The attribute's value, None where the object has none; what could not be taken is added to `problems`."""
        for path in places:
            if self.many:
                values = [self._value(place, problems) for place in path]
                if texts := [str(value) for value in values if value is not None]:
                    return ", ".join(texts)
                continue
            for place in path:
                value = self._value(place, problems)
                if value is not None:
                    return value
        return None

    def _value(self, place: Place, problems: list[Problem]) -> Any:
        given = self._composed(place.texts)
        if given is None:
            return None
        declared = place.unit is None or place.unit == self._unit
        if declared and (kept := self._kept.get(given)) is not None:
            return kept
        text = clean(given)
        if text is not None and self._nothing and text.casefold() in self._nothing:
            return None
        if text is not None and self._pattern is not None:
            match = self._pattern.search(text)
            text = match[1] if match else None
        if not text:
            return None
        try:
            value = self._convert(text)
            if self._unit is not None and place.unit is not None and not declared:
                value = type(value)(round(value * unit_factor(place.unit, self._unit), 9))
            elif declared and self._pattern is None:
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                self._kept[given] = value
            return value
        except ValueError as error:
            problems.append(Problem.of(self.name, text, error))
            return None


def attribute_readers(
    feature_type: FeatureType, register: Register, paths: Callable[[Attribute], tuple[str, ...]]
) -> list[AttributeReader]:
    """Readers of all attributes for which `paths` knows where a kind of source has them."""
    return [
        AttributeReader(name, attribute, register, found)
        for name, attribute in feature_type.attributes.items()
        if (found := paths(attribute))
    ]


def _text(element: etree._Element) -> Texts:
    return [element.text]


def _first(texts: Texts) -> str | None:
    return texts[0]


def _href(element: etree._Element) -> Texts:
    """The target of a link: a bare gml:id or urn:pzgik:id."""
    return [element.get(XLINK_HREF)]


def _target(texts: Texts) -> str | None:
    """Of a link within the document, without its `#`."""
    return texts[0].removeprefix("#") if texts[0] is not None else None


def _parts(element: etree._Element) -> Texts:
    """EGB_Klasouzytek: its use, contour and quality; its text where it is text already."""
    if not len(element):
        return [element.text]
    parts = {local(part.tag): part.text for part in element}
    return [parts.get("OFU"), parts.get("OZU"), parts.get("OZK")]


def _klasouzytek(texts: Texts) -> str | None:
    """As it is written in the register: RIVa, Br-RIVa, Ls, B."""
    if len(texts) == 1:
        return texts[0]
    use, contour, quality = map(clean, texts)
    soil = f"{contour or ''}{quality or ''}"
    if use is None or not soil or use == contour:
        return soil or use
    return f"{use}-{soil}"


_READINGS: dict[str, tuple[Callable[[etree._Element], Texts], Callable[[Texts], str | None]]] = {
    "value": (_text, _first),
    "href": (_href, _target),
    "klasouzytek": (_parts, _klasouzytek),
}
"""What of an element makes a value, and how."""
