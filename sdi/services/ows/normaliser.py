"""WMS requests as MapServer can take them: known parameters only, and each trap closed.

What MapServer would ignore in silence, answer wrongly or die of is mended where the meaning is plain, else refused.
A client's `map=` and every other parameter that steers MapServer itself never get through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from sdi.model.region import Tenant
from sdi.model.text import Language, Text
from sdi.services.ows.exceptions import OwsError, invalid, missing
from sdi.services.ows.layers import AS_OF
from sdi.services.ows.mapfile import CODES
from sdi.services.ows.media import compared
from sdi.services.ows.wms import IMAGES, INFO_FORMATS, LAYERS_MAX, SIZE_MAX, STYLE

WMS_VERSIONS = ("1.3.0", "1.1.1", "1.1.0")

_WMS_REQUESTS = ("GetCapabilities", "GetMap", "GetFeatureInfo", "GetLegendGraphic", "DescribeLayer", "GetStyles")

_WMS_KNOWN = frozenset(
    "SERVICE VERSION REQUEST LAYERS STYLES SRS CRS BBOX WIDTH HEIGHT FORMAT TRANSPARENT BGCOLOR EXCEPTIONS "
    "QUERY_LAYERS INFO_FORMAT FEATURE_COUNT X Y I J LAYER STYLE RULE SCALE SLD_VERSION UPDATESEQUENCE MAP_RESOLUTION "
    "DPI".split()
)
_CRS = re.compile(r"http://www\.opengis\.net/(?:def/crs/EPSG/[0-9.]+/|gml/srs/epsg\.xml#)(\d+)")
_IMAGE_ALIASES = {"image/jpg": "image/jpeg", "image/png8": IMAGES[1], "png": "image/png", "jpeg": "image/jpeg",
                  "webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Normal:
    """A request for MapServer: parameters with upper-case keys."""

    parameters: dict[str, str]

    @property
    def request(self) -> str:
        """The operation, as the standard spells it."""
        return self.parameters["REQUEST"]

    def query(self, mapfile: str) -> str:
        """The encoded query string, with the mapfile."""
        pairs = {"map": mapfile} | self.parameters
        return "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in pairs.items())


def upper(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parameters by upper-case name; of one that stands twice the first counts."""
    found: dict[str, str] = {}
    for key, value in pairs:
        found.setdefault(key.upper(), value)
    return found


def language(parameters: Mapping[str, str], tenant: Tenant) -> Language:
    """The language of LANGUAGE=; the tenant's first where it is absent or unknown (INSPIRE TG view §4.3.3.6)."""
    asked = parameters.get("LANGUAGE", "").lower()
    return next((name for name in tenant.languages if asked in (name, CODES[name])), tenant.languages[0])


def wms(parameters: Mapping[str, str], tenant: Tenant) -> Normal:
    """A WMS request by key-value pairs (upper-case keys). Raises OwsError."""
    given = _begin(parameters)
    for name in ("SLD", "SLD_BODY"):
        if name in parameters:
            raise OwsError("OperationNotSupported", Text(pl="Styli klienta (SLD) usługa nie przyjmuje",
                                                         en="This service takes no styles of the client (SLD)"), name)
    kept = {key: value for key, value in given.items() if key in _WMS_KNOWN}
    request = kept["REQUEST"]
    if request == "GetCapabilities":
        return Normal(kept | {"LANGUAGE": CODES[language(parameters, tenant)]})
    _version(kept)
    for key in ("CRS", "SRS"):
        if key in kept:
            kept[key] = re.sub(r"^urn:ogc:def:crs:(EPSG|OGC):[^:]*:", r"\1:", _CRS.sub(r"EPSG:\1", kept[key]))
    if "WIDTH" in kept or "HEIGHT" in kept or request in ("GetMap", "GetFeatureInfo"):
        for key in ("WIDTH", "HEIGHT"):
            if not re.fullmatch(r"\d{1,5}", kept.get(key, "")) or not 1 <= int(kept[key]) <= SIZE_MAX:
                raise invalid(key, kept[key], f"1–{SIZE_MAX}") if key in kept else missing(key)
    if request in ("GetMap", "GetFeatureInfo"):
        _map(kept)
        if (moment := as_of(parameters.get("TIME", ""))) is not None:
            kept[AS_OF.upper()] = moment
    if request == "GetMap" or "FORMAT" in kept:
        kept["FORMAT"] = _image(kept.get("FORMAT"))
    if request == "GetFeatureInfo":
        kept["INFO_FORMAT"] = _info_format(kept)
        kept["FORMAT"] = IMAGES[0]
    return Normal(kept)


def _map(kept: dict[str, str]) -> None:
    """LAYERS, STYLES, CRS and BBOX of a map."""
    crs = "CRS" if kept["VERSION"] == "1.3.0" else "SRS"
    for name in ("LAYERS", crs, "BBOX"):
        if not kept.get(name):
            raise missing(name)
    if kept["LAYERS"].count(",") >= LAYERS_MAX:
        raise invalid("LAYERS", kept["LAYERS"], f"1–{LAYERS_MAX}")
    styles = kept.setdefault("STYLES", "").split(",")
    wrong = next((style for style in styles if style not in ("", "default", STYLE)), None)
    if wrong is not None:
        raise OwsError("StyleNotDefined", Text(pl=f"Nie ma stylu {wrong[:80]!r}; jest tylko {STYLE}",
                                               en=f"There is no style {wrong[:80]!r}; there is only {STYLE}"), "styles")
    if any(styles) and len(styles) != len(kept["LAYERS"].split(",")):
        raise invalid("STYLES", kept["STYLES"], f"{STYLE} × LAYERS")
    kept["STYLES"] = ""


def as_of(time: str) -> str | None:
    """The moment that TIME means, in UTC; None for now. A day means its end, a time without an offset is in UTC.

    Raises OwsError (WMS 1.3.0, annex D): one moment is asked for, no list and no interval.
    """
    if time.strip().lower() in ("", "current"):
        return None
    try:
        moment = datetime.fromisoformat(time.strip())
        if len(time.strip()) == len("2026-01-31"):
            moment = datetime.combine(moment, datetime.max.time())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise OwsError("InvalidDimensionValue", Text(
            pl=f"TIME={time[:80]}: podaj jedną chwilę, np. 2026-01-31 albo 2026-01-31T12:00:00Z",
            en=f"TIME={time[:80]}: give one moment such as 2026-01-31 or 2026-01-31T12:00:00Z"), "time") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def _image(asked: str | None) -> str:
    if asked is None:
        raise missing("FORMAT")
    wanted = re.sub(r";\s*", "; ", asked.strip().lower())
    wanted = _IMAGE_ALIASES.get(wanted, wanted)
    if wanted not in IMAGES:
        allowed = ", ".join(IMAGES)
        raise OwsError("InvalidFormat", Text(pl=f"FORMAT={asked[:80]}: dozwolone: {allowed}",
                                             en=f"FORMAT={asked[:80]}: allowed: {allowed}"), "format")
    return wanted


def _info_format(kept: dict[str, str]) -> str:
    if not kept.get("QUERY_LAYERS"):
        raise missing("QUERY_LAYERS")
    asked = kept.get("INFO_FORMAT", "text/plain")
    found = next((name for name in INFO_FORMATS if compared(name) == compared(asked)), None)
    if found is None:
        allowed = ", ".join(INFO_FORMATS)
        raise OwsError("InvalidFormat", Text(pl=f"INFO_FORMAT={asked[:80]}: dozwolone: {allowed}",
                                             en=f"INFO_FORMAT={asked[:80]}: allowed: {allowed}"), "info_format")
    return found


def _begin(parameters: Mapping[str, str]) -> dict[str, str]:
    """SERVICE and REQUEST, which every request has."""
    given = {key: value for key, value in parameters.items() if value != ""}
    request = given.get("REQUEST")
    # WMS 1.1.1 and 1.3.0 want SERVICE for GetCapabilities only.
    if "SERVICE" not in given and (request is None or request.lower() == "getcapabilities"):
        raise missing("SERVICE")
    if given.get("SERVICE", "WMS").upper() != "WMS":
        raise invalid("SERVICE", given["SERVICE"], "WMS")
    if request is None:
        raise missing("REQUEST")
    found = next((name for name in _WMS_REQUESTS if name.lower() == request.lower()), None)
    if found is None:
        names = ", ".join(_WMS_REQUESTS)
        raise OwsError("OperationNotSupported", Text(pl=f"REQUEST={request[:80]}: usługa zna: {names}",
                                                     en=f"REQUEST={request[:80]}: this service knows: {names}"),
                       "request")
    return given | {"SERVICE": "WMS", "REQUEST": found}


def _version(kept: dict[str, str]) -> None:
    if "VERSION" not in kept:
        raise missing("VERSION")
    if kept["VERSION"] not in WMS_VERSIONS:
        raise invalid("VERSION", kept["VERSION"], ", ".join(WMS_VERSIONS))
