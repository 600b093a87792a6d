"""What `test_cross_protocol` asks, and the truth, which shapely and PROJ work out from the rows."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pyproj
import shapely
from lxml import etree

from sdi.store.columns import ID, published
from sdi.store.crs import PUBLISHED_CRS, Crs
from tests.services.downloads.conftest import REGISTER
from tests.services.downloads.conftest import WEST as TENANT

TYPE = "powierzchnie"

COLUMNS = {ID.name: ID, **published(REGISTER.feature_types[TYPE])}

NAMES = ("Łąka", "Łan", "Zażółć „gęślą” <jaźń> & 'x'", "50% _", "ląka")

EPSG4326 = PUBLISHED_CRS["http://www.opengis.net/def/crs/EPSG/0/4326"]

CENTRE = (470_500.0, 550_500.0)
"""Of what there is, in EPSG:2180, x = easting."""

BREADTH = 3_000.0

EDGE_M = 0.05
"""What lies so near to the edge of a box that rounding decides is not asked for."""

Geometry = shapely.geometry.base.BaseGeometry

Found = dict[str, tuple[dict[str, Any], Geometry]]
"""Attributes and geometry, x first, by identifier."""


def _rows() -> list[dict[str, Any]]:
    """Three hundred crooked polygons, some with holes or of two parts, with values of every type and without."""
    chance = random.Random(4)

    def blob(x: float, y: float, size: float) -> shapely.Polygon:
        angles = sorted(chance.uniform(0, 2 * math.pi) for _ in range(chance.randint(5, 12)))
        corners = [(x + size * chance.uniform(0.7, 1) * math.cos(a), y + size * chance.uniform(0.7, 1) * math.sin(a))
                   for a in angles]
        return shapely.set_precision(shapely.Polygon(corners).convex_hull, 1e-4)

    rows: list[dict[str, Any]] = []
    for number in range(300):
        x, y = (middle + chance.uniform(-BREADTH / 2, BREADTH / 2) for middle in CENTRE)
        shape: Geometry = blob(x, y, chance.uniform(5, 60))
        if number % 9 == 0:
            shape = shapely.MultiPolygon([shape, blob(x + 200, y, 20)])
        elif number % 7 == 0:
            shape = shape.difference(blob(shape.centroid.x, shape.centroid.y, 1))
        rows.append({
            "id": f"PL.{number}/ą b", "nazwa": chance.choice((*NAMES, None)),
            "liczba": chance.choice((None, number - 150)), "pole": chance.choice((None, number / 8)),
            "czynny": chance.choice((None, True, False)),
            "dzien": chance.choice((None, f"20{number % 30:02}-0{number % 9 + 1}-28")),
            "chwila": chance.choice((None, f"2021-03-{number % 28 + 1:02}T01:59:59.999+02:00")),
            "valid_from": "2020-01-01T00:00:00Z", "known_from": "2024-05-06T07:08:09.123Z", "version_id": f"w{number}",
            "geom": shape,
        })
    return rows


ROWS = _rows()


@dataclass(frozen=True)
class Condition:
    """A comparison of an attribute with a value; LIKE has a beginning of a text for its value."""

    name: str
    operator: str
    value: Any

    def holds(self, row: Mapping[str, Any]) -> bool:
        """What is true of a row."""
        given = row[self.name]
        if given is None:
            return False
        if self.operator == "LIKE":
            return str(given).startswith(self.value)
        return bool({"=": given == self.value, ">": given > self.value}[self.operator])

    def cql2(self) -> str:
        """As CQL2 text."""
        match self.value:
            case bool():
                value = str(self.value).lower()
            case str() if COLUMNS[self.name].type == "date":
                value = f"DATE('{self.value}')"
            case str():
                text = self.value.replace("'", "''")
                value = f"'{_escaped(text)}%'" if self.operator == "LIKE" else f"'{text}'"
            case _:
                value = repr(self.value)
        return f"{self.name} {self.operator} {value}"

    def fes(self, version: str) -> etree._Element:
        """As an element of FES 2.0, or of Filter Encoding 1.1."""
        fes, reference = _filter_words(version)
        word = {"=": "PropertyIsEqualTo", ">": "PropertyIsGreaterThan", "LIKE": "PropertyIsLike"}[self.operator]
        like = {"wildCard": "*", "singleChar": "?", "escapeChar": "!"} if self.operator == "LIKE" else {}
        element = etree.Element(f"{{{fes}}}{word}", like)
        etree.SubElement(element, f"{{{fes}}}{reference}").text = self.name
        text = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        etree.SubElement(element, f"{{{fes}}}Literal").text = text + ("*" if like else "")
        return element

    def sqlite(self) -> str:
        """As SQL of a GeoPackage."""
        match self.value:
            case bool():
                value = str(int(self.value))
            case str():
                text = self.value.replace("'", "''")
                value = f"'{text}*'" if self.operator == "LIKE" else f"'{text}'"
            case _:
                value = repr(self.value)
        return f"{self.name} {'GLOB' if self.operator == 'LIKE' else self.operator} {value}"


@dataclass(frozen=True)
class Question:
    """A box (x first, in a CRS), a condition, or both; answers come in the same CRS."""

    crs: Crs
    box: tuple[float, float, float, float] | None
    condition: Condition | None

    def ordered(self) -> str:
        """The box in the axis order of its CRS."""
        assert self.box is not None
        west, south, east, north = self.box
        return ",".join(map(repr, (south, west, north, east) if self.crs.flipped else self.box))

    def area(self) -> shapely.Polygon | None:
        """The box in EPSG:2180, x first; its edges are straight in its own CRS."""
        if self.box is None:
            return None
        edge = shapely.segmentize(shapely.box(*self.box), 1e-5 if is_degrees(self.crs) else 1.0)
        return shapely.transform(edge, transformer(self.crs.srid, 2180).transform, interleaved=False)

    def filter(self, version: str) -> str:
        """Box and condition as one Filter."""
        fes, _ = _filter_words(version)
        parts = [] if self.condition is None else [self.condition.fes(version)]
        if self.box is not None:
            lower, upper = (" ".join(corner) for corner in _halves(self.ordered().split(",")))
            gml = "http://www.opengis.net/gml/3.2" if version == "2.0.0" else "http://www.opengis.net/gml"
            parts.append(etree.fromstring(
                f'<BBOX xmlns="{fes}"><Envelope xmlns="{gml}" srsName="{urn(self.crs)}">'
                f"<lowerCorner>{lower}</lowerCorner><upperCorner>{upper}</upperCorner></Envelope></BBOX>"))
        root = etree.Element(f"{{{fes}}}Filter", nsmap={None: fes})
        (etree.SubElement(root, f"{{{fes}}}And") if len(parts) > 1 else root).extend(parts)
        return etree.tostring(root, encoding="unicode")


def _filter_words(version: str) -> tuple[str, str]:
    return (("http://www.opengis.net/fes/2.0", "ValueReference") if version == "2.0.0"
            else ("http://www.opengis.net/ogc", "PropertyName"))


def _halves(values: list[str]) -> tuple[list[str], list[str]]:
    return values[:2], values[2:]


def _escaped(text: str) -> str:
    return text.replace("%", r"\%").replace("_", r"\_")


def urn(crs: Crs) -> str:
    """The name of a CRS of EPSG in WFS."""
    return f"urn:ogc:def:crs:EPSG::{crs.srid}"


def is_degrees(crs: Crs) -> bool:
    """Whether its unit is the degree."""
    return crs.srid in (4326, 4258)


@cache
def transformer(source: int, target: int) -> pyproj.Transformer:
    """Between EPSG codes, x first in both."""
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def swapped(shape: Geometry) -> Geometry:
    """With the axes the other way round."""
    return shapely.transform(shape, lambda xy: xy[:, ::-1])


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """All published attributes, each as its type has it."""
    return {name: _value(column.type, values.get(name)) for name, column in COLUMNS.items()}


def _value(type_: str, value: Any) -> Any:
    match type_, value:
        case _, None:
            return None
        case "number", _:
            return float(value)
        case "integer", _:
            return int(value)
        case "boolean", str():
            return {"true": True, "false": False}[value]
        case "date", str():
            return date.fromisoformat(value)
        case "datetime", _:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return value


def single(shape: Geometry) -> Geometry:
    """A multi geometry of one part as that part."""
    parts = shapely.get_parts(shape)
    return parts[0] if len(parts) == 1 else shape


def expected(question: Question) -> Found:
    """Of the rows, with what every row has."""
    always = {"county": "0415", "commune": TENANT, "namespace": None}
    transform = transformer(2180, question.crs.srid).transform
    area, found = question.area(), {}
    for row in ROWS:
        if (area is None or area.intersects(row["geom"])) and (
                question.condition is None or question.condition.holds(row)):
            shape = row["geom"]
            if question.crs.srid != 2180:
                shape = shapely.transform(shape, transform, interleaved=False)
            found[row["id"]] = (typed({**always, **row}), single(shape))
    return found


def clear(question: Question) -> bool:
    """No polygon only just meets the box, or only just does not."""
    area = question.area()
    if area is None:
        return True
    shapes = [row["geom"] for row in ROWS]
    wide, narrow = (shapely.intersects(area.buffer(by), shapes) for by in (EDGE_M, -EDGE_M))
    return bool((wide == narrow).all())
