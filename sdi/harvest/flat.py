"""Objects that are flat: names with values, as tables and GeoJSON have them, confined to the allow-list."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sdi.errors import SourceError
from sdi.harvest.contract import Feature, Issue
from sdi.harvest.texts import Convert, Problem, clean, converter, timestamp
from sdi.harvest.values import BadValue
from sdi.model.register import Attribute, FeatureType, Register
from sdi.model.text import Text

IDENTITY = ("id", "namespace", "version_id", "valid_from")
"""Properties by which a node like this one publishes whose object it is; a table with all of them is taken as ours."""
_SAID_ANEW = frozenset({"known_from", "county", "commune", "fid"})
"""Published beside those; this node finds them out for itself."""
DBF_NAME = 10
"""Longest name of a column in a Shapefile."""


@dataclass(slots=True)
class Columns:
    """What of a table is read. `by_attribute`: the names of its columns in the order in which they are tried."""

    by_attribute: dict[str, list[str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    """Neither read nor known to be left out."""
    unclear: list[tuple[str, list[str]]] = field(default_factory=list)
    """Cut names, each with the attributes that it may mean; not read."""
    ours: bool = False
    """Published by a node like this one: values are taken as they stand, and identities with them."""

    @property
    def wanted(self) -> list[str]:
        """The names of all columns that are read."""
        names = [name for found in self.by_attribute.values() for name in found]
        return list(dict.fromkeys((*IDENTITY, *names) if self.ours else names))


def match_columns(
    names: Sequence[str], feature_type: FeatureType, register: Register, given: Mapping[str, str], cut: bool = False
) -> Columns:
    """Find the attributes of a feature type among the columns of a table.

    A table of ours is read by our own names; any other by those that county WFS services use, then by our own, all
    without case. `given` says columns by attribute; `cut`: names may be cut to DBF_NAME characters. Raises SourceError
    where `given` does not fit.
    """
    for wanted, column in given.items():
        if wanted not in feature_type.attributes:
            raise SourceError(Text(
                pl=f"columns: {feature_type.name} nie ma atrybutu {wanted!r}",
                en=f"columns: {feature_type.name} has no attribute {wanted!r}"))
        if column not in names:
            raise SourceError(Text(
                pl=f"columns.{wanted}: nie ma kolumny {column!r}; są: {', '.join(names)}",
                en=f"columns.{wanted}: no column {column!r}; there are: {', '.join(names)}"))
    folded = {name.casefold(): name for name in names}
    found = Columns(ours=set(IDENTITY) <= set(names))
    claims = _claims(feature_type, given) if cut else {}
    for name, attribute in feature_type.attributes.items():
        if name in given:
            found.by_attribute[name] = [given[name]]
        elif found.ours:
            found.by_attribute[name] = [name] if name in names else []
        else:
            sought = [known.casefold() for known in (*attribute.wfs, name)]
            sought = [known if known in folded or claims.get(known[:DBF_NAME]) != [name] else known[:DBF_NAME]
                      for known in sought]
            found.by_attribute[name] = [folded[known] for known in dict.fromkeys(sought) if known in folded]
    found.unclear = [(folded[known], wanted) for known, wanted in claims.items() if known in folded and len(wanted) > 1]
    used = {name.casefold() for name in found.wanted} | {name.casefold() for name, _ in found.unclear}
    used |= {name.casefold()[: DBF_NAME if cut else None] for name in register.not_read_attributes}
    used |= _SAID_ANEW if found.ours else set()
    found.unknown = [name for name in names if name.casefold() not in used]
    return found


def _claims(feature_type: FeatureType, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Names of columns that are cut, each with the attributes that it may mean."""
    claims: dict[str, list[str]] = {}
    for name, attribute in feature_type.attributes.items():
        for known in {known.casefold()[:DBF_NAME] for known in (*attribute.wfs, name) if len(known) > DBF_NAME}:
            if name not in given:
                claims.setdefault(known, []).append(name)
    return claims


class FlatReader:
    """Reads the values of one table's objects; conversions are compiled once."""

    def __init__(self, feature_type: FeatureType, register: Register, columns: Columns) -> None:
        self.feature_type, self.columns = feature_type, columns
        self._attributes = [
            (name, attribute, columns.by_attribute[name], _conversion(attribute, register),
             None if columns.ours or attribute.pattern is None else re.compile(attribute.pattern))
            for name, attribute in feature_type.attributes.items() if columns.by_attribute[name]
        ]

    def read(self, values: Mapping[str, Any], position: str) -> tuple[Feature, list[Problem]]:
        """An object without its geometry, and what of it could not be taken."""
        problems: list[Problem] = []
        feature = Feature(self.feature_type.name, None, {}, None, 0, position=position)
        for name, attribute, places, convert, pattern in self._attributes:
            for place in places:
                value = _value(name, values.get(place), attribute.many, convert, pattern, problems)
                if value is not None:
                    feature.attributes[name] = value
                    break
        if self.columns.ours:
            self._identify(feature, values, problems)
        return feature, problems

    def issue(self, feature: Feature, severity: Any, problem: Problem, values: Mapping[str, Any]) -> Issue:
        """An issue with an object; its excerpt shows the columns that are read, and no other."""
        key = feature.attributes.get(self.feature_type.key) if self.feature_type.key else None
        shown = {name: values[name] for name in self.columns.wanted if values.get(name) is not None}
        return Issue(
            severity, problem.code, problem.message, self.feature_type.name,
            feature.id or (None if key is None else str(key)), problem.field, feature.position,
            json.dumps(shown, ensure_ascii=False, default=str),
        )

    def issues(self, name: str, objects: int) -> Iterable[Issue]:
        """What is to be said about a table as a whole; names without values."""
        for column in self.columns.unknown:
            yield Issue("warning", "unknown-attribute", Text(
                pl=f"niezadeklarowane, nie wczytano ({objects} razy)",
                en=f"not declared, not read ({objects} times)",
            ).at(f"{self.feature_type.name}.{column}"), self.feature_type.name, field=column, position=name)
        for column, attributes in self.columns.unclear:
            yield Issue("warning", "unclear-column", Text(
                pl=f"ucięta nazwa, która może znaczyć {' albo '.join(attributes)}; nie wczytano; podaj, która to, w"
                   f" layers.{self.feature_type.name}.columns",
                en=f"a cut name that may mean {' or '.join(attributes)}; not read; say which under"
                   f" layers.{self.feature_type.name}.columns",
            ).at(column), self.feature_type.name, field=column, position=name)

    def _identify(self, feature: Feature, values: Mapping[str, Any], problems: list[Problem]) -> None:
        texts: dict[str, str | None] = {}
        for name in IDENTITY:
            try:
                texts[name] = clean(_text(values.get(name), many=False))
            except ValueError as error:
                problems.append(Problem.of(name, None, error))
                texts[name] = None
        feature.id, feature.namespace, feature.version_id = texts["id"], texts["namespace"], texts["version_id"]
        if (start := texts["valid_from"]) is None:
            return
        try:
            feature.valid_from = timestamp(start)
        except ValueError as error:
            problems.append(Problem.of("valid_from", start, error))


def _conversion(attribute: Attribute, register: Register) -> Convert:
    return converter(attribute, register.code_lists[attribute.code_list] if attribute.code_list is not None else None)


def _value(
    name: str, given: Any, many: bool, convert: Convert, pattern: re.Pattern[str] | None, problems: list[Problem]
) -> Any:
    text: str | None = None
    try:
        text = clean(_text(given, many))
        if text is not None and pattern is not None:
            match = pattern.search(text)
            text = match[1] if match else None
        return convert(text) if text else None
    except ValueError as error:
        problems.append(Problem.of(name, text, error))
        return None


def _text(value: Any, many: bool) -> str | None:
    """A value as text that the registers' conversions read. Raises ValueError for what is no single value."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return None
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case int() | float() | Decimal():
            return str(value)
        case date() | datetime():
            return value.isoformat()
        case list() | tuple() if many:
            return ", ".join(text for part in value if (text := _text(part, many=False)))
        case _:
            what = type(value).__name__
            raise BadValue(Text(
                pl=f"{what} tam, gdzie powinna być jedna wartość", en=f"a {what} where a single value belongs"))
