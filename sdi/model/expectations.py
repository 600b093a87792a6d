"""What a delivery of a source must look like to be committed, and what of it is only worth a warning."""

from __future__ import annotations

from functools import cached_property

import pyproj
import shapely
from pydantic import Field, field_validator

from sdi.model.text import Declared

_LONGITUDES, _LATITUDES = (13.5, 24.5), (48.5, 55.5)
_EASTINGS, _NORTHINGS = (120_000.0, 900_000.0), (100_000.0, 930_000.0)


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


class Known(Declared):
    """An object that must be in every delivery, at its place: the proof of the CRS and the order of the axes."""

    feature_type: str
    id: str
    """Its identifier (lokalnyId), or the value of the feature type's key attribute, such as id_dzialki."""
    near: tuple[float, float]
    """A point in or beside it: [easting, northing] in EPSG:2180 or [longitude, latitude]."""
    within_m: float = Field(default=100.0, gt=0)
    """Largest distance in metres between the object and the point."""

    @field_validator("near")
    @classmethod
    def _in_poland(cls, near: tuple[float, float]) -> tuple[float, float]:
        metres = _within(near[0], _EASTINGS) and _within(near[1], _NORTHINGS)
        if not metres and not (_within(near[0], _LONGITUDES) and _within(near[1], _LATITUDES)):
            raise ValueError("neither [easting, northing] in EPSG:2180 nor [longitude, latitude] in Poland")
        return near

    @cached_property
    def point(self) -> shapely.Point:
        """`near` in EPSG:2180, x = easting."""
        if _within(self.near[0], _LONGITUDES):
            to_2180 = pyproj.Transformer.from_crs("OGC:CRS84", 2180, always_xy=True)
            return shapely.Point(to_2180.transform(*self.near))
        return shapely.Point(self.near)


class Expectations(Declared):
    """What a delivery must look like to be committed."""

    min: dict[str, int] = Field(default_factory=dict)
    """Fewest objects per feature type; fewer refuse the delivery."""
    max: dict[str, int] = Field(default_factory=dict)
    """Most objects per feature type; more give a warning."""
    vanished_max: float = Field(default=0.3, ge=0, le=1)
    """Largest share of a feature type's objects that may vanish in one delivery; more refuse it."""
    outside_max: float = Field(default=0.05, ge=0, le=1)
    """Largest share of objects outside the county's polygon; more refuse the delivery (axes, wrong county)."""
    quarantined_max: float = Field(default=0.1, ge=0, le=1)
    """Largest share of objects set aside; more refuse the delivery."""
    known: tuple[Known, ...] = ()
    """Objects that must be there, each at its place; one that is missing or elsewhere refuses the delivery."""
    fresh_days: float | None = Field(default=None, gt=0)
    """Greatest age in days of the newest object, by the register's own dates; an older one gives a warning."""
