"""The search for words finds what Python's own tables of Unicode say, whichever way a text is compared."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from sdi.db.database import Database
from sdi.store.columns import ID
from sdi.store.cql2.conditions import condition
from sdi.store.crs import CRS84
from sdi.store.folding import POLISH, RARE, Fold, spellings
from sdi.store.search import search
from tests.services.ogcapi.cql2_oracle import like, plain

ALPHABET = "".join(POLISH) + "aAcCeElLnNoOsSzZxX19" + ".*+?()[]{}|^$\\/_%-'\"" + (
    "ßẞüÜéñøØđĐŁłſ\u212aŉΣσςΩπжЖ\u0301\u0307\u0328\u20d0–„”²ﬁ漢😀")
"""Letters that fold in every way: to one, to two, by context, by marks, not at all. Not ı and İ: see test_cql2."""

TEXTS = st.text(ALPHABET, max_size=12)


@pytest.fixture(scope="module")
def connection(server: Database) -> Iterator[psycopg.Connection[Any]]:
    with server.connect("owner") as connection:
        yield connection


def found(connection: psycopg.Connection[Any], texts: list[str], words: str) -> list[str]:
    condition = search(words, {})
    statement = sql.SQL("select id from unnest(%(texts)s::text[]) with ordinality t (id, n) where {} order by n")
    return [row[0] for row in connection.execute(
        statement.format(condition.sql), {**condition.values, "texts": texts})]


@settings(deadline=None, max_examples=300)
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), word=st.text(ALPHABET, min_size=1, max_size=4), data=st.data())
def test_words_are_found_as_unicode_has_it(
    connection: psycopg.Connection[Any], texts: list[str], word: str, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):  # a part of one of them, in another case
        whole = data.draw(st.sampled_from(texts))
        start = data.draw(st.integers(0, max(len(whole) - 1, 0)))
        word = data.draw(st.sampled_from([str.upper, str.lower, str.swapcase, plain]))(whole[start : start + 3]) or word
    wanted = plain(word).casefold()
    assert found(connection, texts, word) == [text for text in texts if wanted in plain(text).casefold()]


def test_each_character_is_found_by_itself(connection: psycopg.Connection[Any]) -> None:
    """The expression of a word takes no character for a sign of its own."""
    texts = [*string.punctuation, *string.ascii_letters, *string.digits, *POLISH]
    for word in texts:
        if word != ",":
            assert found(connection, texts, word) == [
                text for text in texts if plain(text).casefold() == plain(word).casefold()], word


@pytest.mark.parametrize(("folds", "expression"), [
    ({"case", "accents"}, "[lLłŁ][oOóÓ]1\\."), ({"case"}, "[łŁ][oO]1\\."), ({"accents"}, "[lł][oó]1\\.")])
def test_spellings_are_those_that_fold_alike(folds: set[Fold], expression: str) -> None:
    assert spellings("ło1.", folds) == expression
    assert spellings("ło1.–", folds) is None and RARE.startswith("[^")


def filtered(connection: psycopg.Connection[Any], texts: list[str], node: Any) -> list[str]:
    found = condition(node, {ID.name: ID}, CRS84)
    statement = sql.SQL("select id from unnest(%(texts)s::text[]) with ordinality t (id, n) where {} order by n")
    return [row[0] for row in connection.execute(statement.format(found.sql), {**found.values, "texts": texts})]


@settings(deadline=None, max_examples=300)
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), data=st.data(),
       folds=st.sampled_from([("casei",), ("accenti",), ("casei", "accenti")]),
       pattern=st.text("%_" + ALPHABET, max_size=4))
def test_filters_find_as_unicode_has_it(
    connection: psycopg.Connection[Any], texts: list[str], folds: tuple[str, ...], pattern: str, data: st.DataObject
) -> None:
    """CASEI and ACCENTI, on both sides of = and LIKE."""
    if data.draw(st.booleans()):
        whole = data.draw(st.sampled_from(texts))
        pattern = data.draw(st.sampled_from([str.upper, str.lower, plain]))(whole) + data.draw(st.sampled_from("%_ "))
    texts, pattern = [normalize("NFC", text) for text in texts], normalize("NFC", pattern)  # as both come in
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        pattern += "\\"

    def both(name: str, text: str) -> Any:
        def wrapped(node: Any) -> Any:
            for fold in folds:
                node = {"op": fold, "args": [node]}
            return node
        return {"op": name, "args": [wrapped({"property": "id"}), wrapped(text)]}

    def folded(text: str) -> str:
        text = plain(text) if "accenti" in folds else text
        return text.casefold() if "casei" in folds else text

    assert filtered(connection, texts, both("=", pattern)) == [t for t in texts if folded(t) == folded(pattern)]
    assert filtered(connection, texts, both("like", pattern)) == [t for t in texts if like(folded(t), folded(pattern))]
