"""GetFeature and GetPropertyValue: how a collection of each format is framed around the rows of the database."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode
from xml.sax.saxutils import quoteattr

from psycopg import sql

from sdi.model.text import Text
from sdi.services.ows.exceptions import OwsError
from sdi.services.ows.featureinfo import crs_member
from sdi.services.wfs import rows
from sdi.services.wfs.references import IDENTIFIER
from sdi.services.wfs.requests import FeatureRequest, Query, columns_of, has_address
from sdi.services.wfs.versions import GEOMETRY, NAMESPACE, PREFIX, Version
from sdi.store import texts
from sdi.store.columns import ID, Column

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NOT_XML = bytes(code for code in range(32) if code not in (9, 10, 13))
"""Characters that XML 1.0 cannot hold."""
_MEMBER = re.compile(rb'<wfs:member><[a-z0-9_:]+ gml:id="([^"]+)">.*?</wfs:member>', re.DOTALL)
_CRLF = b"\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """What one query of a request gives on this page."""

    query: Query
    returned: int
    matched: int | None
    start: int = 0
    """Where among its own objects the page begins."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a request gives: its parts, one for each query, in order."""

    parts: tuple[Part, ...]
    more: bool

    @property
    def matched(self) -> int | None:
        """In all pages; None where they are many and were not counted."""
        counts = [part.matched for part in self.parts if part.matched is not None]
        return sum(counts) if len(counts) == len(self.parts) else None

    @property
    def returned(self) -> int:
        """On this page."""
        return sum(part.returned for part in self.parts)


@dataclass(frozen=True)
class Frame:
    """What a format makes of rows, and what it writes around them."""

    request: FeatureRequest
    address: str
    """Of the service."""
    between: ClassVar[bytes] = b""
    tells_numbers: ClassVar[bool] = True
    """How many objects there are stands before them."""

    def text(self, query: Query) -> sql.Composable:
        """The text of one row."""
        raise NotImplementedError

    def clean(self, found: list[bytes]) -> list[bytes]:
        """Texts as this format can hold them."""
        return found

    def part(self, part: Part) -> tuple[bytes, bytes]:
        """What stands around the rows of each query."""
        return b"", b""

    def around(self, page: Page) -> tuple[bytes, bytes]:
        """What stands around all rows."""
        raise NotImplementedError


class _Xml(Frame):
    """Rows that are XML."""

    def clean(self, found: list[bytes]) -> list[bytes]:
        """Without characters that XML cannot hold."""
        return [text.translate(None, _NOT_XML) for text in found]


class Single(_Xml):
    """A feature as a document of its own."""

    tells_numbers = False

    def text(self, query: Query) -> sql.Composable:
        """GML with the declarations of its prefixes."""
        return _gml(query, self.request.version, _namespaces(self.request.version))

    def around(self, page: Page) -> tuple[bytes, bytes]:
        """As every XML document."""
        return b'<?xml version="1.0" encoding="UTF-8"?>\n', b"\n"


class Gml(_Xml):
    """A wfs:FeatureCollection."""

    between = b"</gml:featureMember>\n<gml:featureMember>"
    element = "FeatureCollection"

    def text(self, query: Query) -> sql.Composable:
        """A feature."""
        return _gml(query, self.request.version)

    def around(self, page: Page) -> tuple[bytes, bytes]:
        """The collection, and the first and last tags of its members."""
        close, _, start = self.between.partition(b"\n")
        head = self._head(page)
        if self.request.version.number == "1.0.0":
            head += b"<gml:boundedBy><gml:null>unknown</gml:null></gml:boundedBy>\n"
        end = f"</wfs:{self.element}>\n".encode()
        return (head + start, close + b"\n" + end) if page.returned or self.nested(page) else (head, end)

    def nested(self, page: Page) -> bool:
        """Whether each query has a collection of its own, also where it is empty."""
        return False

    def _head(self, page: Page) -> bytes:
        version = self.request.version
        types = ",".join(dict.fromkeys(f"{PREFIX}:{part.query.feature_type.name}" for part in page.parts))
        query = {"SERVICE": "WFS", "VERSION": version.number, "REQUEST": "DescribeFeatureType", version.types: types}
        places = f"{NAMESPACE} {self.address}?{urlencode(query, safe=':,')} {version.wfs} {version.schema}"
        declared = f'xmlns:wfs="{version.wfs}"{_namespaces(version)} xmlns:xsi="{_XSI}"'
        written = "".join(f" {key}={quoteattr(value)}" for key, value in self._attributes(page).items())
        return (f'<?xml version="1.0" encoding="UTF-8"?>\n<wfs:{self.element} {declared} '
                f"xsi:schemaLocation={quoteattr(places)}{written}>\n").encode()

    def _attributes(self, page: Page) -> dict[str, str]:
        return {"timeStamp": _now(),
                "numberOfFeatures": str(page.matched if self.request.hits else page.returned)}


class Gml10(Gml):
    """Of WFS 1.0.0, which tells no numbers."""

    tells_numbers = False

    def _attributes(self, page: Page) -> dict[str, str]:
        return {}


class Gml20(Gml):
    """Of WFS 2.0.0, which tells all numbers and where other pages are."""

    between = b"</wfs:member>\n<wfs:member>"

    def part(self, part: Part) -> tuple[bytes, bytes]:
        """A collection for each of several queries (WFS 2.0, 11.3.3.5)."""
        if len(self.request.queries) == 1:
            return b"", b""
        close, _, start = self.between.partition(b"\n")
        head = (f'<wfs:FeatureCollection timeStamp="{_now()}" numberMatched="{part.matched}" '
                f'numberReturned="{part.returned}">\n').encode()
        end = b"</wfs:FeatureCollection>"
        return (head + start, close + b"\n" + end) if part.returned else (head, end)

    def nested(self, page: Page) -> bool:
        """Each of several queries."""
        return len(page.parts) > 1 and not self.request.hits

    def _attributes(self, page: Page) -> dict[str, str]:
        return {"timeStamp": _now(), "numberMatched": "unknown" if page.matched is None else str(page.matched),
                "numberReturned": str(page.returned)} | _links(self.request, page, self.address)


@dataclass(frozen=True)
class Gml20Once(Gml20):
    """Of several queries of one type: a feature that more than one finds is written once, and then referred to.

    WFS 2.0, 11.3.3.5. An identifier can stand in a document once only.
    """

    between = b"\n"
    written: set[bytes] = field(default_factory=set)

    def text(self, query: Query) -> sql.Composable:
        """A member, since the reference is an attribute of it."""
        return sql.SQL("'<wfs:member>' || {} || '</wfs:member>'").format(super().text(query))

    def part(self, part: Part) -> tuple[bytes, bytes]:
        """A member that holds the collection of a query."""
        head, end = super().part(part)
        return b"<wfs:member>" + head, end + b"</wfs:member>"

    def clean(self, found: list[bytes]) -> list[bytes]:
        """With references instead of features that are there already."""
        return [_MEMBER.sub(self._once, text) for text in super().clean(found)]

    def _once(self, member: re.Match[bytes]) -> bytes:
        if member[1] in self.written:
            return b'<wfs:member xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="#%s"/>' % member[1]
        self.written.add(member[1])
        return member[0]


class Values(Gml20):
    """A wfs:ValueCollection."""

    element = "ValueCollection"

    def text(self, query: Query) -> sql.Composable:
        """The property of a feature."""
        if self.request.value == IDENTIFIER:
            return sql.SQL("'{}.' || fid").format(sql.SQL(query.feature_type.name))
        if self.request.value == GEOMETRY:
            return rows.gml_geometry(query.feature_type, self.request.version, query.crs)
        return rows.gml_properties([self.request.value or ""])

    def part(self, part: Part) -> tuple[bytes, bytes]:
        """Values follow each other, whichever query they are of."""
        return b"", b""

    def nested(self, page: Page) -> bool:
        """No."""
        return False


class GeoJson(Frame):
    """A FeatureCollection, x before y, that names its CRS unless it is WGS 84 (GeoJSON 2008 §3)."""

    between = b",\n"

    def text(self, query: Query) -> sql.Composable:
        """A feature."""
        return rows.geojson_feature(query.feature_type, query.columns, query.crs, geometry=query.geometry)

    def around(self, page: Page) -> tuple[bytes, bytes]:
        """The other members of the collection."""
        srid = one_srid(self.request)
        head: dict[str, Any] = {"type": "FeatureCollection", "timeStamp": _now(), "numberReturned": page.returned}
        if page.matched is not None:
            head["numberMatched"] = page.matched
        if srid != 4326:
            head["crs"] = crs_member(f"EPSG:{srid}")
        head["links"] = [
            {"rel": {"previous": "prev"}.get(rel, rel), "href": href, "type": "application/geo+json"}
            for rel, href in _links(self.request, page, self.address).items()]
        return json.dumps(head, ensure_ascii=False).encode()[:-1] + b', "features": [\n', b"\n]}\n"


class Csv(Frame):
    """Lines as OGC API writes them: the identifier, the columns, the geometry as WKT, x before y."""

    between = _CRLF
    tells_numbers = False

    def text(self, query: Query) -> sql.Composable:
        """A line."""
        return texts.csv(_shown(query), replace(query.crs, flipped=False), geometry=query.geometry)

    def around(self, page: Page) -> tuple[bytes, bytes]:
        """The names of the columns."""
        query = self.request.queries[0]
        header = texts.csv_header(_shown(query), geometry=query.geometry)
        return header + _CRLF, _CRLF if page.returned else b""


def _shown(query: Query) -> list[Column]:
    """Columns of a line beside the identifier."""
    columns = columns_of(query.feature_type)
    return [columns[name] for name in query.columns if name != ID.name]


def frame_of(request: FeatureRequest, address: str) -> Frame:
    """The frame of a text format; `address` is that of the service. Raises OwsError."""
    if request.value is not None:
        return Values(request, address)
    if request.single:
        return Single(request, address)
    if request.output.name == "gml" or request.hits:
        repeated = len({query.feature_type.name for query in request.queries}) < len(request.queries)
        by_version = {"1.0.0": Gml10, "1.1.0": Gml, "2.0.0": Gml20Once if repeated and not request.hits else Gml20}
        return by_version[request.version.number](request, address)
    one_srid(request)
    if request.output.name == "geojson":
        return GeoJson(request, address)
    if len(request.queries) != 1:
        raise OwsError("InvalidParameterValue", Text(
            pl=f"Plik {request.output.mime} mieści jedno zapytanie o jeden typ obiektów, a w żądaniu jest ich "
               f"{len(request.queries)}",
            en=f"A file of {request.output.mime} holds one query of one feature type; this request has "
               f"{len(request.queries)}"), "outputformat")
    return Csv(request, address)


def one_srid(request: FeatureRequest) -> int:
    """The one CRS of all queries, for formats that hold one. Raises OwsError."""
    srids = {query.crs.srid for query in request.queries} or {2180}
    if len(srids) > 1:
        named = ", ".join(f"EPSG:{srid}" for srid in sorted(srids))
        raise OwsError("InvalidParameterValue", Text(
            pl=f"{request.output.mime} ma jeden układ współrzędnych; zapytania podają {named}",
            en=f"{request.output.mime} has one coordinate reference system; the queries name {named}"), "srsname")
    return srids.pop()


def _gml(query: Query, version: Version, head: str = "") -> sql.Composable:
    return rows.gml_feature(query.feature_type, query.columns, version, query.crs, geometry=query.geometry, head=head)


def _namespaces(version: Version) -> str:
    """Declarations of the prefixes that features use."""
    return f' xmlns:{PREFIX}="{NAMESPACE}" xmlns:gml="{version.gml}"'


def _links(request: FeatureRequest, page: Page, address: str) -> dict[str, str]:
    """Addresses of the next and the previous page (WFS 2.0, 7.7.4.4); after a count, next is the first page."""
    if request.version.number != "2.0.0" or not request.count or not has_address(request.pairs):
        return {}
    if request.hits:
        return {"next": _link(request, request.start, request.count, address)} if page.matched else {}
    links = {}
    if page.more:
        links["next"] = _link(request, request.start + page.returned, request.count, address)
    if request.start:
        before = max(request.start - request.count, 0)
        links["previous"] = _link(request, before, min(request.count, request.start), address)
    return links


def _link(request: FeatureRequest, start: int, count: int, address: str) -> str:
    kept = {key: value for key, value in request.pairs.items() if value and key not in ("MAXFEATURES", "RESULTTYPE")}
    return f"{address}?{urlencode(kept | {'COUNT': str(count), 'STARTINDEX': str(start)}, safe=':,/')}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
