"""When sources are harvested and how old their data may be: cron lines in Polish civil time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter
from pydantic import AfterValidator, Field

from sdi.model.text import Declared

WARSAW = ZoneInfo("Europe/Warsaw")
NEVER = "never"
"""The schedule of a source that the worker leaves alone."""

_NAMES = "mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_FIELD = rf"(?:[0-9*/,-]|{_NAMES})+"
_LINE = re.compile(rf"{_FIELD}(?: +{_FIELD}){{4}}", re.IGNORECASE)
_EXPECTED = ("expected `never` or a cron line of five fields, minute hour day month weekday, in Polish civil time: "
             "`30 2 * * 1-5` is 2:30 from Monday to Friday")


def _schedule(value: str) -> str:
    line = value.strip()
    if line == NEVER:
        return line
    if not _LINE.fullmatch(line):
        raise ValueError(f"{value!r}: {_EXPECTED}")
    try:
        croniter(line, datetime(2000, 1, 1)).get_next(datetime)
    except CroniterError as error:
        raise ValueError(f"{value!r}: {error}; {_EXPECTED}") from error
    return line


Schedule = Annotated[str, AfterValidator(_schedule)]
"""A cron line of five fields in Polish civil time, or `never`."""

Hours = Annotated[float, Field(gt=0, le=100_000)]


class HarvestRules(Declared):
    """`harvest:` in region.yaml: what holds for sources that do not say otherwise, and for the worker."""

    schedule: Schedule | None = None
    """When a source is harvested; None: only by hand."""
    promise_h: Hours | None = None
    """How many hours old the data of a source may be; None: nothing is promised."""
    per_host: int = Field(default=1, ge=1, le=16)
    """Most harvests at once from one host."""
    keep_versions: int = Field(default=3, ge=1, le=10_000)
    """Of so many last versions of each source the raw deliveries stay in the archive."""


def next_run(schedule: str, after: datetime) -> datetime:
    """The first moment after `after` (with a time zone) that the cron line names, in UTC.

    A time that the clock leaps over in spring is taken an hour later; one that comes twice in autumn counts the first
    time only. So a nightly source runs once every night. Raises ValueError for `never`.
    """
    if schedule == NEVER:
        raise ValueError("`never` has no next run")
    civil_after = after.astimezone(WARSAW).replace(tzinfo=None, fold=0)
    lines = croniter(schedule, civil_after - timedelta(hours=1))  # a time leapt over may still lie ahead
    while True:
        civil: datetime = lines.get_next(datetime)
        moment = civil.replace(tzinfo=WARSAW).astimezone(UTC)
        if moment > after:
            return moment
