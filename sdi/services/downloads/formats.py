"""The formats that whole collections are offered in."""

from __future__ import annotations

from dataclasses import dataclass

from sdi.model.text import Text

REVISION = 1
"""To be raised when the same data are to be written differently: files of before are then made anew."""

CRS_URI = "http://www.opengis.net/def/crs/EPSG/0/2180"
"""Of the coordinates in every file."""


@dataclass(frozen=True, slots=True)
class Format:
    """One file format."""

    extension: str
    """Also its name in addresses."""
    title: Text
    media_type: str


FORMATS: dict[str, Format] = {format_.extension: format_ for format_ in (
    Format("gpkg", Text(pl="GeoPackage", en="GeoPackage"), "application/geopackage+sqlite3"),
    Format("fgb", Text(pl="FlatGeobuf", en="FlatGeobuf"), "application/vnd.flatgeobuf"),
    Format("parquet", Text(pl="GeoParquet", en="GeoParquet"), "application/vnd.apache.parquet"),
    Format("gml.zip", Text(pl="GML 3.2 (spakowany zip)", en="GML 3.2 (zipped)"), "application/zip"),
)}
"""By extension, the most usual first. Media types are IANA's; that of FlatGeobuf is the one its users give it."""

MEDIA_TYPES = tuple(format_.media_type for format_ in FORMATS.values())
"""Of all formats; each is compressed in its own way, and parts of it are asked for by their place."""
