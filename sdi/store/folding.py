"""Texts without their case and accents, by the database: the same expression for what is stored and what is asked."""

from __future__ import annotations

import re
import string
from collections.abc import Set
from typing import Literal

from psycopg import sql

Fold = Literal["case", "accents"]

POLISH = dict(zip("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "acelnoszzACELNOSZZ", strict=True))
"""The letters with accents that texts of the registers are made of, and what they are without."""

RARE = rf"[^\x01-\x7f{''.join(POLISH)}]"
"""Any character but these and ASCII, as a regular expression. To find one is cheap, to fold it takes all of Unicode."""

# Full case folding (Unicode 15, clause 5.18) is to lower, to upper and to lower again, but for the final sigma.
_CASE = sql.SQL("""replace(lower(upper(lower({} collate "und-x-icu"))) collate "C", 'ς', 'σ')""")

# The blocks of combining marks; then the letters whose stroke is no mark of its own, such as ł.
_ACCENTS = sql.SQL(r"""translate(
    regexp_replace(normalize({}, nfd),
                   '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]', '', 'g'),
    'łŁđĐøØħĦŧŦ', 'lLdDoOhHtT')""")

# Most texts of the registers are identifiers and numbers, for which the cheap way is right.
_CHOICE = sql.SQL("""(case when octet_length({text}) = length({text})
    then {plain} collate "C" else {full} collate "C" end)""")


def folded(text: sql.Composable, folds: Set[Fold]) -> sql.Composable:
    """A text without its case (CASEI of OGC 21-065r2) or accents (ACCENTI: `Łódź` as `Lodz`, composed or not).

    The same whatever the collation of the database; null stays null.
    """
    plain = full = text
    if "accents" in folds:
        full = _ACCENTS.format(full)
    if "case" in folds:
        full = _CASE.format(full)
        plain = sql.SQL('lower({} collate "C")').format(text)
    return _CHOICE.format(text=text, plain=plain, full=full) if folds else text


def glanced(text: sql.Composable, spelled: sql.Composable, exact: sql.Composable) -> sql.Composable:
    """`exact`, a condition over a text that folds it, where a glance at the text does not settle it already.

    `spelled` is a regular expression that all texts match for which `exact` is true, and of the texts without RARE
    characters no others, as SPELLED with `spellings`.
    """
    return sql.SQL('({text} collate "C" ~ {spelled} and ({text} collate "C" !~ {rare} or {exact}))').format(
        text=text, spelled=spelled, rare=RARE, exact=exact)


SPELLED = f"{{}}|{RARE}".format
"""Makes the regular expression for `glanced` of one for texts without RARE characters."""


def spellings(text: str, folds: Set[Fold]) -> str | None:
    """A regular expression of all texts without RARE characters that are this one without case or accents.

    None where it has such a character itself.
    """
    if re.search(RARE, text):
        return None
    return "".join(_spellings(character, folds) for character in text)


def equals(text: str, folds: Set[Fold]) -> str | None:
    """The same of texts that have nothing before and after it."""
    known = spellings(text, folds)
    return None if known is None else f"^{known}$"


def patterns(text: str, folds: Set[Fold]) -> str | None:
    """The same of a pattern of LIKE, whose wildcards are read."""
    parts = [("." if wildcard == "_" else ".*") if wildcard else spellings(escaped or plain, folds)
             for escaped, wildcard, plain in re.findall(r"\\(.)|([%_])|(.)", text, re.DOTALL)]
    return None if None in parts else f"^{''.join(filter(None, parts))}$"


def _spellings(character: str, folds: Set[Fold]) -> str:
    def plain(letter: str) -> str:
        letter = POLISH.get(letter, letter) if "accents" in folds else letter
        return letter.lower() if "case" in folds else letter

    letters = [letter for letter in (*string.ascii_letters, *POLISH) if plain(letter) == plain(character)]
    # A digit would mean something else after a backslash.
    return f"[{''.join(letters)}]" if letters else character if character.isdigit() else rf"\{character}"
