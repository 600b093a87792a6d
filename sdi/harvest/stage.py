"""From features to stage rows: each object confined, converted, placed and hashed, a batch at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import shapely
from shapely.geometry.base import BaseGeometry

from sdi.harvest import geometry, places
from sdi.harvest.contract import Feature, Issue, LeftOut, Read
from sdi.harvest.values import CONVERTERS, Value, moment
from sdi.model.region import Region, Source
from sdi.model.register import FeatureType
from sdi.store.staging import copy_rows

BATCH = 4_000
"""Features of one feature type that are prepared together."""
WAITING = 16_000
"""Features of all feature types that may wait in memory."""
EXCERPT_BYTES = 4_096

_CADASTRAL_UNIT = re.compile(r"(\d{6})_\d")
_UNREADABLE = "unreadable-time"

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


@dataclass(slots=True)
class _Batch:
    """Features of one feature type with their number within the unit, and what is known of their geometries."""

    feature_type: FeatureType
    items: list[int] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)


@dataclass(slots=True)
class _Geometries:
    """The prepared geometries of a batch."""

    columns: dict[str, geometry.Prepared]
    ewkb: dict[str, list[bytes | None]]
    outside: list[bool]
    communes: list[str | None]


class Stager:
    """Writes the features of one run into its stage, and its issues with them."""

    def __init__(
        self, connection: psycopg.Connection[Any], run: int, region: Region, source: Source,
        feature_types: Iterable[FeatureType],
    ) -> None:
        self.connection, self.run, self.source = connection, run, source
        self.feature_types = {feature_type.name: feature_type for feature_type in feature_types}
        self.places = places.Places(region, source)

    def stage(self, ordinal: int, items: Iterable[Read], report: Report) -> Tally:
        """Stage all that a unit holds, inside the caller's transaction."""
        return _UnitStage(self, ordinal).read(items, report)


class _UnitStage:
    """The staging of one unit."""

    def __init__(self, stager: Stager, ordinal: int) -> None:
        self.stager, self.ordinal = stager, ordinal
        self.tally = Tally()
        self.batches: dict[str, _Batch] = {}
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

    def _issue(self, issue: Issue, geom: BaseGeometry | None = None) -> None:
        """Note an issue of the reader; one that sets an object aside stands for that object."""
        if issue.severity == "quarantined":
            self.tally.read += 1
            self.tally.quarantined += 1
        self.issues.append((issue, geom))
        if len(self.issues) >= WAITING:
            self._flush_issues()

    def _feature(self, feature: Feature) -> None:
        self.tally.read += 1
        feature_type = self.stager.feature_types.get(feature.feature_type)
        if feature_type is None:
            self.tally.left_out[feature.feature_type] += 1
            return
        batch = self.batches.setdefault(feature_type.name, _Batch(feature_type))
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

    def _flush(self, batch: _Batch) -> None:
        del self.batches[batch.feature_type.name]
        self.waiting -= len(batch.features)
        rows = list(_Rows(self, batch).build())
        self.tally.staged += len(rows)
        copy_rows(self.stager.connection, self.stager.run, batch.feature_type, rows)

    def _flush_issues(self) -> None:
        write_issues(self.stager.connection, self.stager.run, self.stager.source, self.issues)
        self.issues.clear()


class _Rows:
    """The rows of one batch; objects that cannot go in become issues of the unit."""

    def __init__(self, unit: _UnitStage, batch: _Batch) -> None:
        self.unit, self.batch = unit, batch
        self.feature_type = batch.feature_type
        self.attributes = [
            (name, CONVERTERS[attribute.type]) for name, attribute in self.feature_type.attributes.items()
        ]
        self.known = self.feature_type.attributes.keys()
        self.geometries = self._prepare()

    def _prepare(self) -> _Geometries:
        features = self.batch.features
        srids = np.array([feature.srid for feature in features], dtype=int)
        columns = {
            name: geometry.prepare(
                _array([f.geometry if name == "geom" else f.geometries.get(name) for f in features]), srids, wanted
            )
            for name, wanted in self.feature_type.geometry_columns.items()
        }
        points = places.representative_points(columns["geom"].geometries)
        located = self.unit.stager.places
        return _Geometries(
            columns=columns,
            ewkb={
                name: shapely.to_wkb(
                    shapely.set_srid(prepared.geometries, geometry.SRID), include_srid=True, byte_order=1
                ).tolist()
                for name, prepared in columns.items()
            },
            outside=located.outside(points).tolist(),
            communes=located.commune(points),
        )

    def build(self) -> Iterator[tuple[object, ...]]:
        """The rows in the order of `sdi.store.staging.stage_columns`."""
        for index, feature in enumerate(self.batch.features):
            row = self._row(index, feature)
            if row is not None:
                yield row

    def _row(self, index: int, feature: Feature) -> tuple[object, ...] | None:
        if not feature.attributes.keys() <= self.known:
            extra = ", ".join(sorted(feature.attributes.keys() - self.known))
            raise TypeError(f"the harvester gave {self.feature_type.name} attributes beyond the allow-list: {extra}")
        object_id = self._id(feature)
        if object_id is None:
            self._report(index, "quarantined", "missing-id", f"no identifier{self._key_hint()}", None)
            return None
        if not self._geometries_usable(index, object_id):
            return None
        ended = feature.valid_to is not None and feature.valid_to.strip() != ""
        valid_to = self._time(index, object_id, "valid_to", feature.valid_to, fatal=True)
        if ended and valid_to is None:
            return None
        started_at = self._time(index, object_id, "started_at", feature.started_at)
        valid_from = self._time(index, object_id, "valid_from", feature.valid_from)
        values = [self._value(index, object_id, name, convert, feature.attributes) for name, convert in self.attributes]
        said = (object_id, feature.namespace, feature.version_id, started_at, valid_from, valid_to)
        ewkb = [column[index] for column in self.geometries.ewkb.values()]
        return (
            self.unit.ordinal, self.batch.items[index], feature.position, ended, self.geometries.outside[index],
            object_id, feature.namespace, self._commune(index, object_id, feature), feature.version_id,
            started_at, valid_from, valid_to, self._content(said, values, ewkb),
            *(None if wkb is None else wkb.hex() for wkb in ewkb), *values,
        )

    def _id(self, feature: Feature) -> str | None:
        given = feature.id
        if given is None and self.feature_type.key is not None:
            value = feature.attributes.get(self.feature_type.key)
            given = None if value is None else str(value)
        given = given.strip().replace("\0", "") if given is not None else ""
        return given or None

    def _key_hint(self) -> str:
        return "" if self.feature_type.key is None else f" (neither an IIP identifier nor {self.feature_type.key})"

    def _geometries_usable(self, index: int, object_id: str) -> bool:
        """Report the faults of an object's geometries; False where they set it aside."""
        for column, prepared in self.geometries.columns.items():
            fault = prepared.faults.get(index)
            if fault is None:
                continue
            usable = fault.repaired or column != "geom"
            self._report(
                index, "repaired" if fault.repaired else "warning" if usable else "quarantined", fault.code,
                fault.message if usable == fault.repaired else f"{fault.message}; left empty", object_id,
                None if column == "geom" else column, fault.excerpt,
            )
            if not usable:
                return False
        if self.batch.features[index].geometry is None:
            self._report(index, "warning", "no-geometry", "the object has no geometry", object_id)
        return True

    def _time(self, index: int, object_id: str, name: str, given: str | None, fatal: bool = False) -> str | None:
        if given is None or not given.strip():
            return None
        try:
            return moment(given)
        except ValueError:
            message = f"{given[:60]!r} is no date or time (ISO 8601)"
            if fatal:
                self._report(index, "quarantined", _UNREADABLE, message, object_id, name)
            else:
                self._report(index, "warning", _UNREADABLE, f"{message}; left empty", object_id, name)
            return None

    def _value(
        self, index: int, object_id: str, name: str, convert: Callable[[object], Value], given: Mapping[str, object]
    ) -> Value | None:
        value = given.get(name)
        if value is None:
            return None
        try:
            return convert(value)
        except ValueError as error:
            message = f"{str(value)[:60]!r}: {error}; left empty"
            self._report(index, "warning", "bad-value", message, object_id, name)
            return None

    def _commune(self, index: int, object_id: str, feature: Feature) -> str | None:
        """The commune by identifier, else by location, else the one that the source names."""
        source = self.unit.stager.source
        located = self.geometries.communes[index] or source.commune
        name = self.feature_type.commune_from
        match = _CADASTRAL_UNIT.match(str(feature.attributes.get(name) or "")) if name is not None else None
        if match is None:
            return located
        if match[1].startswith(source.county):
            return match[1]
        self._report(index, "warning", "foreign-commune",
                     f"{match[1]} is not a commune of county {source.county}; the location decides", object_id, name)
        return located

    def _content(self, said: tuple[object, ...], values: list[Value | None], ewkb: list[bytes | None]) -> str:
        """Hash of all that the source said of an object; a column that the register gains changes no hash."""
        pairs = [(name, v) for (name, _), v in zip(self.attributes, values, strict=True) if v is not None]
        shapes = [(name, w) for name, w in zip(self.geometries.ewkb, ewkb, strict=True) if w is not None]
        return str(UUID(bytes=blake2b(repr((said, pairs, shapes)).encode(), digest_size=16).digest()))

    def _report(
        self, index: int, severity: Any, code: str, message: str, object_id: str | None, name: str | None = None,
        excerpt: str = "",
    ) -> None:
        """An issue with an object of the batch."""
        position = self.batch.features[index].position
        issue = Issue(severity, code, message, self.feature_type.name, object_id, name, position, excerpt)
        if severity == "quarantined":
            self.unit.tally.quarantined += 1
        self.unit.issues.append((issue, self.geometries.columns["geom"].geometries[index]))


def write_issues(
    connection: psycopg.Connection[Any], run: int, source: Source,
    issues: Iterable[tuple[Issue, BaseGeometry | None]],
) -> None:
    """Append issues of a run, each with the geometry (EPSG:2180) of its object where there is one."""
    statement = (
        "copy sdi.issue (run, source, county, severity, code, feature_type, object_id, field, message, position,"
        " excerpt, geom) from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for issue, geom in issues:
            text = (issue.severity, issue.code, issue.feature_type, issue.object_id, issue.field, issue.message,
                    issue.position, issue.excerpt)
            shape = None if geom is None else shapely.to_wkb(shapely.set_srid(geom, 2180), hex=True, include_srid=True)
            copy.write_row((run, source.id, source.county, *map(_cut, text), shape))


def _cut(text: str | None) -> str | None:
    """Text that PostgreSQL takes, at most 4 kB of it; empty text is null."""
    if not text:
        return None
    return text.encode(errors="replace")[:EXCERPT_BYTES].decode(errors="ignore").replace("\0", "")


def _array(geometries: list[BaseGeometry | None]) -> geometry.Geometries:
    """An object array of its own; numpy would else look into multi-part geometries."""
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return array
