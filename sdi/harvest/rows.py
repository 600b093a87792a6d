"""From features to stage rows, a batch and a column at a time: confined, converted, placed and hashed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import compress, repeat
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from sdi.errors import told
from sdi.harvest import geometry, places
from sdi.harvest.contract import Feature, Issue
from sdi.harvest.values import CONVERTERS, Convert, Value, moment
from sdi.model.issues import Severity
from sdi.model.region import Source
from sdi.model.register import FeatureType
from sdi.model.text import Text

_CADASTRAL_UNIT = re.compile(r"(\d{6})_\d")

_ESCAPED = {ord("\\"): r"\\", ord("\t"): r"\t", ord("\n"): r"\n", ord("\r"): r"\r"}

Column = list[Value | None]


@dataclass(slots=True)
class Batch:
    """Features of one feature type, each with its number within the unit."""

    feature_type: FeatureType
    items: list[int] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)


class Rows:
    """The rows of one batch; what is wrong with its objects gathers in `issues`, with their geometries."""

    def __init__(self, source: Source, located: places.Places, ordinal: int, batch: Batch) -> None:
        self.source, self.places, self.ordinal = source, located, ordinal
        self.feature_type, self.items, self.features = batch.feature_type, batch.items, batch.features
        self.kept = [True] * len(batch.features)
        self.issues: list[tuple[Issue, BaseGeometry | None]] = []
        self.ids: list[str | None] = [None] * len(batch.features)
        self.shapes: dict[str, geometry.Prepared] = {}
        self.learned = b""
        """Of rows without an issue: digests of the members that they came from, with the hashes of their contents."""
        self._plain = [True] * len(batch.features)

    def build(self) -> Iterator[str]:
        """The rows as COPY text, with `sdi.store.staging.stage_columns`, without objects that are set aside."""
        features = self.features
        self._confined()
        self.shapes = self._prepare()
        self.ids = self._ids()
        self._judge_shapes()
        ended = self._times("valid_to", "quarantined")
        times = (self._times("started_at"), self._times("valid_from"), ended)
        namespaces = [feature.namespace for feature in features]
        versions = [feature.version_id for feature in features]
        values = {
            name: self._values(name, CONVERTERS[attribute.type])
            for name, attribute in self.feature_type.attributes.items()
        }
        ewkb = {name: _ewkb(prepared.geometries) for name, prepared in self.shapes.items()}
        points = places.representative_points(self.shapes["geom"].geometries)
        contents = list(_contents(list(zip(self.ids, namespaces, versions, *times, strict=True)), values, ewkb))
        outside = self.places.outside(points).tolist()
        columns: list[list[Any]] = [
            self.items, [feature.position for feature in features], [moment is not None for moment in ended],
            outside, self.ids, namespaces, self._communes(points), versions, *times,
            contents, *([None if wkb is None else wkb.hex() for wkb in column] for column in ewkb.values()),
            *values.values(),
        ]
        self.learned = b"".join([
            feature.member + bytes.fromhex(content)
            for feature, content, plain, far in zip(features, contents, self._plain, outside, strict=True)
            if plain and feature.member and not far
        ])
        rows = zip(repeat(str(self.ordinal)), *map(_copied, columns), strict=False)
        return (f"{'\t'.join(row)}\n" for row in compress(rows, self.kept))

    def _confined(self) -> None:
        """Whether the harvester kept to the allow-list. Raises TypeError, as it is its mistake."""
        attributes, shapes = self.feature_type.attributes.keys(), self.feature_type.geometries.keys()
        for feature in self.features:
            if not (feature.attributes.keys() <= attributes and feature.geometries.keys() <= shapes):
                extra = (feature.attributes.keys() - attributes) | (feature.geometries.keys() - shapes)
                raise TypeError(f"{self.feature_type.name}: the harvester gave {sorted(extra)}, not on the allow-list")

    def _prepare(self) -> dict[str, geometry.Prepared]:
        srids = np.array([feature.srid for feature in self.features], dtype=int)
        return {
            name: geometry.prepare(
                _array([f.geometry if name == "geom" else f.geometries.get(name) for f in self.features]), srids, wanted
            )
            for name, wanted in self.feature_type.geometry_columns.items()
        }

    def _ids(self) -> list[str | None]:
        key = self.feature_type.key
        ids: list[str | None] = []
        for index, feature in enumerate(self.features):
            given = feature.id if feature.id is not None or key is None else feature.attributes.get(key)
            text = "" if given is None else str(given).strip().replace("\0", "")
            ids.append(text or None)
            if not text:
                self._report(index, "quarantined", "missing-id", Text(
                    pl="brak identyfikatora" + ("" if key is None else f" (ani identyfikatora IIP, ani {key})"),
                    en="no identifier" + ("" if key is None else f" (neither an IIP identifier nor {key})")))
        return ids

    def _judge_shapes(self) -> None:
        """Report what is wrong with geometries; the main one may set its object aside."""
        for column, prepared in self.shapes.items():
            for index, fault in sorted(prepared.faults.items()):
                if fault.repaired:
                    self._report(index, "repaired", fault.code, fault.message, None if column == "geom" else column,
                                 fault.excerpt)
                elif column == "geom":
                    self._report(index, "quarantined", fault.code, fault.message, None, fault.excerpt)
                else:
                    self._report(index, "warning", fault.code, _left_empty(fault.message), column, fault.excerpt)
        for index, feature in enumerate(self.features):
            if feature.geometry is None:
                self._report(index, "warning", "no-geometry", Text(
                    pl="obiekt nie ma geometrii", en="the object has no geometry"))

    def _times(self, name: str, severity: Severity = "warning") -> list[str | None]:
        """Life cycle times with their offsets; `severity` of those that cannot be read."""
        given: list[str | None] = [getattr(feature, name) for feature in self.features]
        parsed = {text: _moment(text) for text in set(given)}
        unreadable = {text for text, value in parsed.items() if value is None and text and text.strip()}
        for index, text in enumerate(given if unreadable else ()):
            if text in unreadable:
                self._report(index, severity, "unreadable-time", Text(
                    pl=f"{text[:60]!r} nie jest możliwą datą ani czasem według ISO 8601",
                    en=f"{text[:60]!r} is no possible date or time by ISO 8601"), name)
        return [parsed[text] for text in given]

    def _values(self, name: str, convert: Convert) -> Column:
        given = [feature.attributes.get(name) for feature in self.features]
        try:
            return [None if value is None else convert(value) for value in given]
        except ValueError:
            return [None if value is None else self._value(index, name, convert, value)
                    for index, value in enumerate(given)]

    def _value(self, index: int, name: str, convert: Convert, value: object) -> Value | None:
        try:
            return convert(value)
        except ValueError as error:
            self._report(index, "warning", "bad-value", _left_empty(told(error).at(repr(str(value)[:60]))), name)
            return None

    def _communes(self, points: places.Points) -> list[str | None]:
        """The commune of each object: by identifier, else by location, else the one that the source names."""
        name, county = self.feature_type.commune_from, self.source.county
        communes: list[str | None] = [None] * len(self.features)
        given = [] if name is None else [feature.attributes.get(name) for feature in self.features]
        for index, value in enumerate(given):
            match = _CADASTRAL_UNIT.match(str(value or ""))
            if match is not None and match[1].startswith(county):
                communes[index] = match[1]
            elif match is not None:
                self._report(index, "warning", "foreign-commune", Text(
                    pl=f"{match[1]} nie jest gminą powiatu {county}; rozstrzyga położenie",
                    en=f"{match[1]} is not a commune of county {county}; the location decides"), name)
        left = [index for index, commune in enumerate(communes) if commune is None]
        for index, commune in zip(left, self.places.commune(points[left]), strict=True):
            communes[index] = commune or self.source.commune
        return communes

    def _report(
        self, index: int, severity: Severity, code: str, message: Text, name: str | None = None, excerpt: str = ""
    ) -> None:
        """An issue with an object of the batch; nothing more of one that is set aside already."""
        if not self.kept[index]:
            return
        self._plain[index] = False
        self.kept[index] = severity != "quarantined"
        issue = Issue(severity, code, message, self.feature_type.name, self.ids[index], name,
                      self.features[index].position, excerpt)
        self.issues.append((issue, self.shapes["geom"].geometries[index]))


def _left_empty(message: Text) -> Text:
    return Text(pl=f"{message.pl}; pozostawiono puste", en=f"{message.en}; left empty")


def _contents(
    said: list[tuple[str | None, ...]], values: dict[str, Column], ewkb: dict[str, list[bytes | None]]
) -> Iterator[str]:
    """Hashes of all that the source said of each object; a column that the register gains changes none of them."""
    filled = {name: column for name, column in values.items() if any(value is not None for value in column)}
    rows = zip(*filled.values(), strict=True) if filled else repeat(())
    for facts, row, shapes in zip(said, rows, zip(*ewkb.values(), strict=True), strict=False):
        pairs = [pair for pair in zip(filled, row, strict=True) if pair[1] is not None]
        sizes = [(name, len(wkb)) for name, wkb in zip(ewkb, shapes, strict=True) if wkb is not None]
        content = blake2b(repr((facts, pairs, sizes)).encode(errors="surrogatepass"), digest_size=16)
        for wkb in filter(None, shapes):
            content.update(wkb)
        yield content.hexdigest()


def _copied(column: list[Any]) -> list[str]:
    """A column as COPY text (PostgreSQL, COPY, Text Format)."""
    texts = [r"\N" if value is None else str(value) for value in column]
    joined = "".join(texts)
    if joined.count("\\") == column.count(None) and not any(mark in joined for mark in "\t\n\r"):
        return texts
    return [text if value is None else text.translate(_ESCAPED) for text, value in zip(texts, column, strict=True)]


def _moment(text: str | None) -> str | None:
    try:
        return moment(text) if text and text.strip() else None
    except ValueError:
        return None


def _ewkb(geometries: geometry.Geometries) -> list[bytes | None]:
    """Little-endian EWKB with the SRID, as PostGIS takes it."""
    marked = shapely.set_srid(geometries, geometry.SRID)
    ewkb: list[bytes | None] = shapely.to_wkb(marked, include_srid=True, byte_order=1).tolist()
    return ewkb


def _array(geometries: list[BaseGeometry | None]) -> geometry.Geometries:
    """An object array of its own; numpy would else look into multi-part geometries."""
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return array
