"""When each source is due: by its cron line, after a failure sooner, and only while it is declared."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import psycopg
from pydantic import TypeAdapter

from sdi.db.database import Database
from sdi.db.queries import query
from sdi.model.findings import Loaded
from sdi.model.region import Region
from sdi.model.schedule import next_run
from sdi.model.text import Text

ATTEMPTS = 5
"""How often a failing source is tried before it waits for its next turn by the cron line."""
FIRST_WAIT_S = 300.0
"""Between the first failure and the second attempt; four times as long after each further failure."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a harvest ended."""

    state: Literal["committed", "unchanged", "refused", "failed", "interrupted", "busy"]
    """`interrupted` (by the database) and `busy` (somebody else is at the source) say nothing of the source."""
    message: Text | None
    """For a clerk: why it was refused or failed, or could not be made."""


ENDING = TypeAdapter(Ending)
"""An Ending to JSON and back."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """`sdi.schedule`, as the workers keep it. All of it raises DatabaseError."""

    database: Database
    first_wait_s: float = FIRST_WAIT_S

    def plan(self, loaded: Loaded) -> list[str]:
        """Take over what the declaration says now; returns the ids of sources that are due and not yet queued.

        A source whose file cannot be used keeps its plan until it can; meanwhile it is not among those returned.
        """
        now, region = datetime.now(UTC), loaded.region
        lines = {name: region.schedule_of(source) for name, source in region.sources.items()}
        with self._connection() as connection:
            for name, line in lines.items():
                if line is not None:
                    _execute(connection, "plan", source=name, schedule=line, next_at=next_run(line, now))
            scheduled = [name for name, line in lines.items() if line is not None]
            _execute(connection, "forget", sources=[*scheduled, *loaded.unusable_sources])
            # Another worker may have planned sources of a newer declaration meanwhile.
            return [row[0] for row in _execute(connection, "due") if row[0] in region.sources]

    def is_due(self, source: str) -> bool:
        """Whether the time of a source has come; false where another worker has just harvested it."""
        with self._connection() as connection:
            row = _execute(connection, "is_due", source=source).fetchone()
        return bool(row and row[0])

    def postpone(self, source: str) -> None:
        """Have a source that is due wait for as long as after a first failure, though it has not failed."""
        with self._connection() as connection:
            _execute(connection, "postpone", source=source, wait=timedelta(seconds=self.first_wait_s))

    def settle(self, source: str, ending: Ending, region: Region) -> None:
        """Note how a harvest ended and when the next is due; nothing where it is not scheduled any more."""
        line = region.schedule_of(region.sources[source]) if source in region.sources else None
        with self._connection() as connection:
            row = _execute(connection, "failures", source=source).fetchone()
            if row is None or line is None:
                return
            failures, next_at = following(ending, row[0], line, datetime.now(UTC), self.first_wait_s)
            problem = ending.message if ending.state in ("failed", "refused") else None
            _execute(connection, "settle", source=source, next_at=next_at, failures=failures,
                     problem=problem and problem.en, problem_pl=problem and problem.pl)

    def _connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        return self.database.connected("harvest")


def following(
    ending: Ending, failures: int, line: str, now: datetime, first_wait_s: float = FIRST_WAIT_S
) -> tuple[int, datetime]:
    """Failures in a row and the next run, after a harvest that ended so and had failed `failures` times before.

    A failure is tried again soon, up to ATTEMPTS times; a refusal is not: the same delivery would be refused again.
    """
    regular = next_run(line, now)
    if ending.state != "failed" or failures + 1 >= ATTEMPTS:
        return 0, regular
    again = now + timedelta(seconds=first_wait_s * 4**failures)
    return failures + 1, min(again, regular)


def _execute(connection: psycopg.Connection[Any], name: str, **parameters: object) -> psycopg.Cursor[Any]:
    return connection.execute(query("schedule", name), parameters)
