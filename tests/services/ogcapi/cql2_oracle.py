"""CQL2 evaluated naively in Python, one feature at a time, and written as text: what the SQL is compared with."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import shapely

Row = Mapping[str, Any]
"""Values by property; None is null; `geometry` is a shape."""

SPATIAL = {"s_intersects": "intersects", "s_disjoint": "disjoint", "s_equals": "equals", "s_touches": "touches",
           "s_within": "within", "s_overlaps": "overlaps", "s_crosses": "crosses", "s_contains": "contains"}
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def evaluate(node: Any, row: Row) -> Any:
    """The value of a node of CQL2 JSON for a feature; shapes in it are in the CRS of the feature."""
    match node:
        case {"property": name}:
            return row[name]
        case {"date": text}:
            return date.fromisoformat(text)
        case {"timestamp": text}:
            return datetime.fromisoformat(text)
        case {"bbox": [west, south, east, north]}:
            return shapely.box(west, south, east, north)
        case {"type": _}:
            return shapely.geometry.shape(node)
        case {"op": "and" | "or" as op, "args": args}:
            return (all_hold if op == "and" else either)(*(evaluate(arg, row) for arg in args))
        case {"op": "isNull", "args": [operand]}:
            return evaluate(operand, row) is None
        case {"op": "in", "args": [operand, choices]}:
            return evaluate({"op": "or", "args": [{"op": "=", "args": [operand, c]} for c in choices]}, row)
        case {"op": "between", "args": [operand, low, high]}:
            return evaluate({"op": "and", "args": [{"op": ">=", "args": [operand, low]},
                                                   {"op": "<=", "args": [operand, high]}]}, row)
        case {"op": str(op), "args": args} if op.startswith("t_"):
            first, second = spans(args, row)
            return temporal(op, first, second)
        case {"op": op, "args": args}:
            values = [evaluate(arg, row) for arg in args]
            return None if None in values else function(op, *values)
        case str():
            return unicodedata.normalize("NFC", node)  # as all texts are stored
    return node


def function(op: str, *values: Any) -> Any:
    """An operator over values that are not null."""
    if op in SPATIAL:
        return bool(getattr(shapely, SPATIAL[op])(*values))
    if op == "like":
        return like(*values)
    if op in ("=", "<>", "<", "<=", ">", ">="):
        values = tuple(value.astimezone(UTC).date() if isinstance(value, datetime) and
                       any(type(other) is date for other in values) else value for value in values)
    return {
        "not": lambda a: not a, "casei": str.casefold, "accenti": plain,
        "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
        "/": lambda a, b: a / b if b else None, "div": lambda a, b: float(int(a / b)) if b else None,
        "%": lambda a, b: a - b * int(a / b) if b else None, "^": lambda a, b: float(a) ** b,
    }[op](*values)


def like(value: str, pattern: str) -> bool:
    """LIKE with the wildcards % and _ and the escape character \\."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    expression = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def plain(text: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).translate(
        str.maketrans("łŁđĐøØħĦŧŦ", "lLdDoOhHtT"))


def spans(nodes: list[Any], row: Row) -> list[tuple[Any, Any]]:
    """The first and the last moment of times, dates or intervals; in days if one of them is."""
    ends = [[node] * 2 if "interval" not in node else node["interval"] for node in nodes]
    values = [[end if end == ".." else evaluate(read(end), row) for end in pair] for pair in ends]
    by_day = any(all(end == ".." or in_days(read(end)) for end in pair) and pair != ["..", ".."] for pair in ends)
    return [(EARLIEST if first == ".." else moment(first, False, by_day),
             LATEST if last == ".." else moment(last, True, by_day)) for first, last in values]


def read(end: Any) -> Any:
    """An end of an interval as the literal that it stands for."""
    return {"date" if len(end) == 10 else "timestamp": end} if isinstance(end, str) else end


def in_days(node: Any) -> bool:
    """A date, or the one property that holds dates."""
    return "date" in node or node == {"property": "d"}


def moment(value: Any, last: bool, by_day: bool) -> datetime | None:
    """A time, or the beginning of its day; a date as the beginning or end of its day."""
    if value is None:
        return None
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
        return value.replace(hour=0, minute=0, second=0, microsecond=0) if by_day else value
    start = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return start + timedelta(days=1, microseconds=-1) if last and not by_day else start


def temporal(op: str, first: tuple[Any, Any], second: tuple[Any, Any]) -> bool | None:
    """The relation of two spans, as OWL-Time defines it; null where it hangs on an end that is null."""
    (a, b), (c, d) = first, second
    if op == "t_disjoint":
        return either(a > d if a and d else None, b < c if b and c else None)
    if op == "t_intersects":
        apart = temporal("t_disjoint", first, second)
        return None if apart is None else not apart
    return all_hold(*(None if x is None or y is None else x < y if sign == "<" else x == y for x, sign, y in {
        "t_after": [(d, "<", a)], "t_before": [(b, "<", c)], "t_equals": [(a, "=", c), (b, "=", d)],
        "t_contains": [(a, "<", c), (d, "<", b)], "t_during": [(c, "<", a), (b, "<", d)],
        "t_finishedBy": [(a, "<", c), (b, "=", d)], "t_finishes": [(c, "<", a), (b, "=", d)],
        "t_meets": [(b, "=", c)], "t_metBy": [(a, "=", d)],
        "t_overlappedBy": [(c, "<", a), (a, "<", d), (d, "<", b)],
        "t_overlaps": [(a, "<", c), (c, "<", b), (b, "<", d)],
        "t_startedBy": [(a, "=", c), (d, "<", b)], "t_starts": [(a, "=", c), (b, "<", d)],
    }[op]))


def all_hold(*values: bool | None) -> bool | None:
    """AND of three values."""
    return False if False in values else None if None in values else True


def either(*values: bool | None) -> bool | None:
    """OR of three values."""
    return True if True in values else None if None in values else False


def as_text(node: Any) -> str:
    """A node of CQL2 JSON in the text encoding."""
    match node:
        case bool():
            return str(node).upper()
        case str():
            return "'" + node.replace("\\", "\\\\").replace("'", "''") + "'"
        case int() | float():
            return repr(node)
        case {"property": name}:
            return f'"{name}"'
        case {"date": text} | {"timestamp": text}:
            return f"{next(iter(node)).upper()}('{text}')"
        case {"interval": ends}:
            return f"INTERVAL({', '.join(as_text(end) for end in ends)})"
        case {"bbox": numbers}:
            return f"BBOX({', '.join(map(repr, numbers))})"
        case {"type": _}:
            return shapely.geometry.shape(node).wkt
        case {"op": "and" | "or" as op, "args": args}:
            return "(" + f" {op.upper()} ".join(map(as_text, args)) + ")"
        case {"op": "not", "args": [operand]}:
            return f"(NOT {as_text(operand)})"
        case {"op": "isNull", "args": [operand]}:
            return f"({as_text(operand)} IS NULL)"
        case {"op": "in", "args": [operand, choices]}:
            return f"({as_text(operand)} IN ({', '.join(map(as_text, choices))}))"
        case {"op": "between", "args": [operand, low, high]}:
            return f"({as_text(operand)} BETWEEN {as_text(low)} AND {as_text(high)})"
        case {"op": str(op), "args": args} if op[:2] in ("s_", "t_") or op in ("casei", "accenti"):
            return f"{op.upper()}({', '.join(map(as_text, args))})"
        case {"op": op, "args": [left, right]}:
            return f"({as_text(left)} {op.upper()} {as_text(right)})"
    raise AssertionError(node)
