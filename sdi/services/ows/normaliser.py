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
from sdi.services.ows.layers import AS_OF, layer_names
from sdi.services.ows.mapfile import CODES, SRS
from sdi.services.ows.media import compared
from sdi.services.ows.wms import IMAGES, INFO_FORMATS, LAYERS_MAX, SIZE_MAX, STYLE

WMS_VERSIONS = ("1.3.0", "1.1.1", "1.1.0")
"""The latest first."""

_WMS_REQUESTS = ("GetCapabilities", "GetMap", "GetFeatureInfo", "GetLegendGraphic", "GetStyles")

_WMS_KNOWN = frozenset(
    "SERVICE VERSION REQUEST LAYERS STYLES SRS CRS BBOX WIDTH HEIGHT FORMAT TRANSPARENT BGCOLOR QUERY_LAYERS "
    "INFO_FORMAT FEATURE_COUNT X Y I J LAYER STYLE RULE SCALE SLD_VERSION UPDATESEQUENCE MAP_RESOLUTION DPI".split()
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
    _resolution(kept)
    if request == "GetCapabilities":
        # Nothing else: MapServer has no use for it, but fails at some of it.
        return Normal({"SERVICE": kept["SERVICE"], "REQUEST": request,
                       "VERSION": _negotiated(kept.get("VERSION", WMS_VERSIONS[0])),
                       "LANGUAGE": CODES[language(parameters, tenant)]})
    _version(kept)
    _layers(kept, tenant)
    for key in ("CRS", "SRS"):
        if key in kept:
            kept[key] = re.sub(r"^urn:ogc:def:crs:(EPSG|OGC):[^:]*:", r"\1:", _CRS.sub(r"EPSG:\1", kept[key]))
    of_map = request in ("GetMap", "GetFeatureInfo")
    if "WIDTH" in kept or "HEIGHT" in kept or of_map:
        for key in ("WIDTH", "HEIGHT"):
            # BEWARE: of a map one pixel wide or high MapServer draws nothing, or sends NaN to PostGIS.
            _whole(kept, key, 2 if of_map else 1, SIZE_MAX)
    if of_map:
        _map(kept)
        if (moment := as_of(parameters.get("TIME", ""))) is not None:
            kept[AS_OF.upper()] = moment
    if request == "GetMap" or "FORMAT" in kept:
        kept["FORMAT"] = _image(kept.get("FORMAT"))
    if request == "GetFeatureInfo":
        kept["INFO_FORMAT"] = _info_format(kept)
        kept["FORMAT"] = IMAGES[0]
        _point(kept)
        if "FEATURE_COUNT" in kept:
            _whole(kept, "FEATURE_COUNT", 1, 2**31 - 1)
    return Normal(kept)


def _map(kept: dict[str, str]) -> None:
    """LAYERS, STYLES, CRS and BBOX of a map."""
    crs = "CRS" if kept["VERSION"] == "1.3.0" else "SRS"
    for name in ("LAYERS", crs, "BBOX"):
        if not kept.get(name):
            raise missing(name)
    kept[crs] = _reference_system(kept[crs], crs)
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


def _reference_system(asked: str, name: str) -> str:
    """The code that MapServer knows for CRS or SRS. It draws an empty map in some that are not offered."""
    code = asked.strip().upper().replace("OGC:CRS84", "CRS:84")
    offered = (*SRS.split(), "CRS:84")
    if code not in offered:
        raise invalid(name, asked, ", ".join(offered), f"Invalid{name}")  # WMS 1.3.0 table E.1, 1.1.1 annex A.3
    # MapServer takes CRS:84 in 1.3.0 only; before, longitude is first in EPSG:4326 too.
    return "EPSG:4326" if (name, code) == ("SRS", "CRS:84") else code


def _layers(kept: dict[str, str], tenant: Tenant) -> None:
    """Names of layers as they are published: MapServer takes any case, and passes over some that are not there."""
    known = layer_names(tenant)
    for key in ("LAYERS", "QUERY_LAYERS", "LAYER"):
        if key in kept:
            asked = [kept[key]] if key == "LAYER" else kept[key].split(",")
            wrong = next((name for name in asked if name.lower() not in known), None)
            if wrong is not None:
                raise OwsError("LayerNotDefined", Text(pl=f"Nie ma warstwy {wrong[:80]!r}",
                                                       en=f"There is no layer {wrong[:80]!r}"), key.lower())
            kept[key] = ",".join(known[name.lower()] for name in asked)


def _point(kept: dict[str, str]) -> None:
    """The point of GetFeatureInfo; the names of another version do too. MapServer takes any text for a number."""
    for name, other, size in (("I", "X", "WIDTH"), ("J", "Y", "HEIGHT")):
        if kept["VERSION"] != "1.3.0":
            name, other = other, name
        value = kept.pop(other, None)
        if value is not None:
            kept.setdefault(name, value)
        _whole(kept, name, 0, int(kept[size]) - 1, "InvalidPoint")


def _whole(kept: Mapping[str, str], name: str, least: int, most: int, code: str = "InvalidParameterValue") -> None:
    """Raise OwsError unless the parameter is a whole number within bounds."""
    if name not in kept:
        raise missing(name)
    if not re.fullmatch("[0-9]{1,10}", kept[name]) or not least <= int(kept[name]) <= most:
        raise invalid(name, kept[name], f"{least}–{most}", code)


def _resolution(kept: Mapping[str, str]) -> None:
    """MAP_RESOLUTION within the bounds of MapServer, which shows a page of its own beyond them."""
    asked = kept.get("MAP_RESOLUTION", "91")
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{0,9})?", asked) or not 10 <= float(asked) <= 1000:
        raise invalid("MAP_RESOLUTION", asked, "10–1000")


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
        raise invalid("FORMAT", asked, ", ".join(IMAGES), "InvalidFormat")
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


def _negotiated(asked: str) -> str:
    """The version of the capabilities: the highest not above the one asked for, else the lowest (WMS 1.3.0, 6.2.4)."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){0,2}", asked):
        raise invalid("VERSION", asked, ", ".join(WMS_VERSIONS))
    most = (*map(int, asked.split(".")), 0)
    return next((known for known in WMS_VERSIONS if tuple(map(int, known.split("."))) <= most), WMS_VERSIONS[-1])
