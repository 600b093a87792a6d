"""The stage of a run: features gathered into batches, written as rows, with their issues and an exact account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
import shapely
from shapely.geometry.base import BaseGeometry

from sdi.harvest.contract import Feature, Issue, LeftOut, Read
from sdi.harvest.geometry import SRID
from sdi.harvest.places import Places, representative_points
from sdi.harvest.rows import Batch, Rows
from sdi.model.region import Region, Source
from sdi.model.register import FeatureType
from sdi.store.staging import copy_rows

BATCH = 4_000
"""Features of one feature type that are prepared together."""
WAITING = 16_000
"""Features of all feature types that may wait in memory."""
EXCERPT_BYTES = 4_096

Report = Callable[[int], None]
"""Called with the number of objects read since the last call."""


@dataclass(slots=True)
class Tally:
    """What became of the objects of a unit: read = staged + quarantined + left_out."""

    read: int = 0
    staged: int = 0
    quarantined: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """By class name, or by feature type where the source does not own it."""


class Stager:
    """Writes the features of one run into its stage, and its issues with them."""

    def __init__(
        self, connection: psycopg.Connection[Any], run: int, region: Region, source: Source,
        feature_types: Iterable[FeatureType],
    ) -> None:
        self.connection, self.run, self.source = connection, run, source
        self.feature_types = {feature_type.name: feature_type for feature_type in feature_types}
        self.places = Places(region, source)

    def stage(self, ordinal: int, items: Iterable[Read], report: Report) -> Tally:
        """Stage all that a unit holds, inside the caller's transaction."""
        return _UnitStage(self, ordinal).read(items, report)


class _UnitStage:
    """The staging of one unit."""

    def __init__(self, stager: Stager, ordinal: int) -> None:
        self.stager, self.ordinal = stager, ordinal
        self.tally = Tally()
        self.batches: dict[str, Batch] = {}
        self.waiting = 0
        self.issues: list[tuple[Issue, BaseGeometry | None]] = []

    def read(self, items: Iterable[Read], report: Report) -> Tally:
        reported = 0
        for item in items:
            if isinstance(item, Issue):
                self._issue(item)
            elif isinstance(item, LeftOut):
                self.tally.left_out[item.class_name] += 1
                self.tally.read += 1
            else:
                self._feature(item)
            if self.tally.read - reported >= 1_000:
                report(self.tally.read - reported)
                reported = self.tally.read
        self._flush_all()
        report(self.tally.read - reported)
        return self.tally

    def _issue(self, issue: Issue) -> None:
        """Note an issue of the reader; one that sets an object aside stands for that object."""
        if issue.severity == "quarantined":
            self.tally.read += 1
            self.tally.quarantined += 1
        self.issues.append((issue, None))
        if len(self.issues) >= WAITING:
            self._flush_issues()

    def _feature(self, feature: Feature) -> None:
        self.tally.read += 1
        feature_type = self.stager.feature_types.get(feature.feature_type)
        if feature_type is None:
            self.tally.left_out[feature.feature_type] += 1
            return
        batch = self.batches.setdefault(feature_type.name, Batch(feature_type))
        batch.items.append(self.tally.read)
        batch.features.append(feature)
        self.waiting += 1
        if len(batch.features) >= BATCH:
            self._flush(batch)
        elif self.waiting >= WAITING:
            self._flush_all()

    def _flush_all(self) -> None:
        for batch in list(self.batches.values()):
            self._flush(batch)
        self._flush_issues()

    def _flush(self, batch: Batch) -> None:
        del self.batches[batch.feature_type.name]
        self.waiting -= len(batch.features)
        made = Rows(self.stager.source, self.stager.places, self.ordinal, batch)
        rows = list(made.build())
        self.tally.staged += len(rows)
        self.tally.quarantined += len(batch.features) - len(rows)
        self.issues += made.issues
        copy_rows(self.stager.connection, self.stager.run, batch.feature_type, rows)
        if len(self.issues) >= WAITING:
            self._flush_issues()

    def _flush_issues(self) -> None:
        write_issues(self.stager.connection, self.stager.run, self.stager.source, self.issues, self.stager.places)
        self.issues.clear()


def write_issues(
    connection: psycopg.Connection[Any], run: int, source: Source,
    issues: Sequence[tuple[Issue, BaseGeometry | None]], located: Places | None = None,
) -> None:
    """Append issues of a run, each with the geometry (EPSG:2180) of its object where there is one.

    With `located`, also with the commune in which that geometry lies.
    """
    statement = (
        "copy sdi.issue (run, source, county, commune, severity, code, feature_type, object_id, field, message,"
        " position, excerpt, geom) from stdin"
    )
    communes: list[str | None] = [None] * len(issues)
    if located is not None:
        communes = located.commune(representative_points(np.array([geom for _, geom in issues], dtype=object)))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for (issue, geom), commune in zip(issues, communes, strict=True):
            text = (issue.severity, issue.code, issue.feature_type, issue.object_id, issue.field, issue.message,
                    issue.position, issue.excerpt)
            shape = None if geom is None else shapely.to_wkb(shapely.set_srid(geom, SRID), hex=True, include_srid=True)
            copy.write_row((run, source.id, source.county, commune, *map(_cut, text), shape))


def _cut(text: str | None) -> str | None:
    """Text that PostgreSQL takes, at most 4 kB of it; empty text is null."""
    if not text:
        return None
    return text.encode(errors="replace")[:EXCERPT_BYTES].decode(errors="ignore").replace("\0", "")
