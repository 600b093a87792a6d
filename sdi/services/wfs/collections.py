"""GetFeature and GetPropertyValue: what the database gives for a request, and how a collection is framed around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import quoteattr

from psycopg import sql

from sdi.services.ows.exceptions import OwsError, invalid
from sdi.services.ows.featureinfo import crs_member
from sdi.services.wfs import rows
from sdi.services.wfs.requests import FeatureRequest, Query
from sdi.services.wfs.versions import GEOMETRY, NAMESPACE, PREFIX, Version
from sdi.store.reader import COUNTED_UP_TO, Reader, Selection, text_rows
from sdi.store.selection import Condition

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_ROWS_AT_ONCE = 250
_FAR = 2**62
_NOT_XML = bytes(code for code in range(32) if code not in (9, 10, 13))
"""Characters that XML 1.0 cannot hold."""

Write = Callable[[Query], sql.Composable]
"""The text of one row of a query."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one query of a request gives on this page."""

    query: Query
    rows: list[bytes]
    matched: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """What a request gives: its parts, one for each query, in order."""

    parts: tuple[Part, ...]
    matched: int | None
    """In all pages; None where they are many and were not counted."""
    more: bool

    @property
    def returned(self) -> int:
        """On this page."""
        return sum(len(part.rows) for part in self.parts)


def read(reader: Reader, request: FeatureRequest, write: Write) -> Page:
    """The rows of a request, each written by `write`. Raises psycopg errors where the database fails."""
    if request.hits:
        parts = tuple(Part(query, [], _count(reader, query, _FAR)) for query in request.queries)
        return Page(parts, sum(part.matched or 0 for part in parts), False)
    if len(request.queries) == 1:
        part, more = _one(reader, request.queries[0], request.start, request.count, write)
        return Page((part,), part.matched, more)
    return _several(reader, request, write)


def _one(reader: Reader, query: Query, start: int, count: int, write: Write) -> tuple[Part, bool]:
    found = fetch(reader, query, write(query), count + 1, start)
    features, more = [row[0] for row in found[:count]], len(found) > count
    if not more and (features or start == 0):
        return Part(query, features, start + len(features)), more
    return Part(query, features, _count(reader, query, COUNTED_UP_TO)), more


def _several(reader: Reader, request: FeatureRequest, write: Write) -> Page:
    """Queries one after the other, as if they were one long list."""
    parts, start, left, total = [], request.start, request.count, 0
    for query in request.queries:
        matched = _count(reader, query, _FAR) or 0
        wanted = min(left, max(matched - start, 0))
        found = fetch(reader, query, write(query), wanted, start) if wanted else []
        parts.append(Part(query, [row[0] for row in found], matched))
        start, left, total = max(start - matched, 0), left - len(found), total + matched
    return Page(tuple(parts), total, request.start + request.count - left < total)


def fetch(reader: Reader, query: Query, text: sql.Composable, limit: int, start: int) -> list[tuple[Any, ...]]:
    """Rows of one query, as `text` has them."""
    table = reader.table(query.feature_type.name)
    where, values = conditions(reader, query)
    statement = rows.statement(text, table.relation, where, query.order, query.crs)
    with reader.pool.connection() as connection:
        return text_rows(connection, statement, {**values, "limit": limit, "offset": start})


def conditions(reader: Reader, query: Query) -> tuple[sql.Composed, dict[str, Any]]:
    """The conditions of a query with those of the tenant, and what they bind."""
    where, values = reader.table(query.feature_type.name).where(Selection())
    if query.where is not None:
        where = sql.SQL("{} and {}").format(where, query.where)
    return where, {**values, **query.values}


def _count(reader: Reader, query: Query, at_most: int) -> int | None:
    """How many objects a query has: as the commits counted them, or counted as far as `at_most`."""
    name = query.feature_type.name
    if query.where is None:
        return reader.count(name, Selection())
    condition = Condition(sql.Composed([query.where]), dict(query.values))
    statement, values = reader.table(name).count(Selection(conditions=(condition,)))
    with reader.pool.connection() as connection:
        row = connection.execute(statement, {**values, "limit": min(at_most, _FAR) + 1}).fetchone()
    count = int(row[0]) if row else 0
    return count if count <= at_most else None


# GML

def gml_rows(version: Version, head: str = "") -> Write:
    """Features as GML."""
    return lambda query: rows.gml_feature(
        query.feature_type, query.columns, version, query.crs, geometry=query.geometry, head=head)


def gml(request: FeatureRequest, page: Page, address: str) -> Iterator[bytes]:
    """A wfs:FeatureCollection, piece by piece; `address` is that of the service."""
    version = request.version
    member = "wfs:member" if version.number == "2.0.0" else "gml:featureMember"
    attributes = {"timeStamp": now()} | _numbers(version, page) | _links(request, page, address)
    yield _head("FeatureCollection", version, page, attributes, address)
    if version.number == "1.0.0":
        yield b"<gml:boundedBy><gml:null>unknown</gml:null></gml:boundedBy>\n"
    nested = version.number == "2.0.0" and len(page.parts) > 1
    for part in page.parts:
        if nested:  # WFS 2.0, 11.3.3.5: each query has a collection of its own
            yield (f'<wfs:member><wfs:FeatureCollection timeStamp="{attributes["timeStamp"]}" '
                   f'numberMatched="{part.matched}" numberReturned="{len(part.rows)}">\n').encode()
        yield from _members(part.rows, member)
        if nested:
            yield b"</wfs:FeatureCollection></wfs:member>\n"
    yield b"</wfs:FeatureCollection>\n"


def value_rows(request: FeatureRequest) -> Write:
    """Values of GetPropertyValue."""
    def write(query: Query) -> sql.Composable:
        if request.value == "@id":
            return sql.SQL("'{}.' || fid").format(sql.SQL(query.feature_type.name))
        if request.value == GEOMETRY:
            return rows.gml_geometry(query.feature_type, request.version, query.crs)
        return rows.gml_properties([request.value or ""])
    return write


def values(request: FeatureRequest, page: Page, address: str) -> Iterator[bytes]:
    """A wfs:ValueCollection, piece by piece."""
    attributes = {"timeStamp": now()} | _numbers(request.version, page) | _links(request, page, address)
    yield _head("ValueCollection", request.version, page, attributes, address)
    for part in page.parts:
        yield from _members(part.rows, "wfs:member")
    yield b"</wfs:ValueCollection>\n"


def single(page: Page) -> bytes | None:
    """A feature as a document of its own, or None where there is none."""
    found = [row for part in page.parts for row in part.rows]
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + found[0].translate(None, _NOT_XML) + b"\n" if found else None


def namespaces(version: Version) -> str:
    """Declarations of the prefixes that features use."""
    return f' xmlns:{PREFIX}="{NAMESPACE}" xmlns:gml="{version.gml}"'


def _members(found: list[bytes], name: str) -> Iterator[bytes]:
    begin, end = f"<{name}>".encode(), f"</{name}>\n".encode()
    for at in range(0, len(found), _ROWS_AT_ONCE):
        block = (end + begin).join(found[at : at + _ROWS_AT_ONCE])
        yield begin + block.translate(None, _NOT_XML) + end


def _head(name: str, version: Version, page: Page, attributes: dict[str, str], address: str) -> bytes:
    types = ",".join(f"{PREFIX}:{part.query.feature_type.name}" for part in page.parts)
    query = {"SERVICE": "WFS", "VERSION": version.number, "REQUEST": "DescribeFeatureType", version.types: types}
    places = f"{NAMESPACE} {address}?{urlencode(query, safe=':,')} {version.wfs} {version.schema}"
    declared = f'xmlns:wfs="{version.wfs}"{namespaces(version)} xmlns:xsi="{_XSI}"'
    if version.number == "1.0.0":
        attributes = {}
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<wfs:{name} {declared} '
            f"xsi:schemaLocation={quoteattr(places)}{written}>\n").encode()


def _numbers(version: Version, page: Page) -> dict[str, str]:
    if version.number == "1.1.0":
        hits = page.returned or page.matched or 0
        return {"numberOfFeatures": str(hits)}
    return {"numberMatched": "unknown" if page.matched is None else str(page.matched),
            "numberReturned": str(page.returned)}


def _links(request: FeatureRequest, page: Page, address: str) -> dict[str, str]:
    """Addresses of the next and the previous page (WFS 2.0, 7.7.4.4); after a count, next is the first page."""
    if request.version.number != "2.0.0" or request.single:
        return {}
    if request.hits:
        return {"next": _link(request, request.start, request.count, address)} if page.matched else {}
    links = {}
    if page.more:
        links["next"] = _link(request, request.start + page.returned, request.count, address)
    if request.start and request.count:
        before = max(request.start - request.count, 0)
        links["previous"] = _link(request, before, min(request.count, request.start), address)
    return links


def _link(request: FeatureRequest, start: int, count: int, address: str) -> str:
    kept = {key: value for key, value in request.pairs.items() if value and key not in ("MAXFEATURES", "RESULTTYPE")}
    return f"{address}?{urlencode(kept | {'COUNT': str(count), 'STARTINDEX': str(start)}, safe=':,/')}"


# GeoJSON

def geojson_rows(query: Query) -> sql.Composable:
    """Features as GeoJSON."""
    return rows.geojson_feature(query.feature_type, query.columns, query.crs, geometry=query.geometry)


def geojson(request: FeatureRequest, page: Page, address: str) -> Iterator[bytes]:
    """A FeatureCollection, x before y, that names its CRS unless it is WGS 84 (GeoJSON 2008 §3). Raises OwsError."""
    srid = one_srid(request)
    head: dict[str, Any] = {"type": "FeatureCollection", "timeStamp": now(), "numberReturned": page.returned}
    if page.matched is not None:
        head["numberMatched"] = page.matched
    if srid != 4326:
        head["crs"] = crs_member(f"EPSG:{srid}")
    links = _links(request, page, address)
    head["links"] = [{"rel": {"previous": "prev"}.get(rel, rel), "href": href, "type": "application/geo+json"}
                     for rel, href in links.items()]
    yield json.dumps(head, ensure_ascii=False).encode()[:-1] + b', "features": [\n'
    first = True
    for part in page.parts:
        for at in range(0, len(part.rows), _ROWS_AT_ONCE):
            yield (b"" if first else b",\n") + b",\n".join(part.rows[at : at + _ROWS_AT_ONCE])
            first = False
    yield b"\n]}\n"


def one_srid(request: FeatureRequest) -> int:
    """The one CRS of all queries, for formats that hold one. Raises OwsError."""
    srids = {query.crs.srid for query in request.queries} or {2180}
    if len(srids) > 1:
        raise invalid("SRSNAME", ",".join(map(str, srids)), "1")
    return srids.pop()


def now() -> str:
    """The time of an answer."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_type(request: FeatureRequest) -> OwsError | None:
    """The refusal of a format that holds one type, where several are asked for."""
    return invalid("OUTPUTFORMAT", request.output.mime, "TYPENAMES × 1") if len(request.queries) != 1 else None
