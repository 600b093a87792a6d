"""One run of one source: gather and fetch into the archive, read into the stage, then check and commit at once.

A run may be killed at any moment: what is in the archive is not fetched again, what is in the stage is not read again,
and the commit is one transaction. What is served changes with that transaction or not at all.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from pydantic import BaseModel, ValidationError

from sdi.db.database import Database
from sdi.db.feature_tables import current_table
from sdi.db.queries import query
from sdi.errors import DatabaseError, SourceError, told
from sdi.harvest import registry
from sdi.harvest.archive import Archive
from sdi.harvest.checks import Check, fresh, in_order
from sdi.harvest.contract import Delivery, Harvester, Job, Unit
from sdi.harvest.ledger import KeptUnit, Run, State, lock_source, units_of
from sdi.harvest.load import Load
from sdi.harvest.progress import Progress
from sdi.harvest.reading import Reading
from sdi.harvest.remembering import Remembering
from sdi.harvest.settle import Settled, settle, warn
from sdi.harvest.stage import Stager
from sdi.model.mistakes import mistake
from sdi.model.region import Region, Source
from sdi.model.text import Text
from sdi.settings import Settings
from sdi.store.resolve import NotStored

STAGING = 3
"""Raised when the same objects would be staged differently; part of the fingerprint."""
BIG, BIG_SHARE = 1_000, 0.1
"""Changed rows of a table that call for new planner statistics: so many, and such a share of the source's objects."""
LARGE = 1 << 23
"""Bytes of a unit that it takes several processes to read."""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    source: str
    run: int
    state: State
    """committed, unchanged, refused or failed."""
    message: Text | None
    """For a clerk: why it was refused or failed, and what to do."""
    summary: dict[str, Any]
    """As in `sdi.run.summary`: counts in all and per feature type, issues by code, checks."""
    seconds: float

    @property
    def good(self) -> bool:
        """Whether what is served is what the source has."""
        return self.state in ("committed", "unchanged")


class _Moved(Exception):
    """The source or the store has changed under a run, which cannot be gone on with."""


def harvest(source: Source, region: Region, database: Database, settings: Settings, progress: Progress) -> Outcome:
    """Run one source to its end; a run of it that was killed is gone on with.

    A source that gives no usable delivery makes an outcome `failed` or `refused`. Raises SourceBusy where another
    process is harvesting it, SourceError where its declaration cannot be used, DatabaseError, and whatever is a
    mistake of ours (the run is then closed as failed too).
    """
    since = time.monotonic()
    kind = registry.harvester(source.kind)
    parameters = _parameters(kind, source)
    try:
        with database.connect("harvest", autocommit=True) as connection:
            lock_source(connection, source.id)
            try:
                outcome = _Attempt(connection, source, region, settings, progress, kind, parameters).run(since)
            except _Moved:
                outcome = _Attempt(connection, source, region, settings, progress, kind, parameters, True).run(since)
        _analyze(database, region, outcome)
    except psycopg.OperationalError as error:
        raise DatabaseError(Text(
            pl=f"baza danych zawiodła ({error}); napraw ją i pobierz ponownie, aby kontynuować od tego miejsca",
            en=f"the database gave up ({error}); mend it and harvest again to go on from there")) from error
    return outcome


def accept(run: int, user: str, region: Region, database: Database, settings: Settings) -> Outcome:
    """Commit the stage that a refused run has kept, after a human look; `user` stands in its lineage.

    Through the same commit as any harvest, with the checks as warnings. Raises SourceError where that cannot be: there
    is no such run, it was not refused, a later run of the source came after it, or the declaration has changed since.
    """
    since = time.monotonic()
    with database.connect("harvest", autocommit=True) as connection:
        found = connection.execute(query("harvest", "run_source"), {"run": run}).fetchone()
        if found is None or found[0] not in region.sources:
            raise SourceError(Text(
                pl=f"nie ma przebiegu {run} zadeklarowanego źródła; ostatnie przebiegi pokazuje `sdi status`",
                en=f"there is no run {run} of a declared source; `sdi status` shows the last run of each"))
        source = region.sources[found[0]]
        kind = registry.harvester(source.kind)
        lock_source(connection, source.id)
        books = Run.refused(connection, run, source)
        if found[1] != fingerprint(source, region, kind):
            raise SourceError(Text(
                pl=f"przebieg {run} źródła {source.id}: jego deklaracja lub rejestr się zmieniły; pobierz ponownie",
                en=f"run {run} of {source.id}: its declaration or register has changed since; harvest again"))
        by = {"by": user, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        settled = settle(connection, books, region, settings.home, _origin(books, kind, found[1]), by)
    outcome = Outcome(source.id, run, *settled, time.monotonic() - since)
    _analyze(database, region, outcome)
    return outcome


def fingerprint(source: Source, region: Region, kind: type[Harvester[Any]]) -> str:
    """Hash of all that decides how the same bytes are read: declaration, registers, communes, reading code."""
    registers = {ft.register_id for ft in region.owned_by(source)}
    units = {
        teryt: None if unit.geometry is None else hashlib.sha256(unit.geometry.wkb).hexdigest()
        for teryt, unit in region.units.items()
        if teryt.startswith(source.county)
    }
    facts = [STAGING, kind.version, source.model_dump(mode="json", exclude={"schedule", "promise_h"}), units,
             {name: region.registers[name].model_dump(mode="json") for name in registers}]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _parameters(kind: type[Harvester[Any]], source: Source) -> BaseModel:
    try:
        return kind.Parameters.model_validate(source.parameters)
    except ValidationError as error:
        wrong = Text.joined(mistake(e).at(".".join(map(str, e["loc"]))) for e in error.errors())
        raise SourceError(Text(
            pl=f"sources/{source.id}.yaml: parametry źródła rodzaju {source.kind}: {wrong.pl}",
            en=f"sources/{source.id}.yaml: parameters of kind {source.kind}: {wrong.en}")) from error


class _Attempt:
    """The steps of one run."""

    def __init__(
        self, connection: Connection, source: Source, region: Region, settings: Settings, progress: Progress,
        kind: type[Harvester[Any]], parameters: BaseModel, anew: bool = False,
    ) -> None:
        self.connection, self.source, self.region, self.settings = connection, source, region, settings
        self.progress, self.kind = progress, kind
        self.feature_types = region.owned_by(source)
        self.fingerprint = fingerprint(source, region, kind)
        self.archive = Archive(settings.var)
        self.remembering = Remembering(settings.var / "memory", source, region, self.fingerprint)
        job = Job.of(source, region, settings.home, self.remembering.memory, self.archive.incoming)
        self.harvester = kind(job, parameters)
        self.reading = Reading(source, region, settings.home, self.remembering.memory, self.harvester)
        self.books = Run.start(connection, source, self.fingerprint, self.feature_types, anew)

    def run(self, since: float) -> Outcome:
        """Gather, read, settle; any error but an interruption closes the run as failed."""
        try:
            self.archive.sweep(self.source.id)
            with self.reading:
                deliveries = self._gather()
                state, message, summary = self._unchanged(deliveries) or self._changed(deliveries)
        except (SourceError, OSError) as error:
            message = told(error)
            state, summary = "failed", {}
            self.books.fail(message)
        except _Moved:
            raise
        except Exception as error:
            if not self.connection.broken:
                self.books.fail(Text.verbatim(f"{type(error).__name__}: {error}"))
            raise
        return Outcome(self.source.id, self.books.run, state, message, summary, time.monotonic() - since)

    def _gather(self) -> list[Delivery]:
        """Every unit of the source, in the archive; those that a killed run had fetched are not fetched again."""
        self.progress.step(self.source.id, "fetching")
        known = self.books.units()
        before = self._last_units()
        deliveries: list[Delivery] = []
        size = 0
        units = self.harvester.gather()
        unit = next(units, None)
        while unit is not None:
            ordinal = len(deliveries)
            delivery = (self._kept(unit, ordinal, known.pop(unit.id, None))
                        or self._same(unit, ordinal, before.get(unit.id))
                        or self._fetch(unit, ordinal, before.get(unit.id)))
            deliveries.append(delivery)
            size += delivery.bytes
            self.progress.fetched(len(deliveries), size)
            try:
                unit = units.send(delivery)
            except StopIteration:
                break
        if known:
            raise _Moved
        return deliveries

    def _kept(self, unit: Unit, ordinal: int, kept: KeptUnit | None) -> Delivery | None:
        if kept is None:
            return None
        path = self.archive.path(kept.sha256)
        if (kept.ordinal, kept.stamp) != (ordinal, unit.stamp) or not path.is_file():
            raise _Moved
        return Delivery(unit, path, kept.sha256, kept.bytes, received=False)

    def _last_units(self) -> dict[str, KeptUnit]:
        """The units of the last good run, by id."""
        last = self.books.last_good()
        return {} if last is None else units_of(self.connection, last[0])

    def _same(self, unit: Unit, ordinal: int, last: KeptUnit | None) -> Delivery | None:
        """The bytes of the last good run, where the source says that they are still the same (RFC 9110 §8.8)."""
        if last is None or not unit.exact or not unit.stamp or unit.stamp != last.stamp:
            return None
        path = self.archive.path(last.sha256)
        if not path.is_file():
            return None
        self.books.add(unit, ordinal, last.sha256, last.bytes)
        return Delivery(unit, path, last.sha256, last.bytes, received=False)

    def _fetch(self, unit: Unit, ordinal: int, last: KeptUnit | None) -> Delivery:
        if last is not None and unit.stamp != last.stamp and last.bytes >= LARGE:
            self.reading.start(busy=1)
        sha256, size = self.archive.keep(self.source.id, lambda path: self.harvester.fetch(unit, path))
        self.books.add(unit, ordinal, sha256, size)
        return Delivery(unit, self.archive.path(sha256), sha256, size, received=True)

    def _unchanged(self, deliveries: list[Delivery]) -> Settled | None:
        """The end of the run where the bytes and the way of reading them are those of the last good run."""
        last = self.books.last_good()
        if last is None or last[1] != self.fingerprint or self.books.overtaken(last[0], self.feature_types):
            return None
        before = [(unit.unit, unit.sha256) for unit in units_of(self.connection, last[0]).values()]
        if before != [(delivery.unit.id, delivery.sha256) for delivery in deliveries]:
            return None
        summary = last[2]
        for part in summary.get("feature_types", {}).values():
            part.update(unchanged=part["current"], new=0, changed=0, gone=0)
        newest = summary.get("newest")
        again = [*fresh(self.source, datetime.fromisoformat(newest) if newest else None)]
        kept = [Check.of_json(done) for done in summary["checks"] if done["name"] != "fresh"]
        summary["checks"] = [done.as_json() for done in in_order([*kept, *again])]
        message = Text(pl="te same bajty co w ostatnim udanym przebiegu", en="the same bytes as in the last good run")
        with self.connection.transaction():
            self.books.inherit(last[0])
            warn(self.connection, self.books, [*kept, *again])
            summary["issues"] = self.books.counts("issue_counts")
            self.books.end("unchanged", message, summary)
        return "unchanged", message, summary

    def _changed(self, deliveries: list[Delivery]) -> Settled:
        """Read what is not in the stage yet, then settle."""
        self.progress.step(self.source.id, "reading")
        last = self.books.last_good()
        self.progress.expect(sum(delivery.bytes for delivery in deliveries), last[2].get("read") if last else None)
        known = self.books.units()
        self.remembering.recall(self.connection, resumed=any(unit.finished for unit in known.values()))
        stager = Stager(self.connection, self.books.run, self.source, self.feature_types, self.reading.loader.places,
                        self.remembering)
        for ordinal, delivery in enumerate(deliveries):
            if not known[delivery.unit.id].finished:
                self._read(stager, self.reading.loads(ordinal, delivery), delivery)
            else:
                self.progress.done(delivery.bytes)
        self.reading.end()
        self.progress.step(self.source.id, "checking and committing")
        origin = _origin(self.books, self.kind, self.fingerprint)
        try:
            settled = settle(self.connection, self.books, self.region, self.settings.home, origin)
        except NotStored as error:
            self.remembering.forget()
            raise _Moved from error
        self.remembering.keep()
        return settled

    def _read(self, stager: Stager, loads: Generator[Load], delivery: Delivery) -> None:
        with self.connection.transaction(), closing(loads):
            tally = stager.stage(loads, delivery.bytes, self.progress)
            self.books.finish(delivery.unit.id, tally)


def _origin(books: Run, kind: type[Harvester[Any]], mark: str) -> dict[str, Any]:
    """The part of the lineage that says where the data came from; `mark`: the fingerprint."""
    source = books.source
    return {
        "kind": source.kind,
        "harvester_version": kind.version,
        "fingerprint": mark,
        **({} if source.tls is None else {"tls": str(source.tls)}),
        "deliveries": [
            {"unit": unit.unit, "origin": unit.origin, "sha256": unit.sha256, "bytes": unit.bytes}
            for unit in books.units().values()
        ],
    }


def _analyze(database: Database, region: Region, outcome: Outcome) -> None:
    """New planner statistics for tables that a commit changed much; only their owner may make them."""
    if outcome.state != "committed":
        return
    with database.connect("owner", autocommit=True) as connection:
        for name in _changed_much(outcome):
            connection.execute(b"analyze " + current_table(region.feature_types[name]).as_bytes())


def _changed_much(outcome: Outcome) -> Iterator[str]:
    for name, part in outcome.summary["feature_types"].items():
        if part["new"] + part["changed"] + part["gone"] >= max(BIG, BIG_SHARE * part["current"]):
            yield name
