"""One attribute of a feature type, read from the properties of one object."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from lxml import etree

from sdi.harvest.gml.coordinates import XLINK_HREF
from sdi.harvest.gml.names import below, local
from sdi.harvest.gml.values import UnknownCode, clean, converter, unit_factor
from sdi.model.register import Attribute, FeatureType, Register

Found = dict[str, list[etree._Element]]
"""The properties of an object by name, in their order."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that was not taken; becomes an Issue of the object."""

    code: str
    message: str
    field: str


class AttributeReader:
    """Reads an attribute from the first of its `paths` that gives a value; nested steps are separated by a slash."""

    def __init__(self, name: str, attribute: Attribute, register: Register, paths: tuple[str, ...]) -> None:
        self.name, self.many = name, attribute.many
        self._unit = attribute.unit
        self.paths = [(steps[0], tuple(steps[1:])) for steps in (path.split("/") for path in paths)]
        codes = register.code_lists[attribute.code_list] if attribute.code_list is not None else None
        self._convert = converter(attribute, codes)
        self._pattern = re.compile(attribute.pattern) if attribute.pattern is not None else None
        self._text = _READINGS[attribute.reading]
        self._nothing = {text.casefold() for text in attribute.nothing}
        self.parts = ("OFU", "OZU", "OZK", "powierzchnia") if attribute.reading == "klasouzytek" else ()
        """Elements below the last step that it reads."""
        self.linked = attribute.reading == "href"
        """It reads the target of a link."""

    def implied(self, text: str) -> Any:
        """The value of a text that the declaration itself gives. Raises ValueError."""
        return self._convert(text)

    def read(self, found: Found, problems: list[Problem]) -> Any:
        """The attribute's value, None where the object has none; what could not be taken is added to `problems`."""
        for name, rest in self.paths:
            elements = found.get(name)
            if elements is None:
                continue
            if rest:
                elements = below(elements, rest)
            if self.many:
                values = [self._value(element, problems) for element in elements]
                if texts := [str(value) for value in values if value is not None]:
                    return ", ".join(texts)
                continue
            for element in elements:
                value = self._value(element, problems)
                if value is not None:
                    return value
        return None

    def _value(self, element: etree._Element, problems: list[Problem]) -> Any:
        text = clean(self._text(element))
        if text is not None and self._nothing and text.casefold() in self._nothing:
            return None
        if text is not None and self._pattern is not None:
            match = self._pattern.search(text)
            text = match[1] if match else None
        if not text:
            return None
        try:
            value = self._convert(text)
            if self._unit is not None and (unit := element.get("uom", self._unit)) != self._unit:
                value = type(value)(round(value * unit_factor(unit, self._unit), 9))
            return value
        except ValueError as error:
            code = "unknown-code" if isinstance(error, UnknownCode) else "bad-value"
            problems.append(Problem(code, f"{self.name}: {text[:200]!r} {_reason(error)}", self.name))
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


def _reason(error: ValueError) -> str:
    text = str(error)
    return "is not a number" if text.startswith("could not convert") else text


def _href(element: etree._Element) -> str | None:
    """The target of a link: a bare gml:id or urn:pzgik:id; the `#` of a link within the document is cut off."""
    target: str | None = element.get(XLINK_HREF)
    return target.removeprefix("#") if target is not None else None


def _klasouzytek(element: etree._Element) -> str | None:
    """EGB_Klasouzytek as it is written in the register: RIVa, Br-RIVa, Ls, B; as it stands where it is text already."""
    if not len(element):
        return element.text
    parts = {local(part.tag): part.text for part in element}
    use, contour, quality = clean(parts.get("OFU")), clean(parts.get("OZU")), clean(parts.get("OZK"))
    soil = f"{contour or ''}{quality or ''}"
    if use is None or not soil or use == contour:
        return soil or use
    return f"{use}-{soil}"


_READINGS: dict[str, Callable[[etree._Element], str | None]] = {
    "value": attrgetter("text"),
    "href": _href,
    "klasouzytek": _klasouzytek,
}
