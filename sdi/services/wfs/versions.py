"""What differs between WFS 2.0.0, 1.1.0 and 1.0.0: namespaces, formats, and how a CRS is named and its axes run."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sdi.services.ows.exceptions import invalid
from sdi.store.crs import CRS84, PL1992, PUBLISHED_CRS, Crs

NAMESPACE = "urn:sdi:registers"
"""XML namespace of the types, the same for every tenant."""

PREFIX = "sdi"
GEOMETRY = "geom"
"""The geometry of every type."""

SYSTEMS: dict[int, Crs] = {PL1992.srid: PL1992} | {
    crs.srid: crs for crs in PUBLISHED_CRS.values() if crs.uri.rpartition("/")[2].isdecimal()
}
"""The coordinate reference systems of answers, by EPSG code; the default, in which the data are stored, first."""

_SRS = re.compile(r"(?:EPSG:|urn:(?:x-)?ogc:def:crs:EPSG:(?:[^:]*:)?|https?://www\.opengis\.net/def/crs/EPSG/[0-9.]+/"
                  r"|https?://www\.opengis\.net/gml/srs/epsg\.xml#)(\d{4,5})", re.IGNORECASE)
_CRS84 = re.compile(r"(?:CRS:84|(?:OGC:|urn:(?:x-)?ogc:def:crs:OGC:(?:[^:]*:)?|"
                    r"https?://www\.opengis\.net/def/crs/OGC/[0-9.]+/)CRS84)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the standard."""

    number: str
    wfs: str
    """XML namespace, as the next ones."""
    gml: str
    schema: str
    """Address of the schema of `wfs`."""
    gml_schema: str
    gml_formats: tuple[str, ...]
    """Names of the GML it writes, the first one advertised; compared as in sdi.services.ows.media."""
    northing_first: bool = True
    """Coordinates in GML and BBOX come in the order of the authority; else always easting (longitude) first."""

    @property
    def types(self) -> str:
        """The parameter that names feature types."""
        return "TYPENAMES" if self.number == "2.0.0" else "TYPENAME"

    @property
    def media_type(self) -> str:
        """Of its GML."""
        return "text/xml; subtype=gml/2.1.2" if self.number == "1.0.0" else self.gml_formats[0]

    def srs_name(self, crs: Crs) -> str:
        """How GML names a CRS: the form says whether its axes are those of the authority."""
        if crs.uri == CRS84.uri and self.northing_first:
            return "urn:ogc:def:crs:OGC:1.3:CRS84"
        return f"urn:ogc:def:crs:EPSG::{crs.srid}" if self.northing_first else f"EPSG:{crs.srid}"

    def crs(self, name: str | None, parameter: str = "SRSNAME") -> Crs:
        """The CRS that a client names, with its axes in this version; EPSG:2180 without a name. Raises OwsError."""
        if not name:
            return self.axes(PL1992)
        if _CRS84.fullmatch(name.strip()):
            return self.axes(CRS84)
        found = _SRS.fullmatch(name.strip())
        if found is None or int(found[1]) not in SYSTEMS:
            raise invalid(parameter, name, ", ".join(f"urn:ogc:def:crs:EPSG::{srid}" for srid in SYSTEMS))
        return self.axes(SYSTEMS[int(found[1])])

    def axes(self, crs: Crs) -> Crs:
        """A CRS with the axes that this version gives it."""
        return replace(crs, flipped=crs.flipped and self.northing_first)


VERSIONS: dict[str, Version] = {
    version.number: version for version in (
        Version("2.0.0", "http://www.opengis.net/wfs/2.0", "http://www.opengis.net/gml/3.2",
                "http://schemas.opengis.net/wfs/2.0/wfs.xsd", "http://schemas.opengis.net/gml/3.2.1/gml.xsd",
                ("application/gml+xml; version=3.2", "text/xml; subtype=gml/3.2.1", "text/xml; subtype=gml/3.2",
                 "gml32", "gml3", "text/xml")),
        Version("1.1.0", "http://www.opengis.net/wfs", "http://www.opengis.net/gml",
                "http://schemas.opengis.net/wfs/1.1.0/wfs.xsd", "http://schemas.opengis.net/gml/3.1.1/base/gml.xsd",
                ("text/xml; subtype=gml/3.1.1", "gml3", "gml31", "text/xml", "text/gml; subtype=gml/3.1.1",
                 "application/gml+xml; version=3.1", "xmlschema")),
        Version("1.0.0", "http://www.opengis.net/wfs", "http://www.opengis.net/gml",
                "http://schemas.opengis.net/wfs/1.0.0/WFS-basic.xsd",
                "http://schemas.opengis.net/gml/2.1.2/feature.xsd",
                ("GML2", "text/xml; subtype=gml/2.1.2", "text/xml", "xmlschema"), northing_first=False),
    )
}
"""By number, the newest first."""

NEWEST = VERSIONS["2.0.0"]


def version_named(number: str) -> Version | None:
    """The version of a number, also of the corrigendum 2.0.2, which is the same service; None for any other."""
    return NEWEST if number == "2.0.2" else VERSIONS.get(number)


def version_up_to(number: str) -> Version:
    """The newest version that is no newer than a number, else the oldest; the newest where it is no number."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}", number):
        return NEWEST
    asked = _parts(number)
    return next((version for version in VERSIONS.values() if _parts(version.number) <= asked), VERSIONS["1.0.0"])


def _parts(number: str) -> list[int]:
    return [int(part) for part in f"{number}.0.0".split(".")[:3]]
