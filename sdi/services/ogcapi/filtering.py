"""The parameters `filter` (OGC API - Features part 3, OGC 19-079r2) and `q`, as conditions of the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdi.model.text import Text
from sdi.store.columns import ID, Column
from sdi.store.cql2.conditions import condition
from sdi.store.cql2.reading import LENGTH_MAX, read
from sdi.store.crs import CRS84, PUBLISHED_CRS
from sdi.store.search import LENGTH_MAX as LENGTH_OF_WORDS
from sdi.store.search import WORDS_MAX, search
from sdi.store.selection import Condition, InvalidQuery

LANGUAGES = ("cql2-text", "cql2-json")
"""Encodings of `filter`, the default first."""

_PART_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"

CONFORMANCE = (
    *(_PART_3 + name for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")),
    *(_CQL2 + name for name in (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
        "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus",
        "spatial-functions", "temporal-functions", "property-property", "arithmetic")),
)
"""The conformance classes that are kept; of CQL2 all but arrays and functions of one's own."""


def conditions(query: Mapping[str, str], columns: Mapping[str, Column]) -> tuple[Condition, ...]:
    """What `filter`, with `filter-lang` and `filter-crs`, and `q` ask for; `columns` of the collection without `id`.

    Raises InvalidQuery.
    """
    found = []
    crs = PUBLISHED_CRS.get(query.get("filter-crs", CRS84.uri))
    if crs is None:
        wrong, known = f"filter-crs={query['filter-crs']!r}", ", ".join(PUBLISHED_CRS)
        raise InvalidQuery(Text(pl=f"{wrong}: może być {known}", en=f"{wrong}: can be {known}"))
    if "filter" in query:
        tree = read(query["filter"], query.get("filter-lang", LANGUAGES[0]))
        found.append(condition(tree, {ID.name: ID, **columns}, crs))
    if "q" in query:
        found.append(search(query["q"], columns))
    return tuple(found)


def parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """A query parameter of the OpenAPI document."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "style": "form", "explode": False,
            "description": description}


PARAMETERS: dict[str, dict[str, Any]] = {
    "filter": parameter("filter", {"type": "string", "minLength": 1, "maxLength": LENGTH_MAX},
                        "A condition in CQL2 over the queryables of the collection."),
    "filter-lang": parameter("filter-lang", {"type": "string", "enum": list(LANGUAGES), "default": LANGUAGES[0]},
                             "The encoding of filter."),
    "filter-crs": parameter("filter-crs", {"type": "string", "format": "uri", "enum": list(PUBLISHED_CRS),
                                           "default": CRS84.uri}, "The CRS of the coordinates in filter."),
    "q": parameter("q", {"type": "string", "maxLength": LENGTH_OF_WORDS, "pattern":
                         rf"^[\s,]*[^\s,]+([\s,]+[^\s,]+){{0,{WORDS_MAX - 1}}}[\s,]*$"},
                   "Words to search for in identifiers, numbers and names, whatever their case and accents; a feature"
                   " has all the words of one of the phrases, which commas divide."),
}
"""Described once in the OpenAPI document."""
