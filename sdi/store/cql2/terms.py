"""What a part of a filter evaluates to, and which parts can be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal

from psycopg import sql

from sdi.model.text import Text
from sdi.store.folding import Fold, folded
from sdi.store.selection import InvalidQuery

Kind = Literal["text", "number", "boolean", "date", "timestamp", "geometry"]

KINDS: dict[Kind, tuple[Text, str, str]] = {
    "text": (Text(pl="tekst", en="text"), "tekstu", "a text"),
    "number": (Text(pl="liczba", en="number"), "liczby", "a number"),
    "boolean": (Text(pl="warunek", en="condition"), "warunku", "a condition"),
    "date": (Text(pl="data", en="date"), "daty", "a date"),
    "timestamp": (Text(pl="chwila", en="time"), "chwili", "a time"),
    "geometry": (Text(pl="geometria", en="geometry"), "geometrii", "a geometry"),
}
"""By kind: its name, and what the messages say was expected, in Polish (genitive) and English."""


@dataclass(frozen=True, slots=True)
class Term:
    """An expression of SQL with its kind."""

    kind: Kind
    plain: sql.Composable
    name: str
    """What messages call it."""
    literal: str | None = None
    """The text, where it is one that was written out."""
    folds: frozenset[Fold] = frozenset()
    """What a text is compared without."""

    @property
    def sql(self) -> sql.Composable:
        """The expression, folded once however often that was asked for."""
        return folded(self.plain, self.folds)

    def without(self, fold: Fold) -> Term:
        """The text without its case or accents."""
        return replace(self, folds=self.folds | {fold})


def alike(terms: list[Term]) -> list[sql.Composable]:
    """The expressions of terms that are to be compared; of a time and a date, the time counts as its day in UTC.

    Raises InvalidQuery naming two terms of different kinds.
    """
    if {term.kind for term in terms} == {"date", "timestamp"}:
        return [day_of(term.sql) if term.kind == "timestamp" else term.sql for term in terms]
    first = terms[0]
    for other in terms:
        if other.kind != first.kind or other.kind == "geometry":
            a, b = KINDS[first.kind][0], KINDS[other.kind][0]
            raise InvalidQuery(Text(
                pl=f"filter: nie da się porównać {first.name} ({a.pl}) z {other.name} ({b.pl})",
                en=f"filter: {first.name} ({a.en}) cannot be compared with {other.name} ({b.en})"))
    return [term.sql for term in terms]


def day_of(time: sql.Composable) -> sql.Composed:
    """The day of a time, in UTC."""
    return sql.SQL("({} at time zone 'UTC')::date").format(time)


def shown(node: object) -> str:
    """A part of a filter as messages show it: in JSON, cut off."""
    # A lone surrogate, which JSON may spell, cannot be answered.
    text = json.dumps(node, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= 60 else f"{text[:60]}…"


def wrong(name: str, pl: str, en: str, kind: Kind | None = None) -> InvalidQuery:
    """The complaint that something else was expected than what is called `name`."""
    of = Text(pl="", en="") if kind is None else Text(pl=f" ({KINDS[kind][0].pl})", en=f" ({KINDS[kind][0].en})")
    return InvalidQuery(Text(pl=f"filter: {name}{of.pl}: oczekiwano {pl}", en=f"filter: {name}{of.en}: expected {en}"))
