"""Values as the registers keep them: text for COPY, times with their offset."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sdi.errors import Told
from sdi.model.register import AttributeType
from sdi.model.text import Text

CIVIL_TIME = ZoneInfo("Europe/Warsaw")
"""Times without an offset are Polish civil time."""

Value = str | int | float | bool
Convert = Callable[[object], Value]

_BIGINT = 2**63


NOT_BOOLEAN = Text(pl="nie jest ani prawdą, ani fałszem", en="neither true nor false")


class BadValue(Told, ValueError):
    """A value that does not fit its type; says what it is not."""


def possible[D: date](value: D) -> D:
    """A date or time that a register may mean, and that every format can write. Raises BadValue.

    Systems write 0001-01-01 and 9999-12-31 where they mean none; in UTC these lie in years that RFC 3339 has not.
    """
    if not 1000 <= value.year < 3000:
        raise BadValue(Text(pl=f"ma niemożliwy rok {value.year:04}", en=f"of an impossible year, {value.year:04}"))
    return value


@lru_cache(maxsize=1 << 13)
def moment(text: str) -> str:
    """A date or time (ISO 8601) with the offset it had in Poland, unless it has one. Raises ValueError."""
    return _aware(datetime.fromisoformat(text.strip()))


def _aware(value: datetime) -> str:
    return possible(value if value.tzinfo is not None else value.replace(tzinfo=CIVIL_TIME)).isoformat()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadValue(Text(pl="nie jest tekstem", en="not text"))
    if "\0" in value:
        raise BadValue(Text(pl="zawiera znak NUL", en="a NUL character"))
    value.encode()
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -_BIGINT <= value < _BIGINT:
        raise BadValue(Text(pl="nie jest liczbą całkowitą 64-bitową", en="not a whole number of 64 bits"))
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise BadValue(Text(pl="nie jest skończoną liczbą", en="not a finite number"))
    return float(value)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadValue(NOT_BOOLEAN)
    return value


def _date(value: object) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise BadValue(Text(pl="nie jest datą", en="not a date"))
    return possible(value).isoformat()


def _datetime(value: object) -> str:
    if not isinstance(value, datetime):
        raise BadValue(Text(pl="nie jest datą z czasem", en="not a date with a time"))
    return _aware(value)


CONVERTERS: dict[AttributeType, Convert] = {
    "text": _text, "integer": _integer, "number": _number, "boolean": _boolean, "date": _date, "datetime": _datetime,
}
"""What makes a harvester's value fit for the column; each raises BadValue saying what it is not."""
