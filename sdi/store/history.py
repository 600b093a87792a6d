"""Two times: what was known at a moment, and what was valid then.

A **state** of an object is a row. It *began* at `valid_from`, or where the register says no start, at `known_from`, the
commit that brought it. What is known at a moment T is:

- the **standing** state of each object: current at T, that is brought by a commit up to T and not yet replaced or
  removed by one. It is valid from its beginning on, without end.
- its **past** states: those delivered as past by a commit up to T and not told otherwise by T, valid until `valid_to`;
  and those that had been standing and were, by a commit up to T, succeeded by a later version (valid until that one
  begins) or found gone (valid until that commit, as nobody said when it ended). A state that was corrected was never
  valid, and one whose version was delivered as past after it stood yields to what was said there.

Validity includes its beginning and not its end. Of the states of an object that an interval meets, one is the answer:
the standing one if it began by the end of the interval, else of the past ones that meet it the one that began last
(then the one known last, then by version identifier and content). So an identifier stands once in every answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of valid time, open where an end is None; an instant has both ends equal."""

    start: datetime | None
    end: datetime | None


# Of a table alias {r}.
_BEGAN = sql.SQL("coalesce({r}.valid_from, {r}.known_from)")
_ENDED = sql.SQL("coalesce({r}.valid_to, case when {r}.why in ('s', 'g') then {r}.known_to end)")

# What stood at %(as_of)s: of the current table, and of its history.
_STANDS_AT = "{r}.known_from <= %(as_of)s::timestamptz"
_STANDS = sql.SQL(_STANDS_AT)
_STOOD = sql.SQL("({r}.why <> 'd' and " + _STANDS_AT + " and {r}.known_to > %(as_of)s::timestamptz)")

_CURRENT = "select {columns}, null::timestamptz as valid_to from {current} r where {stands} and {begun}"
_REPLACED = "select {columns}, null::timestamptz as valid_to from {history} r where {stood} and {begun}"

_WAS_VALID = """
(({r}.why = 'd' and {r}.known_from <= %(as_of)s::timestamptz
  and ({r}.known_to is null or {r}.known_to > %(as_of)s::timestamptz))
 or ({r}.why in ('s', 'g') and {r}.known_to <= %(as_of)s::timestamptz and not exists (
    select from {history} d
    where d.id = {r}.id and d.why = 'd' and d.known_from between {r}.known_to and %(as_of)s::timestamptz
      and d.version_id is not distinct from {r}.version_id
      and (d.version_id is not null or d.valid_from is not distinct from {r}.valid_from))))
and {begun} and {ended} > {began} and {not_over}
"""

_PAST = """
select {columns}, {ended} as valid_to from {history} r
where {was_valid}
  and not exists (select from {current} c where c.id = r.id and {current_stands})
  and not exists (select from {history} h where h.id = r.id and {history_stood})
  and r.ctid = (
    select h.ctid from {history} h where h.id = r.id and {other_was_valid}
    order by {other_began} desc, h.known_from desc, h.version_id desc nulls last, h.content limit 1)
"""


def states(
    current: sql.Identifier, history: sql.Identifier, columns: Iterable[str], as_of: datetime | None,
    valid: Interval | None,
) -> tuple[list[sql.Composed], dict[str, Any]]:
    """Statements that together give one state per object, with `columns` and `valid_to`, and what they bind.

    Known at `as_of` (None: now). Without `valid` the standing states; with it those that meet the interval. Each
    statement is of one table and ends in its conditions, to which others may be added, an order and a limit too: only
    then are they found by its indexes.
    """
    begun = sql.SQL("{began} <= %(until)s") if valid and valid.end else sql.SQL("true")
    not_over = sql.SQL("{ended} > %(since)s") if valid and valid.start else sql.SQL("true")

    def of(text: sql.SQL | str, row: str) -> sql.Composed:
        r = sql.Identifier(row)
        ended, began = _ENDED.format(r=r), _BEGAN.format(r=r)
        known = {"r": r, "history": history, "ended": ended, "began": began}
        return (sql.SQL(text) if isinstance(text, str) else text).format(
            **known, begun=begun.format(**known), not_over=not_over.format(**known))

    names = {"columns": sql.SQL(", ").join(sql.Identifier("r", column) for column in columns),
             "current": current, "history": history}
    both = sql.SQL("{} and {}")
    parts = [
        sql.SQL(_CURRENT).format(**names, stands=of(_STANDS, "r"), begun=of("{begun}", "r")),
        sql.SQL(_REPLACED).format(**names, stood=of(_STOOD, "r"), begun=of("{begun}", "r")),
    ]
    if valid is not None:
        parts.append(sql.SQL(_PAST).format(
            **names, ended=of(_ENDED, "r"), was_valid=of(_WAS_VALID, "r"), other_was_valid=of(_WAS_VALID, "h"),
            other_began=of(_BEGAN, "h"), current_stands=both.format(of(_STANDS, "c"), of("{begun}", "c")),
            history_stood=both.format(of(_STOOD, "h"), of("{begun}", "h"))))
    return parts, {
        "as_of": "infinity" if as_of is None else as_of,
        **({"until": valid.end} if valid and valid.end else {}),
        **({"since": valid.start} if valid and valid.start else {}),
    }
