"""How properties and their values are shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Literal

from markupsafe import Markup, escape

from sdi.model.schedule import WARSAW
from sdi.model.text import Language, Text
from sdi.services.ogcapi import queryables
from sdi.services.ogcapi.request import Asked
from sdi.store.cql2.conditions import GEOMETRY

Kind = Literal["text", "number", "day", "boolean", "code"]
"""How a property is filled in: `number` and `day` by a range, `code` and `boolean` by a choice."""

SHARED = ("namespace", "version_id", "valid_from", "known_from", "county", "commune")
"""What every feature has, after its own attributes."""

_TRUTH = {True: Text(pl="tak", en="yes"), False: Text(pl="nie", en="no")}

_UNITS = {"m2": "m²", "m3": "m³"}
"""Units as people write them."""


@dataclass(frozen=True)
class Property:
    """A queryable property in one language."""

    name: str
    title: str
    unit: str | None
    kind: Kind
    format: str
    """As in JSON Schema, such as `date`; empty without one."""
    codes: Mapping[str, str]
    """Titles by code; empty without a code list."""
    language: Language

    @property
    def numeric(self) -> bool:
        """Whether values stand below each other by their last digit."""
        return self.kind == "number"

    def shown(self, value: Any) -> str:
        """A value of the property as text or, of times, markup; empty for null."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return _TRUTH[value].get(self.language)
        if isinstance(value, int | float):
            return number(value, self.language)
        if self.format == "date-time":
            return moment(value)
        return self.codes.get(value, value) if isinstance(value, str) else str(value)

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        """Values and titles to choose from; empty where any value may be filled in."""
        if self.kind == "boolean":
            return [(str(value).lower(), text.get(self.language)) for value, text in _TRUTH.items()]
        return list(self.codes.items())


def properties_of(asked: Asked) -> dict[str, Property]:
    """The properties of the collection asked for by name, `id` first, without the geometry."""
    document = queryables.document(
        asked.reader.tenant, asked.registers, asked.collection, "sortables", "", asked.language)
    return {name: _property(name, described, asked.language)
            for name, described in document["properties"].items() if name != GEOMETRY}


def _property(name: str, described: Mapping[str, Any], language: Language) -> Property:
    codes = {code["const"]: code["title"] for code in described.get("oneOf", ())}
    format_ = described.get("format", "")
    kind: Kind = ("code" if codes else "day" if format_.startswith("date") else "boolean"
                  if described["type"] == "boolean" else "text" if described["type"] == "string" else "number")
    return Property(name, described["title"], _unit(described.get("x-ogc-unit")), kind, format_, codes, language)


def _unit(unit: str | None) -> str | None:
    return None if unit is None else _UNITS.get(unit, unit)


def number(value: float, language: Language) -> str:
    """All digits of a number, with the decimal mark of the language."""
    text = format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
    return text.replace(".", ",") if language == "pl" else text


def grouped(value: int) -> str:
    """A count with its digits in groups of three."""
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


@lru_cache(1_000)
def moment(text: str) -> str:
    """An RFC 3339 time as markup: in Poland's time to the minute, whole for machines."""
    try:
        local = datetime.fromisoformat(text).astimezone(WARSAW)
    except ValueError:
        return text
    return Markup(f'<time datetime="{escape(text)}">{local:%Y-%m-%d %H:%M}</time>')


_VERSION = Text(pl="wersji danych", en="dataset version")


def known_when(as_of: str, language: Language) -> str:
    """What `asOf` names, as people say it: a dataset version, a day, or a time as `moment` has it."""
    if as_of.isdecimal():
        return f"{_VERSION.get(language)} {as_of}"
    return moment(as_of) if "T" in as_of else as_of
