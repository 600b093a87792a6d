"""The formats in which features leave: the GML of the version, GeoJSON, and the files of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sdi.services.ows.exceptions import invalid
from sdi.services.ows.media import compared
from sdi.services.wfs.versions import Version

FormatName = Literal["gml", "geojson", "gpkg", "shape-zip", "csv"]


@dataclass(frozen=True, slots=True)
class Format:
    """An output format of GetFeature."""

    name: FormatName
    mime: str
    aliases: tuple[str, ...] = ()
    """Other spellings of OUTPUTFORMAT."""
    file: str = ""
    """The file name that a browser proposes."""


OTHERS = (
    Format("geojson", "application/geo+json",
           ("application/json", "json", "application/vnd.geo+json", "application/json;subtype=geojson")),
    Format("gpkg", "application/geopackage+sqlite3",
           ("geopackage", "application/x-gpkg", "application/geopackage+vnd.sqlite3"), "dane.gpkg"),
    Format("shape-zip", "application/x-shapefile", ("shapefile", "shp", "application/zip"), "dane.zip"),
    Format("csv", "text/csv", (), "dane.csv"),
)
"""Formats beside GML, for GetFeature in every version."""

_BY_NAME = {compared(alias): form for form in OTHERS for alias in (form.name, form.mime, *form.aliases)}


def format_of(asked: str | None, version: Version, *, gml_only: bool = False) -> Format:
    """The format that OUTPUTFORMAT names; the version's GML without one. Raises OwsError."""
    gml = Format("gml", version.media_type)
    wanted = compared(asked or "")
    if not wanted or wanted in map(compared, version.gml_formats):
        return gml
    found = _BY_NAME.get(wanted)
    if found is None or gml_only:
        others = () if gml_only else tuple(form.mime for form in OTHERS)
        raise invalid("OUTPUTFORMAT", asked or "", ", ".join((version.gml_formats[0], *others)))
    return found
