"""What a kind of county source must do, and what it hands over.

A harvester answers three questions in turn: which units are there (`gather`), what are the bytes of one (`fetch`),
which objects are in them (`read`). All else (archive, staging, checks, commit, progress, resuming) is done for it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from pydantic import BaseModel
from shapely.geometry.base import BaseGeometry

from sdi.harvest.memory import Entries, Memory
from sdi.model.issues import ISSUE_CODES, Severity
from sdi.model.region import Region, Source
from sdi.model.register import FeatureType, Register
from sdi.model.text import Text


@dataclass(frozen=True, slots=True)
class Unit:
    """A resumable piece of a run: one file, one page. `id` is the same each time the same piece is gathered."""

    id: str
    origin: str
    """Address or path, as lineage shows it; without credentials."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """What the harvester itself needs to fetch it."""
    stamp: str = ""
    """What tells its state before it is fetched (size and time of a file, ETag); with another one, a run starts anew
    instead of going on with bytes that are no longer the source's."""
    exact: bool = False
    """The stamp stands for the very bytes: a unit that the last good run had with the same one is not fetched again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The raw bytes of a unit, as they lie in the archive."""

    unit: Unit
    path: Path
    sha256: str
    bytes: int
    received: bool
    """False where the archive already had them from this run (a resumed run)."""


@dataclass(slots=True)
class Feature:
    """One object as the source gives it, already confined to the allow-list.

    `attributes` holds every column that the source gave, with values of the attribute's Python type (str, int,
    float, bool, date, datetime); a column left out is null. Geometries are shapely, x = easting or longitude,
    in the CRS `srid`, two-dimensional; arcs are already strokes.
    """

    feature_type: str
    id: str | None
    """lokalnyId; None where the source has no IIP identifiers (then the feature type's key attribute is used)."""
    attributes: dict[str, Any]
    geometry: BaseGeometry | None
    srid: int
    geometries: dict[str, BaseGeometry] = field(default_factory=dict)
    namespace: str | None = None
    version_id: str | None = None
    started_at: str | None = None
    """startObiekt, ISO 8601, as given; without an offset it is Polish civil time."""
    valid_from: str | None = None
    """startWersjaObiekt (poczatekWersjiObiektu in 2015)."""
    valid_to: str | None = None
    """koniecWersjaObiekt, or koniecObiekt: with it, the version is closed and goes to history only."""
    position: str = ""
    """Where it stood: file and line, page and number."""
    member: bytes = b""
    """Digest of the bytes that it was read from, where the harvester found nothing to say about them (see Known)."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Something wrong with an object. `quarantined`: the object is set aside; else it goes in all the same.

    Raises ValueError for a code that sdi.model.issues has not, as nobody would know what it means.
    """

    severity: Severity
    code: str
    """One of sdi.model.issues."""
    message: Text
    feature_type: str | None = None
    object_id: str | None = None
    field: str | None = None
    position: str = ""
    excerpt: str = ""
    """The object as it came with personal data removed; cut to 4 kB by the run."""

    def __post_init__(self) -> None:
        if self.code not in ISSUE_CODES:
            raise ValueError(f"{self.code}: no such code of an issue in sdi/model/issues.py")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object of a class that is known and not published (`Register.not_read`); only counted."""

    class_name: str
    member: bytes = b""
    """As of a Feature."""


@dataclass(frozen=True, slots=True)
class Known:
    """Objects one after the other, read before from the same bytes: entries of the job's memory."""

    entries: Entries


Read = Feature | Issue | LeftOut | Known


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one source: what the harvester may know."""

    source: Source
    feature_types: tuple[FeatureType, ...]
    """What the source owns; objects of any other feature type are left out and counted."""
    registers: Mapping[str, Register]
    home: Path
    """Relative paths in the source's parameters start here."""
    bounds: tuple[float, float, float, float]
    """Extent of the county in EPSG:2180 (min easting, min northing, max easting, max northing)."""
    memory: Memory = field(default_factory=Memory)
    """What a harvester that can tell the bytes of an object need not read again."""
    scratch: Path | None = None
    """For temporary files whose names begin with the source's id and a dot; those left behind are swept up."""

    @classmethod
    def of(
        cls, source: Source, region: Region, home: Path, memory: Memory, scratch: Path | None = None
    ) -> Self:
        """The job of harvesting a source of a region."""
        bounds = region.bounds(source.county)
        return cls(source, region.owned_by(source), region.registers, home, bounds, memory, scratch)


class Harvester[P: BaseModel](Protocol):
    """A kind of source. A module in `harvesters/` has one, under the name `Harvester`."""

    Parameters: ClassVar[type[BaseModel]]
    """The pydantic model of `parameters` in the source's YAML (extra fields forbidden)."""
    version: ClassVar[str]
    """Raised when the same bytes would be read differently; part of lineage and of the unchanged-check."""

    def __init__(self, job: Job, parameters: P) -> None: ...

    def gather(self) -> Generator[Unit, Delivery, None]:
        """Yield the units in order. Each `yield` returns the delivery of that unit, fetched or from the archive.

        Raises SourceError where the source cannot be reached or is not what it declares.
        """
        ...

    def fetch(self, unit: Unit, into: Path) -> None:
        """Write the raw bytes of a unit to `into`. Raises SourceError; what was written is then thrown away."""
        ...

    def read(self, delivery: Delivery) -> Iterator[Read]:
        """Yield what is in a delivery, one object at a time, in its order, never the whole file in memory.

        A bad object is an Issue (quarantined); only an unreadable delivery raises SourceError.
        """
        ...


@runtime_checkable
class Divisible(Protocol):
    """A harvester that can read a delivery in parts, each by itself, so that several processes share the work.

    The parts in order, and then the conclusion, are what `read` would yield; parts and notes can be pickled.
    """

    def parts(self, delivery: Delivery) -> Iterator[Any]:
        """The parts of a delivery in order; a single one where dividing is not worth while."""
        ...

    def size(self, part: Any) -> int:
        """How many bytes of the delivery a part is; 0 where that cannot be said."""
        ...

    def read_part(self, delivery: Delivery, part: Any) -> Generator[Read, None, Any]:
        """Yield what is in a part, and return notes for the conclusion."""
        ...

    def conclude(self, delivery: Delivery, notes: Sequence[Any]) -> Iterator[Read]:
        """What is to be said about the delivery as a whole, from the notes of all its parts in order."""
        ...
