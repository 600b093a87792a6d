"""What of an object may be shown beside an issue: what is on the allow-list, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from sdi.harvest.gml.names import local

LIMIT = 4096
"""Bytes of an excerpt, in UTF-8."""

_ATTRIBUTES = frozenset({"id", "srsName", "srsDimension", "uom", "nilReason", "nil"})


class Allowed:
    """A tree of element names: which may be shown below an object, and which below those."""

    def __init__(self) -> None:
        self.children: dict[str, Allowed] = {}
        self.whole = False
        """Everything below may be shown."""
        self.linked = False
        """The target of its xlink:href may be shown."""

    def add(self, path: tuple[str, ...], leaf: tuple[str, ...] | None, linked: bool = False) -> None:
        """Allow the element at the end of `path` with the children named in `leaf`; None: with all below it."""
        node = self
        for step in path:
            node = node.children.setdefault(step, Allowed())
        node.whole = node.whole or leaf is None
        node.linked = node.linked or linked
        for name in leaf or ():
            node.children.setdefault(name, Allowed())


def excerpt(element: etree._Element, allowed: Allowed, fold: Callable[[str], str] = str) -> str:
    """The XML of an object without every property that is not `allowed`, cut to LIMIT bytes.

    Values that the reader would not take stay out as well: links, other attributes, text beside elements.
    """
    try:
        root = _copy(element, allowed, fold)
    except RecursionError:
        return ""
    etree.cleanup_namespaces(root)
    text = etree.tostring(root, encoding="utf-8")
    return bytes(text[:LIMIT]).decode("utf-8", "ignore")


def _copy(element: etree._Element, allowed: Allowed, fold: Callable[[str], str]) -> etree._Element:
    names = _ATTRIBUTES | ({"href"} if allowed.linked else frozenset())
    copy = etree.Element(element.tag, nsmap=element.nsmap)  # type: ignore[arg-type]
    for name, value in element.attrib.items():
        if local(str(name)) in names:
            copy.set(name, value)
    if allowed.whole or not (allowed.children or len(element)):
        copy.text = element.text
    for child in element:
        if allowed.whole:
            copy.append(_copy(child, allowed, fold))
        elif (inner := allowed.children.get(fold(local(child.tag)))) is not None:
            copy.append(_copy(child, inner, fold))
    return copy
