"""The stage of a run: what was read, written to the database with its issues and an exact account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import psycopg
import shapely
from shapely.geometry.base import BaseGeometry

from sdi.harvest.contract import Issue
from sdi.harvest.geometry import SRID
from sdi.harvest.load import WAITING, Load, Tally
from sdi.harvest.places import Places, representative_points
from sdi.harvest.progress import Progress
from sdi.harvest.remembering import Remembering
from sdi.model.region import Source
from sdi.model.register import FeatureType
from sdi.store.staging import copy_known, copy_rows

EXCERPT_BYTES = 4_096


class Stager:
    """Writes what is read in one run into its stage, and its issues with it."""

    def __init__(
        self, connection: psycopg.Connection[Any], run: int, source: Source, feature_types: Iterable[FeatureType],
        places: Places, remembering: Remembering,
    ) -> None:
        self.connection, self.run, self.source, self.places = connection, run, source, places
        self.remembering = remembering
        self.feature_types = {feature_type.name: feature_type for feature_type in feature_types}

    def stage(self, loads: Iterable[Load], size: int, progress: Progress) -> Tally:
        """Stage all that a unit of `size` bytes holds, inside the caller's transaction."""
        tally = Tally()
        issues: list[tuple[Issue, BaseGeometry | None]] = []
        for load in loads:
            for name, rows in load.rows:
                copy_rows(self.connection, self.run, self.feature_types[name], rows)
            if load.known:
                copy_known(self.connection, self.run, load.known)
            self.remembering.note(load.recalled, load.learned)
            issues += load.issues
            if len(issues) >= WAITING:
                self._write(issues)
            tally.add(load.tally)
            progress.read(load.tally.read)
            progress.done(load.bytes)
            size -= load.bytes
        self._write(issues)
        progress.done(size)
        return tally

    def _write(self, issues: list[tuple[Issue, BaseGeometry | None]]) -> None:
        write_issues(self.connection, self.run, self.source, issues, self.places)
        issues.clear()


def write_issues(
    connection: psycopg.Connection[Any], run: int, source: Source,
    issues: Sequence[tuple[Issue, BaseGeometry | None]], located: Places | None = None,
) -> None:
    """Append issues of a run, each with the geometry (EPSG:2180) of its object where there is one.

    With `located`, also with the commune in which that geometry lies.
    """
    statement = (
        "copy sdi.issue (run, source, county, commune, severity, code, feature_type, object_id, field, message,"
        " message_pl, position, excerpt, geom) from stdin"
    )
    communes: list[str | None] = [None] * len(issues)
    if located is not None:
        communes = located.commune(representative_points(np.array([geom for _, geom in issues], dtype=object)))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for (issue, geom), commune in zip(issues, communes, strict=True):
            text = (issue.severity, issue.code, issue.feature_type, issue.object_id, issue.field, issue.message.en,
                    issue.message.pl, issue.position, issue.excerpt)
            shape = None if geom is None else shapely.to_wkb(shapely.set_srid(geom, SRID), hex=True, include_srid=True)
            copy.write_row((run, source.id, source.county, commune, *map(_cut, text), shape))


def _cut(text: str | None) -> str | None:
    """Text that PostgreSQL takes, at most 4 kB of it; empty text is null."""
    if not text:
        return None
    return text.encode(errors="replace")[:EXCERPT_BYTES].decode(errors="ignore").replace("\0", "")
