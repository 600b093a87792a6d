"""CQL, the text filters of CSW, as OGC Filter: so that one compiler knows how to ask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, UnexpectedInput
from lxml import etree
from pygeofilter import ast
from pygeofilter.parsers.ecql.parser import ECQLTransformer

from sdi.services.fes.elements import FilterError

_KEYWORDS = re.compile(
    r"('[^']*'|\"[^\"]*\")|\b(and|or|not|like|ilike|between|in|is|null|bbox|include)\b(?!\s*[.:])", re.IGNORECASE
)
_OPERATORS = {"=": "PropertyIsEqualTo", "<>": "PropertyIsNotEqualTo", "<": "PropertyIsLessThan",
              "<=": "PropertyIsLessThanOrEqualTo", ">": "PropertyIsGreaterThan",
              ">=": "PropertyIsGreaterThanOrEqualTo"}


def cql_to_filter(text: str, namespaces: Mapping[str, str], fes_version: str = "1.0") -> etree._Element:
    """The ogc:Filter that a CQL text means: comparisons, LIKE, IN, BETWEEN, IS NULL, BBOX (x, y), AND, OR, NOT.

    The signature is that of pycsw's cql2fes, which it stands in for. Raises FilterError.
    """
    words = _KEYWORDS.sub(lambda found: found[1] or found[2].upper(), text)
    try:
        tree = _cql().parse(words)
    except UnexpectedInput as error:
        rest = text[error.pos_in_stream or 0:][:40]
        raise FilterError(f"not CQL from {rest!r} on: {text[:400]!r}") from None
    except Exception:
        raise FilterError(f"not CQL: {text[:400]!r}") from None
    root = etree.Element(f"{{{namespaces['ogc']}}}Filter", nsmap={"ogc": namespaces["ogc"], "gml": namespaces["gml"]})
    _write(tree, root)
    return root


@cache
def _cql() -> Lark:
    """pygeofilter's ECQL with the precedence and the quotes of CQL.

    It ranks AND and OR the same, knows no NOT before brackets, and no quote within a text, which is written twice.
    """
    parsers = resources.files("pygeofilter.parsers")
    grammar = parsers.joinpath("ecql", "grammar.lark").read_text(encoding="utf-8")
    conditions = """
        ?condition: conjunction | condition "OR" conjunction -> or_
        ?conjunction: negation | conjunction "AND" negation -> and_
        ?negation: predicate | "NOT" negation -> not_ | "(" condition ")"
        ?predicate:"""
    rest = re.sub("(?m)^SINGLE_QUOTED:.*$", "SINGLE_QUOTED: /'(?:[^']|'')*'/", grammar.partition("?predicate:")[2])
    return Lark(conditions + rest, start="condition", parser="lalr", maybe_placeholders=False,
                transformer=_Transformer(), import_paths=[str(parsers)])


class _Transformer(ECQLTransformer):  # type: ignore[misc]
    """pygeofilter's, for texts that hold quotes."""

    def SINGLE_QUOTED(self, token: str) -> str:
        """The text between the quotes."""
        return token[1:-1].replace("''", "'")


def _write(node: Any, parent: etree._Element) -> None:
    ogc = f"{{{parent.nsmap['ogc']}}}"
    if getattr(node, "not_", False):
        parent = etree.SubElement(parent, f"{ogc}Not")
    match node:
        case ast.And() | ast.Or():
            _operands(parent, type(node).__name__, (node.lhs, node.rhs))
        case ast.Not():
            _operands(parent, "Not", (node.sub_node,))
        case ast.Comparison():
            _operands(parent, _OPERATORS[node.op.value], (node.lhs, node.rhs))
        case ast.Like():
            like = _operands(parent, "PropertyIsLike", (node.lhs, str(node.pattern)))
            like.attrib.update({"wildCard": "%", "singleChar": "_", "escapeChar": "\\",
                                "matchCase": "false" if node.nocase else "true"})
        case ast.Between():
            between = _operands(parent, "PropertyIsBetween", (node.lhs,))
            for boundary, value in (("LowerBoundary", node.low), ("UpperBoundary", node.high)):
                _operands(between, boundary, (value,))
        case ast.In():
            either = etree.SubElement(parent, f"{ogc}Or")
            for value in node.sub_nodes:
                _operands(either, "PropertyIsEqualTo", (node.lhs, value))
        case ast.IsNull():
            _operands(parent, "PropertyIsNull", (node.lhs,))
        case ast.BBox():
            box = _operands(parent, "BBOX", (node.lhs,))
            gml = f"{{{parent.nsmap['gml']}}}"
            envelope = etree.SubElement(box, f"{gml}Envelope", srsName=node.crs or "CRS84")
            etree.SubElement(envelope, f"{gml}lowerCorner").text = f"{node.minx} {node.miny}"
            etree.SubElement(envelope, f"{gml}upperCorner").text = f"{node.maxx} {node.maxy}"
        case ast.Attribute():
            etree.SubElement(parent, f"{ogc}PropertyName").text = node.name
        case bool() | int() | float() | str():
            etree.SubElement(parent, f"{ogc}Literal").text = str(node)
        case _:
            raise FilterError(f"CQL {type(node).__name__} is not supported here; use an OGC Filter")


def _operands(parent: etree._Element, name: str, nodes: Sequence[Any]) -> etree._Element:
    element = etree.SubElement(parent, f"{{{parent.nsmap['ogc']}}}{name}")
    for node in nodes:
        _write(node, element)
    return element
