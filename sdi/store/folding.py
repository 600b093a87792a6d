"""Texts without their case and accents, by the database: the same expression for what is stored and what is asked."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

from psycopg import sql

Fold = Literal["case", "accents"]

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
