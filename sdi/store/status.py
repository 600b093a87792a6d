"""How each source is doing: what is served of it, how old that is, what went wrong last, when it is tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

from sdi.db.queries import query
from sdi.model.region import Region
from sdi.model.schedule import next_run
from sdi.model.text import Text

Connection = psycopg.Connection[Any]

INTERRUPTED = Text(pl="pobieranie zostało przerwane; następne w miarę możliwości zacznie tam, gdzie stanęło",
                   en="the harvest was interrupted; the next one goes on from there where it can")


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source. All times have a time zone."""

    source: str
    declared: bool
    """False: its data are served, and its file is gone or has a mistake."""
    version: int | None = None
    """The version that is served; None before the first."""
    committed_at: datetime | None = None
    """When that version was committed."""
    checked_at: datetime | None = None
    """When it was last found up to date: the end of the last harvest that went well."""
    age_h: float | None = None
    """Hours since then."""
    promise_h: float | None = None
    """Hours that may pass; None: nothing is promised."""
    objects: dict[str, int] = field(default_factory=dict)
    """Objects served, by feature type."""
    left: dict[str, int] = field(default_factory=dict)
    """Of them, those of feature types that it no longer delivers, or of another county."""
    issues: int = 0
    """What was wrong with objects of the last harvest that went well."""
    run: int | None = None
    """Number of the last run: what `sdi harvest --accept` takes where it was refused."""
    state: str | None = None
    """How the last run ended, `running`, or `interrupted` where its process has died; None before the first."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    problem: Text | None = None
    """Why the last attempt failed or was refused; None where it went well."""
    problem_at: datetime | None = None
    """When that attempt ended; some fail before they become a run. None where it was interrupted."""
    schedule: str | None = None
    """Its cron line, in Polish civil time; None: it is harvested by hand."""
    next_at: datetime | None = None
    """When it is harvested next; in the past: it is due, and waits for a worker or is being harvested."""
    failures: int = 0
    """Failed attempts in a row after which it is tried sooner than its cron line says."""

    @property
    def promise(self) -> Literal["ok", "late"] | None:
        """Whether the data are as new as promised; None where nothing is promised."""
        if self.promise_h is None:
            return None
        return "ok" if self.age_h is not None and self.age_h <= self.promise_h else "late"


def source_statuses(connection: Connection, region: Region, now: datetime) -> list[SourceStatus]:
    """Every source that is declared or has data, by id."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = {row["source"]: row for row in cursor.execute(query("status", "sources")).fetchall()}
        served = cursor.execute(query("status", "objects")).fetchall()
    names = sorted({*region.sources, *(row["source"] for row in served)})
    return [_status(name, region, rows.get(name, {}), [row for row in served if row["source"] == name], now)
            for name in names]


def _status(
    name: str, region: Region, row: dict[str, Any], served: list[dict[str, Any]], now: datetime
) -> SourceStatus:
    source = region.sources.get(name)
    checked_at = row.get("checked_at")
    problem, problem_at = _problem(row)
    schedule = region.schedule_of(source) if source else None
    next_at = None
    if schedule is not None:
        # As the workers will plan it (the query `plan`), where none has yet: what was never harvested is due at once.
        planned = row["next_at"] if row.get("schedule") == schedule else None
        next_at = planned or (next_run(schedule, now) if row.get("schedule") or checked_at else now)
    return SourceStatus(
        source=name,
        declared=source is not None,
        age_h=None if checked_at is None else round((now - checked_at).total_seconds() / 3600, 1),
        promise_h=region.promise_of(source) if source else None,
        objects=_objects(served),
        left=_objects(row for row in served if region.owner(row["feature_type"], row["county"]) != name),
        issues=row.get("issues") or 0,
        problem=problem,
        problem_at=problem_at,
        schedule=schedule,
        next_at=next_at,
        failures=row.get("failures") or 0,
        checked_at=checked_at,
        **{key: row.get(key) for key in ("version", "committed_at", "run", "state", "started_at", "ended_at")},
    )


def _objects(served: Iterable[dict[str, Any]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for row in served:
        total[row["feature_type"]] += row["objects"]
    return dict(total)


def _problem(row: dict[str, Any]) -> tuple[Text | None, datetime | None]:
    """Why and when the last run did not go well, or a later attempt of a worker that never became a run."""
    if row.get("state") == "interrupted":
        return INTERRUPTED, None
    noted, ended = row.get("attempted_at"), row.get("ended_at")
    if row.get("state") in ("failed", "refused") and (row["message"] == row["problem"] or not noted or noted < ended):
        return Text(pl=row["message_pl"], en=row["message"]), ended
    if row.get("problem") and (ended is None or noted >= ended):
        return Text(pl=row["problem_pl"], en=row["problem"]), noted
    return None, None
