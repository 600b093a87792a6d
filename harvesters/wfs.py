"""A county WFS (EGiB `dzialki`, `budynki` …), versions 2.0.0, 1.1.0 and 1.0.0, page by page."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from lxml import etree
from pydantic import BaseModel, ConfigDict, Field, field_validator

from sdi.errors import SourceError
from sdi.harvest.contract import Delivery, Job, Read, Unit
from sdi.harvest.gml.document import SAFE, Document, exception_text
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.names import local
from sdi.harvest.gml.reader import TypeChooser, read_document
from sdi.harvest.http import Client, shown
from sdi.harvest.srs import Axis
from sdi.harvest.tls import context
from sdi.harvest.unpack import Limits, plain_or_gzip
from sdi.harvest.values import BadValue
from sdi.model.register import FeatureType
from sdi.model.text import Text

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
OURS = ("service", "request", "version")
"""Parameters of a request that come with a copied address of the capabilities, and would stand in every request."""


class WfsType(BaseModel):
    """How a server names one feature type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type_name: str | None = None
    """As the server advertises it, `ms:dzialki` (default: the advertised type with a name the register knows)."""
    geometry: str | None = None
    """Local name of the geometry element (default: the first that holds a GML geometry)."""


class WfsParameters(BaseModel):
    """The `parameters` of a source of kind `wfs`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url
    """The address without the parameters of a request; its own (map=…) may stand in it."""
    version: Literal["2.0.0", "1.1.0", "1.0.0"] = "2.0.0"
    types: dict[str, WfsType] = Field(default_factory=dict)
    """Names by our feature type, where the server's differ."""
    crs: Annotated[int, Field(ge=1024, le=32767)] = 2180
    """EPSG code asked for; also meant where the answer names none."""
    axis: Axis | None = None
    """Order of the coordinates in the answer.

    Default: by the authority, as asked for, also where the answer says `EPSG:n` (MapServer does so in 1.1.0); xy in
    WFS 1.0.0 and where the answer says `epsg.xml#n` or CRS84.
    """
    page_size: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Objects asked for at once."""
    paging: Literal["startindex", "none"] = "startindex"
    """`none` asks for everything at once."""
    max_features: Annotated[int, Field(ge=1)] = 5_000_000
    """More objects of one type are taken for paging gone wrong."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further HTTP headers (User-Agent, Authorization)."""
    namespaces: dict[str, str] = Field(default_factory=dict)
    """Prefixes of type names by which the server wants their URIs told."""
    extra: dict[str, str] = Field(default_factory=dict)
    """Further parameters of every request (map=…, sortBy=…)."""
    timeout_s: Annotated[float, Field(gt=0)] = 300.0
    """Longest silence of the server."""
    max_page_mb: Annotated[int, Field(gt=0)] = 10_000
    """Most that one page may hold, in MB."""
    max_ratio: Annotated[float, Field(gt=1)] = 300.0
    """Most bytes that one byte of a packed answer may unpack to."""
    encoding: str | None = None
    """Encoding of the answers of a server that says a wrong one (windows-1250, iso-8859-2)."""

    @field_validator("url")
    @classmethod
    def _asks_nothing(cls, value: str) -> str:
        address, _, given = value.partition("?")
        names = [part.partition("=")[0] for part in given.split("&")]
        if not (wrong := [name for name in names if name.lower() in OURS]):
            return value
        kept = "&".join(part for name, part in zip(names, given.split("&"), strict=True) if name not in wrong)
        right = address + (f"?{kept}" if kept else "")
        raise BadValue(Text(
            pl=f"adres podaje {', '.join(wrong)}, o czym decyduje pobieranie; wpisz {right}",
            en=f"the address says {', '.join(wrong)}, which harvesting decides; write {right}"))

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            return None if value is None else codecs.lookup(value).name
        except LookupError as error:
            raise ValueError(f"no such encoding: {value!r}") from error


@dataclass(slots=True)
class _Page:
    """What paging needs to know of one answer."""

    objects: int
    matched: int | None
    """numberMatched of WFS 2.0; None for "unknown" and for versions without it."""
    identities: list[int]
    """Of each object a hash of its key and its coordinates: what does not change from answer to answer."""


@dataclass(slots=True)
class _Progress:
    """Pages of one feature type so far."""

    pages: int = 0
    objects: int = 0
    largest: int = 0
    matched: int | None = None
    different: set[int] = field(default_factory=set)
    lied: bool = False
    """More objects came than numberMatched says there are."""
    again: int = 0
    """Objects that stood on an earlier page already."""

    def add(self, page: _Page) -> None:
        self.pages += 1
        self.objects += page.objects
        self.largest = max(self.largest, page.objects)
        if not self.lied:
            self.matched = page.matched if page.matched is not None else self.matched
        self.again += sum(identity in self.different for identity in page.identities)
        self.different.update(page.identities)

    def has_all(self, page: _Page) -> bool:
        """The page brings nothing that was not there before."""
        return page.objects > 0 and self.different.issuperset(page.identities)


class Harvester:
    """One unit per page; see sdi.harvest.contract.Harvester."""

    Parameters: ClassVar[type[BaseModel]] = WfsParameters
    version: ClassVar[str] = "2"

    def __init__(self, job: Job, parameters: WfsParameters) -> None:
        self._job, self._parameters = job, parameters
        self._limits = Limits(parameters.max_page_mb << 20, parameters.max_ratio)
        self._client = Client(parameters.headers, parameters.timeout_s, limits=self._limits,
                              trust=context(job.source.tls, job.home))
        self._types = {feature_type.name: feature_type for feature_type in job.feature_types}

    def gather(self) -> Generator[Unit, Delivery, None]:
        """The pages of every owned feature type, after the server has been asked what it has."""
        unknown = [name for name in self._parameters.types if name not in self._types]
        if unknown:
            raise SourceError(Text(
                pl=f"`types` wymienia {', '.join(unknown)}, czego źródło nie dostarcza",
                en=f"`types` names {', '.join(unknown)}, which the source does not deliver").at(self._origin))
        names = self._type_names(self._advertised())
        for feature_type in self._job.feature_types:
            yield from self._pages(feature_type, names[feature_type.name])

    def fetch(self, unit: Unit, into: Path) -> None:
        """Download one page; an exception report or a web page in its place is an error."""
        self._client.save(self._parameters.url, into, unit.request["parameters"])
        with plain_or_gzip(into, self._place(unit), self._limits) as stream:
            Document(stream, self._place(unit), self._parameters.encoding).check()

    def read(self, delivery: Delivery) -> Iterator[Read]:
        """All objects of a page, in order."""
        feature_type = self._types[delivery.unit.id.partition("/")[0]]
        chooser = TypeChooser(
            delivery.unit.request["type_name"],
            feature_type,
            self._job.registers[feature_type.register_id],
            GeometryReader(self._srs_name, self._parameters.axis, "xy" if self._old else "authority"),
            self._declared(feature_type).geometry,
        )
        with plain_or_gzip(delivery.path, delivery.unit.id, self._limits) as stream:
            yield from read_document(Document(stream, delivery.unit.id, self._parameters.encoding), chooser)

    @property
    def _origin(self) -> str:
        return shown(self._parameters.url)

    @property
    def _srs_name(self) -> str:
        return f"EPSG:{self._parameters.crs}" if self._old else f"urn:ogc:def:crs:EPSG::{self._parameters.crs}"

    @property
    def _old(self) -> bool:
        """WFS 1.0.0 knows no order of the authority: x comes first."""
        return self._parameters.version == "1.0.0"

    def _place(self, unit: Unit) -> str:
        return f"{self._origin} ({unit.id})"

    def _declared(self, feature_type: FeatureType) -> WfsType:
        return self._parameters.types.get(feature_type.name, WfsType())

    def _advertised(self) -> list[str]:
        """Names of the types in the capabilities."""
        body = self._client.get(
            self._parameters.url,
            {**self._parameters.extra, "SERVICE": "WFS", "VERSION": self._parameters.version,
             "REQUEST": "GetCapabilities"},
        )
        if b"<!DOCTYPE" in body:
            raise SourceError(Text(
                pl=f"to nie WFS Capabilities, lecz dokument z DOCTYPE, którego się nie czyta: {exception_text(body)}",
                en="no WFS capabilities but a document with a DOCTYPE, which is not read:"
                   f" {exception_text(body)}").at(self._origin))
        try:
            root = etree.fromstring(body, etree.XMLParser(**SAFE))
        except etree.XMLSyntaxError as error:
            raise SourceError(Text(
                pl=f"to nie WFS Capabilities, lecz: {exception_text(body)}",
                en=f"no WFS capabilities but: {exception_text(body)}").at(self._origin)) from error
        if local(root.tag) != "WFS_Capabilities":
            raise SourceError(Text(
                pl=f"to nie WFS Capabilities, lecz {local(root.tag)}: {exception_text(body)}",
                en=f"no WFS capabilities but {local(root.tag)}: {exception_text(body)}").at(self._origin))
        return [
            (name.text or "").strip()
            for element in root.iter("{*}FeatureType")
            for name in element.iterchildren("{*}Name")
        ]

    def _type_names(self, advertised: list[str]) -> dict[str, str]:
        """The server's name of each owned feature type. Raises SourceError with what it has instead."""
        found: dict[str, str] = {}
        for name, feature_type in self._types.items():
            wanted = self._declared(feature_type).type_name
            known = {n.casefold() for n in ((wanted,) if wanted else feature_type.wfs)}
            match = [n for n in advertised if n.casefold() in known]
            match = match or [n for n in advertised if n.rpartition(":")[2].casefold() in known]
            match = match or [n for n in advertised if n.casefold() in {k.rpartition(":")[2] for k in known}]
            if not match:
                sought, there = wanted or ", ".join(feature_type.wfs), ", ".join(advertised)
                raise SourceError(Text(
                    pl=f"nie ma typu dla {name} ({sought or 'nie ma go żaden WFS'}); serwer ogłasza: {there or 'nic'};"
                       f" ustaw types.{name}.type_name albo `delivers`",
                    en=f"no type for {name} ({sought or 'no WFS has it'}); advertised are: {there or 'none'}; set"
                       f" types.{name}.type_name or `delivers`").at(self._origin))
            found[name] = match[0]
        return found

    def _pages(self, feature_type: FeatureType, type_name: str) -> Generator[Unit, Delivery, None]:
        """The pages of one type; ends only when all objects are there, else SourceError."""
        progress = _Progress()
        number = 0
        while True:
            number += 1
            unit = self._unit(feature_type, type_name, number, progress.objects)
            page = self._survey((yield unit), feature_type)
            if number > 1 and progress.has_all(page):
                self._check_whole(unit, progress)
                return
            asked = self._parameters.page_size
            progress.add(page)
            if progress.objects > self._parameters.max_features:
                raise SourceError(Text(
                    pl=f"więcej niż {self._parameters.max_features} obiektów; jeśli tyle ich jest, podnieś"
                       " max_features",
                    en=f"more than {self._parameters.max_features} objects; if there are so many, raise"
                       " max_features").at(self._place(unit)))
            # Some servers count only what they return: a first page that is full, or round as caps are, proves nothing.
            doubtful = number == 1 and page.objects > 0 and (page.objects >= asked or page.objects % 100 == 0)
            if progress.matched is not None and progress.objects > progress.matched:
                progress.matched, progress.lied = None, True
            complete = progress.matched is not None and progress.objects >= progress.matched and not doubtful
            if complete or self._parameters.paging == "none" or page.objects == 0 or page.objects > asked:
                break
            # A server may cap its pages: a first page that is short of what was asked is not yet the last.
            if progress.matched is None and number > 1 and page.objects < progress.largest:
                break
        self._check_complete(unit, progress)

    def _check_whole(self, unit: Unit, progress: _Progress) -> None:
        """A page came again, so the server ignores STARTINDEX: right only if its first page holds everything."""
        if progress.matched is not None:
            whole = progress.objects >= progress.matched
        else:
            whole = progress.objects != self._parameters.page_size
        if not whole or progress.pages > 1:
            raise SourceError(Text(
                pl=f"serwer przysyła wciąż te same obiekty (dotąd różnych {len(progress.different)}), pomija"
                   " STARTINDEX; ustaw `paging: none` albo podnieś page_size powyżej liczby obiektów",
                en=f"the server sends the same objects again ({len(progress.different)} different so far), it ignores"
                   " STARTINDEX; set `paging: none`, or raise page_size above the number of"
                   " objects").at(self._place(unit)))

    def _check_complete(self, unit: Unit, progress: _Progress) -> None:
        """Nothing is missing, as far as that can be told.

        Where pages are cut from an order that changes, what comes twice pushes others out. A county that keeps an
        object twice can cause one such pair at each seam between two pages, and no more.
        """
        if progress.matched is not None and progress.objects < progress.matched:
            raise SourceError(Text(
                pl=f"przyszło obiektów {progress.objects} (różnych {len(progress.different)}), zapowiedziano"
                   f" {progress.matched}; pobierz ponownie, a jeśli to nie minie, z mniejszym page_size",
                en=f"{progress.objects} objects came ({len(progress.different)} different), {progress.matched} are"
                   " announced; harvest again, with a smaller page_size if this stays").at(self._place(unit)))
        missing = progress.matched is None or len(progress.different) < progress.matched
        if missing and progress.again > progress.pages - 1:
            raise SourceError(Text(
                pl=f"obiektów powtórzonych na późniejszej stronie: {progress.again}, więc tylu może brakować: serwer"
                   " nie ma stałej kolejności; ustaw `extra: {sortBy: <jego klucz>}` albo `paging: none`",
                en=f"{progress.again} objects came again on a later page, so as many may be missing: the server has no"
                   " stable order; set `extra: {sortBy: <its key>}`, or `paging: none`").at(self._place(unit)))

    def _unit(self, feature_type: FeatureType, type_name: str, number: int, start: int) -> Unit:
        given = self._parameters
        new = given.version == "2.0.0"
        request = {
            **given.extra,
            "SERVICE": "WFS",
            "VERSION": given.version,
            "REQUEST": "GetFeature",
            "TYPENAMES" if new else "TYPENAME": type_name,
            "SRSNAME": self._srs_name,
        }
        if given.namespaces:
            sign = "," if new else "="
            parts = [f"xmlns({prefix}{sign}{uri})" for prefix, uri in given.namespaces.items()]
            request["NAMESPACES" if new else "NAMESPACE"] = ",".join(parts)
        if given.paging == "startindex":
            request |= {"COUNT" if new else "MAXFEATURES": str(given.page_size), "STARTINDEX": str(start)}
        return Unit(
            f"{feature_type.name}/{number:06d}", self._origin, {"parameters": request, "type_name": type_name}
        )

    def _survey(self, delivery: Delivery, feature_type: FeatureType) -> _Page:
        """Count a page."""
        key = feature_type.attributes[feature_type.key] if feature_type.key else None
        names = {name.casefold() for name in key.wfs} if key else set()
        identities: list[int] = []
        with plain_or_gzip(delivery.path, delivery.unit.id, self._limits) as stream:
            document = Document(stream, self._place(delivery.unit), self._parameters.encoding)
            for batch in document.batches():
                identities += [_identity(element, names) for element in batch]
        matched = document.attributes.get("numberMatched", "unknown")
        return _Page(len(identities), int(matched) if matched.isdecimal() else None, identities)


def _identity(element: etree._Element, key_names: set[str]) -> int:
    """Of key and coordinates: some servers give a new gml:id and the time of the answer as DATA in each answer."""
    telling = [child for child in element if len(child) or local(child.tag).casefold() in key_names]
    words = tuple(word for child in telling for text in child.itertext() if (word := str(text).strip()))
    return hash(words or tuple(map(str, element.itertext())))
