"""The end of what a source has left: objects that are served of it, and that its file does not say it delivers.

History keeps what was known until then; replicas hear of it through the feed of changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg

from sdi.db.database import Database
from sdi.db.queries import query
from sdi.errors import SourceError
from sdi.harvest.ledger import Run, lock_source
from sdi.model.region import Region, Source
from sdi.model.text import Text
from sdi.records.refresh import refresh_county
from sdi.store.commit import Commit

KIND = "withdrawal"
"""Of the runs that end what a source has left, where a harvest has the kind of its source."""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Left:
    """Objects of one feature type and county that a source has left."""

    county: str
    feature_type: str
    objects: int


def withdraw(source: str, user: str, region: Region, database: Database, home: Path) -> tuple[Left, ...]:
    """End all that a source has left, a version for each county; `user` stands in their lineage.

    Raises SourceError where it has left nothing, where another source is declared to take it over with its next
    harvest, and where the source is being harvested; DatabaseError.
    """
    with database.connect("harvest", autocommit=True) as connection:
        lock_source(connection, source)
        with connection.transaction():
            connection.execute(query("harvest", "lock_commits"))
            found = _left(connection, source, region)
            by = {"by": user, "at": datetime.now(UTC).isoformat(timespec="seconds")}
            _end(connection, source, found, region, home, by)
    return found


def _left(connection: Connection, source: str, region: Region) -> tuple[Left, ...]:
    """What a source has left, by county."""
    served = [Left(county, feature_type, objects) for name, feature_type, county, objects
              in connection.execute(query("status", "objects")) if name == source]
    found = sorted((part for part in served if region.owner(part.feature_type, part.county) != source
                    and part.feature_type in region.feature_types), key=lambda part: part.county)
    if not found:
        raise SourceError(Text(
            pl=f"źródło {source} nic nie zostawiło: " + ("to, co jest z niego publikowane, nadal dostarcza; aby coś"
               " wycofać, usuń najpierw plik źródła albo typ obiektów z `delivers`" if served else
               "nic z niego nie jest publikowane"),
            en=f"{source} has left nothing: " + ("what is served of it, it still delivers; to withdraw something,"
               " delete its file first, or take the feature type out of `delivers`" if served else
               "nothing is served of it")))
    heirs = {f"{part.feature_type} ({part.county})": heir for part in found
             if (heir := region.owner(part.feature_type, part.county)) is not None}
    if heirs:
        whose = ", ".join(f"{what}: {heir}" for what, heir in heirs.items())
        names = " ".join(dict.fromkeys(heirs.values()))
        raise SourceError(Text(
            pl=f"to, co zostawiło {source}, dostarcza teraz inne źródło ({whose}); przejmie to przy pobraniu:"
               f" sdi harvest {names}",
            en=f"another source delivers now what {source} has left ({whose}); it takes that over when it is"
               f" harvested: sdi harvest {names}"))
    return tuple(found)


def _end(
    connection: Connection, source: str, found: tuple[Left, ...], region: Region, home: Path,
    by: dict[str, str],
) -> None:
    declared = region.sources.get(source)
    run = Run.start(connection, declared or Source(id=source, kind=KIND, county=found[0].county, delivers=()), KIND,
                    (), anew=True)
    for county, parts in groupby(found, key=lambda part: part.county):
        commit = Commit(connection, run.run, source, county)
        gone = {part.feature_type: {"gone": commit.withdraw(region.feature_types[part.feature_type])}
                for part in parts}
        commit.finish({"kind": KIND, "withdrawn": by, "deliveries": [], "feature_types": gone})
        refresh_county(connection, home, county)
    run.withdrawn([part.feature_type for part in found] if declared else None, {"withdrawn": by})
