"""What the page of one feature shows: its values, its states, and where else it is to be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from sdi.model.text import Text
from sdi.services.ogcapi.pages.values import SHARED, Property, known_when, moment, properties_of
from sdi.services.ogcapi.request import Asked
from sdi.store.columns import ID
from sdi.store.issues import ISSUES
from sdi.store.versions import Version, versions_of

_WHY = {
    None: Text(pl="obowiązuje", en="stands"),
    "s": Text(pl="zastąpiony późniejszą wersją", en="succeeded by a later version"),
    "c": Text(pl="sprostowany", en="corrected"),
    "g": Text(pl="zniknął z dostaw", en="gone from the deliveries"),
    "d": Text(pl="dostarczony jako miniony", en="delivered as past"),
}

_FILTER = (
    '<fes:Filter xmlns:fes="http://www.opengis.net/fes/2.0"><fes:PropertyIsEqualTo>'
    "<fes:ValueReference>id</fes:ValueReference><fes:Literal>{}</fes:Literal></fes:PropertyIsEqualTo></fes:Filter>")


@dataclass(frozen=True, slots=True)
class Value:
    """A property of the feature."""

    property: Property
    shown: str
    code: str
    """The code, where `shown` is its title."""


@dataclass(frozen=True, slots=True)
class State:
    """One state of the feature that is known."""

    valid_from: str
    known_from: str
    known_to: str
    version_id: str
    why: str
    href: str
    """Of the feature as it was known then; empty for a state that never stood."""
    shown: bool
    """It is the one on this page."""


class Sheet:
    """The page of the feature that a request asks for; `feature` as a GeoJSON object."""

    def __init__(self, asked: Asked, feature: Mapping[str, Any]) -> None:
        self.asked = asked
        self.feature = feature
        self.properties = properties_of(asked)
        feature_type = next((ft for ft in asked.reader.tenant.feature_types if ft.name == asked.collection), None)
        label = self.properties[(feature_type.label if feature_type else None) or ID.name]
        self.name = str(label.shown(feature["properties"].get(label.name)) or feature["id"])

    @property
    def own(self) -> list[Value]:
        """What the feature type has of its own."""
        return [self._value(name) for name in self.feature["properties"] if name not in SHARED]

    @property
    def shared(self) -> list[Value]:
        """What every feature has."""
        return [self._value(name) for name in self.feature["properties"] if name in SHARED]

    @cached_property
    def states(self) -> list[State]:
        """All states that are known, the newest first; empty where the collection has no history."""
        if self.asked.collection == ISSUES:
            return []
        found = versions_of(self.asked.reader, self.asked.collection, str(self.feature["id"]))
        return list(self._states(found))

    @property
    def known(self) -> str:
        """When or in which version the feature was known as it is on this page; empty for now."""
        return known_when(self.asked.query.get("asOf", ""), self.asked.language)

    @property
    def place(self) -> str:
        """The address of the feature in GeoJSON and CRS84, for the map."""
        known = {"asOf": self.asked.query["asOf"]} if "asOf" in self.asked.query else {}
        return f"?{urlencode({'f': 'json', **known})}"

    def gml(self, service: str) -> str:
        """The feature as GML 3.2 by the WFS at `service`, which knows states of now only; empty where there is none."""
        if "wfs" not in self.asked.reader.tenant.services or self.asked.collection == ISSUES or self.known:
            return ""
        query = {"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typeNames": self.asked.collection,
                 "filter": _FILTER.format(escape(str(self.feature["id"])))}
        return f"{service}?{urlencode(query)}"

    def _value(self, name: str) -> Value:
        described, value = self.properties[name], self.feature["properties"][name]
        coded = isinstance(value, str) and value in described.codes
        return Value(described, described.shown(value), value if coded else "")

    def _states(self, found: list[Version]) -> Iterator[State]:
        begun = self.feature["properties"].get("known_from")
        past = "asOf" in self.asked.query
        for state in found:
            known = state.known_from.isoformat()
            stood = state.why != "d"
            query = {"f": "html", "lang": self.asked.language, **({"crs": self.asked.query["crs"]} if "crs" in
                     self.asked.query else {}), **({"asOf": known} if state.why else {})}
            yield State(
                valid_from=_moment(state.valid_from), known_from=_moment(state.known_from),
                known_to=_moment(state.known_to), version_id=state.version_id or "",
                why=_WHY[state.why].get(self.asked.language), href=f"?{urlencode(query)}" if stood else "",
                shown=stood and (known == begun if past else state.why is None))


def _moment(value: Any) -> str:
    return "" if value is None else moment(value.isoformat())
