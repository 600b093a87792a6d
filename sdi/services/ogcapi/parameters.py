"""Which query parameters each resource knows; any other is an error (OGC API - Features 7.7, query-param-unknown)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import QueryParams

from sdi.model.text import Language, Text
from sdi.services.ogcapi import formats
from sdi.services.ogcapi.filtering import LANGUAGES
from sdi.services.ogcapi.tiles.names import TILE, TILE_DOCUMENTS, TILE_PAGES

EVERYWHERE = frozenset({"f", "lang"})

PARAMETERS: dict[str, frozenset[str]] = {
    "landing": EVERYWHERE,
    "conformance": EVERYWHERE,
    "openapi": EVERYWHERE,
    "collections": EVERYWHERE,
    "collection": EVERYWHERE,
    "queryables": EVERYWHERE,
    "schema": EVERYWHERE,
    "sortables": EVERYWHERE,
    "items": EVERYWHERE | {
        "limit", "offset", "cursor", "bbox", "bbox-crs", "crs", "datetime", "asOf", "ids", "properties", "sortby",
        "skipGeometry", "resulttype", "filter", "filter-lang", "filter-crs", "q",
    },
    "search": frozenset(),
    "item": EVERYWHERE | {"crs", "asOf"},
    "changes": EVERYWHERE | {"since", "limit", "crs"},
    **dict.fromkeys((*TILE_DOCUMENTS, TILE), EVERYWHERE),
}
"""By resource; `items` knows the properties of its feature type besides."""

CHOICES: dict[str, frozenset[str]] = {
    "f": frozenset({"json", "html", "jsonld"}),
    "skipGeometry": frozenset({"true", "false"}),
    "resulttype": frozenset({"results", "hits"}),
    "filter-lang": frozenset(LANGUAGES),
}
"""Parameters with few values."""

FORMATS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("items", "item"), frozenset(formats.FORMATS)),
    **dict.fromkeys(("changes", *TILE_DOCUMENTS), frozenset({"json"})),
    **dict.fromkeys(TILE_PAGES, frozenset({"json", "html"})),
    TILE: frozenset({"mvt"}),
}
"""The choices for `f` where a resource has not all of them."""

WHOLE = frozenset({"limit", "offset"})
"""Whole numbers; for Python `1_0` would be one too."""

_WHOLE = re.compile("[0-9]{1,100}")
"""Python reads no more than 4,300 digits, and there are never so many features."""


def complaint(
    resource: str, queryables: Iterable[str], given: QueryParams, languages: Iterable[Language]
) -> Text | None:
    """What is wrong with the parameters of a request to a tenant that speaks `languages`, or None."""
    known = PARAMETERS[resource] | set(queryables)
    of = {**CHOICES, "f": FORMATS.get(resource, CHOICES["f"]), "lang": frozenset(languages)}
    seen: set[str] = set()
    for name, value in given.multi_items():
        if name not in known:
            names = ", ".join(sorted(known))
            return Text(pl=f"nieznany parametr {name!r}; są: {names}",
                        en=f"unknown query parameter {name!r}; there are: {names}")
        if name in seen:
            return Text(pl=f"parametr {name!r} podano dwa razy", en=f"the parameter {name!r} is given twice")
        if name in of and value not in of[name]:
            choices = ", ".join(sorted(of[name]))
            return Text(pl=f"{name}={value!r}: może być {choices}", en=f"{name}={value!r}: can be {choices}")
        if name in WHOLE and not _WHOLE.fullmatch(value):
            return Text(pl=f"{name}={value[:80]!r}: oczekiwano liczby całkowitej, bez znaku",
                        en=f"{name}={value[:80]!r}: expected a whole number without a sign")
        seen.add(name)
    return None
