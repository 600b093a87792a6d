"""Filters that are right in parts and broken in others, as people and programs write them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from xml.sax.saxutils import escape

from sdi.services.fes.elements import COMPARISONS, SPATIAL
from sdi.services.wfs.fes import TEMPORAL

SPATIAL_NAMES = ("BBOX", "DWithin", "Beyond", "Intersect", *SPATIAL)
SCALAR_NAMES = (*COMPARISONS, "PropertyIsLike", "PropertyIsBetween", "PropertyIsNull", "PropertyIsNil", *TEMPORAL)
SIMPLE = ("Point", "LineString", "LinearRing", "Curve", "Polygon", "Surface", "Envelope", "Circle")
RIGHT = ("52.95", "18.63", "53", "19", "570000", "470000", "570050")
WRONG = ("400000,5", "nan", "inf", "-1e999", "1e300", "x", "9" * 5000, "-5", "0")
LITERALS = ("7", "-5", "1e400", "nan", "9" * 5000, "x", "true", "2025-06-01", "2025-06-01T12:30:00Z", "0001-01-01",
            "9999-12-31T23:59:59-23:59", "%_\\*.!", "<'\"&", "", "Zażółć")


def element(name: str, *inside: str, attributes: str = "") -> str:
    return f"<{name} {attributes}>{''.join(inside)}</{name}>"


class Broken:
    """Writes filters by chance over properties, the geometry first, and functions of these names."""

    def __init__(self, chance: Random, references: Sequence[str], functions: Sequence[str]) -> None:
        self.chance, self.references, self.functions = chance, references, functions

    def filter(self) -> str:
        return element("Filter", self.predicate(3), attributes=(
            'xmlns="http://www.opengis.net/fes/2.0" xmlns:gml="http://www.opengis.net/gml/3.2"'))

    def predicate(self, levels: int) -> str:
        match self.chance.randrange(8) if levels else self.chance.randrange(2, 8):
            case 0 | 1:
                parts = [self.predicate(levels - 1) for _ in range(self.chance.choice([2, 2, 2, 1, 0]))]
                return element(self.chance.choice(["And", "Or", "Not"]), *parts)
            case 2:
                return element("ResourceId", attributes=self.chance.choice(["", "rid='dzialki.1'", "rid='x'", "a='1'"]))
            case 3 | 4:
                names, inside = SCALAR_NAMES, [self.reference(), self.literal()]
            case 5:
                names, inside = ("PropertyIsBetween",), [self.reference(), *(
                    element(name, self.literal()) for name in ("LowerBoundary", "UpperBoundary"))]
            case _:
                geometry = element("ValueReference", self.references[0])
                names, inside = SPATIAL_NAMES, [geometry, self.geometry(2), self.distance()]
                inside = inside[: self.chance.choice([2, 3])]
        if not self.chance.randrange(5):
            inside = self.chance.sample([*inside, self.reference(), self.literal(), self.geometry(1)], 2)
        return element(self.chance.choice(names), *inside)

    def reference(self) -> str:
        if self.chance.randrange(5):
            return element("ValueReference", self.chance.choice(self.references))
        name = self.chance.choice(self.functions)
        return element("Function", self.reference(), attributes=f"name='{name}'")

    def literal(self) -> str:
        return element("Literal", escape(self.chance.choice(LITERALS)))

    def distance(self) -> str:
        return element("Distance", self.number(), attributes=f"uom='{self.chance.choice(['m', 'km', '', 'ft'])}'")

    def number(self) -> str:
        return self.chance.choice(WRONG if not self.chance.randrange(4) else RIGHT)

    def geometry(self, levels: int) -> str:
        if levels and not self.chance.randrange(4):
            kind = self.chance.choice(["Point", "Curve", "LineString", "Surface", "Polygon", "Geometry"])
            members = [self.geometry(levels - 1) for _ in range(self.chance.randrange(4))]
            return element(f"gml:Multi{kind}", *(element("gml:geometryMember", member) for member in members))
        name = self.chance.choice(SIMPLE)
        inside = self.positions({"Point": 1, "LineString": 2, "Envelope": 2}.get(name, 5))
        if name == "Curve":
            part = self.chance.choice(["LineStringSegment", "LineStringSegment", "Polygon", "Arc"])
            inside = element("gml:segments", element(f"gml:{part}", inside))
        if name in ("Polygon", "Surface"):
            ring = element(self.chance.choice(["gml:LinearRing", "gml:LinearRing", "gml:Ring"]), inside)
            inside = element(self.chance.choice(["gml:exterior", "gml:exterior", "gml:interior"]), ring)
        if name == "Surface":
            patch = self.chance.choice(["gml:PolygonPatch", "gml:PolygonPatch", "gml:Point"])
            inside = element("gml:patches", element(patch, inside))
        system = self.chance.choice(["", "EPSG:2180", "urn:ogc:def:crs:EPSG::4326", "EPSG:3857", "x"])
        return element(f"gml:{name}", inside, attributes=f"srsName='{system}'")

    def positions(self, count: int) -> str:
        """About so many, as one of the elements of GML that hold them; half of the time those of a square."""
        if self.chance.randrange(2):
            pairs = ["52 18", "52 19", "53 19", "53 18", "52 18"][:count]
        else:
            pairs = [f"{self.number()} {self.number()}" for _ in range(self.chance.choice([count, count, 0, 1, 5]))]
        match self.chance.randrange(4):
            case 0:
                return element("gml:posList", " ".join(pairs), attributes=self.chance.choice(
                    ["", "", "srsDimension='3'", "srsDimension='x'"]))
            case 1:
                return element("gml:coordinates", " ".join(pair.replace(" ", ",") for pair in pairs))
            case 2:
                return "".join(element("gml:coord", *(element(f"gml:{axis}", value) for axis, value in zip(
                    "XY", pair.split(), strict=True))) for pair in pairs)
        return "".join(element("gml:pos", pair) for pair in pairs)
