"""Values that a delivery gives as text: into the type that the register declares, or a problem with them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from sdi.errors import told
from sdi.harvest.values import NOT_BOOLEAN, BadValue, possible
from sdi.model.register import Attribute, Code
from sdi.model.text import Text

Convert = Callable[[str], Any]
"""From stripped, non-empty text to a value; raises ValueError for text that is none of the type."""

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?")
_TRUE = frozenset({"true", "1", "tak", "t"})
_FALSE = frozenset({"false", "0", "nie", "n", "f"})
_UNITS = {("m2", "ha"): 1e-4, ("ha", "m2"): 1e4, ("m", "mm"): 1e3, ("cm", "mm"): 10.0, ("mm", "m"): 1e-3}
"""Factors from the unit of a delivery to the declared one."""


class UnknownCode(BadValue):
    """A value that its code list has neither as a code nor as an alias."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that was not taken; becomes an Issue of the object."""

    code: str
    message: Text
    field: str

    @classmethod
    def of(cls, field: str, text: str | None, error: ValueError) -> Problem:
        """What `error` says of a value; `text`: as it came, where it is to be shown."""
        reason = told(error)
        if text is not None:
            reason = Text(pl=f"{text[:200]!r} {reason.pl}", en=f"{text[:200]!r} is {reason.en}")
        return cls("unknown-code" if isinstance(error, UnknownCode) else "bad-value", reason.at(field), field)


def clean(text: str | None) -> str | None:
    """Text without white space around it, in one line and in Unicode's normal form C; None where nothing is left.

    A letter and its accent may be one character or two, which look the same: one of them is stored, and asked for.
    """
    if not text:
        return None
    text = text.strip()
    if not text.isascii():
        text = normalize("NFC", text)
    if "\n" in text or "\t" in text:
        text = " ".join(text.split())
    return text or None


def converter(attribute: Attribute, codes: Mapping[str, Code] | None) -> Convert:
    """The conversion of one attribute; `codes` is its code list, whose aliases become codes."""
    if codes is not None:
        return _decoder(attribute.code_list or "", codes)
    return _CONVERTERS[attribute.type]


def unit_factor(given: str, declared: str) -> float:
    """What to multiply a value in the unit `given` by. Raises ValueError for units that do not fit."""
    given = re.split(r"[:#/]", given.strip())[-1]
    if given == declared:
        return 1.0
    factor = _UNITS.get((given, declared))
    if factor is None:
        raise BadValue(Text(
            pl=f"jest w jednostce {given!r}, zadeklarowano {declared!r}",
            en=f"in the unit {given!r}, declared is {declared!r}"))
    return factor


@lru_cache(maxsize=1 << 13)
def timestamp(text: str) -> str:
    """xs:date or xs:dateTime that both Python and PostgreSQL read, as given; a date loses its offset.

    Raises BadValue.
    """
    if not (len(text) == 19 and text[10] == "T" and text[7] == "-"):
        match = _STAMP.fullmatch(text)
        if match is None:
            raise BadValue(Text(pl="nie jest datą z czasem według ISO 8601", en="not a date and time as in ISO 8601"))
        if len(text) <= 16:
            text = match[1]
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadValue(Text(pl="nie jest istniejącą datą", en="not a date that exists")) from error
    possible(value)
    return text


def _decoder(name: str, codes: Mapping[str, Code]) -> Convert:
    spellings = {alias.casefold(): code for code, entry in codes.items() for alias in entry.aliases}

    def decode(text: str) -> str:
        if text in codes:
            return text
        try:
            return spellings[text.casefold()]
        except KeyError:
            raise UnknownCode(Text(pl=f"spoza listy kodowej {name}", en=f"not in the code list {name}")) from None

    return decode


def _integer(text: str) -> int:
    value = _number(text)
    if value != int(value) or abs(value) > 2**53:
        raise BadValue(Text(pl="nie jest liczbą całkowitą", en="not a whole number"))
    return int(value)


def _number(text: str) -> float:
    """A decimal number; a comma for its point is what some counties write."""
    try:
        value = float(text.replace(",", ".", 1)) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadValue(Text(pl="nie jest liczbą", en="not a number"))
    return value


def _boolean(text: str) -> bool:
    folded = text.casefold()
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    raise BadValue(NOT_BOOLEAN)


_CONVERTERS: dict[str, Convert] = {
    "text": str,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": lambda text: date.fromisoformat(timestamp(text)[:10]),
    "datetime": lambda text: datetime.fromisoformat(timestamp(text)),
}
