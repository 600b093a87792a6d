"""Exchange files by the GUGiK schemas of 2021 and 2015: a file, a folder, a pattern or http(s) addresses."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from sdi.harvest.contract import Delivery, Issue, Job, Read, Unit
from sdi.harvest.deliveries import Deliveries, FileParameters
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.reader import RegisterChooser, read_document
from sdi.harvest.gml.srs import Axis
from sdi.harvest.unpack import is_zip, member, members, plain_or_gzip

SUFFIXES = (".gml", ".xml", ".gz", ".zip")
"""What is taken from a folder."""


class GmlParameters(FileParameters):
    """The `parameters` of a source of kind `gml`: those of files (sdi.harvest.deliveries), and how to read GML."""

    crs: Annotated[int, Field(ge=1024, le=32767)] | None = None
    """EPSG code of geometries that name no CRS themselves (default: such objects are set aside)."""
    axis: Axis | None = None
    """Order of all coordinates: authority, xy or yx (default: by the authority for urn and http-uri names, else xy)."""


class Harvester:
    """One unit per file; see sdi.harvest.contract.Harvester."""

    Parameters: ClassVar[type[BaseModel]] = GmlParameters
    version: ClassVar[str] = "2"

    def __init__(self, job: Job, parameters: GmlParameters) -> None:
        self._job, self._parameters = job, parameters
        self._deliveries = Deliveries(parameters, job.home, SUFFIXES, job.source.tls)
        self._limits = parameters.limits

    def gather(self) -> Generator[Unit, Delivery, None]:
        """A unit per file or address. Raises SourceError where there is none."""
        yield from self._deliveries.units()

    def fetch(self, unit: Unit, into: Path) -> None:
        """Copy or download one file."""
        self._deliveries.fetch(unit, into)

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
