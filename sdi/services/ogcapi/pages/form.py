"""The search form of a collection with what is filled in: by a query of its items, or by hand and perhaps wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdi.model.text import Text
from sdi.services.ogcapi.asking import LIMIT_DEFAULT
from sdi.services.ogcapi.pages.search import HIGH, KEPT, LOW, Part
from sdi.services.ogcapi.pages.values import SHARED, Property
from sdi.services.ogcapi.request import Asked
from sdi.store.crs import CRS84
from sdi.store.issues import ISSUES

LIMITS = (10, 25, 50, 100, 500)
"""Page sizes that are offered."""

_HIDDEN = ("sortby", "crs", "properties", "ids", "skipGeometry", "filter-crs", "lang")
"""What the form hands on unseen."""

_HELD = {
    "date": re.compile(r"(\d{4}-\d\d-\d\d)?\Z", re.ASCII),
    "number": re.compile(r"(-?\d+(\.\d+)?)?\Z", re.ASCII),
}
"""What browsers show in an input of this type; of anything else they leave the field empty."""

_DEGREES = Text(pl="stopnie: długość, szerokość", en="degrees: longitude, latitude")


@dataclass(frozen=True, slots=True)
class Field:
    """A property in the form, with what is filled in."""

    property: Property
    value: str
    low: str
    high: str


class Form:
    """The form of the collection asked for; `filled` by the names of its fields."""

    def __init__(self, asked: Asked, properties: Mapping[str, Property], filled: Mapping[str, str]) -> None:
        self.asked, self.properties, self.filled = asked, properties, filled

    @property
    def own_fields(self) -> list[Field]:
        """Fields for what the feature type has of its own."""
        return [self._field(described) for name, described in self.properties.items() if name not in SHARED]

    @property
    def shared_fields(self) -> list[Field]:
        """Fields for what all feature types have."""
        return [self._field(described) for name, described in self.properties.items() if name in SHARED]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Parameters that the form hands on unseen, and exact times, for which it has no field."""
        exact = [name for name, described in self.properties.items() if described.kind == "day"]
        return [(name, self.filled[name]) for name in (*_HIDDEN, *exact) if self.filled.get(name)]

    @property
    def limits(self) -> list[tuple[int, bool]]:
        """Page sizes, and whether each is the one in force."""
        limit = int(self.filled.get("limit") or LIMIT_DEFAULT)
        return [(size, size == limit) for size in sorted({*LIMITS, limit})]

    @property
    def box_crs(self) -> list[tuple[str, str, bool]]:
        """CRSs to choose the box's from: value, title, whether it is that; none where it is in degrees anyhow."""
        given = self.filled.get("bbox-crs", "")
        if given in ("", CRS84.uri):
            return []
        title = given.removeprefix("http://www.opengis.net/def/crs/").replace("/0/", ":")
        return [("", _DEGREES.get(self.asked.language), False), (given, title, True)]

    @property
    def with_history(self) -> bool:
        """Whether `asOf` may be asked."""
        return self.asked.collection != ISSUES

    def type(self, name: str, value: str) -> str:
        """The type of input for a date or number that can show a value, if need be as text."""
        return name if _HELD[name].match(value) else "text"

    def _field(self, described: Property) -> Field:
        exact = self.filled.get(described.name, "")
        both = exact if described.kind == "number" else ""
        low, high = (self.filled.get(described.name + end, both) for end in (LOW, HIGH))
        return Field(described, exact, low, high)


def filled_by(
    query: Mapping[str, str], parts: Iterable[Part], raw: str, properties: Mapping[str, Property]
) -> dict[str, str]:
    """What a query of items, taken apart into `parts` and the filter `raw`, fills into the form."""
    filled = {name: query[name] for name in KEPT if name in query}
    for part in parts:
        both = not part.end and properties[part.name].kind == "number"
        filled |= {part.name + end: part.value for end in ((LOW, HIGH) if both else (part.end,))}
    crs = {"filter-crs": query["filter-crs"]} if "filter-crs" in query else {}
    return filled | {"filter": raw, **crs} if raw else filled
