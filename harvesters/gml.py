"""Exchange files by the GUGiK schemas of 2021 and 2015: a file, a folder, a pattern or http(s) addresses."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Annotated, ClassVar
from zipfile import ZipInfo

from pydantic import BaseModel, Field

from sdi.harvest.contract import Delivery, Issue, Job, Read, Unit
from sdi.harvest.deliveries import Deliveries, FileParameters
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.objects import Tally
from sdi.harvest.gml.reader import RegisterChooser, read_members
from sdi.harvest.gml.recall import Recalled
from sdi.harvest.gml.shapes import Shapes
from sdi.harvest.gml.slices import Slice, slices
from sdi.harvest.srs import Axis
from sdi.harvest.unpack import is_gzip, is_zip, member, members, plain_or_gzip
from sdi.model.text import Text

SUFFIXES = (".gml", ".xml", ".gz", ".zip")
"""What is taken from a folder."""
LARGE = 1 << 23
"""Bytes of a packed document from which on it is worth while to unpack it to a file and cut it."""


class GmlParameters(FileParameters):
    """The `parameters` of a source of kind `gml`: those of files (sdi.harvest.deliveries), and how to read GML."""

    crs: Annotated[int, Field(ge=1024, le=32767)] | None = None
    """EPSG code of geometries that name no CRS themselves (default: such objects are set aside)."""
    axis: Axis | None = None
    """Order of all coordinates: authority, xy or yx (default: by the authority for urn and http-uri names, else xy)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A document of a delivery, or a slice of it."""

    name: str
    """Of the document."""
    info: ZipInfo | None = None
    """Where it is one of a zip."""
    piece: Slice | None = None
    """Where it can be cut."""
    path: Path | None = None
    """Of the file that the slice is of, where that is not the delivery itself."""
    packed: float = 1.0
    """Bytes of the delivery for each of the slice."""


Notes = tuple[str, Tally]
"""A document's name and what there is to say about it."""


class Harvester:
    """One unit per file; see sdi.harvest.contract.Harvester."""

    Parameters: ClassVar[type[BaseModel]] = GmlParameters
    version: ClassVar[str] = "2"

    def __init__(self, job: Job, parameters: GmlParameters) -> None:
        self._job, self._parameters = job, parameters
        self._deliveries = Deliveries(parameters, job.home, SUFFIXES, job.source.tls)
        self._limits = parameters.limits
        srs_name = f"urn:ogc:def:crs:EPSG::{parameters.crs}" if parameters.crs else None
        geometries = GeometryReader(srs_name, parameters.axis)
        self._chooser = RegisterChooser(job.registers, job.feature_types, geometries)
        self._shapes: dict[bytes, Shapes] = {}
        """By the head of the document, which has the namespaces."""
        self._unpacked: list[IO[bytes]] = []
        """Documents of the delivery that is being read; closed, they are gone."""

    def gather(self) -> Generator[Unit, Delivery, None]:
        """A unit per file or address. Raises SourceError where there is none."""
        yield from self._deliveries.units()

    def fetch(self, unit: Unit, into: Path) -> None:
        """Copy or download one file."""
        self._deliveries.fetch(unit, into)

    def read(self, delivery: Delivery) -> Iterator[Read]:
        """All objects of a file, or of all documents in a zip, in order."""
        notes = []
        for part in self.parts(delivery):
            notes.append((yield from self.read_part(delivery, part)))
        yield from self.conclude(delivery, notes)

    def parts(self, delivery: Delivery) -> Iterator[Part]:
        """Slices of its documents; a small one of a zip is read as it is packed."""
        name = delivery.unit.id
        if is_zip(delivery.path):
            for info in members(delivery.path, name)[0]:
                part = Part(f"{name}/{info.filename}", info)
                yield from (part,) if info.file_size < LARGE else self._cut(delivery, part, info.compress_size)
        elif is_gzip(delivery.path):
            yield from self._cut(delivery, Part(name), delivery.bytes)
        else:
            yield from (Part(name, piece=piece) for piece in slices(delivery.path))

    def size(self, part: Part) -> int:
        """The bytes of a slice, or of a document as it lies in its zip."""
        if part.info is not None:
            return part.info.compress_size
        if part.piece is None or part.piece.end is None:
            return 0
        return int((part.piece.end - part.piece.start) * part.packed)

    def read_part(self, delivery: Delivery, part: Part) -> Generator[Read, None, Notes]:
        """The objects of a part; returns what there is to say about its document."""
        line = 0
        recalled = None
        if part.piece is not None:
            path = part.path or delivery.path
            if part.piece.member:
                shapes = self._shapes.setdefault(part.piece.head, Shapes(part.piece, self._chooser))
                recalled = Recalled.of(part.piece, path, self._job.memory, shapes, part.name)
            opened: AbstractContextManager[IO[bytes]] = (
                part.piece.open(path) if recalled is None else BytesIO(recalled.document))
            line = part.piece.line
        else:
            opened = self._opened(delivery, part)
        with opened as stream:
            document = Document(stream, part.name, line=line)
            if recalled is None:
                return part.name, (yield from read_members(document, self._chooser))
            return part.name, (yield from recalled.between(read_members(document, self._chooser, recalled.digests)))

    def _opened(self, delivery: Delivery, part: Part) -> AbstractContextManager[IO[bytes]]:
        """A whole document, unpacked on the way."""
        if part.info is not None:
            return member(delivery.path, part.info, part.name, self._limits)
        return plain_or_gzip(delivery.path, part.name, self._limits)

    def _cut(self, delivery: Delivery, part: Part, packed: int) -> Iterator[Part]:
        """The slices of a packed document, which has to be unpacked for it."""
        file = NamedTemporaryFile(dir=self._job.scratch, prefix=f"{self._job.source.id}.")
        self._unpacked.append(file)
        with self._opened(delivery, part) as stream:
            shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        path, size = Path(file.name), file.tell()
        for piece in slices(path):
            yield Part(part.name, piece=piece, path=path, packed=packed / max(size, 1))

    def conclude(self, delivery: Delivery, notes: Sequence[Notes]) -> Iterator[Read]:
        """What was not known in each document, and the files of a zip that are none."""
        while self._unpacked:
            self._unpacked.pop().close()
        documents: dict[str, Tally] = {}
        for document, tally in notes:
            documents.setdefault(document, Tally()).add(tally)
        for document, tally in documents.items():
            yield from tally.issues(document)
        name = delivery.unit.id
        for other in members(delivery.path, name)[1] if is_zip(delivery.path) else ():
            yield Issue("warning", "unread-member", Text(
                pl="nie jest dokumentem .gml; nie wczytano",
                en="not a .gml document; not read").at(other), position=name)
