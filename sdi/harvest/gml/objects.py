"""One object of one class: compiled once from the declaration, confined to its allow-list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from sdi.errors import ConfigurationError
from sdi.harvest.contract import Feature, Issue
from sdi.harvest.geometry import GeometryError
from sdi.harvest.gml.attributes import AttributeReader, Found, Places, Texts, attribute_readers
from sdi.harvest.gml.coordinates import NAMESPACES
from sdi.harvest.gml.excerpt import Allowed, excerpt
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.names import below, local, namespace
from sdi.harvest.gml.plain import Plain, PlainPlace
from sdi.harvest.texts import Problem, clean, timestamp
from sdi.model.register import Attribute, FeatureType, Register
from sdi.model.text import Text

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
            yield Issue("warning", "unknown-namespace", Text(
                pl=f"tej przestrzeni nazw nie ma żaden zadeklarowany rejestr; obiektów w niej: {count}; wzięto je"
                   " według nazw klas",
                en=f"no declared register has this namespace; {count} objects in it were taken by the names of their"
                   " classes").at(uri or "(none)"), position=name)
        for (class_name, prop), count in self.unknown.items():
            yield Issue("warning", "unknown-attribute", Text(
                pl=f"niezadeklarowane, nie wczytano ({count} razy)",
                en=f"not declared, not read ({count} times)").at(f"{class_name}.{prop}"), field=prop, position=name)
        for (class_name, prop), count in self.repeated.items():
            yield Issue("warning", "repeated-attribute", Text(
                pl=f"wczytano tylko pierwszą wartość (więcej ma obiektów: {count})",
                en=f"only the first value was read ({count} objects have more)").at(f"{class_name}.{prop}"),
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


@dataclass(frozen=True, slots=True)
class Layout:
    """Where an object has what is read of it, but for its geometries."""

    attributes: list[tuple[AttributeReader, Places]]
    identity: list[Texts]
    """lokalnyId, przestrzenNazw and wersjaId; where there are several, the last counts."""
    times: list[tuple[str, str, Texts]]
    """Name, property and text of the times of its life cycle."""

    def texts(self) -> Iterator[Texts]:
        """All texts in it."""
        for _, places in self.attributes:
            for path in places:
                yield from (place.texts for place in path)
        yield from self.identity
        yield from (texts for _, _, texts in self.times)


@dataclass(slots=True)
class Draft:
    """An object whose plain geometries are still to be built, many at once."""

    feature: Feature
    problems: list[Problem] = field(default_factory=list)
    plains: list[tuple[str, Plain]] = field(default_factory=list)
    shapes: dict[str, list[BaseGeometry]] = field(default_factory=dict)
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
        draft = self.draft(self._layout(found), position)
        if draft.failed is None:
            self._locate(draft, found, _envelope_srs(found) or srs_name)
        return draft

    def draft(self, layout: Layout, position: str) -> Draft:
        """An object without its geometries."""
        feature = Feature(self.feature_type.name, None, dict(self._implied), None, 0, position=position)
        draft = Draft(feature)
        for reader, places in layout.attributes:
            value = reader.read(places, draft.problems)
            if value is not None:
                feature.attributes[reader.name] = value
        if self.naming.registered:
            self._identify(draft, layout.identity)
            self._date(draft, layout.times)
        elif self.feature_type.key is not None and self._key(feature) is None:
            draft.failed = Problem("missing-id", Text(
                pl=f"brak wartości {self.feature_type.key}",
                en=f"no value of {self.feature_type.key}"), self.feature_type.key)
        return draft

    def learn(self, element: etree._Element, srs_name: str | None) -> tuple[Layout, list[PlainPlace]] | None:
        """Where every object of this shape has what is read of it: the same tags, and attributes of tags but for
        identifiers and links.

        None where one object does not tell, or where there is something to say about it.
        """
        tally = Tally()
        found = self._properties(element, tally)
        try:
            plains = self._plain_places(found, _envelope_srs(found) or srs_name)
        except ValueError:
            return None
        return None if tally.total or plains is None else (self._layout(found), plains)

    def place(self, draft: Draft, built: Iterator[BaseGeometry | GeometryError]) -> None:
        """Take the plain geometries of an object from `built`."""
        for column, _ in draft.plains:
            shape = next(built)
            if isinstance(shape, GeometryError):
                draft.failed = draft.failed or Problem("unreadable-geometry", shape.text, column)
            else:
                draft.shapes.setdefault(column, []).append(shape)

    def finish(self, draft: Draft, element: etree._Element, member: bytes = b"") -> Iterator[Feature | Issue]:
        """The object, whose geometries are there, or why it is set aside; and what else is wrong with it.

        `member`: digest of its bytes.
        """
        if draft.failed is not None:
            yield self._issue(draft, element, "quarantined", draft.failed)
            return
        for problem in draft.problems:
            yield self._issue(draft, element, "warning", problem)
        yield self.whole(draft, b"" if draft.problems else member)

    def whole(self, draft: Draft, member: bytes) -> Feature:
        """An object with its geometries; `member`: digest of its bytes, where there is nothing to say about it."""
        feature = draft.feature
        for column, shapes in draft.shapes.items():
            if column == "geom":
                feature.geometry = _united(shapes)
            else:
                feature.geometries[column] = _united(shapes)
        feature.member = member
        return feature

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

    def _layout(self, found: Found) -> Layout:
        layout = Layout([(reader, reader.places(found)) for reader in self._attributes], [], [])
        if not self.naming.registered:
            return layout
        for identifier in found.get("idIIP", ()):
            for holder in identifier:
                parts = {local(part.tag): part.text for part in holder}
                layout.identity.append([*map(parts.get, _IDENTITY)])
        for name, top, rest in _LIFE_CYCLE_STEPS:
            if (elements := found.get(top)) is not None and (elements := below(elements, rest)):
                layout.times.append((name, top, [elements[0].text]))
        return layout

    def _identify(self, draft: Draft, identities: Sequence[Texts]) -> None:
        feature = draft.feature
        if identities:
            feature.id, feature.namespace, feature.version_id = map(clean, identities[-1])
        if feature.id is None:
            draft.failed = Problem("missing-id", Text(
                pl="brak lokalnyId w idIIP",
                en="no lokalnyId in idIIP"), "idIIP")

    def _date(self, draft: Draft, times: Sequence[tuple[str, str, Texts]]) -> None:
        for name, top, given in times:
            text = clean(given[0])
            if text is None or getattr(draft.feature, name) is not None:
                continue
            try:
                setattr(draft.feature, name, timestamp(text))
            except ValueError as error:
                draft.problems.append(Problem.of(top, text, error))

    def _locate(self, draft: Draft, found: Found, srs_name: str | None) -> None:
        """All geometries of the object: of several names for `geom` those of the first that has any, else of all."""
        for column, names in self._places.items():
            try:
                for name in names:
                    if name in found and self._keep(draft, column, found[name], srs_name) and column == "geom":
                        break
            except GeometryError as error:
                draft.failed = Problem("unreadable-geometry", error.text, column)
                return
        if self._elsewhere and "geom" not in {*draft.shapes, *(column for column, _ in draft.plains)}:
            sought = ", ".join(self._places["geom"])
            draft.failed = Problem("unreadable-geometry", Text(
                pl=f"nie ma geometrii w {sought}, jest w {self._elsewhere}: popraw `geometry` tego typu w pliku źródła",
                en=f"no geometry in {sought}, but one in {self._elsewhere}: correct `geometry` of the type in the"
                   " source's file"), "geom")

    def _plain_places(self, found: Found, srs_name: str | None) -> list[PlainPlace] | None:
        """Where all geometries of the object are, in the order of `_locate`; None where they are not all plain and
        there. Raises ValueError.
        """
        places: list[PlainPlace] = []
        for column, names in self._places.items():
            for name in names:
                for element in found.get(name, ()):
                    place = self._geometries.plain_place(element, srs_name)
                    if place is None:
                        return None
                    kind, text, srs = place
                    places.append(PlainPlace(column, kind, [text], srs))
                if name in found and column == "geom":
                    break
        return places if len({place.srs.srid for place in places}) <= 1 else None

    def _keep(self, draft: Draft, column: str, elements: list[etree._Element], srs_name: str | None) -> bool:
        """Take the geometries of some properties; False where all are empty."""
        kept = False
        for element in elements:
            shape, srid = self._geometries.read_property(element, srs_name)
            if shape is None or srid is None:
                continue
            if draft.feature.srid not in (0, srid):
                raise GeometryError(Text(
                    pl=f"EPSG:{srid} obok EPSG:{draft.feature.srid} w jednym obiekcie",
                    en=f"EPSG:{srid} beside EPSG:{draft.feature.srid} in one object"))
            draft.feature.srid = srid
            if isinstance(shape, Plain):
                draft.plains.append((column, shape))
            else:
                draft.shapes.setdefault(column, []).append(shape)
            kept = True
        return kept

    def _issue(self, draft: Draft, element: etree._Element, severity: Any, problem: Problem) -> Issue:
        return Issue(
            severity,
            problem.code,
            problem.message,
            feature_type=self.feature_type.name,
            object_id=draft.feature.id or self._key(draft.feature),
            field=problem.field,
            position=draft.feature.position,
            excerpt=excerpt(element, self._allowed(), self.naming.fold),
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
_IDENTITY = ("lokalnyId", "przestrzenNazw", "wersjaId")
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
