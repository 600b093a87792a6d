"""Exchange files by the GUGiK schemas of 2021 and 2015: a file, a folder, a pattern or http(s) addresses."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sdi.errors import SourceError
from sdi.harvest.contract import Delivery, Issue, Job, Read, Unit
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.reader import RegisterChooser, read_document
from sdi.harvest.gml.srs import Axis
from sdi.harvest.http import Client, shown
from sdi.harvest.unpack import Limits, is_zip, member, members, plain_or_gzip

SUFFIXES = (".gml", ".xml", ".gz", ".zip")
"""What is taken from a folder."""

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]


class GmlParameters(BaseModel):
    """The `parameters` of a source of kind `gml`; exactly one of `path` and `url`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = None
    """A file, a folder (its .gml, .xml, .gz and .zip in name order) or a pattern as in `*.gml`; from the SDI home."""
    url: Url | tuple[Url, ...] | None = None
    """One address or several, read in the order given."""
    crs: Annotated[int, Field(ge=1024, le=32767)] | None = None
    """EPSG code of geometries that name no CRS themselves (default: such objects are set aside)."""
    axis: Axis | None = None
    """Order of all coordinates: authority, xy or yx (default: by the authority for urn and http-uri names, else xy)."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further HTTP headers."""
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Longest silence of a server."""
    max_unpacked_mb: Annotated[int, Field(gt=0)] = 50_000
    """Most that one packed file may unpack to, in MB."""
    max_ratio: Annotated[float, Field(gt=1)] = 300.0
    """Most bytes that one byte of a packed file may unpack to."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (not self.url):
            raise ValueError("give either `path` or `url`")
        return self


class Harvester:
    """One unit per file; see sdi.harvest.contract.Harvester."""

    Parameters: ClassVar[type[BaseModel]] = GmlParameters
    version: ClassVar[str] = "1"

    def __init__(self, job: Job, parameters: GmlParameters) -> None:
        self._job, self._parameters = job, parameters
        self._client = Client(parameters.headers, parameters.timeout_s)
        self._limits = Limits(parameters.max_unpacked_mb << 20, parameters.max_ratio)

    def gather(self) -> Generator[Unit, Delivery, None]:
        """A unit per file or address. Raises SourceError where there is none."""
        if self._parameters.path is not None:
            for path, name in self._files(self._parameters.path):
                facts = path.stat()
                yield Unit(name, str(path), {"path": str(path)}, f"{facts.st_size} bytes of {facts.st_mtime_ns}")
            return
        given = self._parameters.url
        for number, url in enumerate((given,) if isinstance(given, str) else given or (), 1):
            name = PurePosixPath(unquote(urlsplit(url).path)).name or "delivery"
            yield Unit(f"{number:06d}-{name}", shown(url), {"url": url})

    def fetch(self, unit: Unit, into: Path) -> None:
        """Copy or download one file."""
        if "url" in unit.request:
            self._client.save(unit.request["url"], into)
            return
        try:
            shutil.copyfile(unit.request["path"], into)
        except OSError as error:
            raise SourceError(f"{unit.origin}: cannot be read: {error.strerror}") from error

    def read(self, delivery: Delivery) -> Iterator[Read]:
        """All objects of a file, or of all documents in a zip, in order."""
        name = delivery.unit.id
        if not is_zip(delivery.path):
            with plain_or_gzip(delivery.path, name, self._limits) as stream:
                yield from self._read(Document(stream, name))
            return
        documents, others = members(delivery.path, name)
        for info in documents:
            inner = f"{name}/{info.filename}"
            with member(delivery.path, info, inner, self._limits) as stream:
                yield from self._read(Document(stream, inner))
        for other in others:
            yield Issue("warning", "unread-member", f"{other}: not a .gml document; not read", position=name)

    def _read(self, document: Document) -> Iterator[Read]:
        crs = self._parameters.crs
        geometries = GeometryReader(f"urn:ogc:def:crs:EPSG::{crs}" if crs else None, self._parameters.axis)
        return read_document(document, RegisterChooser(self._job.registers, self._job.feature_types, geometries))

    def _files(self, given: str) -> list[tuple[Path, str]]:
        """Files and the names by which their units are known, in name order."""
        place = self._job.home / given
        if place.is_file():
            return [(place, place.name)]
        if place.is_dir():
            found = [file for file in place.iterdir() if file.is_file() and file.name.lower().endswith(SUFFIXES)]
            base = place
        else:
            base = Path(place.anchor, *_plain_parts(place))
            if not base.is_dir() or base == place:
                raise SourceError(f"{place}: no such file or folder; correct `path` or put the delivery there")
            found = [file for file in base.glob(str(place.relative_to(base))) if file.is_file()]
        if not found:
            raise SourceError(f"{place}: no delivery there; expected files ending in {', '.join(SUFFIXES)}")
        return sorted((file, str(file.relative_to(base))) for file in found)


def _plain_parts(path: Path) -> list[str]:
    """The parts of a path below its anchor that stand before the first with a wildcard."""
    parts: list[str] = []
    for part in path.parts[1:] if path.anchor else path.parts:
        if any(sign in part for sign in "*?["):
            break
        parts.append(part)
    return parts
