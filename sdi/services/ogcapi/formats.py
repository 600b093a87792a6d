"""The formats of features: their media types, how one is chosen, and what stands around the rows of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdi.model.text import Text
from sdi.services.accept import media_type
from sdi.services.ogcapi.splice import dumps
from sdi.store.columns import Column
from sdi.store.crs import CRS84, PL1992, Crs
from sdi.store.selection import Form, Page
from sdi.store.texts import csv_header


@dataclass(frozen=True, slots=True)
class Format:
    """One format of features."""

    media_type: str
    name: str
    form: Form = "geojson"
    """What the store makes of a row for it."""

    @property
    def title(self) -> Text:
        """Of a link from features to the same in this format."""
        return Text(pl=f"Ten dokument jako {self.name}", en=f"This document as {self.name}")

    @property
    def items(self) -> Text:
        """Of a link from a collection to its features in this format."""
        return Text(pl=f"Obiekty jako {self.name}", en=f"Items as {self.name}")


FORMATS: dict[str, Format] = {
    "json": Format("application/geo+json", "GeoJSON"),
    "jsonfg": Format("application/vnd.ogc.fg+json", "JSON-FG", "jsonfg"),
    "csv": Format("text/csv", "CSV", "csv"),
    "html": Format("text/html", "HTML"),
    "jsonld": Format("application/ld+json", "RDF (JSON-LD)"),
}
"""By what `f` says, the default first."""

_TYPES = {"application/json": "json", "text/html": "html"} | {
    format_.media_type: name for name, format_ in FORMATS.items()}
"""Formats by media type; the first of those that application/*, text/* and */* mean."""

JSON_FG_CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/json-fg-1/1.0/conf/{name}" for name in ("core", "types-schemas"))
_PROFILE = "http://www.opengis.net/def/profile/OGC/0/jsonfg-plus"

CRLF = b"\r\n"


def negotiated(accept: str) -> str | None:
    """The format that a field Accept wants most; None where it names none of ours."""
    wanted = media_type(accept, tuple(_TYPES))
    return None if wanted is None else _TYPES[wanted]


def crs_shown(name: str, given: Crs | None) -> Crs:
    """The CRS of a format's coordinates: the one that was asked for; without, in JSON-FG that of the register."""
    return given or (PL1992 if name == "jsonfg" else CRS84)


def frame(
    name: str, members: dict[str, Any], page: Page, columns: Sequence[Column], feature_type: str, schema: str
) -> tuple[bytes, bytes]:
    """What stands before the rows of a collection and after them. `members` of a FeatureCollection."""
    if name == "csv":
        return csv_header(columns, geometry=page.geometry) + CRLF, CRLF if members["numberReturned"] else b""
    if name == "jsonfg":
        members = json_fg(members, page.crs, feature_type, schema)
    return dumps(members)[:-1] + b',"features":[', b"]}"


def json_fg(members: dict[str, Any], crs: Crs, feature_type: str, schema: str) -> dict[str, Any]:
    """Members of a feature or collection with those that JSON-FG adds (OGC 21-045r1, clauses 8, 13 and 14)."""
    profile = {"rel": "profile", "href": _PROFILE}
    return {
        **members, "conformsTo": list(JSON_FG_CONFORMANCE), "featureType": feature_type, "featureSchema": schema,
        "coordRefSys": crs.uri, "links": [*members["links"], profile]}
