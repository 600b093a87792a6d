"""What is asked of a feature type: which features, which part of them, and how they look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from unicodedata import normalize

from psycopg import sql

from sdi.errors import SdiError
from sdi.model.text import Text
from sdi.store.columns import Column
from sdi.store.crs import CRS84, Area, Crs
from sdi.store.history import Interval


class InvalidQuery(SdiError):
    """A query asks for a property that there is not, or compares one with a value of another type."""


class UnknownFeatureType(SdiError):
    """The tenant does not publish a feature type of this name."""


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over the columns of a feature table, and what it binds by names of its own."""

    sql: sql.Composed
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which features: all conditions hold together; an empty selection means all of the tenant's."""

    equal: tuple[tuple[str, str], ...] = ()
    """Published column and value as text; the value is read by the column's type."""
    ids: tuple[str, ...] | None = None
    area: Area | None = None
    """Features that touch it; those without geometry do not."""
    valid: Interval | None = None
    """States that were valid within this interval (sdi.store.history); without it, those that stand."""
    as_of: datetime | None = None
    """As it was known at this time; None: now."""
    nothing: bool = False
    """The conditions cannot hold, such as a box outside of Poland."""
    conditions: tuple[Condition, ...] = ()
    """Further conditions, which null does not fulfil."""

    @property
    def everything(self) -> bool:
        """No condition at all."""
        return self == Selection()


Form = Literal["geojson", "jsonfg", "csv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a selection, and how it looks."""

    limit: int
    offset: int = 0
    cursor: str | None = None
    """A token of the page before or after; `offset` then means nothing."""
    order: tuple[tuple[str, bool], ...] = ()
    """Published columns and whether descending; the order of arrival (fid) decides among equals."""
    properties: tuple[str, ...] | None = None
    """Published columns to show; None shows all."""
    geometry: bool = True
    crs: Crs = CRS84
    form: Form = "geojson"
    """What the text of a feature is."""


def value_of(column: Column, text: str) -> Any:
    """A value written as text, read by the type of a column. Raises InvalidQuery naming both."""
    try:
        match column.type:
            case "text":
                return clean(text)
            case "integer" | "number" if "_" in text:
                raise ValueError("Python's own way of writing numbers")
            case "integer":
                number = int(text)
                if not -(2**63) <= number < 2**63:
                    raise ValueError
                return number
            case "number":
                if not math.isfinite(found := float(text)):
                    raise ValueError("to PostgreSQL, NaN is more than every number")
                return found
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "date":
                return date.fromisoformat(text)
            case "datetime":
                moment = datetime.fromisoformat(text)
                if moment.tzinfo is None:
                    raise ValueError
                return moment
    except (ValueError, KeyError):
        pl, en = _EXPECTED[column.type]
        raise InvalidQuery(Text(
            pl=f"{column.name}={text!r}: oczekiwano {pl}", en=f"{column.name}={text!r}: expected {en}")) from None


_EXPECTED = {
    "text": ("tekstu bez znaku zerowego", "text without a null character"),
    "integer": ("liczby całkowitej", "a whole number"),
    "number": ("liczby", "a number"),
    "boolean": ("true albo false", "true or false"),
    "date": ("daty RRRR-MM-DD", "a date YYYY-MM-DD"),
    "datetime": ("chwili z przesunięciem, np. 2021-01-01T00:00:00Z", "a time with offset such as 2021-01-01T00:00:00Z"),
}


def clean(text: str) -> str:
    """A text as it may be stored: in normal form C, as the harvest writes what is not (sdi.harvest.texts).

    PostgreSQL has no character U+0000 and no lone surrogates; no stored text equals one that has them. Raises
    InvalidQuery.
    """
    if "\0" in text:
        raise InvalidQuery(Text(pl="tekst ze znakiem zerowym (U+0000)", en="text with a null character (U+0000)"))
    return normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
