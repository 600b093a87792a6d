"""One object of one class: compiled once from the declaration, confined to its allow-list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from sdi.errors import ConfigurationError
from sdi.harvest.contract import Feature, Issue
from sdi.harvest.gml.attributes import AttributeReader, Found, Problem, attribute_readers
from sdi.harvest.gml.coordinates import NAMESPACES, GeometryError
from sdi.harvest.gml.excerpt import Allowed, excerpt
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.names import below, local, namespace
from sdi.harvest.gml.plain import Plain
from sdi.harvest.gml.values import clean, timestamp
from sdi.model.register import Attribute, FeatureType, Register

LIFE_CYCLE: dict[str, tuple[str, ...]] = {
    "started_at": ("startObiekt",),
    "valid_from": ("startWersjaObiekt", "cyklZyciaObiektu/BT_CyklZyciaInfo/poczatekWersjiObiektu",
                   "cyklZycia/BT_CyklZyciaInfo/poczatekWersjiObiektu"),
    "valid_to": ("koniecWersjaObiekt", "koniecObiekt", "cyklZyciaObiektu/BT_CyklZyciaInfo/koniecWersjiObiektu",
                 "cyklZycia/BT_CyklZyciaInfo/koniecWersjiObiektu"),
}
"""Where both generations of the schemas have the times of an object."""


@dataclass(slots=True)
class Tally:
    """What was not read or not known, counted: reported once per document, without values."""

    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Properties by class and name."""
    repeated: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Objects with more than one value of a property, by class and name."""
    strange: Counter[str] = field(default_factory=Counter)
    """Objects by a namespace that no register has."""
    total: int = 0
    """How often something was counted."""

    def count[T](self, counter: Counter[T], what: T) -> None:
        """Count in one of the three."""
        counter[what] += 1
        self.total += 1

    def add(self, other: Tally) -> None:
        """Add what was counted in another part of the document."""
        self.unknown += other.unknown
        self.repeated += other.repeated
        self.strange += other.strange
        self.total += other.total

    def issues(self, name: str) -> Iterator[Issue]:
        """Warnings about the document `name`, one per namespace and one per class and property."""
        for uri, count in self.strange.items():
            yield Issue("warning", "unknown-namespace",
                        f"{uri or '(none)'}: no declared register has this namespace; {count} objects in it were taken "
                        "by the names of their classes", position=name)
        for (class_name, prop), count in self.unknown.items():
            yield Issue("warning", "unknown-attribute", f"{class_name}.{prop}: not declared, not read ({count} times)",
                        field=prop, position=name)
        for (class_name, prop), count in self.repeated.items():
            yield Issue("warning", "repeated-attribute",
                        f"{class_name}.{prop}: only the first value was read ({count} objects have more)",
                        field=prop, position=name)


@dataclass(frozen=True, slots=True)
class Naming:
    """How a kind of source names the properties of objects."""

    paths: Callable[[Attribute], tuple[str, ...]]
    """Where an attribute may stand."""
    fold: Callable[[str], str]
    """Names are compared after this."""
    registered: bool
    """Objects have IIP identifiers and life cycles, and geometries in the properties that the register names."""


def _casefolded(attribute: Attribute) -> tuple[str, ...]:
    return tuple(name.casefold() for name in attribute.wfs)


GUGIK = Naming(paths=lambda attribute: attribute.gml, fold=str, registered=True)
"""Exchange files by the GUGiK schemas."""
COUNTY_WFS = Naming(paths=_casefolded, fold=str.casefold, registered=False)
"""County WFS: flat, names compared without case."""


@dataclass(slots=True)
class Draft:
    """An object whose plain geometries are still to be built, many at once."""

    element: etree._Element
    feature: Feature
    problems: list[Problem]
    plains: list[tuple[str, Plain]]
    shapes: dict[str, list[BaseGeometry]]
    """Geometries by column; a property that repeats gives several."""
    failed: Problem | None = None
    """Why the object is set aside."""


class ObjectReader:
    """Reads objects of one class into one feature type.

    `geometry_name` is the geometry property of a source that is not `registered`; None takes the first with GML in it.
    `used` are further properties that the caller reads himself.
    """

    def __init__(
        self,
        class_name: str,
        feature_type: FeatureType,
        register: Register,
        geometries: GeometryReader,
        naming: Naming,
        geometry_name: str | None = None,
        used: tuple[str, ...] = (),
    ) -> None:
        self.class_name, self.feature_type, self.naming = class_name, feature_type, naming
        self._geometries = geometries
        self._attributes = attribute_readers(feature_type, register, naming.paths)
        self._implied = _implied(class_name, feature_type, self._attributes) if naming.registered else {}
        self._places = self._geometry_places(geometry_name)
        self._search_geometry = not naming.registered and geometry_name is None
        self._kept = self._names_kept()
        self._ignored = {naming.fold(name) for name in (*register.not_read_attributes, *used)} - self._kept
        self._single = self._kept - {path[0] for r in self._attributes if r.many for path in r.paths} - {
            name for names in self._places.values() for name in names
        }
        self._names: dict[str, str] = {}
        self._elsewhere: str | None = None
        """A property with a geometry where the source's declaration does not look for one."""

    def read(self, element: etree._Element, position: str, srs_name: str | None, tally: Tally) -> Draft:
        """Everything of an object but its plain geometries; `srs_name` is that of the collection's envelope."""
        found = self._properties(element, tally)
        problems: list[Problem] = []
        feature = Feature(self.feature_type.name, None, dict(self._implied), None, 0, position=position)
        draft = Draft(element, feature, problems, [], {})
        for reader in self._attributes:
            value = reader.read(found, problems)
            if value is not None:
                feature.attributes[reader.name] = value
        if self.naming.registered:
            self._identify(draft, found)
            self._date(draft, found)
        elif self.feature_type.key is not None and self._key(feature) is None:
            draft.failed = Problem("missing-id", f"no value of {self.feature_type.key}", self.feature_type.key)
        if draft.failed is None:
            self._locate(draft, found, _envelope_srs(found) or srs_name)
        return draft

    def finish(
        self, draft: Draft, built: Iterator[BaseGeometry | GeometryError], member: bytes = b""
    ) -> Iterator[Feature | Issue]:
        """The object with its geometries taken from `built`, or why it is set aside; and what else is wrong with it.

        `member`: digest of its bytes.
        """
        feature = draft.feature
        for column, _ in draft.plains:
            shape = next(built)
            if isinstance(shape, GeometryError):
                draft.failed = draft.failed or Problem("unreadable-geometry", str(shape), column)
            else:
                draft.shapes.setdefault(column, []).append(shape)
        if draft.failed is not None:
            yield self._issue(draft, "quarantined", draft.failed)
            return
        for problem in draft.problems:
            yield self._issue(draft, "warning", problem)
        for column, shapes in draft.shapes.items():
            if column == "geom":
                feature.geometry = _united(shapes)
            else:
                feature.geometries[column] = _united(shapes)
        feature.member = b"" if draft.problems else member
        yield feature

    def _geometry_places(self, geometry_name: str | None) -> dict[str, tuple[str, ...]]:
        if not self.naming.registered:
            return {"geom": (self.naming.fold(geometry_name),) if geometry_name else ()}
        return {
            column: self.feature_type.geometry_gml.get(column, ("geometria",) if column == "geom" else ())
            for column in self.feature_type.geometry_columns
        }

    def _names_kept(self) -> set[str]:
        names = {_BOUNDS} | {path[0] for reader in self._attributes for path in reader.paths}
        names |= {name for places in self._places.values() for name in places}
        if self.naming.registered:
            names |= {"idIIP"} | {path.partition("/")[0] for paths in LIFE_CYCLE.values() for path in paths}
        return names

    def _properties(self, element: etree._Element, tally: Tally) -> Found:
        found: Found = {}
        for child in element:
            name = self._names.get(child.tag)
            if name is None:
                name = self._learn(child)
            if name in found:
                found[name].append(child)
                if name in self._single:
                    tally.count(tally.repeated, (self.class_name, local(child.tag)))
            elif name in self._kept:
                found[name] = [child]
            elif name:
                tally.count(tally.unknown, (self.class_name, local(child.tag)))
        return found

    def _learn(self, child: etree._Element) -> str:
        """The name under which properties with this tag are kept; "" for those that are known and left out."""
        name = self.naming.fold(local(child.tag))
        if namespace(child.tag) in NAMESPACES:
            name = _BOUNDS if local(child.tag) == "boundedBy" else ""
        elif name in self._ignored:
            name = ""
        elif name not in self._kept and self._search_geometry:
            if not len(child):
                return name  # an empty geometry looks the same: the next object may tell
            if namespace(child[0].tag) in NAMESPACES:
                self._places = {"geom": (*self._places["geom"], name)}
                self._kept.add(name)
        elif name not in self._kept and not self.naming.registered and len(child):
            if namespace(child[0].tag) in NAMESPACES:
                self._elsewhere = local(child.tag)
        self._names[child.tag] = name
        return name

    def _identify(self, draft: Draft, found: Found) -> None:
        feature = draft.feature
        for identifier in found.get("idIIP", ()):
            for holder in identifier:
                parts = {local(part.tag): part.text for part in holder}
                feature.id, feature.namespace = clean(parts.get("lokalnyId")), clean(parts.get("przestrzenNazw"))
                feature.version_id = clean(parts.get("wersjaId"))
        if feature.id is None:
            draft.failed = Problem("missing-id", "no lokalnyId in idIIP", "idIIP")

    def _date(self, draft: Draft, found: Found) -> None:
        for name, top, rest in _LIFE_CYCLE_STEPS:
            elements = found.get(top)
            if elements is None or getattr(draft.feature, name) is not None:
                continue
            elements = below(elements, rest)
            text = clean(elements[0].text) if elements else None
            if text is None:
                continue
            try:
                setattr(draft.feature, name, timestamp(text))
            except ValueError as error:
                draft.problems.append(Problem("bad-value", f"{top}: {text[:60]!r} is {error}", top))

    def _locate(self, draft: Draft, found: Found, srs_name: str | None) -> None:
        """All geometries of the object: of several names for `geom` those of the first that has any, else of all."""
        for column, names in self._places.items():
            try:
                for name in names:
                    if name in found and self._keep(draft, column, found[name], srs_name) and column == "geom":
                        break
            except GeometryError as error:
                draft.failed = Problem("unreadable-geometry", str(error), column)
                return
        if self._elsewhere and "geom" not in {*draft.shapes, *(column for column, _ in draft.plains)}:
            sought = ", ".join(self._places["geom"])
            draft.failed = Problem("unreadable-geometry", f"no geometry in {sought}, but one in {self._elsewhere}: "
                                   "correct `geometry` of the type in the source's file", "geom")

    def _keep(self, draft: Draft, column: str, elements: list[etree._Element], srs_name: str | None) -> bool:
        """Take the geometries of some properties; False where all are empty."""
        kept = False
        for element in elements:
            shape, srid = self._geometries.read_property(element, srs_name)
            if shape is None or srid is None:
                continue
            if draft.feature.srid not in (0, srid):
                raise GeometryError(f"EPSG:{srid} beside EPSG:{draft.feature.srid} in one object")
            draft.feature.srid = srid
            if isinstance(shape, Plain):
                draft.plains.append((column, shape))
            else:
                draft.shapes.setdefault(column, []).append(shape)
            kept = True
        return kept

    def _issue(self, draft: Draft, severity: Any, problem: Problem) -> Issue:
        return Issue(
            severity,
            problem.code,
            problem.message,
            feature_type=self.feature_type.name,
            object_id=draft.feature.id or self._key(draft.feature),
            field=problem.field,
            position=draft.feature.position,
            excerpt=excerpt(draft.element, self._allowed(), self.naming.fold),
        )

    def _key(self, feature: Feature) -> str | None:
        key = feature.attributes.get(self.feature_type.key) if self.feature_type.key else None
        return str(key) if key is not None else None

    def _allowed(self) -> Allowed:
        allowed = Allowed()
        for reader in self._attributes:
            for top, rest in reader.paths:
                allowed.add((top, *rest), reader.parts, reader.linked)
        for names in self._places.values():
            for name in names:
                allowed.add((name,), None)
        if self.naming.registered:
            allowed.add(("idIIP",), None)
            for paths in LIFE_CYCLE.values():
                for path in paths:
                    allowed.add(tuple(path.split("/")), ())
        return allowed


_BOUNDS = "gml:boundedBy"
"""Under which the envelope of an object is kept: no property of a register has a colon."""
_LIFE_CYCLE_STEPS = [
    (name, path.split("/")[0], tuple(path.split("/")[1:])) for name, paths in LIFE_CYCLE.items() for path in paths
]


def _implied(class_name: str, feature_type: FeatureType, readers: list[AttributeReader]) -> Mapping[str, Any]:
    """What the class itself says of its objects, as values."""
    by_name = {reader.name: reader for reader in readers}
    values: dict[str, Any] = {}
    for name, text in feature_type.gml.get(class_name, {}).items():
        try:
            values[name] = by_name[name].implied(text) if name in by_name else text
        except ValueError as error:
            raise ConfigurationError(
                [f"registers/{feature_type.register_id}.yaml: {feature_type.name}.gml.{class_name}.{name}: {error}"]
            ) from error
    return values


def _envelope_srs(found: Found) -> str | None:
    for bounded in found.get(_BOUNDS, ()):
        for envelope in bounded:
            name: str | None = envelope.get("srsName")
            return name
    return None


_MULTI = {"Point": shapely.MultiPoint, "LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}


def _united(shapes: list[BaseGeometry]) -> BaseGeometry:
    """Several geometries as one: a multi geometry where their parts are of one type, else a collection."""
    if len(shapes) == 1:
        return shapes[0]
    parts = list(shapely.get_parts(shapes))
    kinds = {part.geom_type for part in parts}
    return _MULTI.get(kinds.pop() if len(kinds) == 1 else "", shapely.GeometryCollection)(parts)
