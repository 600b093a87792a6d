"""CQL, the text filters of CSW, as OGC Filter: so that one compiler knows how to ask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from lark import Lark
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
    except Exception:
        raise FilterError(f"not CQL: {text!r}") from None
    root = etree.Element(f"{{{namespaces['ogc']}}}Filter", nsmap={"ogc": namespaces["ogc"], "gml": namespaces["gml"]})
    _write(tree, root)
    return root


@cache
def _cql() -> Lark:
    """pygeofilter's ECQL with the precedence of CQL: it ranks AND and OR the same, and knows no NOT before brackets."""
    parsers = resources.files("pygeofilter.parsers")
    grammar = parsers.joinpath("ecql", "grammar.lark").read_text(encoding="utf-8")
    conditions = """
        ?condition: conjunction | condition "OR" conjunction -> or_
        ?conjunction: negation | conjunction "AND" negation -> and_
        ?negation: predicate | "NOT" negation -> not_ | "(" condition ")"
        ?predicate:"""
    return Lark(conditions + grammar.partition("?predicate:")[2], start="condition", parser="lalr",
                maybe_placeholders=False, transformer=ECQLTransformer(), import_paths=[str(parsers)])


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
