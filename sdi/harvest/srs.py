"""Which CRS an srsName means, and which axis comes first in the coordinates that carry it.

urn and http-uri forms promise the axis order of the authority (OGC 09-048r3, OGC 05-103). The `epsg.xml#n` of GML 2
means x first. `EPSG:n` promises nothing: what it means is for the reader of a source to say, it is never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import pyproj
from pyproj.exceptions import CRSError

from sdi.errors import Told
from sdi.model.text import Text

Axis = Literal["authority", "xy", "yx"]
"""Order of coordinates: as the authority defines it, easting or longitude first, northing or latitude first."""

STROKE_TOLERANCE_M = 0.005
"""Largest distance between an arc and its strokes; half of the centimetre that registers are kept to."""

_METRES_PER_DEGREE = 111_320.0

_PROMISING = re.compile(
    r"urn:(?:x-)?ogc:def:crs:EPSG:[^:]*:(\d+)|https?://www\.opengis\.net/def/crs/EPSG/[^/]+/(\d+)", re.IGNORECASE
)
_XY = re.compile(r"https?://www\.opengis\.net/gml/srs/epsg\.xml#(\d+)", re.IGNORECASE)
_SHORT = re.compile(r"EPSG:(\d+)", re.IGNORECASE)
_CRS84 = re.compile(
    r"urn:(?:x-)?ogc:def:crs:OGC:[^:]*:CRS84|https?://www\.opengis\.net/def/crs/OGC/[^/]+/CRS84|(?:OGC:)?CRS:?84",
    re.IGNORECASE,
)


class UnknownSrs(Told, ValueError):
    """The srsName names no CRS that is known here."""


@dataclass(frozen=True, slots=True)
class Srs:
    """A CRS as coordinates in a document use it."""

    srid: int
    """EPSG code; 4326 for CRS84."""
    swapped: bool
    """The northing or latitude comes first in the document."""
    geographic: bool

    @property
    def tolerance(self) -> float:
        """STROKE_TOLERANCE_M in the units of the CRS."""
        return STROKE_TOLERANCE_M / _METRES_PER_DEGREE if self.geographic else STROKE_TOLERANCE_M


@lru_cache(maxsize=256)
def parse_srs(name: str, axis: Axis | None = None, short_axis: Axis = "xy") -> Srs:
    """The CRS of an srsName in any spelling.

    `axis` overrules the order that the spelling promises, `short_axis` is the order where it is `EPSG:n`.
    Raises UnknownSrs.
    """
    name = name.strip()
    if _CRS84.fullmatch(name):
        return Srs(4326, axis == "yx", True)
    promises: tuple[tuple[re.Pattern[str], Axis], ...] = ((_PROMISING, "authority"), (_XY, "xy"), (_SHORT, short_axis))
    match, promised = next(((m, order) for pattern, order in promises if (m := pattern.fullmatch(name))), (None, "xy"))
    if match is None:
        raise UnknownSrs(Text(
            pl=f"niezrozumiałe srsName {name[:100]!r}", en=f"srsName {name[:100]!r} is not understood"))
    srid = int(next(filter(None, match.groups())))
    try:
        crs = pyproj.CRS.from_epsg(srid)
    except CRSError as error:
        raise UnknownSrs(Text(
            pl=f"srsName {name!r}: EPSG nie ma układu {srid}",
            en=f"srsName {name!r}: EPSG has no CRS {srid}")) from error
    order = axis or promised
    north_first = crs.axis_info[0].direction.lower() in ("north", "south")
    return Srs(srid, north_first if order == "authority" else order == "yx", crs.is_geographic)
