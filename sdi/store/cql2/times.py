"""The relations of times and intervals (OGC 21-065r2, clause 7.9), by the definitions of OWL-Time.

The standard links T_STARTS and T_STARTEDBY to each other's definition; here each means what its name says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from psycopg import sql

from sdi.model.text import Text
from sdi.store.cql2.terms import Kind, Term, day_of
from sdi.store.selection import InvalidQuery

RELATIONS: dict[str, str] = {
    "t_after": "{s1} > {e2}",
    "t_before": "{e1} < {s2}",
    "t_disjoint": "{s1} > {e2} or {e1} < {s2}",
    "t_equals": "{s1} = {s2} and {e1} = {e2}",
    "t_intersects": "{s1} <= {e2} and {e1} >= {s2}",
    "t_contains": "{s1} < {s2} and {e1} > {e2}",
    "t_during": "{s1} > {s2} and {e1} < {e2}",
    "t_finishedby": "{s1} < {s2} and {e1} = {e2}",
    "t_finishes": "{s1} > {s2} and {e1} = {e2}",
    "t_meets": "{e1} = {s2}",
    "t_metby": "{s1} = {e2}",
    "t_overlappedby": "{s1} > {s2} and {s1} < {e2} and {e1} > {e2}",
    "t_overlaps": "{s1} < {s2} and {e1} > {s2} and {e1} < {e2}",
    "t_startedby": "{s1} = {s2} and {e1} > {e2}",
    "t_starts": "{s1} = {s2} and {e1} < {e2}",
}
"""By operator, over the starts and ends of both operands; both belong to them."""

OF_INSTANTS = frozenset({"t_after", "t_before", "t_disjoint", "t_equals", "t_intersects"})
"""The others are relations of two intervals only."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time or an interval; an open end is infinity."""

    kind: Kind
    """date or timestamp."""
    start: sql.Composable
    end: sql.Composable
    instant: bool
    name: str

    @classmethod
    def between(cls, start: Term | None, end: Term | None, name: str) -> Span:
        """An interval; None is open. A date beside a time is the beginning or the end of its day in UTC."""
        kinds = {term.kind for term in (start, end) if term is not None} or {"timestamp"}
        kind: Kind = "timestamp" if "timestamp" in kinds else "date"
        first = sql.SQL(f"'-infinity'::{_TYPES[kind]}") if start is None else start.sql
        last = sql.SQL(f"'infinity'::{_TYPES[kind]}") if end is None else end.sql
        if start is not None and start.kind != kind:
            first = sql.SQL("({}::timestamp at time zone 'UTC')").format(first)
        if end is not None and end.kind != kind:
            last = sql.SQL("(({} + 1)::timestamp at time zone 'UTC' - interval '1 microsecond')").format(last)
        return cls(kind, first, last, False, name)

    def by_day(self) -> Span:
        """The same in whole days (UTC)."""
        if self.kind == "date":
            return self
        return replace(self, kind="date", start=day_of(self.start), end=day_of(self.end))


_TYPES = {"date": "date", "timestamp": "timestamptz"}


def related(operator: str, first: Span, second: Span) -> sql.Composed:
    """The condition that an operator means; a time beside a date counts as its day.

    Raises InvalidQuery where a relation of intervals is asked of a time.
    """
    for span in (first, second):
        if span.instant and operator not in OF_INSTANTS:
            raise InvalidQuery(Text(
                pl=f"filter: {operator} działa na dwóch przedziałach, a {span.name} nim nie jest; użyj t_intersects",
                en=f"filter: {operator} takes two intervals, but {span.name} is none; use t_intersects"))
    if first.kind != second.kind:
        first, second = first.by_day(), second.by_day()
    return sql.SQL(f"({RELATIONS[operator]})").format(s1=first.start, e1=first.end, s2=second.start, e2=second.end)
