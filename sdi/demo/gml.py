"""Writes GUGiK exchange files (GML 3.2.1, schemas of 2021), one object at a time.

Positions are whole centimetres of EPSG:2177 as (easting, northing); the file has them in metres, northing first, as
the authority defines the CRS. A reference is the bare gml:id of its target without `#`, as programs in use write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape

from sdi.demo.chance import Entity
from sdi.demo.units import SRID

Point = tuple[int, int]
"""Easting and northing in centimetres."""
Property = tuple[str, str] | tuple[str, str, str]
"""Name, content as XML, attributes as XML."""

NUMBERLESS = re.compile('gml:id=""')
"""Geometries get their gml:id when they are written: it must be the only one in the file."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One of the three exchange schemas."""

    prefix: str
    class_prefix: str
    namespace: str
    xsd: str


EGIB = Schema("egb", "EGB", "ewidencjaGruntowIBudynkow:1.0", "EGIB.XSD")
GESUT = Schema("ges", "GES", "geodezyjnaEwidencjaSieciUzbrojeniaTerenu:1.0", "GESUT.XSD")
BDOT500 = Schema("ot", "OT", "bazaDanychObiektowTopograficznych500:1.0", "BDOT500.XSD")


@contextmanager
def gml_file(path: Path, schema: Schema, dataset: str) -> Iterator[GmlFile]:
    """Write a delivery to `path`; the file appears whole or not at all. `dataset` is przestrzenNazw."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as stream:
        file = GmlFile(stream, schema, dataset)
        stream.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<gml:FeatureCollection gml:id="delivery" xmlns:gml="http://www.opengis.net/gml/3.2" '
            'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xmlns:{schema.prefix}="{schema.namespace}" xsi:schemaLocation="http://www.opengis.net/gml/3.2 '
            f'http://schemas.opengis.net/gml/3.2.1/gml.xsd {schema.namespace} {schema.xsd}">\n'
        )
        yield file
        stream.write("</gml:FeatureCollection>\n")
    part.replace(path)


@dataclass(slots=True)
class GmlFile:
    """An open delivery."""

    stream: TextIO
    schema: Schema
    dataset: str
    objects: dict[str, int] = field(default_factory=dict)
    """Objects written so far by class, versions of one object counted singly."""
    _geometries: int = 0

    def gml_id(self, entity: Entity, version: str | None = None) -> str:
        """The gml:id of a version (default: the current one): PL.PZGiK.4152.EGiB_<lokalnyId>_<wersjaId>."""
        return f"{self.dataset}_{entity.draw.uuid}_{(version or entity.version).replace(':', '-')}"

    def add(self, class_name: str, entity: Entity, properties: Sequence[Property]) -> None:
        """Write an object, after its former version where it has one; nothing if it is not `present`.

        `class_name` is without the prefix of the schema; `properties` follow those of the life cycle.
        """
        if not entity.present:
            return
        if entity.two_versions:
            self._version(class_name, entity, entity.started, entity.version, properties)
        self._version(class_name, entity, entity.version, None, properties)

    def _version(self, class_name: str, entity: Entity, version: str, ended: str | None,
                 properties: Sequence[Property]) -> None:
        p, name = self.schema.prefix, f"{self.schema.prefix}:{self.schema.class_prefix}_{class_name}"
        identifier = f"{p}:{self.schema.class_prefix}_IdentyfikatorIIP"
        body = NUMBERLESS.sub(self._numbered, "".join(
            f"<{p}:{item[0]}{' ' + item[2] if len(item) > 2 else ''}>{item[1]}</{p}:{item[0]}>\n" for item in properties
        ))
        end = f"<{p}:koniecWersjaObiekt>{ended}</{p}:koniecWersjaObiekt>\n" if ended else ""
        self.stream.write(
            f'<gml:featureMember>\n<{name} gml:id="{self.gml_id(entity, version)}">\n'
            f"<{p}:idIIP><{identifier}><{p}:lokalnyId>{entity.draw.uuid}</{p}:lokalnyId>"
            f"<{p}:przestrzenNazw>{self.dataset}</{p}:przestrzenNazw>"
            f"<{p}:wersjaId>{version}</{p}:wersjaId></{identifier}></{p}:idIIP>\n"
            f"<{p}:startObiekt>{entity.started}</{p}:startObiekt>\n"
            f"<{p}:startWersjaObiekt>{version}</{p}:startWersjaObiekt>\n{end}{body}</{name}>\n</gml:featureMember>\n"
        )
        self.objects[class_name] = self.objects.get(class_name, 0) + 1

    def _numbered(self, _: re.Match[str]) -> str:
        self._geometries += 1
        return f'gml:id="G{self._geometries}"'


def point(point: Point) -> str:
    """gml:Point."""
    return f"{_head('Point')}<gml:pos>{positions([point])}</gml:pos></gml:Point>"


def polygon(ring: Sequence[Point]) -> str:
    """gml:Polygon of an outer ring, given with each corner once."""
    return (f"{_head('Polygon')}<gml:exterior><gml:LinearRing><gml:posList>{positions([*ring, ring[0]])}"
            "</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>")


def multi_surface(ring: Sequence[Point]) -> str:
    """gml:MultiSurface of one polygon."""
    return f"{_head('MultiSurface')}<gml:surfaceMember>{polygon(ring)}</gml:surfaceMember></gml:MultiSurface>"


def curve(line: Sequence[Point]) -> str:
    """gml:Curve of straight segments."""
    return (f"{_head('Curve')}<gml:segments><gml:LineStringSegment><gml:posList>{positions(line)}"
            "</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve>")


def multi_curve(lines: Iterable[Sequence[Point]]) -> str:
    """gml:MultiCurve; each of its curves has a gml:id, as the schema asks."""
    members = "".join(f"<gml:curveMember>{curve(line)}</gml:curveMember>" for line in lines)
    return f"{_head('MultiCurve')}{members}</gml:MultiCurve>"


def _head(name: str) -> str:
    return f'<gml:{name} gml:id="" srsName="urn:ogc:def:crs:EPSG::{SRID}" srsDimension="2">'


def positions(points: Iterable[Point]) -> str:
    """A coordinate list in metres with two decimals, northing first."""
    return " ".join(f"{n // 100}.{n % 100:02d} {e // 100}.{e % 100:02d}" for e, n in points)


def text(name: str, value: object) -> Property:
    """A property with a plain value."""
    return name, escape(str(value))


def measure(name: str, value: str, unit: str) -> Property:
    """A property with a unit of measure."""
    return name, value, f'uom="{unit}"'


def reference(name: str, gml_id: str) -> Property:
    """A property that points to another object."""
    return name, "", f'xlink:href="{gml_id}"'
