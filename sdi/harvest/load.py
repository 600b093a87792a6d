"""What is read, made ready for the database: rows as COPY takes them, issues, and an account. Needs no connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shapely.geometry.base import BaseGeometry

from sdi.harvest.contract import Feature, Issue, LeftOut, Read
from sdi.harvest.places import Places
from sdi.harvest.rows import Batch, Rows
from sdi.model.region import Region, Source

BATCH = 4_000
"""Features of one feature type that are prepared together."""
WAITING = 16_000
"""Features of all feature types, or issues, that may wait in memory."""
REPORTED = 1_000
"""Objects after which a load says how far it is, if only that."""


@dataclass(slots=True)
class Tally:
    """What became of some objects: read = staged + quarantined + left_out."""

    read: int = 0
    staged: int = 0
    quarantined: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """By class name, or by feature type where the source does not own it."""

    def add(self, other: Tally) -> None:
        """Add what became of other objects."""
        self.read += other.read
        self.staged += other.staged
        self.quarantined += other.quarantined
        self.left_out += other.left_out


@dataclass(slots=True)
class Load:
    """Some of what a unit holds."""

    rows: list[tuple[str, bytes]] = field(default_factory=list)
    """Feature type, and rows of its stage table as COPY text."""
    issues: list[tuple[Issue, BaseGeometry | None]] = field(default_factory=list)
    """With the geometries (EPSG:2180) of their objects."""
    tally: Tally = field(default_factory=Tally)
    bytes: int = 0
    """Of the delivery that have been read with it, where that is known."""


class Loader:
    """Prepares what is read from one source."""

    def __init__(self, region: Region, source: Source) -> None:
        self.source, self.places = source, Places(region, source)
        self.feature_types = {feature_type.name: feature_type for feature_type in region.owned_by(source)}

    def loads(self, ordinal: int, items: Iterable[Read], before: int = 0) -> Iterator[Load]:
        """All items of the unit `ordinal`, numbered from `before`, as loads of bounded size."""
        return _Loading(self, ordinal, before).loads(items)


class _Loading:
    """The preparation of one unit, or of a part of it."""

    def __init__(self, loader: Loader, ordinal: int, before: int) -> None:
        self.loader, self.ordinal, self.item = loader, ordinal, before
        self.load = Load()
        self.batches: dict[str, Batch] = {}
        self.waiting = 0

    def loads(self, items: Iterable[Read]) -> Iterator[Load]:
        for item in items:
            if isinstance(item, Issue):
                self._issue(item)
            elif isinstance(item, LeftOut):
                self.load.tally.left_out[item.class_name] += 1
                self._count()
            else:
                self._feature(item)
            if self.load.rows or self.load.tally.read >= REPORTED or len(self.load.issues) >= WAITING:
                yield self._done()
        for batch in list(self.batches.values()):
            self._flush(batch)
        yield self._done()

    def _done(self) -> Load:
        done, self.load = self.load, Load()
        return done

    def _count(self) -> None:
        self.load.tally.read += 1
        self.item += 1

    def _issue(self, issue: Issue) -> None:
        """Note an issue of the reader; one that sets an object aside stands for that object."""
        if issue.severity == "quarantined":
            self.load.tally.quarantined += 1
            self._count()
        self.load.issues.append((issue, None))

    def _feature(self, feature: Feature) -> None:
        self._count()
        feature_type = self.loader.feature_types.get(feature.feature_type)
        if feature_type is None:
            self.load.tally.left_out[feature.feature_type] += 1
            return
        batch = self.batches.get(feature_type.name)
        if batch is None:
            batch = self.batches[feature_type.name] = Batch(feature_type)
        batch.items.append(self.item)
        batch.features.append(feature)
        self.waiting += 1
        if len(batch.features) >= BATCH:
            self._flush(batch)
        elif self.waiting >= WAITING:
            for waiting in list(self.batches.values()):
                self._flush(waiting)

    def _flush(self, batch: Batch) -> None:
        del self.batches[batch.feature_type.name]
        self.waiting -= len(batch.features)
        made = Rows(self.loader.source, self.loader.places, self.ordinal, batch)
        rows = list(made.build())
        self.load.tally.staged += len(rows)
        self.load.tally.quarantined += len(batch.features) - len(rows)
        self.load.issues += made.issues
        if rows:
            self.load.rows.append((batch.feature_type.name, "".join(rows).encode()))
