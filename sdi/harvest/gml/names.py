"""Names of XML elements without their namespaces."""

from __future__ import annotations

from functools import lru_cache

from lxml import etree


@lru_cache(maxsize=4096)
def local(tag: str) -> str:
    """The local name of a tag in lxml's notation."""
    return tag.rpartition("}")[2]


@lru_cache(maxsize=4096)
def namespace(tag: str) -> str:
    """The namespace of a tag in lxml's notation, empty where it has none."""
    return tag[1:].rpartition("}")[0] if tag.startswith("{") else ""


def below(elements: list[etree._Element], path: tuple[str, ...]) -> list[etree._Element]:
    """What lies below elements along a path of local names."""
    for step in path:
        elements = [child for element in elements for child in element if local(child.tag) == step]
    return elements
