"""The books of the runs: `sdi.run` and `sdi.unit`, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.types.json import Jsonb

from sdi.db.queries import query
from sdi.errors import SourceBusy, SourceError
from sdi.harvest.contract import Unit
from sdi.harvest.load import Tally
from sdi.model.region import Source
from sdi.model.register import FeatureType
from sdi.model.text import Text
from sdi.store.staging import create_stage, drop_stage, staged

State = Literal["running", "committed", "unchanged", "refused", "failed"]
Connection = psycopg.Connection[Any]

RESUMED_WITHIN = "24 hours"
"""An older unfinished run is not gone on with: its pages would be mixed with those of another day."""
PATIENCE_S = 5.0
"""How long to wait for the session of a killed run to end."""
INTERRUPTED = Text(pl="przerwane; późniejszy przebieg zaczął od nowa",
                   en="it was interrupted, and a later run began anew")


@dataclass(frozen=True, slots=True)
class KeptUnit:
    """A unit as the books have it."""

    unit: str
    ordinal: int
    stamp: str
    sha256: str
    bytes: int
    origin: str
    finished: bool
    """Its rows are in the stage."""
    read: int
    staged: int
    quarantined: int
    left_out: int


def lock_source(connection: Connection, source: str) -> None:
    """Hold the source for as long as the connection lives. Raises SourceBusy where another run holds it."""
    connection.execute("select set_config('application_name', %s, false)", [f"sdi-harvest (pid {os.getpid()})"])
    connection.execute("select set_config('client_connection_check_interval', '1s', false)")
    deadline = time.monotonic() + PATIENCE_S
    while not _one(connection, "lock_source", source=source)[0]:
        if time.monotonic() > deadline:
            holder = connection.execute(query("harvest", "source_holder"), {"source": source}).fetchone()
            raise SourceBusy(Text(
                pl=f"{source} jest już pobierane" + (f" przez {holder[0]}" if holder else "")
                   + "; poczekaj, aż to się skończy, albo to zatrzymaj",
                en=f"{source} is already being harvested" + (f" by {holder[0]}" if holder else "")
                   + "; wait until it has ended, or stop it"))
        time.sleep(0.1)


class Run:
    """One attempt at a source; the connection is in autocommit mode and holds the source's lock."""

    def __init__(self, connection: Connection, run: int, source: Source, left_out: dict[str, int]) -> None:
        self.connection, self.run, self.source, self.left_out = connection, run, source, left_out
        self.resolved: dict[str, dict[str, int]] = {}
        """Of a refused run, per feature type: rows that went out of its stage before its checks."""

    @classmethod
    def start(cls, connection: Connection, source: Source, fingerprint: str,
              feature_types: tuple[FeatureType, ...], anew: bool = False) -> Run:
        """Go on with the last unfinished run of the same fingerprint, or begin one; all others are closed.

        `anew`: do not go on with any.
        """
        found: Run | None = None
        unfinished = connection.execute(
            query("harvest", "unfinished_runs"), {"source": source.id, "recent": RESUMED_WITHIN}
        ).fetchall()
        for run, state, its_fingerprint, recent, summary in unfinished:
            candidate = cls(connection, run, source, summary.get("left_out_classes", {}))
            if (found is None and not anew and state in ("running", "failed") and recent
                    and its_fingerprint == fingerprint and candidate._whole()):
                found = candidate
                connection.execute(query("harvest", "resume_run"), {"run": run})
            else:
                candidate._give_up(state, summary)
        if found is not None:
            return found
        with connection.transaction():
            row = _one(connection, "open_run", source=source.id, kind=source.kind, fingerprint=fingerprint)
            create_stage(connection, row[0], feature_types)
        return cls(connection, row[0], source, {})

    @classmethod
    def refused(cls, connection: Connection, run: int, source: Source) -> Run:
        """A refused run whose stage is still there, to be accepted after all.

        The connection holds the source's lock. Raises SourceError where it was not refused, or is no longer the last.
        """
        state, summary, newer = _one(connection, "refused_run", run=run, source=source.id)
        if state != "refused":
            raise SourceError(Text(
                pl=f"przebieg {run} źródła {source.id} ma stan {state}; przyjąć można tylko odrzucony (refused)",
                en=f"run {run} of {source.id} is {state}; only a run that was refused can be accepted"))
        if newer is not None:
            raise SourceError(Text(
                pl=f"przebiegu {run} źródła {source.id} nie można przyjąć: po nim był przebieg {newer}; pobierz"
                   " ponownie",
                en=f"run {run} of {source.id} cannot be accepted: run {newer} came after it; harvest again"))
        if not summary.get("stage"):
            raise SourceError(Text(
                pl=f"przebieg {run} źródła {source.id} nie zostawił danych do przyjęcia; pobierz ponownie",
                en=f"run {run} of {source.id} has left no stage; harvest again"))
        found = cls(connection, run, source, summary.get("left_out_classes", {}))
        found.resolved = summary.get("resolved", {})
        lost = sum(sum(part.values()) for part in found.resolved.values())
        if staged(connection, run) + lost != sum(unit.staged for unit in found.units().values()):
            raise SourceError(Text(
                pl=f"przebieg {run} źródła {source.id}: awaria bazy zabrała dane do przyjęcia; pobierz ponownie",
                en=f"run {run} of {source.id}: a crash of the database took its stage; harvest again"))
        return found

    def _whole(self) -> bool:
        """Whether the stage holds what the books say; a crash of the database empties unlogged tables."""
        return staged(self.connection, self.run) == sum(unit.staged for unit in self.units().values())

    def _give_up(self, state: State, summary: dict[str, Any]) -> None:
        with self.connection.transaction():
            drop_stage(self.connection, self.run)
            if state == "running":
                self.close("failed", INTERRUPTED, {})
            else:
                kept = {key: value for key, value in summary.items() if key != "stage"}
                self._execute("note_progress", summary=Jsonb(kept))
            if state != "refused":
                self._execute("drop_issues")

    def units(self) -> dict[str, KeptUnit]:
        """The units by id, in order."""
        return units_of(self.connection, self.run)

    def add(self, unit: Unit, ordinal: int, sha256: str, size: int) -> None:
        """A unit's bytes are in the archive."""
        self._execute("add_unit", unit=unit.id, ordinal=ordinal, stamp=unit.stamp, sha256=sha256, bytes=size,
                      origin=unit.origin)

    def finish(self, unit: str, tally: Tally) -> None:
        """A unit's rows are in the stage; to be called in the transaction that put them there."""
        for name, count in tally.left_out.items():
            self.left_out[name] = self.left_out.get(name, 0) + count
        self._execute("note_progress", summary=Jsonb({"left_out_classes": self.left_out}))
        self._execute("finish_unit", unit=unit, read=tally.read, staged=tally.staged,
                      quarantined=tally.quarantined, left_out=tally.left_out.total())

    def close(self, state: State | Literal["withdrawn"], message: Text | None, summary: dict[str, Any]) -> None:
        """The run ends."""
        self._execute("close_run", state=state, message=message and message.en, message_pl=message and message.pl,
                      summary=Jsonb(summary))

    def fail(self, message: Text) -> None:
        """The run failed; its stage stays, and the next run goes on with it if nothing else has changed."""
        self.close("failed", message, {"left_out_classes": self.left_out, "stage": True})

    def last_good(self) -> tuple[int, str, dict[str, Any]] | None:
        """The last run that was committed or found everything unchanged: run, fingerprint, summary."""
        row = self._execute("last_good_run", source=self.source.id).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def overtaken(self, good: int, feature_types: Iterable[FeatureType]) -> bool:
        """Whether something came after the good run of that number: what is served is no longer what it left."""
        row = self._execute("overtaken", good=good, county=self.source.county,
                            feature_types=[ft.name for ft in feature_types]).fetchone()
        return row is not None and row[0]

    def inherit(self, previous: int) -> None:
        """Everything is as in the run before: take over its counts and issues."""
        self._execute("inherit_units", previous=previous)
        self._execute("inherit_issues", previous=previous)

    def counts(self, name: Literal["issue_counts", "quarantined_counts"]) -> dict[str, int]:
        """Issues of the run by code, or objects set aside by feature type."""
        return dict(self._execute(name).fetchall())

    def drop_warnings(self) -> None:
        """The issues of the source itself go: its checks are made anew."""
        self._execute("drop_source_issues")

    def end(self, state: Literal["committed", "unchanged"], message: Text | None, summary: dict[str, Any]) -> None:
        """The run ends well: its stage goes, and of all runs of the source only this one keeps its issues."""
        drop_stage(self.connection, self.run)
        self._execute("drop_earlier_issues", source=self.source.id)
        self.close(state, message, summary)

    def withdrawn(self, feature_types: list[str] | None, summary: dict[str, Any]) -> None:
        """The run has ended what its source had left: of these feature types, or (None) of all; so do their issues."""
        drop_stage(self.connection, self.run)
        self._execute("drop_withdrawn_issues", source=self.source.id, feature_types=feature_types)
        self.close("withdrawn", None, summary)

    def _execute(self, name: str, **parameters: object) -> psycopg.Cursor[Any]:
        return self.connection.execute(query("harvest", name), {"run": self.run, **parameters})


def units_of(connection: Connection, run: int) -> dict[str, KeptUnit]:
    """The units of any run by id, in order."""
    rows = connection.execute(query("harvest", "units"), {"run": run})
    return {row[0]: KeptUnit(*row) for row in rows}


def _one(connection: Connection, name: str, **parameters: object) -> tuple[Any, ...]:
    row = connection.execute(query("harvest", name), parameters).fetchone()
    assert row is not None
    return tuple(row)
