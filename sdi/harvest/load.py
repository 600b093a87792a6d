"""What is read, made ready for the database: rows as COPY takes them, issues, and an account. Needs no connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sdi.harvest.contract import Feature, Issue, Known, LeftOut, Read
from sdi.harvest.memory import Entries, Memory
from sdi.harvest.places import Places
from sdi.harvest.rows import Batch, Rows
from sdi.model.region import Region, Source

BATCH = 4_000
"""Features of one feature type that are prepared together."""
WAITING = 16_000
"""Features of all feature types, or issues, that may wait in memory."""
NO_CONTENT = bytes(16)
"""What is learned as the content of an object that was left out."""
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
    known: list[tuple[str, int, Entries, bytes]] = field(default_factory=list)
    """Objects that were not read again: feature type, unit, items, and the hashes of their contents, 16 bytes each."""
    issues: list[tuple[Issue, BaseGeometry | None]] = field(default_factory=list)
    """With the geometries (EPSG:2180) of their objects."""
    tally: Tally = field(default_factory=Tally)
    bytes: int = 0
    """Of the delivery that have been read with it, where that is known."""
    recalled: Entries = field(default_factory=lambda: np.empty(0, np.int64))
    """Entries of the memory that were used."""
    learned: dict[str, bytearray] = field(default_factory=dict)
    """For the memory: by feature type or class, digests of members with the hashes of their contents (0: left out)."""


class Loader:
    """Prepares what is read from one source."""

    def __init__(self, region: Region, source: Source, memory: Memory) -> None:
        self.source, self.places, self.memory = source, Places(region, source), memory
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
        self.known: list[Entries] = []
        self.known_items: list[NDArray[np.int64]] = []

    def loads(self, items: Iterable[Read]) -> Iterator[Load]:
        for item in items:
            if isinstance(item, Issue):
                self._issue(item)
            elif isinstance(item, LeftOut):
                self.load.tally.left_out[item.class_name] += 1
                self._learn(item.class_name, item.member and item.member + NO_CONTENT)
                self._count()
            elif isinstance(item, Known):
                self._known(item.entries)
            else:
                self._feature(item)
            if self.load.rows or self.load.tally.read >= REPORTED or len(self.load.issues) >= WAITING:
                yield self._done()
        for batch in list(self.batches.values()):
            self._flush(batch)
        self._recall()
        yield self._done()

    def _done(self) -> Load:
        done, self.load = self.load, Load()
        return done

    def _count(self, objects: int = 1) -> None:
        self.load.tally.read += objects
        self.item += objects

    def _learn(self, name: str, pairs: bytes) -> None:
        if pairs:
            self.load.learned.setdefault(name, bytearray()).extend(pairs)

    def _known(self, entries: Entries) -> None:
        self.known.append(entries)
        self._count(len(entries))
        self.known_items.append(np.arange(self.item - len(entries), self.item) + 1)

    def _recall(self) -> None:
        """What is known stands for its objects as if they had been read."""
        if not self.known:
            return
        memory = self.loader.memory
        entries, items = np.concatenate(self.known), np.concatenate(self.known_items)
        self.known, self.known_items = [], []
        self.load.recalled = entries
        for name, those in memory.by_name(entries).items():
            count = int(those.sum())
            if name not in self.loader.feature_types:
                self.load.tally.left_out[name] += count
                continue
            self.load.tally.staged += count
            self.load.known.append((name, self.ordinal, items[those], memory.contents(entries[those])))

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
        self._learn(batch.feature_type.name, made.learned)
        if rows:
            self.load.rows.append((batch.feature_type.name, "".join(rows).encode()))
