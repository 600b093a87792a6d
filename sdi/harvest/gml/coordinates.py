"""Numbers of GML geometries as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from lxml import etree

from sdi.harvest.geometry import GeometryError
from sdi.harvest.gml.arcs import Coordinates
from sdi.harvest.gml.names import local
from sdi.model.text import Text

NAMESPACES = ("http://www.opengis.net/gml/3.2", "http://www.opengis.net/gml")
"""Of GML 3.2 and of GML 2 and 3.1; geometries in any other namespace are no GML."""

XLINK_HREF = "{http://www.w3.org/1999/xlink}href"


RING = Text(pl="pierścień ma co najmniej cztery punkty, ostatni taki jak pierwszy",
            en="a ring has at least four positions, the last like the first")
"""What is wrong with a ring that is none."""
METRE = {"m": 1.0, "metre": 1.0, "9001": 1.0, "km": 1000.0}
ANGLE = {"deg": math.pi / 180, "degree": math.pi / 180, "9102": math.pi / 180, "9122": math.pi / 180,
          "rad": 1.0, "9101": 1.0, "gon": math.pi / 200, "grad": math.pi / 200, "9105": math.pi / 200}
"""Units of lengths and of angles, the default first, with their factors to metres and radians."""


def floats(numbers: Iterable[str]) -> Coordinates:
    """Finite numbers, one-dimensional. Raises GeometryError."""
    try:
        values = np.array([*map(float, numbers)])
    except ValueError as error:
        what = str(error).partition(": ")[2][:60]
        raise GeometryError(Text(pl=f"to nie liczba: {what}", en=f"not a number: {what}")) from error
    if not np.isfinite(values).all():
        raise GeometryError(Text(pl="współrzędna nie jest skończona", en="a coordinate is not finite"))
    return values


def positions(numbers: list[str], dimension: int, swapped: bool) -> Coordinates:
    """Positions of two or three numbers each, shape (n, 2), x first; heights are dropped."""
    if dimension not in (2, 3):
        raise GeometryError(Text(
            pl=f"punkt ma dwie lub trzy liczby, nie {dimension}",
            en=f"a position has two or three numbers, not {dimension}"))
    coordinates = floats(numbers).reshape(-1, dimension)[:, :2]
    return coordinates[:, ::-1] if swapped else coordinates


def dimension_of(count: int, declared: int | None) -> int:
    """Two or three: as declared where that fits the count of numbers, else what fits."""
    if declared is not None and count % declared == 0:
        return declared
    fitting = [dimension for dimension in (2, 3) if count % dimension == 0]
    if not fitting:
        raise GeometryError(Text(
            pl=f"liczb jest {count}: nie tworzą ani par, ani trójek",
            en=f"{count} numbers are neither pairs nor triples"))
    return fitting[0]


def gml2_tuples(element: etree._Element) -> Iterator[list[str]]:
    """gml:coordinates: tuples with declared separators (GML 2.1 §4.3.1)."""
    decimal, between, tuples = element.get("decimal", "."), element.get("cs", ","), element.get("ts", " ")
    text = (element.text or "").strip()
    for part in text.split() if tuples.isspace() else text.split(tuples):
        numbers = part.split() if between.isspace() else part.split(between)
        yield [number.strip().replace(decimal, ".") for number in numbers]


def measure(element: etree._Element, name: str, units: dict[str, float]) -> float:
    """A radius or an angle below an arc, in metres or radians."""
    found = next((part for part in element if local(part.tag) == name), None)
    if found is None:
        raise GeometryError(Text(pl=f"{local(element.tag)} bez {name}", en=f"{local(element.tag)} without {name}"))
    unit = found.get("uom", next(iter(units))).replace("#", ":").replace("/", ":").rpartition(":")[2]
    if unit not in units:
        known = ", ".join(units)
        raise GeometryError(Text(
            pl=f"{name} w jednostce {unit[:40]!r}, której się nie czyta; znane są {known}",
            en=f"{name} in the unit {unit[:40]!r} is not read; known are {known}"))
    return float(floats([(found.text or "").strip()])[0]) * units[unit]
