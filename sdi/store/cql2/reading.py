"""Both encodings of CQL2 read into one: the JSON encoding, as Python has it after json.loads."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args

from sdi.model.text import Text
from sdi.store.selection import InvalidQuery

Node = Any
"""A value, a list of nodes, or an object of CQL2 JSON (OGC 21-065r2, annex C)."""

LENGTH_MAX = 16_000
"""Characters of a filter."""

DEPTH_MAX = 60
"""Nodes within nodes, coordinates included."""

_CONTROL = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_ESCAPED = re.compile(r"''|\\(.)", re.DOTALL)


def read(filter_: str, language: str) -> Node:
    """A filter in `cql2-text` or `cql2-json` as CQL2 JSON; names and types are not looked at yet.

    Raises InvalidQuery, also where it is too long or too deep.
    """
    if len(filter_) > LENGTH_MAX:
        raise InvalidQuery(Text(pl=f"filter: dłuższy niż {LENGTH_MAX} znaków",
                                en=f"filter: longer than {LENGTH_MAX} characters"))
    try:
        node = _json(filter_) if language == "cql2-json" else _text(filter_)
        _bound(node, DEPTH_MAX)
    except RecursionError:
        raise InvalidQuery(Text(pl=f"filter: więcej niż {DEPTH_MAX} poziomów zagnieżdżenia",
                                en=f"filter: nested deeper than {DEPTH_MAX} levels")) from None
    return node


def _bound(node: Node, levels: int) -> None:
    if levels == 0:
        raise RecursionError
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for part in parts:
        _bound(part, levels - 1)


def _json(text: str) -> Node:
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise InvalidQuery(Text(pl=f"filter: to nie jest JSON: {error}", en=f"filter: not JSON: {error}")) from None


def _no_number(name: str) -> Node:
    raise ValueError(f"{name} is not a number")


def _text(text: str) -> Node:
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken) and error.token.type == "$END":
            raise InvalidQuery(Text(pl="filter: to nie jest CQL2: urywa się", en="filter: not CQL2: it breaks off")
                               ) from None
        place = error.pos_in_stream or 0
        rest = repr(text[place : place + 30])
        raise InvalidQuery(Text(
            pl=f"filter: to nie jest CQL2 od znaku {place + 1}: {rest}",
            en=f"filter: not CQL2 from character {place + 1} on: {rest}")) from None


@cache
def _parser() -> Lark:
    grammar = resources.files("sdi.store.cql2").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_ToJson(), maybe_placeholders=False)


def _operator(name: str) -> Any:
    return lambda self, *arguments: {"op": name, "args": list(arguments)}


def _negated(name: str) -> Any:
    return lambda self, *arguments: {"op": "not", "args": [{"op": name, "args": list(arguments)}]}


@v_args(inline=True)
class _ToJson(Transformer[Token, Node]):
    """Each rule of the grammar as its object of CQL2 JSON."""

    or_, and_, not_ = _operator("or"), _operator("and"), _operator("not")
    like, not_like = _operator("like"), _negated("like")
    between, not_between = _operator("between"), _negated("between")
    in_, not_in = _operator("in"), _negated("in")
    is_null, is_not_null = _operator("isNull"), _negated("isNull")

    def operation(self, left: Node, operator: Token, right: Node) -> Node:
        return {"op": operator.lower(), "args": [left, right]}

    def negative(self, _: Token, operand: Node) -> Node:
        return -operand if _is_number(operand) else {"op": "*", "args": [-1, operand]}

    def positive(self, _: Token, operand: Node) -> Node:
        return operand if _is_number(operand) else {"op": "*", "args": [1, operand]}

    def number(self, token: Token) -> Node:
        return int(token) if token.isdigit() and len(token) < 19 else float(token)

    def text(self, token: Token) -> Node:
        """OGC 21-065r2, requirement /req/cql2-text/escaping; other escapes stay, for LIKE to read."""
        return _ESCAPED.sub(_unescaped, token[1:-1])

    def true(self, _: Token) -> Node:
        return True

    def false(self, _: Token) -> Node:
        return False

    def property(self, token: Token) -> Node:
        return {"property": str(token)}

    def quoted(self, token: Token) -> Node:
        return {"property": str(token[1:-1])}

    def arguments(self, *arguments: Node) -> Node:
        return list(arguments)

    def function(self, name: Token, arguments: Node = None) -> Node:
        arguments = arguments or []
        match name.lower():
            case "date" | "timestamp" as instant if len(arguments) == 1:
                return {instant: arguments[0]}
            case "interval" | "bbox" as literal:
                return {literal: arguments}
        return {"op": str(name), "args": arguments}

    def position(self, *coordinates: float) -> Node:
        return list(coordinates)

    def places(self, *places: Node) -> Node:
        return list(places)

    def geometry(self, name: Token, places: Node) -> Node:
        kind = _GEOJSON[name.upper()]
        if kind == "GeometryCollection":
            return {"type": kind, "geometries": places}
        if kind == "MultiPoint":
            places = [place[0] if isinstance(place[0], list) else place for place in places]
        return {"type": kind, "coordinates": places[0] if kind == "Point" else places}


_GEOJSON = {name.upper(): name for name in (
    "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")}


def _is_number(node: Node) -> bool:
    return isinstance(node, int | float) and not isinstance(node, bool)


def _unescaped(found: re.Match[str]) -> str:
    character = found[1]
    if character is None:
        return "'"
    return _CONTROL.get(character) or (character if character in "'\\" else f"\\{character}")
