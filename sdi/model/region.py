"""A region as it is declared: its units, its county sources, its partners."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal

import shapely
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer
from shapely.geometry.base import BaseGeometry

from sdi.model.expectations import Expectations
from sdi.model.register import FeatureType, Register
from sdi.model.schedule import NEVER, HarvestRules, Hours, Schedule
from sdi.model.text import Declared, Language, Text
from sdi.model.trust import Tls

Protocol = Literal["ogcapi", "wms", "wfs", "csw", "download"]
PROTOCOLS: tuple[Protocol, ...] = ("ogcapi", "wms", "wfs", "csw", "download")

REGION_TENANT = "region"
"""The id of the tenant without a filter; no partner may take it."""


def _written(value: object) -> object:
    """A code without a leading zero and without quotes arrives as a number."""
    return str(value) if type(value) is int else value


def _teryt(value: str) -> str:
    if not re.fullmatch(r"[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{7}", value):
        raise ValueError(
            f"{value!r} is not a TERYT code: expected 2 digits (region), 4 (county), 6 or 7 (commune)"
        )
    return value[:6]


Teryt = Annotated[str, BeforeValidator(_written), AfterValidator(_teryt)]
"""A TERYT code of 2, 4 or 6 digits; the seventh digit of a commune (its type) is cut off."""


class Contact(Declared):
    """Who answers for a service or a data set."""

    organisation: Text
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    phone: str | None = None
    address: str | None = None
    url: str | None = None


class Licence(Declared):
    """The conditions of access and use, as shown and as linked."""

    title: Text
    url: str


Geometry = Annotated[
    BaseGeometry,
    BeforeValidator(lambda value: shapely.from_wkt(value) if isinstance(value, str) else value),
    PlainSerializer(lambda value: shapely.to_wkt(value, rounding_precision=3), return_type=str),
]
"""A shapely geometry in EPSG:2180, x = easting; WKT where a model is written down."""


class Unit(Declared):
    """A county (4 digits) or a commune (6 digits) of the region's administrative division."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    teryt: Teryt
    name: str
    name_en: str | None = None
    """In English, where that differs: of a county the town that it is called after."""
    commune_type: Annotated[str, BeforeValidator(_written), Field(pattern=r"^[1-9]$")] | None = None
    """The seventh digit of a commune's TERYT code: 1 urban, 2 rural, 3 urban-rural; None where nobody said."""
    geometry: Geometry | None = None
    """Its polygon in EPSG:2180, x = easting; None where the region has not given one."""


class Source(Declared):
    """One county source: a WFS, a folder of deliveries."""

    id: str = ""
    """Filled in from the file name."""
    title: Text | None = None
    kind: str
    """The sort of source: the name of a module in `harvesters/`."""
    county: Annotated[str, BeforeValidator(_written), Field(pattern=r"^[0-9]{4}$")]
    """TERYT code of the county whose registers it delivers."""
    commune: Annotated[str, BeforeValidator(_written), Field(pattern=r"^[0-9]{6}$")] | None = None
    """The commune of objects for which neither identifier nor location gives one."""
    delivers: tuple[str, ...]
    """Registers or single feature types; of these the source is the one owner in its county."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """What the kind needs; checked by the kind's own model."""
    expect: Expectations = Expectations()
    schedule: Schedule | None = None
    """When the worker harvests it, a cron line or `never` (default: as the region says)."""
    promise_h: Hours | None = None
    """How many hours old its data may be (default: as the region says)."""
    tls: Tls | None = None
    """The exception from the verification of the server's certificate (default: none)."""


class Partner(Declared):
    """A county or municipality that publishes here; what it leaves out it inherits from the region."""

    id: str = ""
    """Filled in from the file name."""
    teryt: Teryt
    title: Text
    registers: tuple[str, ...] | None = None
    """Registers or single feature types it publishes (default: all that its county's sources deliver)."""
    services: tuple[Protocol, ...] | None = None
    contact: Contact | None = None
    licence: Licence | None = None


class RegionFile(Declared):
    """The contents of `region.yaml`."""

    title: Text
    abstract: Text
    contact: Contact
    languages: tuple[Language, ...] = ("pl", "en")
    licence: Licence
    services: tuple[Protocol, ...] = PROTOCOLS
    harvest: HarvestRules = HarvestRules()


class Tenant(Declared):
    """Whoever has endpoints: each partner, and the region. Nothing is left to inherit."""

    id: str
    title: Text
    abstract: Text
    teryt: str | None
    """County (4 digits) or commune (6 digits) to which rows are filtered; None for the region."""
    feature_types: tuple[FeatureType, ...]
    services: tuple[Protocol, ...]
    contact: Contact
    licence: Licence
    languages: tuple[Language, ...]
    bounds: tuple[float, float, float, float]
    """Extent of its units in EPSG:2180: min easting, min northing, max easting, max northing, in metres."""

    @property
    def filter(self) -> tuple[str, str] | None:
        """Column and value that confine feature rows to this tenant; None for the region."""
        if self.teryt is None:
            return None
        return ("county", self.teryt) if len(self.teryt) == 4 else ("commune", self.teryt)

    @property
    def register_ids(self) -> tuple[str, ...]:
        """Its registers, in the order of their feature types."""
        return tuple(dict.fromkeys(feature_type.register_id for feature_type in self.feature_types))

    def feature_type(self, name: str) -> FeatureType | None:
        """One of its feature types by name, or None where it does not publish such."""
        return next((ft for ft in self.feature_types if ft.name == name), None)


class Region(Declared):
    """The whole node: everything the YAML of one region means."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    id: str
    file: RegionFile
    registers: dict[str, Register]
    units: dict[str, Unit]
    """Counties and communes by TERYT code."""
    sources: dict[str, Source]
    partners: dict[str, Partner]

    @cached_property
    def feature_types(self) -> dict[str, FeatureType]:
        """All feature types of all registers by name."""
        return {ft.name: ft for register in self.registers.values() for ft in register.feature_types.values()}

    def written(self) -> str:
        """As JSON, for those who serve: without the parameters of sources, which may hold passwords."""
        return self.model_dump_json(exclude={"sources": {"__all__": {"parameters"}}})

    def expand(self, names: tuple[str, ...]) -> tuple[FeatureType, ...]:
        """Feature types meant by names of registers or feature types; unknown names mean nothing."""
        chosen: dict[str, FeatureType] = {}
        for name in names:
            if name in self.registers:
                chosen |= self.registers[name].feature_types
            elif name in self.feature_types:
                chosen[name] = self.feature_types[name]
        return tuple(ft for name, ft in self.feature_types.items() if name in chosen)

    def owned_by(self, source: Source) -> tuple[FeatureType, ...]:
        """The feature types that `source` delivers."""
        return self.expand(source.delivers)

    def owner(self, feature_type: str, county: str) -> str | None:
        """The id of the source that delivers a feature type of a county, or None."""
        return next((source.id for source in self.sources.values() if source.county == county
                     and any(ft.name == feature_type for ft in self.owned_by(source))), None)

    def schedule_of(self, source: Source) -> str | None:
        """The cron line by which the worker harvests `source`; None: only by hand."""
        schedule = source.schedule or self.file.harvest.schedule
        return None if schedule == NEVER else schedule

    def promise_of(self, source: Source) -> float | None:
        """How many hours old the data of `source` may be; None where nothing is promised."""
        return source.promise_h or self.file.harvest.promise_h

    def delivered(self, teryt: str | None) -> tuple[FeatureType, ...]:
        """The feature types that any source delivers for a county, a commune or (None) the region."""
        names = {
            ft.name
            for source in self.sources.values()
            if teryt is None or source.county == teryt[:4]
            for ft in self.owned_by(source)
        }
        return tuple(ft for name, ft in self.feature_types.items() if name in names)

    def bounds(self, teryt: str | None) -> tuple[float, float, float, float]:
        """Extent of the units within `teryt` in EPSG:2180; all of Poland where no unit has a polygon.

        To the millimetre, as polygons are written down.
        """
        found = [
            unit.geometry.bounds
            for unit in self.units.values()
            if unit.geometry is not None and (teryt is None or unit.teryt.startswith(teryt))
        ] or [unit.geometry.bounds for unit in self.units.values()
              if unit.geometry is not None and teryt is not None and teryt.startswith(unit.teryt)]
        if not found:
            return 144_000.0, 132_000.0, 877_000.0, 910_000.0
        west, south, east, north = zip(*found, strict=True)
        return round(min(west), 3), round(min(south), 3), round(max(east), 3), round(max(north), 3)

    @cached_property
    def tenants(self) -> dict[str, Tenant]:
        """Every tenant by id: the region first, then the partners by id."""
        whole = Partner.model_construct(
            id=REGION_TENANT, teryt="", title=self.file.title, registers=None, services=None, contact=None, licence=None
        )
        return {p.id: self._tenant(p) for p in (whole, *(self.partners[name] for name in sorted(self.partners)))}

    def _tenant(self, partner: Partner) -> Tenant:
        teryt = partner.teryt or None
        types = self.delivered(teryt)
        if partner.registers is not None:
            wanted = {ft.name for ft in self.expand(partner.registers)}
            types = tuple(ft for ft in types if ft.name in wanted)
        names = {kind: " · ".join(dict.fromkeys(self.registers[ft.register_id].title.get(kind) for ft in types))
                 for kind in ("pl", "en")}
        return Tenant(
            id=partner.id,
            title=partner.title,
            abstract=self.file.abstract if teryt is None else Text(
                pl=f"{partner.title.pl}: {names['pl']}", en=f"{partner.title.en}: {names['en']}"),
            teryt=teryt,
            feature_types=types,
            services=partner.services or self.file.services,
            contact=partner.contact or self.file.contact,
            licence=partner.licence or self.file.licence,
            languages=self.file.languages,
            bounds=self.bounds(teryt),
        )
