"""Paths that name a property of a feature, as much of XPath as that takes, and the namespaces of their prefixes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sdi.services.wfs.versions import NAMESPACE, PREFIX, VERSIONS

IDENTIFIER = "@id"
"""The attribute `gml:id`; the property `id` is the identifier of the register."""
INHERITED = ("metaDataProperty", "description", "descriptionReference", "identifier", "name")
"""Properties that every feature inherits from GML; ours have none of them."""
BOUNDS = "boundedBy"

_GML = frozenset(version.gml for version in VERSIONS.values())
_OURS = frozenset({NAMESPACE})
_DECLARATION = re.compile(r"xmlns\(\s*([^\s,=()]+)\s*[,=]\s*([^\s,()]+)\s*\)")


def declared(text: str) -> dict[str, str]:
    """Namespaces by prefix: those that a parameter NAMESPACES or NAMESPACE declares, with ours and that of GML."""
    return {PREFIX: NAMESPACE, "gml": next(iter(VERSIONS.values())).gml} | dict(_DECLARATION.findall(text))


def property_name(path: str | None, feature_type: str, namespaces: Mapping[str, str]) -> str:
    """The property that a path as `pole`, `sdi:pole` or `sdi:dzialki/sdi:pole` means; one of GML's as `gml:name`.

    A path that means none is given back as it stands: it is the name of no property.
    """
    text = (path or "").strip()
    *above, last = text.removeprefix("/").split("/")
    if above and (len(above) > 1 or _local(above[0], namespaces, _OURS) != feature_type):
        return text
    if last.startswith("@"):
        return IDENTIFIER if _local(last[1:], namespaces, _GML) == "id" else text
    of_gml = _local(last, namespaces, _GML)
    if of_gml == BOUNDS:
        return BOUNDS
    if ":" in last and of_gml in INHERITED:
        return f"gml:{of_gml}"
    return _local(last, namespaces, _OURS) or text


def _local(name: str, namespaces: Mapping[str, str], allowed: frozenset[str]) -> str | None:
    """A name without its prefix; None where that stands for a namespace that is not allowed, or for none."""
    prefix, colon, local = name.rpartition(":")
    return local if not colon or namespaces.get(prefix) in allowed else None
