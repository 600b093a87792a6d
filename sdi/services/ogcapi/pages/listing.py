"""What the page of a collection's items shows: columns and rows, what is active, and the form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from sdi.model.register import FeatureType
from sdi.model.text import Language, Text
from sdi.services.downloads.formats import FORMATS
from sdi.services.ogcapi.asking import selection_of
from sdi.services.ogcapi.pages.form import Form, filled_by
from sdi.services.ogcapi.pages.search import HIGH, LOW, PLACE, taken_apart, without
from sdi.services.ogcapi.pages.values import Property, known_when, properties_of
from sdi.services.ogcapi.request import Asked
from sdi.store.columns import ID
from sdi.store.versions import Past, past_of

_SIGNS = {LOW: "≥", HIGH: "≤", "": "="}

_ACTIVE = {
    "q": Text(pl="Szukane", en="Search"),
    "bbox": Text(pl="Obszar", en="Area"),
    "datetime": Text(pl="Ważne", en="Valid"),
    "asOf": Text(pl="Według stanu wiedzy z", en="As it was known at"),
    "ids": Text(pl="Identyfikatory", en="Identifiers"),
    "filter": Text(pl="Filtr CQL2", en="CQL2 filter"),
}

_NOTHING = {
    "beyond": Text(pl="Ta strona leży za ostatnim obiektem.", en="This page is beyond the last feature."),
    "none": Text(pl="Żaden obiekt nie pasuje.", en="No feature matches."),
    "empty": Text(pl="Kolekcja nie ma teraz żadnych obiektów.", en="The collection has no features at present."),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    property: Property
    sort: str
    """The address of the page sorted by it, or the other way round."""
    sorted: str
    """As aria-sort has it; empty where the page is not sorted by it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A feature: its id, what names it, and its cells, each with whether it is a number."""

    id: str
    name: str
    state: str
    """The query of the page of the feature in the state that the row shows; empty where there is no page."""
    cells: list[tuple[bool, str]]


@dataclass(frozen=True, slots=True)
class Active:
    """A condition in force, and the address of the page without it."""

    text: str
    less: str


class Listing:
    """The page that a request asks for, with `features` as GeoJSON objects. Raises InvalidQuery."""

    def __init__(self, asked: Asked, features: Sequence[Mapping[str, Any]]) -> None:
        self.asked = asked
        self.query = dict(asked.query) | {"f": "html"}
        self.properties = properties_of(asked)
        self.parts, self.raw = taken_apart(self.query, self.properties)
        self.form = Form(asked, self.properties, filled_by(self.query, self.parts, self.raw, self.properties))
        self.feature_type: FeatureType | None = next(
            (ft for ft in asked.reader.tenant.feature_types if ft.name == asked.collection), None)
        self.features = features
        self._given = list(features[0]["properties"]) if features else []
        label = (self.feature_type.label if self.feature_type else None) or ID.name
        self.label = self.properties[label if label in self._given else ID.name]
        self._shown = [name for name in self._given if name != self.label.name and any(
            feature["properties"][name] is not None for feature in features)]

    @property
    def columns(self) -> list[Column]:
        """The table's columns, that of names first; the identifier stands last where something else names objects."""
        names = [self.label.name, *self._shown, *([ID.name] if self.label.name != ID.name else [])]
        return [Column(self.properties[name], *self._sorting(name)) for name in names]

    @property
    def rows(self) -> Iterator[Row]:
        """The table's rows, a cell for each column."""
        shown = [(name, self.properties[name].numeric, self.properties[name].shown) for name in self._shown]
        for feature in self.features:
            values, identifier = feature["properties"], feature["id"]
            name = self.label.shown(values.get(self.label.name)) or identifier
            cells = [(numeric, text(values[each])) for each, numeric, text in shown]
            last = [(False, identifier)] if self.label.name != ID.name else []
            yield Row(identifier, name, self._state(identifier), [*cells, *last])

    @property
    def empty(self) -> list[str]:
        """Titles of the properties that none of the rows has."""
        return [self.properties[name].title for name in self._given
                if name not in self._shown and name != self.label.name]

    @property
    def active(self) -> Iterator[Active]:
        """Every condition in force."""
        for part in self.parts:
            described = self.properties[part.name]
            value = described.codes.get(part.value, dict(described.choices).get(part.value, part.value))
            unit = f" {described.unit}" if described.unit else ""
            yield Active(f"{described.title} {_SIGNS[part.end]} {value}{unit}",
                         _address(without(self.query, part, self.parts, self.properties)))
        for name, title in _ACTIVE.items():
            if name in self.query and (name != "filter" or self.raw):
                less = self._less(name, *{"bbox": ("bbox-crs",), "filter": ("filter-lang", "filter-crs")}.get(name, ()))
                value = self.query[name]
                if name == "asOf" and value.isdecimal():
                    value = known_when(value, self.language)
                yield Active(f"{title.get(self.language)}: {value}", _address(less))

    @property
    def cleared(self) -> str:
        """The address of the page without any condition."""
        kept = ("f", "lang", "limit", "sortby", "crs", "properties")
        return _address({name: value for name, value in self.query.items() if name in kept})

    @property
    def filtered(self) -> bool:
        """Whether a condition is in force that is filled in among the fields that are folded away."""
        return bool(self.parts or self.raw or self.query.keys() & {"bbox", "datetime", "asOf", "ids"})

    @property
    def first(self) -> str:
        """The address of the first page."""
        return _address(self._less())

    def nothing(self, matched: int) -> str:
        """Why a page shows no features, where `matched` are found; empty where none were to be shown."""
        if self.query.get("resulttype") == "hits":
            return ""
        return _NOTHING["beyond" if matched else "none" if any(self.active) else "empty"].get(self.language)

    @property
    def files(self) -> list[tuple[str, str]]:
        """Title and address, relative to the tenant's, of the whole collection as files."""
        if self.feature_type is None or "download" not in self.asked.reader.tenant.services:
            return []
        return [(format_.title.get(self.language), f"download/{self.asked.collection}.{format_.extension}")
                for format_ in FORMATS.values()]

    @property
    def places(self) -> str:
        """The address of the same features in GeoJSON and CRS84 without their properties, for the map."""
        return _address({name: value for name, value in self.query.items() if name not in ("crs", "properties", "lang")}
                        | {"f": "json", "properties": ID.name})

    @property
    def language(self) -> Language:
        """Of the page."""
        return self.asked.language

    @cached_property
    def _past(self) -> dict[str, Past]:
        reader, name = self.asked.reader, self.asked.collection
        if "datetime" not in self.query:
            return {}
        selection = selection_of(self.asked.query, reader.columns(name), reader)
        return past_of(reader, name, [feature["id"] for feature in self.features], selection)

    def _state(self, identifier: str) -> str:
        query: dict[str, str] = {"f": "html", "lang": self.language}
        query |= {name: self.query[name] for name in ("asOf", "crs") if name in self.query}
        past = self._past.get(identifier)
        if past is None or (past.told and past.stands and "asOf" not in query):
            # What was told has no page of its own: that of the object lists it.
            return _address(query) + ("#history" if past else "")
        if past.stood_at is None:
            return ""
        return _address(query | {"asOf": past.stood_at.isoformat()}) + ("#history" if past.told else "")

    def _sorting(self, name: str) -> tuple[str, str]:
        first = self.query.get("sortby", "").split(",")[0]
        sorted_ = "ascending" if first.lstrip("+ ") == name else "descending" if first == f"-{name}" else ""
        sortby = f"-{name}" if sorted_ == "ascending" else name
        return _address(self._less() | {"sortby": sortby}), sorted_

    def _less(self, *names: str) -> dict[str, str]:
        return {name: value for name, value in self.query.items() if name not in (*PLACE, *names)}


def _address(query: Mapping[str, str]) -> str:
    return f"?{urlencode(query, safe=',:/')}"
