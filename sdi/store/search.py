"""The search for words (`q`): in what names an object, whatever the case and the accents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import sql

from sdi.model.text import Text
from sdi.store.columns import ID, Column, is_worded
from sdi.store.folding import SPELLED, Fold, folded, glanced, spellings
from sdi.store.selection import Condition, InvalidQuery, clean

LENGTH_MAX, WORDS_MAX = 200, 10
"""Characters and words of a search: each word is looked for in each object."""

_FOLDS: frozenset[Fold] = frozenset({"case", "accents"})

_BETWEEN = "\x1f"
"""Between the columns, so that no word is found across two."""


def searched(columns: Iterable[Column]) -> list[Column]:
    """The columns that are searched: identifiers, numbers and names, that is texts which are no codes."""
    return [column for column in columns if is_worded(column)]


def search(words: str, columns: Mapping[str, Column]) -> Condition:
    """Objects that have all the words of one of the phrases, which commas divide; `columns` without `id`.

    Words may be parts of words, and stand in different columns. Raises InvalidQuery.
    """
    phrases = [phrase.split() for phrase in clean(words).split(",") if phrase.strip()]
    if not phrases or len(words) > LENGTH_MAX or sum(map(len, phrases)) > WORDS_MAX:
        raise InvalidQuery(Text(
            pl=f"q: oczekiwano od 1 do {WORDS_MAX} słów, razem do {LENGTH_MAX} znaków",
            en=f"q: expected 1 to {WORDS_MAX} words, at most {LENGTH_MAX} characters"))
    values: dict[str, Any] = {"q_between": _BETWEEN}
    text = sql.SQL("concat_ws(%(q_between)s, {})").format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in (ID, *searched(columns.values()))))
    alternatives = []
    for phrase in phrases:
        found = []
        for word in phrase:
            found.append(_has(text, word, values))
        alternatives.append(sql.SQL(" and ").join(found))
    return Condition(sql.SQL("({})").format(sql.SQL(" or ").join(alternatives)), values)


def _has(text: sql.Composable, word: str, values: dict[str, Any]) -> sql.Composable:
    """Whether a text has a word."""
    def bound(value: str) -> sql.Composable:
        key = f"q{len(values)}"
        values[key] = value
        return sql.SQL("{}::text").format(sql.Placeholder(key))

    # Not LIKE: its wildcards would have to be escaped.
    has = sql.SQL("strpos({}, {}) > 0").format(_folded(text), _folded(bound(word)))
    known = spellings(word, _FOLDS)
    return has if known is None else glanced(text, bound(SPELLED(known)), has)


def _folded(text: sql.Composable) -> sql.Composable:
    return folded(text, _FOLDS)
