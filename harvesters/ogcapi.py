"""Collections of an OGC API - Features (OGC 17-069r4), page by page, such as those of another node like this one.

An object of a node like this one is taken over as it stands there: identifier, namespace, version and its start are
those of the origin, so that the copy equals it (but for what is not published: the start of the object itself, and
geometries beside the main one). Of other servers, properties are found as in files of kind `vector`.

A node publishes all that a tenant has: harvest a county from the tenant of the county, or from the region's with
`extra: {county: "0415"}`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple
from urllib.parse import urljoin

import httpx
import shapely
from pydantic import BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from sdi.errors import SourceError
from sdi.harvest.contract import Delivery, Issue, Job, Read, Unit
from sdi.harvest.deliveries import Url
from sdi.harvest.flat import IDENTITY, FlatReader, match_columns
from sdi.harvest.geometry import GeometryError
from sdi.harvest.http import Client, shown
from sdi.harvest.srs import Srs, UnknownSrs, parse_srs
from sdi.harvest.texts import Problem
from sdi.harvest.tls import context
from sdi.harvest.unpack import Limits
from sdi.model.text import Text

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_OURS = frozenset(IDENTITY[1:])
"""Properties that mark an object of a node like this one; its `id` is a member of its own in GeoJSON."""
ACCEPT = "application/geo+json, application/json;q=0.9"
_NO_FEATURE = Text(pl="to nie obiekt GeoJSON", en="not a GeoJSON feature")


class OgcApiParameters(BaseModel):
    """The `parameters` of a source of kind `ogcapi`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url
    """The landing page, or the address of the collections."""
    collections: dict[str, str] = Field(default_factory=dict)
    """Identifiers of collections by our feature type, where they differ from its name."""
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Objects asked for at once; a server may give fewer."""
    crs: Annotated[int, Field(ge=1024, le=32767)] = 2180
    """EPSG code asked for (Part 2); of a collection that does not list it, CRS84 is taken."""
    extra: dict[str, str] = Field(default_factory=dict)
    """Further parameters of every request for objects (county=0415, bbox=…)."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further HTTP headers (Authorization)."""
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Longest silence of the server."""
    max_features: Annotated[int, Field(ge=1)] = 5_000_000
    """More objects in one collection are taken for paging gone wrong."""
    max_page_mb: Annotated[int, Field(gt=0)] = 200
    """Most that one page may hold, in MB; a page is read in one piece."""


@dataclass(frozen=True, slots=True)
class _Collection:
    """What must be known of a collection before its pages."""

    items: str
    """Address of the first page."""
    crs: str
    """URI of the CRS of its coordinates as asked for."""
    state: str
    """Changes when the collection's description or the number of its objects does."""


class _Page(NamedTuple):
    features: list[Any]
    matched: int | None
    next: str | None


class Harvester:
    """One unit per page; see sdi.harvest.contract.Harvester."""

    Parameters: ClassVar[type[BaseModel]] = OgcApiParameters
    version: ClassVar[str] = "1"

    def __init__(self, job: Job, parameters: OgcApiParameters) -> None:
        self._job, self._parameters = job, parameters
        self._client = Client({"Accept": ACCEPT, **parameters.headers}, parameters.timeout_s,
                              trust=context(job.source.tls, job.home),
                              limits=Limits(parameters.max_page_mb << 20, max_ratio=1000))
        self._types = {feature_type.name: feature_type for feature_type in job.feature_types}

    def gather(self) -> Generator[Unit, Delivery, None]:
        """The pages of every owned feature type, after the server has been asked what it has."""
        unknown = [name for name in self._parameters.collections if name not in self._types]
        if unknown:
            raise SourceError(Text(
                pl=f"`collections` wymienia {', '.join(unknown)}, czego źródło nie dostarcza",
                en=f"`collections` names {', '.join(unknown)}, which the source does not"
                   " deliver").at(shown(self._parameters.url)))
        address, described = self._described()
        found = {name: self._collection(name, address, described) for name in self._types}
        for name, collection in found.items():
            yield from self._pages(name, collection)

    def fetch(self, unit: Unit, into: Path) -> None:
        """Download one page; whatever is no page of features is an error."""
        self._client.save(unit.request["url"], into)
        self._page(into, unit)

    def read(self, delivery: Delivery) -> Iterator[Read]:
        """All objects of a page, in order."""
        unit = delivery.unit
        feature_type = self._types[unit.id.partition("/")[0]]
        srs = parse_srs(unit.request["crs"])
        readers: dict[tuple[str, ...], FlatReader] = {}
        counts: dict[tuple[str, ...], int] = {}
        for number, given in enumerate(self._page(delivery.path, unit).features, 1):
            position = f"{unit.id} {number}"
            if not isinstance(given, dict) or not isinstance(given.get("properties") or {}, dict):
                yield Issue("quarantined", "unreadable-object", _NO_FEATURE, feature_type.name, position=position)
                continue
            values: dict[str, Any] = given.get("properties") or {}
            if values.keys() >= _OURS:
                values = {**values, "id": given.get("id")}
            names = tuple(values)
            if names not in readers:
                register = self._job.registers[feature_type.register_id]
                readers[names] = FlatReader(feature_type, register,
                                            match_columns(names, feature_type, register, {}))
            counts[names] = counts.get(names, 0) + 1
            yield from _object(readers[names], values, given, srs, position)
        for names, reader in readers.items():
            yield from reader.issues(unit.id, counts[names])

    def _described(self) -> tuple[str, dict[str, Any]]:
        """Address and contents of the list of collections."""
        address = self._parameters.url
        for _ in range(2):
            document = self._document(address)
            if isinstance(document.get("collections"), list):
                return address, document
            address = _link(document, address, "data", "http://www.opengis.net/def/rel/ogc/1.0/data") or ""
            if not address:
                break
            self._check_origin(address)
        raise SourceError(Text(
            pl="to ani strona główna OGC API - Features, ani jej kolekcje; popraw `url`",
            en="neither the landing page of an OGC API - Features nor its collections; correct"
               " `url`").at(shown(self._parameters.url)))

    def _collection(self, name: str, address: str, described: Mapping[str, Any]) -> _Collection:
        """The collection of a feature type. Raises SourceError with what there is instead."""
        wanted = self._parameters.collections.get(name, name)
        there = {str(c.get("id")): c for c in described["collections"] if isinstance(c, dict)}
        if wanted not in there:
            raise SourceError(Text(
                pl=f"nie ma kolekcji {wanted!r} dla {name}; są: {', '.join(there) or 'żadne'}; ustaw"
                   f" collections.{name} albo `delivers`",
                en=f"no collection {wanted!r} for {name}; there are: {', '.join(there) or 'none'}; set"
                   f" collections.{name}, or `delivers`").at(shown(address)))
        given = there[wanted]
        items = _link(given, address, "items") or f"{address.partition('?')[0].rstrip('/')}/{wanted}/items"
        self._check_origin(items)
        listed = [crs for crs in given.get("crs") or () if isinstance(crs, str)]
        if "#/crs" in listed:
            listed += [crs for crs in described.get("crs") or () if isinstance(crs, str)]
        crs = next((uri for uri in listed if _is_epsg(uri, self._parameters.crs)), CRS84)
        asked = {**self._parameters.extra, **({"crs": crs} if crs != CRS84 else {})}
        url = str(httpx.URL(items).copy_merge_params(asked))
        probe = self._document(str(httpx.URL(url).copy_set_param("limit", "1")))
        state = hashlib.sha256(json.dumps([given, probe.get("numberMatched")], sort_keys=True).encode()).hexdigest()
        first = str(httpx.URL(url).copy_set_param("limit", str(self._parameters.limit)))
        return _Collection(first, crs, state)

    def _pages(self, name: str, collection: _Collection) -> Generator[Unit, Delivery, None]:
        """The pages of one collection; ends only when all objects are there, else SourceError."""
        url: str | None = collection.items
        seen: set[str] = set()
        matched: int | None = None
        objects = 0
        while url is not None:
            if url in seen:
                raise SourceError(Text(
                    pl="odsyłacz do następnej strony prowadzi z powrotem; powiadom operatora serwera",
                    en="the link to the next page leads back; tell the server's operator").at(shown(url)))
            seen.add(url)
            unit = Unit(f"{name}/{len(seen):06d}", shown(url), {"url": url, "crs": collection.crs}, collection.state)
            page = self._page((yield unit).path, unit)
            if page.matched is not None and matched not in (None, page.matched):
                raise SourceError(Text(
                    pl=f"zapowiedziano obiektów {page.matched}, przedtem {matched}: zmieniły się w trakcie; pobierz"
                       " ponownie",
                    en=f"{page.matched} objects are announced, {matched} were before: they changed meanwhile; harvest"
                       " again").at(unit.origin))
            objects, matched, url = objects + len(page.features), page.matched, page.next
            if objects > self._parameters.max_features:
                raise SourceError(Text(
                    pl=f"więcej niż {self._parameters.max_features} obiektów; jeśli tyle ich jest, podnieś"
                       " max_features",
                    en=f"more than {self._parameters.max_features} objects; if there are so many, raise"
                       " max_features").at(unit.origin))
        if matched is not None and objects != matched:
            raise SourceError(Text(
                pl=f"przyszło obiektów {objects}, zapowiedziano {matched}; pobierz ponownie, a jeśli to nie minie, z"
                   " mniejszym limit",
                en=f"{objects} objects came, {matched} are announced; harvest again, with a smaller limit if this"
                   " stays").at(shown(collection.items)))

    def _page(self, path: Path, unit: Unit) -> _Page:
        """A page as it lies in a file. Raises SourceError for anything else."""
        if path.stat().st_size > self._parameters.max_page_mb << 20:
            raise SourceError(Text(
                pl=f"strona większa niż {self._parameters.max_page_mb} MB; ustaw mniejszy limit albo podnieś"
                   " max_page_mb",
                en=f"a page of more than {self._parameters.max_page_mb} MB; set a smaller limit, or raise"
                   " max_page_mb").at(unit.origin))
        document = _parsed(path.read_bytes(), unit.origin)
        features, matched = document.get("features"), document.get("numberMatched")
        if document.get("type") != "FeatureCollection" or not isinstance(features, list):
            raise SourceError(Text(
                pl=f"to nie strona obiektów, lecz: {str(document)[:300]}",
                en=f"no page of features but: {str(document)[:300]}").at(unit.origin))
        following = _link(document, unit.request["url"], "next")
        if following is not None:
            self._check_origin(following)
        return _Page(features, matched if isinstance(matched, int) else None, following)

    def _document(self, url: str) -> dict[str, Any]:
        return _parsed(self._client.get(url), shown(url))

    def _check_origin(self, address: str) -> None:
        """Raises SourceError for an address of another server: our headers, and our trust, are for the declared one."""
        if _origin(address) != _origin(self._parameters.url):
            raise SourceError(Text(
                pl=f"odsyła do {shown(address)}, innego serwera; zadeklaruj adres, którego używa sam serwer",
                en=f"it links to {shown(address)}, another server; declare the address that the server itself"
                   " uses").at(shown(self._parameters.url)))


def _object(reader: FlatReader, values: dict[str, Any], given: dict[str, Any], srs: Srs, position: str
            ) -> Iterator[Read]:
    feature, problems = reader.read(values, position)
    if not reader.columns.ours and reader.feature_type.key is None:
        feature.id = None if given.get("id") is None else str(given["id"])
    try:
        feature.geometry, feature.srid = _geometry(given.get("geometry"), srs), srs.srid
    except GeometryError as error:
        yield reader.issue(feature, "quarantined", Problem("unreadable-geometry", error.text, "geom"), values)
        return
    for problem in problems:
        yield reader.issue(feature, "warning", problem, values)
    yield feature


def _geometry(given: Any, srs: Srs) -> BaseGeometry | None:
    """A GeoJSON geometry, x first. Raises GeometryError."""
    if given is None:
        return None
    try:
        geometry = shapely.from_geojson(json.dumps(given))
    except (shapely.errors.ShapelyError, ValueError) as error:
        said = str(error)[:200]
        raise GeometryError(Text(
            pl=f"to nie geometria GeoJSON: {said}", en=f"not a GeoJSON geometry: {said}")) from error
    geometry = shapely.force_2d(geometry)
    return shapely.transform(geometry, lambda xy: xy[:, ::-1]) if srs.swapped else geometry


def _parsed(body: bytes, place: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        said = " ".join(body[:200].decode("utf-8", "replace").split())
        raise SourceError(Text(
            pl=f"to nie JSON ({error}), lecz: {said}",
            en=f"no JSON ({error}) but: {said}").at(place)) from error
    if not isinstance(document, dict):
        raise SourceError(Text(
            pl=f"to nie obiekt JSON, lecz: {str(document)[:200]}",
            en=f"no JSON object but: {str(document)[:200]}").at(place))
    return document


def _link(document: Mapping[str, Any], address: str, *relations: str) -> str | None:
    """The target of the first link with one of the relations, one to JSON before one to anything else."""
    links = document.get("links")
    found = [link for link in links if isinstance(link, dict) and link.get("rel") in relations
             and isinstance(link.get("href"), str)] if isinstance(links, list) else []
    found.sort(key=lambda link: "json" not in str(link.get("type", "json")))
    return urljoin(address, found[0]["href"]) if found else None


def _origin(address: str) -> tuple[str, str, int | None]:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return "", "", None
    return url.scheme, url.host, url.port


def _is_epsg(uri: str, code: int) -> bool:
    try:
        return uri != CRS84 and parse_srs(uri).srid == code
    except UnknownSrs:
        return False
