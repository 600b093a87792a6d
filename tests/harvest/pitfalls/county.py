"""A county's WFS as data: what it has, and how its vendor writes that down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

import pyproj

from tests.harvest.pitfalls.server import Answer, Asked
from tests.harvest.run.conftest import SOUTH, WEST

GML = {"2.0.0": "http://www.opengis.net/gml/3.2", "1.1.0": "http://www.opengis.net/gml",
       "1.0.0": "http://www.opengis.net/gml"}
WFS = {"2.0.0": "http://www.opengis.net/wfs/2.0", "1.1.0": "http://www.opengis.net/wfs",
       "1.0.0": "http://www.opengis.net/wfs"}
MAPSERVER = "http://mapserver.gis.umn.edu/mapserver"
Ring = list[tuple[float, float]]


@dataclass(frozen=True)
class Thing:
    """A parcel or a building: its fields in order, its ring in EPSG:2180 (easting, northing)."""

    fields: dict[str, str]
    ring: Ring

    def having(self, **fields: str) -> Thing:
        """The same with other fields."""
        return replace(self, fields=self.fields | fields)


def square(x: float, y: float, size: float = 10.0) -> Ring:
    """A square whose south-western corner is x, y."""
    return [(x, y), (x, y + size), (x + size, y + size), (x + size, y), (x, y)]


def parcels(count: int, x: float = WEST, y: float = SOUTH, start: int = 0) -> list[Thing]:
    """Parcels 20 m apart, fifty in a row, of commune 041501."""
    return [
        Thing({"ID_DZIALKI": f"041501_1.0001.{n}", "NUMER_DZIALKI": str(n), "DATA": "2026-01-01"},
              square(x + 20 * (n % 50), y + 20 * (n // 50)))
        for n in range(start, start + count)
    ]


def buildings(count: int) -> list[Thing]:
    """Buildings in the parcels."""
    return [Thing({"ID_BUDYNKU": f"041501_1.0001.{n}.1_BUD", "RODZAJ": "m"}, square(WEST + 20 * n + 2, SOUTH + 2, 5))
            for n in range(count)]


@dataclass(frozen=True)
class Dialect:
    """How a server writes its answers."""

    version: str = "2.0.0"
    prefix: str = "ms"
    uri: str = MAPSERVER
    geometry: str = "msGeometry"
    crs: int = 2180
    srs_name: str = 'srsName="urn:ogc:def:crs:EPSG::{crs}"'
    north_first: bool = True
    shape: str = "polygon"
    """polygon or multi (gml:MultiSurface, gml:MultiPolygon in 1.0.0)."""
    dimension: int = 2
    ids: bool = True
    encoding: str = "UTF-8"
    pad: str = ""
    """White space around values."""
    before: str = ""
    """XML in each object before its geometry."""

    def page(self, name: str, things: Iterable[Thing], matched: str = "unknown", request: int = 0) -> bytes:
        """A FeatureCollection; `request` tells gml:ids of one answer from those of another."""
        tag = f"{self.prefix}:{name}" if self.prefix else name
        member = "wfs:member" if self.version == "2.0.0" else "gml:featureMember"
        members = "".join(
            f"<{member}>{self._object(tag, thing, f'{request}.{number}')}</{member}>"
            for number, thing in enumerate(things)
        )
        own = f'xmlns:{self.prefix}="{self.uri}"' if self.prefix else ""
        counts = f'numberMatched="{matched}"' if self.version == "2.0.0" else ""
        return (
            f'<?xml version="1.0" encoding="{self.encoding}"?>\n<wfs:FeatureCollection {own} {counts}'
            f' xmlns:wfs="{WFS[self.version]}" xmlns:gml="{GML[self.version]}">{members}</wfs:FeatureCollection>'
        ).encode(self.encoding)

    def _object(self, tag: str, thing: Thing, number: str) -> str:
        colon = f"{self.prefix}:" if self.prefix else ""
        fields = "".join(f"<{colon}{name}>{self.pad}{escape(value)}{self.pad}</{colon}{name}>"
                         for name, value in thing.fields.items())
        mark = f' gml:id="{tag.rpartition(":")[2]}.fid-{number}"' if self.ids and self.version != "1.0.0" else ""
        return (f"<{tag}{mark}>{self.before}<{colon}{self.geometry}>{self.polygon(thing.ring)}</{colon}{self.geometry}>"
                f"{fields}</{tag}>")

    def polygon(self, ring: Ring) -> str:
        """The geometry of a ring."""
        to_crs = pyproj.Transformer.from_crs(2180, self.crs, always_xy=True)
        places = [to_crs.transform(x, y) for x, y in ring]
        if self.north_first:
            places = [(y, x) for x, y in places]
        name = self.srs_name.format(crs=self.crs)
        if self.version == "1.0.0":
            text = " ".join(f"{a:.9f},{b:.9f}" for a, b in places)
            boundary = "<gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>{}</gml:coordinates></gml:LinearRing>" \
                       "</gml:outerBoundaryIs>"
            multi, member = "MultiPolygon", "polygonMember"
        else:
            height = " 0" * (self.dimension - 2)
            text = " ".join(f"{a:.9f} {b:.9f}{height}" for a, b in places)
            boundary = "<gml:exterior><gml:LinearRing><gml:posList>{}</gml:posList></gml:LinearRing></gml:exterior>"
            multi, member = "MultiSurface", "surfaceMember"
            name += f' srsDimension="{self.dimension}"'
        inner = f"<gml:Polygon{{}}>{boundary.format(text)}</gml:Polygon>"
        if self.shape == "polygon":
            return inner.format(" " + name)
        return f"<gml:{multi} {name}><gml:{member}>{inner.format('')}</gml:{member}></gml:{multi}>"


def capabilities(version: str, names: Iterable[str]) -> bytes:
    """Capabilities that advertise types."""
    types = "".join(f"<FeatureType><Name>{name}</Name></FeatureType>" for name in names)
    return (f'<WFS_Capabilities xmlns="{WFS[version]}" version="{version}"><FeatureTypeList>{types}</FeatureTypeList>'
            "</WFS_Capabilities>").encode()


@dataclass
class County:
    """A WFS with good manners, but for what is said."""

    things: dict[str, list[Thing]]
    dialect: Dialect = Dialect()
    matched: Callable[[int, int], str] = lambda total, returned: "unknown"
    """numberMatched from the number of objects there are and of those returned."""
    paging: bool = True
    cap: int = 10**9
    instead: Answer | None = None
    """What GetFeature is answered with."""
    advertised: tuple[str, ...] | None = None
    requests: int = field(default=0, init=False)

    def __call__(self, asked: Asked) -> Answer:
        """The answer to a request."""
        given, dialect = asked.query, self.dialect
        if given["REQUEST"] == "GetCapabilities":
            prefix = f"{dialect.prefix}:" if dialect.prefix else ""
            return Answer(capabilities(dialect.version, self.advertised or [prefix + name for name in self.things]))
        if self.instead is not None:
            return self.instead
        self.requests += 1
        name = given.get("TYPENAMES", given.get("TYPENAME", "")).rpartition(":")[2]
        things = next(found for key, found in self.things.items() if key.rpartition(":")[2] == name)
        start = int(given.get("STARTINDEX", 0)) if self.paging else 0
        count = min(int(given.get("COUNT", given.get("MAXFEATURES", 10**9))) if self.paging else 10**9, self.cap)
        chosen = things[start:start + count]
        return Answer(dialect.page(name, chosen, self.matched(len(things), len(chosen)), self.requests))
