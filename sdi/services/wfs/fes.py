"""Filters (FES 2.0, Filter Encoding 1.1 and 1.0) as SQL conditions over one feature type.

Names are looked up among the published columns, every value is bound. What a filter cannot mean is refused, never
ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import shapely
from lxml import etree
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from sdi.model.text import Text
from sdi.services.fes.elements import (
    COMPARISONS,
    IDENTIFIERS,
    REFERENCES,
    SPATIAL,
    FilterError,
    children,
    identifier,
    like_pattern,
    literal,
    local,
    match_case,
    metres,
    number,
    wrong,
)
from sdi.services.ows.exceptions import OwsError
from sdi.services.wfs.geometry import area_of, check_distance, geometry_of
from sdi.services.wfs.identifiers import fid_of
from sdi.services.wfs.references import BOUNDS, IDENTIFIER, INHERITED, property_name
from sdi.services.wfs.versions import GEOMETRY, Version
from sdi.store.columns import Column
from sdi.store.cql2.terms import Kind, Term, alike
from sdi.store.crs import STORED_SRID, Area
from sdi.store.selection import InvalidQuery, value_of
from sdi.store.table import touches

TEMPORAL = {
    "After": "{0} > {2}", "Before": "{0} < {1}", "During": "{0} > {1} and {0} < {2}", "TEquals": "{0} = {1}",
    "Begins": "{0} = {1}", "Ends": "{0} = {2}", "AnyInteracts": "{0} >= {1} and {0} <= {2}",
}
"""Over the instants that columns hold: {0} the column, {1} and {2} begin and end of the operand (FES 2.0, 7.9)."""
KINDS = {"IsPoint": 0, "IsCurve": 1, "IsSurface": 2}
"""Functions over the geometry, and the dimension they ask for: by them QGIS (3.30 and later) shows a type of any
geometry as a layer for each kind."""
_TIMES: dict[str, Kind] = {"date": "date", "datetime": "timestamp"}
"""By the type of a column."""
_PREDICATES_MAX = 1000


class Filter:
    """The conditions of one query, and the values that they bind."""

    def __init__(
        self, feature_type: str, columns: Mapping[str, Column], version: Version, namespaces: Mapping[str, str]
    ) -> None:
        """`namespaces`: of prefixes that a filter itself does not declare."""
        self.feature_type, self.columns, self.version = feature_type, columns, version
        self.namespaces = namespaces
        self.values: dict[str, Any] = {}
        self._left = _PREDICATES_MAX

    def of(self, element: etree._Element) -> sql.Composable:
        """The condition of a Filter element. Raises OwsError."""
        try:
            return self._filter(element)
        except FilterError as error:
            raise OwsError("InvalidParameterValue", error.text.at("FILTER"), "filter") from error

    def fids(self, identifiers: list[int | None]) -> sql.Composable:
        """Objects by number; None stands for one that there cannot be."""
        return sql.SQL("fid = any({})").format(self._bind([fid for fid in identifiers if fid is not None]))

    def area(self, area: Area | None) -> sql.Composable:
        """Objects that touch a box; None is a box outside of Poland."""
        if area is None:
            return sql.SQL("false")
        return touches(self._geometry(area.outline), None if area.within is None else self._geometry(area.within))

    def _filter(self, element: etree._Element) -> sql.Composable:
        predicates = children(element)
        if predicates and all(local(e) in IDENTIFIERS for e in predicates):
            return self.fids([fid_of(identifier(e), self.feature_type) for e in predicates])
        if len(predicates) != 1:
            raise wrong("filtr ma mieć jeden warunek; kilka łączy się przez And albo Or",
                        "a filter has one predicate; join several with And or Or")
        return self._predicate(predicates[0])

    def _predicate(self, element: etree._Element) -> sql.Composable:
        self._left -= 1
        if self._left < 0:
            raise wrong(f"więcej niż {_PREDICATES_MAX} warunków", f"more than {_PREDICATES_MAX} predicates")
        name = {"Intersect": "Intersects"}.get(local(element), local(element))  # as Filter Encoding 1.0 has it
        if name in ("And", "Or"):
            parts = [self._predicate(child) for child in children(element)]
            if len(parts) < 2:
                raise wrong(f"{name} łączy co najmniej dwa warunki", f"{name} joins at least two predicates")
            return sql.SQL("({})").format(sql.SQL(f" {name.lower()} ").join(parts))
        if name == "Not":
            if len(children(element)) != 1:
                raise wrong("Not ma mieć jeden warunek", "Not has one predicate")
            return sql.SQL("(not {})").format(self._predicate(children(element)[0]))
        if name in IDENTIFIERS:
            return self.fids([fid_of(identifier(element), self.feature_type)])
        if name == "BBOX" or name in SPATIAL or name in ("DWithin", "Beyond"):
            return self._spatial(element, name)
        if name in TEMPORAL:
            return self._temporal(element, TEMPORAL[name])
        return self._scalar(element, name)

    # Scalar

    def _scalar(self, element: etree._Element, name: str) -> sql.Composable:
        operands = children(element)
        if name in ("PropertyIsNull", "PropertyIsNil") and len(operands) == 1:
            if self._is_geometry(operands[0]):
                return sql.SQL("geom is null")
            return sql.SQL("{} is null").format(self._column(operands[0])[1])
        if name == "PropertyIsLike" and len(operands) == 2:
            return self._like(element, operands)
        if name == "PropertyIsBetween" and len(operands) == 3:
            column, expression = self._column(operands[0])
            bounds = [literal(children(e)) for e in operands[1:]]
            return sql.SQL("({} between {} and {})").format(*self._beside(column, expression, bounds))
        if name in COMPARISONS and len(operands) == 2:
            return self._comparison(element, operands, COMPARISONS[name])
        known = ", ".join(("And", "Or", "Not", *COMPARISONS, "PropertyIsLike", "PropertyIsBetween", "PropertyIsNull",
                           "BBOX", *SPATIAL, "DWithin", "Beyond", *TEMPORAL, "ResourceId"))
        raise wrong(f"{name} z {len(operands)} argumentami; usługa zna: {known}",
                    f"{name} with {len(operands)} operands; this service knows: {known}")

    def _comparison(self, element: etree._Element, operands: list[etree._Element], operator: str) -> sql.Composable:
        functions = [e for e in operands if local(e) == "Function"]
        if functions:
            return self._kind(functions[0], [e for e in operands if e is not functions[0]], operator)
        references = [local(e) in REFERENCES for e in operands]
        fold = not match_case(element)
        if not any(references):
            raise wrong("porównanie wymaga własności", "a comparison wants a property")
        column, expression = self._column(operands[references.index(True)])
        if all(references):
            other, second = self._column(operands[1])
            if other.type != column.type and {other.type, column.type} != {"integer", "number"}:
                raise wrong(f"{column.name} i {other.name} są różnych typów",
                            f"{column.name} and {other.name} are of different types")
            sides = [expression, second]
        else:
            sides = self._beside(column, expression, [literal([operands[references.index(False)]])])
            sides = sides if references[0] else sides[::-1]
        if fold and column.type == "text":
            sides = [sql.SQL("lower({})").format(side) for side in sides]
        return sql.SQL("{} {} {}").format(sides[0], sql.SQL(operator), sides[1])

    def _kind(self, function: etree._Element, operands: list[etree._Element], operator: str) -> sql.Composable:
        """Whether the geometry is of a kind; an object without geometry is of none."""
        name, value = function.get("name", ""), literal(operands).lower()
        if name not in KINDS or value not in ("true", "false") or operator not in ("=", "<>"):
            raise wrong(f"funkcja {name[:80]!r}; są: {', '.join(KINDS)}, porównane z true albo false",
                        f"function {name[:80]!r}; there are: {', '.join(KINDS)}, compared with true or false")
        for argument in children(function):
            self._geometry_reference(argument, name)
        return sql.SQL("(coalesce(st_dimension(geom), -1) {} {})").format(
            sql.SQL("=" if (value == "true") == (operator == "=") else "<>"), KINDS[name])

    def _like(self, element: etree._Element, operands: list[etree._Element]) -> sql.Composable:
        column, expression = self._column(operands[0])
        pattern = like_pattern(element, literal(operands[1:]), wild="*", single=".")
        fold = not match_case(element)
        # The text of what is no text is that of the answers; PostgreSQL's own has a blank between date and time.
        shown = expression if column.type == "text" else sql.SQL("trim('\"' from to_json({})::text)").format(expression)
        return sql.SQL("{} {} {}").format(shown, sql.SQL("ilike" if fold else "like"), self._bind(pattern))

    def _beside(self, column: Column, expression: sql.Composable, texts: list[str]) -> list[sql.Composable]:
        """A column and the values it is compared with; a time beside a date counts as its day (docs/filters.md)."""
        kind = _TIMES.get(column.type)
        if kind is None:
            return [expression, *(self._bind(self._value(column, text)) for text in texts)]
        return alike([Term(kind, expression, column.name), *(self._time(column, text) for text in texts)])

    def _time(self, column: Column, text: str) -> Term:
        """A date, or a time, which is in UTC where it does not say so."""
        try:
            if len(text) == len("2026-01-31"):
                return Term("date", self._bind(date.fromisoformat(text)), text)
            moment = datetime.fromisoformat(text)
            return Term("timestamp", self._bind(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), text)
        except ValueError as error:
            raise _no_value(column, text) from error

    def _value(self, column: Column, text: str) -> Any:
        try:
            if column.type == "integer":
                found = number(text)
                return value_of(column, text) if found.is_integer() and "." not in text else found
            if column.type == "boolean":
                text = {"1": "true", "0": "false"}.get(text, text)
            return value_of(column, text)
        except InvalidQuery as error:
            raise wrong(error.text.pl, error.text.en) from error
        except ValueError as error:
            raise _no_value(column, text) from error

    # Space and time

    def _spatial(self, element: etree._Element, name: str) -> sql.Composable:
        operands = children(element)
        named = [e for e in operands if local(e) in REFERENCES]
        shapes = [e for e in operands if local(e) not in (*REFERENCES, "Distance")]
        for reference in named:
            self._geometry_reference(reference, name)
        if len(shapes) != 1:
            raise wrong(f"{name} wymaga jednej geometrii", f"{name} wants one geometry")
        if name == "BBOX":
            if local(shapes[0]) not in ("Envelope", "Box"):
                raise wrong("BBOX wymaga gml:Envelope", "BBOX wants a gml:Envelope")
            return self.area(area_of(shapes[0], self.version))
        shape = geometry_of(shapes[0], self.version)
        if name in SPATIAL:
            return sql.SQL("{}(geom, {})").format(sql.SQL(SPATIAL[name]), self._geometry(shape))
        distance = metres(element)
        check_distance(distance, shape)
        near = sql.SQL("st_dwithin(geom, {}, {})").format(self._geometry(shape), self._bind(distance))
        return sql.SQL("(not {})").format(near) if name == "Beyond" else near

    def _geometry_reference(self, reference: etree._Element, operator: str) -> None:
        """Refuse a spatial operator on what is no geometry."""
        allowed = (GEOMETRY, BOUNDS) if operator == "BBOX" else (GEOMETRY,)
        if self._name(reference) not in ("", *allowed):
            text = (reference.text or "").strip()
            raise wrong(f"{operator}: {text[:80]!r} nie jest geometrią; jest {GEOMETRY}",
                        f"{operator}: {text[:80]!r} is not a geometry; there is {GEOMETRY}")

    def _temporal(self, element: etree._Element, form: str) -> sql.Composable:
        operands = children(element)
        if len(operands) != 2 or local(operands[0]) not in REFERENCES:
            raise wrong(f"{local(element)} wymaga własności i czasu", f"{local(element)} wants a property and a time")
        column, expression = self._column(operands[0])
        if column.type not in _TIMES:
            raise wrong(f"{column.name} nie jest czasem", f"{column.name} is not a time")
        return sql.SQL(f"({form})").format(*self._beside(column, expression, list(_period(operands[1]))))

    # Names and values

    def _name(self, reference: etree._Element) -> str:
        own = {prefix: uri for prefix, uri in reference.nsmap.items() if prefix}
        return property_name(reference.text, self.feature_type, {**self.namespaces, **own})

    def _is_geometry(self, element: etree._Element) -> bool:
        return local(element) in REFERENCES and self._name(element) in (GEOMETRY, BOUNDS)

    def _column(self, element: etree._Element) -> tuple[Column, sql.Composable]:
        if local(element) not in REFERENCES:
            raise wrong(f"{local(element)} zamiast nazwy własności",
                        f"{local(element)} instead of a property")
        name = self._name(element)
        if name == IDENTIFIER:  # as `rows` writes it
            return Column("@gml:id", "text", Text(pl="Identyfikator", en="Identifier")), sql.SQL("({} || fid)").format(
                sql.Literal(f"{self.feature_type}."))
        column = self.columns.get(name)
        if column is None and name.removeprefix("gml:") in INHERITED:
            return Column(name, "text", Text(pl=name, en=name)), sql.SQL("null::text")
        if column is None and self._is_geometry(element):
            text = Text(pl=f"FILTER: {name} to geometria; do niej są warunki przestrzenne",
                        en=f"FILTER: {name} is a geometry; spatial operators are for it")
            raise OwsError("OperationProcessingFailed", text, "filter", 403)
        if column is None:
            known = ", ".join((*self.columns, "@gml:id"))
            raise wrong(f"nieznana własność {(element.text or '')[:80]!r}; są: {known}",
                        f"unknown property {(element.text or '')[:80]!r}; there are: {known}")
        return column, sql.Identifier(column.name)

    def _bind(self, value: Any) -> sql.Composable:
        name = f"filter{len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)

    def _geometry(self, shape: BaseGeometry) -> sql.Composable:
        wkb = shapely.to_wkb(shapely.set_srid(shape, STORED_SRID), hex=True, include_srid=True)
        return sql.SQL("{}::geometry").format(self._bind(str(wkb)))


def _no_value(column: Column, text: str) -> FilterError:
    return wrong(f"{column.name}: {text[:80]!r} nie jest wartością typu {column.type}",
                 f"{column.name}: {text[:80]!r} is no value of type {column.type}")


def _period(element: etree._Element) -> tuple[str, str]:
    """Begin and end of a gml:TimePeriod, twice the same of an instant or a literal."""
    texts = ["".join(map(str, e.itertext())).strip() for e in element.iter()
             if local(e) in ("beginPosition", "endPosition", "timePosition")]
    if local(element) == "TimePeriod" and len(texts) == 2:
        return texts[0], texts[1]
    if local(element) == "TimeInstant" and len(texts) == 1:
        return texts[0], texts[0]
    if local(element) == "Literal":
        inner = children(element)
        return _period(inner[0]) if inner else (literal([element]),) * 2
    raise wrong(f"{local(element)} nie jest czasem", f"{local(element)} is not a time")

