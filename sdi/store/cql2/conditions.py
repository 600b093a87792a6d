"""CQL2 as a condition in SQL: names are looked up, types compared, values bound.

Null is neither true nor false, as in the standard and in SQL, so each operator is PostgreSQL's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from psycopg import sql

from sdi.model.register import AttributeType
from sdi.model.text import Text
from sdi.store.columns import Column
from sdi.store.cql2.reading import Node
from sdi.store.cql2.shapes import shape_of
from sdi.store.cql2.terms import KINDS, Kind, Term, alike, shown, wrong
from sdi.store.cql2.times import RELATIONS, Span, related
from sdi.store.crs import Crs
from sdi.store.folding import SPELLED, Fold, equals, glanced, patterns
from sdi.store.selection import Condition, InvalidQuery, clean
from sdi.store.table import wkb

GEOMETRY = "geometry"
"""What filters call the geometry of a feature."""

GLANCED_MAX = 200
"""Characters of a text that is looked for by a regular expression first."""

type Spelled = Callable[[str, Set[Fold]], str | None]
"""`equals` or `patterns`."""

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")

ARITHMETIC = {
    "+": "({} + {})", "-": "({} - {})", "*": "({} * {})", "/": "({} / nullif({}, 0))", "^": "power({}, {})",
    "%": "mod({}::numeric, nullif({}, 0)::numeric)::float8", "div": "trunc({} / nullif({}, 0))",
}
"""Over double precision; what is divided by zero is null."""

SPATIAL = {
    "s_intersects": "st_intersects({}, {})", "s_disjoint": "(not st_intersects({}, {}))",
    "s_equals": "st_equals({}, {})", "s_touches": "st_touches({}, {})", "s_within": "st_within({}, {})",
    "s_overlaps": "st_overlaps({}, {})", "s_crosses": "st_crosses({}, {})", "s_contains": "st_contains({}, {})",
}
"""All but s_disjoint find by the spatial index."""

_KIND: dict[AttributeType, Kind] = {
    "text": "text", "integer": "number", "number": "number", "boolean": "boolean", "date": "date",
    "datetime": "timestamp",
}


def condition(node: Node, columns: Mapping[str, Column], crs: Crs) -> Condition:
    """The condition that a filter (CQL2 JSON) means; `columns` are all that it may name, beside `geometry`.

    Coordinates in it are in `crs`, in its axis order. Raises InvalidQuery that names what is wrong.
    """
    writer = _Writer(columns, crs)
    return Condition(sql.SQL("({})").format(writer.boolean(node)), writer.values)


class _Writer:
    """Writes one filter, and collects the values that it binds."""

    def __init__(self, columns: Mapping[str, Column], crs: Crs) -> None:
        self.columns, self.crs = columns, crs
        self.values: dict[str, Any] = {}
        self.operators: dict[str, Callable[[str, list[Node]], Term]] = {
            "and": self._logical, "or": self._logical, "not": self._not,
            **dict.fromkeys(COMPARISONS, self._comparison),
            "like": self._like, "between": self._between, "in": self._in, "isnull": self._is_null,
            "casei": partial(self._folded, "case"), "accenti": partial(self._folded, "accents"),
            **dict.fromkeys(ARITHMETIC, self._arithmetic),
            **dict.fromkeys(SPATIAL, self._spatial),
            **dict.fromkeys(RELATIONS, self._temporal),
        }

    def boolean(self, node: Node) -> sql.Composable:
        """A condition. Raises InvalidQuery where the node is something else."""
        return self._of("boolean", node).sql

    def term(self, node: Node) -> Term:
        """Whatever a node means. Raises InvalidQuery."""
        match node:
            case bool():
                return Term("boolean", self._bound(node), str(node).lower())
            case int() | float():
                return Term("number", self._bound(_number(node)), str(node))
            case str():
                return Term("text", self._bound(clean(node), "::text"), repr(node), literal=clean(node))
            case {"op": str(operator), "args": list(arguments)}:
                return self._operator(operator)(operator.lower(), arguments)
            case {"property": str(name)}:
                return self._property(name)
            case {"date": str(text)}:
                return Term("date", self._bound(day(text)), f"DATE({text!r})")
            case {"timestamp": str(text)}:
                return Term("timestamp", self._bound(moment(text)), f"TIMESTAMP({text!r})")
            case {"bbox": list()} | {"type": str()}:
                return Term("geometry", self._bound(wkb(shape_of(node, self.crs)), "::geometry"), shown(node))
        raise InvalidQuery(Text(pl=f"filter: {shown(node)} nie może tu stać",
                                en=f"filter: {shown(node)} cannot stand here"))

    def span(self, node: Node) -> Span:
        """A time or an interval. Raises InvalidQuery."""
        match node:
            case {"interval": [start, end]}:
                return Span.between(self._end(start), self._end(end), shown(node))
            case {"interval": _}:
                raise wrong(shown(node), "początku i końca przedziału", "the start and the end of an interval")
        term = self._time(self.term(node))
        return Span(term.kind, term.sql, term.sql, True, term.name)

    def _end(self, node: Node) -> Term | None:
        return None if node == ".." else self._time(self.term(node))

    def _time(self, term: Term) -> Term:
        if term.kind == "text" and term.literal is not None:
            if len(term.literal) == 10:
                return Term("date", self._bound(day(term.literal)), term.name)
            return Term("timestamp", self._bound(moment(term.literal)), term.name)
        if term.kind not in ("date", "timestamp"):
            raise wrong(term.name, "daty albo chwili", "a date or a time", term.kind)
        return term

    def _operator(self, name: str) -> Callable[[str, list[Node]], Term]:
        try:
            return self.operators[name.lower()]
        except KeyError:
            known = ", ".join(sorted(self.operators))
            raise InvalidQuery(Text(pl=f"filter: nieznana funkcja {name!r}; są: {known}",
                                    en=f"filter: unknown function {name!r}; there are: {known}")) from None

    def _property(self, name: str) -> Term:
        if name == GEOMETRY:
            return Term("geometry", sql.Identifier("geom"), name)
        if name not in self.columns:
            known = ", ".join((*self.columns, GEOMETRY))
            raise InvalidQuery(Text(pl=f"filter: nieznana właściwość {name!r}; są: {known}",
                                    en=f"filter: unknown property {name!r}; there are: {known}"))
        return Term(_KIND[self.columns[name].type], sql.Identifier(name), name)

    def _logical(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 1, math.inf)
        joined = sql.SQL(f" {operator} ").join([self.boolean(argument) for argument in arguments])
        return _is(sql.SQL("({})").format(joined), operator)

    def _not(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 1)
        return _is(sql.SQL("(not {})").format(self.boolean(arguments[0])), operator)

    def _comparison(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 2)
        first, second = terms = self._comparable(arguments)
        left, right = alike(terms)
        exact = sql.SQL(f"({{}} {operator} {{}})").format(left, right)
        if operator == "=":
            value, other = (first, second) if first.literal is None else (second, first)
            return _is(self._glanced(value, other, exact, equals), operator)
        return _is(exact, operator)

    def _like(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 2)
        value, pattern = (self._of("text", argument) for argument in arguments)
        if pattern.literal is None:
            raise wrong(pattern.name, "wzorca w apostrofach", "a pattern in quotes")
        if (len(pattern.literal) - len(pattern.literal.rstrip("\\"))) % 2:
            raise wrong(pattern.name, r"wzorca bez \ na końcu", r"a pattern without \ at its end")
        exact = sql.SQL("({} like {})").format(value.sql, pattern.sql)
        return _is(self._glanced(value, pattern, exact, patterns), operator)

    def _glanced(self, value: Term, other: Term, exact: sql.Composable, spelled: Spelled) -> sql.Composable:
        """`exact`, a condition over two texts, with a glance first where one is folded and the other written out."""
        if (not value.folds or value.folds != other.folds or value.literal is not None or other.literal is None
                or len(other.literal) > GLANCED_MAX):
            return exact
        known = spelled(other.literal, value.folds)
        return exact if known is None else glanced(value.plain, self._bound(SPELLED(known), "::text"), exact)

    def _between(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 3)
        return _is(sql.SQL("({} between {} and {})").format(*self._alike(arguments)), operator)

    def _in(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 2)
        value, choices = arguments
        if not isinstance(choices, list) or not choices:
            raise wrong(shown(choices), "listy wartości", "a list of values")
        first, *others = self._alike([value, *choices])
        return _is(sql.SQL("({} in ({}))").format(first, sql.SQL(", ").join(others)), operator)

    def _is_null(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 1)
        return _is(sql.SQL("({} is null)").format(self.term(arguments[0]).sql), operator)

    def _folded(self, fold: Fold, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 1)
        return self._of("text", arguments[0]).without(fold)

    def _arithmetic(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 2)
        numbers = (sql.SQL("{}::float8").format(self._of("number", argument).sql) for argument in arguments)
        return Term("number", sql.SQL(ARITHMETIC[operator]).format(*numbers), operator)

    def _spatial(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 2)
        return _is(sql.SQL(SPATIAL[operator]).format(*(self._of("geometry", node).sql for node in arguments)), operator)

    def _temporal(self, operator: str, arguments: list[Node]) -> Term:
        _count(operator, arguments, 2)
        return _is(related(operator, *(self.span(argument) for argument in arguments)), operator)

    def _of(self, kind: Kind, node: Node) -> Term:
        term = self.term(node)
        if term.kind != kind:
            raise wrong(term.name, *KINDS[kind][1:], term.kind)
        return term

    def _alike(self, nodes: list[Node]) -> list[sql.Composable]:
        return alike(self._comparable(nodes))

    def _comparable(self, nodes: list[Node]) -> list[Term]:
        """Terms to compare; a text that is written out is read as the time that it is compared with."""
        terms = [self.term(node) for node in nodes]
        times = [term.kind for term in terms if term.kind in ("date", "timestamp")]
        return [self._time(term) if times and term.literal is not None else term for term in terms]

    def _bound(self, value: object, cast: str = "") -> sql.Composed:
        key = f"filter{len(self.values)}"
        self.values[key] = value
        return sql.SQL("{}" + cast).format(sql.Placeholder(key))


def day(text: str) -> date:
    """A date as RFC 3339 writes it. Raises InvalidQuery."""
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise wrong(repr(text), "daty RRRR-MM-DD", "a date YYYY-MM-DD") from None


def moment(text: str) -> datetime:
    """A time as RFC 3339 writes it. Raises InvalidQuery."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None or "T" not in text:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong(repr(text), "chwili, np. 2021-01-01T00:00:00Z", "a time such as 2021-01-01T00:00:00Z") from None


def _number(value: float) -> float:
    try:
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return value
        if math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise wrong(shown(value), "liczby do 1.8e308", "a number up to 1.8e308")


def _is(condition: sql.Composable, name: str) -> Term:
    return Term("boolean", condition, name)


def _count(operator: str, arguments: list[Node], least: float, most: float | None = None) -> None:
    if not least <= len(arguments) <= (most or least):
        pl, en = ("co najmniej ", "at least ") if most else ("", "")
        raise InvalidQuery(Text(
            pl=f"filter: {operator}: liczba argumentów to {len(arguments)}, oczekiwano: {pl}{least}",
            en=f"filter: {operator}: the number of arguments is {len(arguments)}, expected: {en}{least}"))
