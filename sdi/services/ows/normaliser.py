"""Requests as MapServer can take them, from key-value pairs or XML: known parameters only, and each trap closed.

What MapServer would ignore in silence, answer wrongly or die of is mended where the meaning is plain, else refused.
A client's `map=` and every other parameter that steers MapServer itself never get through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from lxml import etree

from sdi.model.region import Tenant
from sdi.model.text import Language, Text
from sdi.services.ows.exceptions import OwsError, invalid, missing
from sdi.services.ows.layers import SORT, Layer, tenant_layers
from sdi.services.ows.mapfile import CODES
from sdi.services.ows.wfs import EVERYWHERE, EXTENT, FORMATS
from sdi.services.ows.wms import IMAGES, INFO_FORMATS, SIZE_MAX

WMS_VERSIONS = ("1.3.0", "1.1.1", "1.1.0")
WFS_VERSIONS = ("2.0.0", "1.1.0", "1.0.0")

_WMS_REQUESTS = ("GetCapabilities", "GetMap", "GetFeatureInfo", "GetLegendGraphic", "DescribeLayer", "GetStyles")
_WFS_REQUESTS = ("GetCapabilities", "DescribeFeatureType", "GetFeature", "GetPropertyValue", "ListStoredQueries",
                 "DescribeStoredQueries")

_WMS_KNOWN = frozenset(
    "SERVICE VERSION REQUEST LAYERS STYLES SRS CRS BBOX WIDTH HEIGHT FORMAT TRANSPARENT BGCOLOR EXCEPTIONS "
    "QUERY_LAYERS INFO_FORMAT FEATURE_COUNT X Y I J LAYER STYLE RULE SCALE SLD_VERSION UPDATESEQUENCE MAP_RESOLUTION "
    "DPI".split()
)
_WFS_KNOWN = frozenset(
    "SERVICE VERSION ACCEPTVERSIONS ACCEPTFORMATS SECTIONS UPDATESEQUENCE REQUEST TYPENAME TYPENAMES SRSNAME BBOX "
    "FILTER FILTER_LANGUAGE RESOURCEID FEATUREID PROPERTYNAME VALUEREFERENCE MAXFEATURES COUNT STARTINDEX SORTBY "
    "RESULTTYPE OUTPUTFORMAT STOREDQUERY_ID STOREDQUERYID ID NAMESPACES NAMESPACE RESOLVE RESOLVEDEPTH "
    "RESOLVETIMEOUT EXCEPTIONS ALIASES".split()
)
_OGR_NAMES = {
    alias: form.name for form in FORMATS for alias in (form.name, form.mime, *form.aliases)
}
_CRS = re.compile(r"http://www\.opengis\.net/(?:def/crs/EPSG/[0-9.]+/|gml/srs/epsg\.xml#)(\d+)")
GEOMETRY = "geom"
"""The geometry of every type."""

_SPATIAL = frozenset(
    "BBOX Equals Disjoint Touches Within Overlaps Crosses Intersects Contains DWithin Beyond".split()
)
"""Spatial operators (FES 2.0 7.8, Filter Encoding 1.1 10)."""
_IMAGE_ALIASES = {"image/jpg": "image/jpeg", "image/png8": IMAGES[1], "png": "image/png", "jpeg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Normal:
    """A request for MapServer: parameters (upper-case keys) and, for XML requests, the body."""

    parameters: dict[str, str]
    body: bytes = b""
    links: dict[str, str] = field(default_factory=dict)
    """Parameters of the client that the links to other pages need and MapServer did not see."""

    @property
    def request(self) -> str:
        """The operation, as the standard spells it."""
        return self.parameters["REQUEST"]

    def query(self, mapfile: str) -> str:
        """The encoded query string, with the mapfile; of an XML request only what XML cannot carry."""
        kept = {SORT, EXTENT} if self.body else self.parameters.keys()
        pairs = {"map": mapfile} | {key: value for key, value in self.parameters.items() if key in kept}
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
    given = _begin(parameters, "WMS", _WMS_REQUESTS)
    for name in ("SLD", "SLD_BODY"):
        if name in parameters:
            raise OwsError("OperationNotSupported", Text(pl="Styli klienta (SLD) usługa nie przyjmuje",
                                                         en="This service takes no styles of the client (SLD)"), name)
    kept = {key: value for key, value in given.items() if key in _WMS_KNOWN}
    request = kept["REQUEST"]
    if request == "GetCapabilities":
        return Normal(kept)
    _version(kept, WMS_VERSIONS)
    for key in ("CRS", "SRS"):
        if key in kept:
            kept[key] = re.sub(r"^urn:ogc:def:crs:(EPSG|OGC):[^:]*:", r"\1:", _CRS.sub(r"EPSG:\1", kept[key]))
    if "WIDTH" in kept or "HEIGHT" in kept or request in ("GetMap", "GetFeatureInfo"):
        for key in ("WIDTH", "HEIGHT"):
            if not re.fullmatch(r"\d{1,5}", kept.get(key, "")) or not 1 <= int(kept[key]) <= SIZE_MAX:
                raise invalid(key, kept[key], f"1–{SIZE_MAX}") if key in kept else missing(key)
    if request in ("GetMap", "GetFeatureInfo"):
        _map(kept)
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
    styles = kept.setdefault("STYLES", "").split(",")
    wrong = next((style for style in styles if style not in ("", "default")), None)
    if wrong is not None:
        raise OwsError("StyleNotDefined", Text(pl=f"Nie ma stylu {wrong[:80]!r}; jest tylko default",
                                               en=f"There is no style {wrong[:80]!r}; there is only default"), "styles")
    if any(styles) and len(styles) != len(kept["LAYERS"].split(",")):
        raise invalid("STYLES", kept["STYLES"], "default × LAYERS")
    kept["STYLES"] = ""


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
    wanted = kept.get("INFO_FORMAT", "text/plain").strip().lower()
    if wanted not in INFO_FORMATS:
        allowed = ", ".join(INFO_FORMATS)
        raise OwsError("InvalidFormat", Text(pl=f"INFO_FORMAT={wanted[:80]}: dozwolone: {allowed}",
                                             en=f"INFO_FORMAT={wanted[:80]}: allowed: {allowed}"), "info_format")
    return wanted


def wfs(parameters: Mapping[str, str], tenant: Tenant) -> Normal:
    """A WFS request by key-value pairs (upper-case keys). Raises OwsError."""
    given = _begin(parameters, "WFS", _WFS_REQUESTS)
    for name in ("CQL_FILTER", "ECQL_FILTER", "VIEWPARAMS", "FORMAT_OPTIONS"):
        if name in given:
            raise OwsError("OptionNotSupported", Text(
                pl=f"{name} nie jest częścią WFS; filtr podaje się w parametrze FILTER (OGC Filter Encoding)",
                en=f"{name} is not part of WFS; give a FILTER (OGC Filter Encoding)"), name.lower())
    kept = {key: _CRS.sub(r"urn:ogc:def:crs:EPSG::\1", value) for key, value in given.items() if key in _WFS_KNOWN}
    if kept["REQUEST"] == "GetCapabilities":
        return Normal(kept)
    _version(kept, WFS_VERSIONS)
    kept[EXTENT] = EVERYWHERE
    if parameters.get("VALUEREFERENCE") == "":
        raise invalid("VALUEREFERENCE", "", "XPath")
    names = (kept.get("TYPENAMES") or kept.get("TYPENAME") or "").split(",")
    _one_type(kept.get("RESOURCEID") or kept.get("FEATUREID") or "", names, tenant)
    if "FILTER" in kept:
        # Whether it is well-formed MapServer will say; several filters stand in parentheses, one for each type.
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
        _geometry_operands(etree.fromstring(f"<filters>{kept['FILTER']}</filters>".encode(), parser))
    if "OUTPUTFORMAT" in kept:
        form = _OGR_NAMES.get(kept["OUTPUTFORMAT"].strip().lower())
        if form is not None:
            kept |= _ogr(form, kept["REQUEST"], names)
            # MapServer 8.0 dies of resultType=hits in a format of GDAL.
            if kept.get("RESULTTYPE", "").lower() == "hits":
                del kept["OUTPUTFORMAT"]
    links = {}
    if sort := kept.pop("SORTBY", None):
        links["SORTBY"] = sort
        keys = [(part.split()[0], part.split()[1:]) for part in sort.split(",") if part.strip()]
        kept[SORT] = _order([(key, "".join(way).upper()) for key, way in keys], names, tenant)
    return Normal(kept, links=links)


def wfs_xml(body: bytes, tenant: Tenant) -> tuple[Normal, str]:
    """A WFS request as XML; also its version. Raises OwsError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise OwsError("OperationParsingFailed", Text(pl=f"Żądanie nie jest poprawnym XML: {error.msg}",
                                                      en=f"The request is not well-formed XML: {error.msg}")) from error
    request = _known(etree.QName(root).localname, _WFS_REQUESTS)
    version = root.get("version", WFS_VERSIONS[0])
    if root.get("service", "WFS").upper() != "WFS":
        raise invalid("service", root.get("service", ""), "WFS")
    if request != "GetCapabilities" and version not in WFS_VERSIONS:
        raise invalid("version", version, ", ".join(WFS_VERSIONS))
    root.set("service", "WFS")
    parameters = {"REQUEST": request, "VERSION": version}
    if request != "GetCapabilities":
        parameters[EXTENT] = EVERYWHERE
    _geometry_operands(root)
    queries = [e for e in root.iter() if isinstance(e.tag, str) and etree.QName(e).localname == "Query"]
    names = [name for q in queries for name in re.split(r"[\s,]+", q.get("typeNames") or q.get("typeName") or "")]
    form = _OGR_NAMES.get(root.get("outputFormat", "").strip().lower())
    if form is not None:
        if root.get("resultType") == "hits":
            del root.attrib["outputFormat"]
        else:
            root.set("outputFormat", _ogr(form, request, names)["OUTPUTFORMAT"])
            parameters["OUTPUTFORMAT"] = form
    for element in root.iter():
        if srs := element.get("srsName"):
            element.set("srsName", _CRS.sub(r"urn:ogc:def:crs:EPSG::\1", srs))
    links = {}
    for query in queries:
        if sort := _sort_element(query):
            links["SORTBY"] = ",".join(" ".join(key) for key in sort)
            parameters[SORT] = _order(sort, names, tenant)
        parameters["SRSNAME"] = query.get("srsName") or parameters.get("SRSNAME", "")
    return Normal(parameters, etree.tostring(root, encoding="UTF-8", xml_declaration=True), links), version


def _one_type(identifiers: str, names: list[str], tenant: Tenant) -> None:
    """Refuse identifiers of another type than is asked for (WFS 2.0, 7.9.2.4.1): MapServer takes the type from them."""
    asked = {_local(name.strip("()")) for name in names if name}
    others = {layer.name for layer in tenant_layers(tenant)} - asked
    for identifier in identifiers.split(","):
        if asked and identifier.strip().rpartition(".")[0] in others:
            raise invalid("RESOURCEID", identifier, ", ".join(f"{name}.…" for name in sorted(asked)))


def _geometry_operands(root: etree._Element | None) -> None:
    """Refuse a spatial operator on what is no geometry: MapServer takes the geometry whatever is named."""
    for element in root.iter() if root is not None else ():
        operator = _local_tag(element)
        if operator not in _SPATIAL:
            continue
        allowed = {GEOMETRY, "boundedBy"} if operator == "BBOX" else {GEOMETRY}
        for operand in element:
            named = (operand.text or "").strip()
            if _local_tag(operand) in ("ValueReference", "PropertyName") and (
                    named and _local(named.rpartition("/")[2]) not in allowed):
                raise invalid("FILTER", f"{operator} {named}", GEOMETRY)


def _local_tag(element: etree._Element) -> str:
    """An element's name without namespace, also where its prefix is not declared."""
    return _local(element.tag.rpartition("}")[2]) if isinstance(element.tag, str) else ""


def _sort_element(query: etree._Element) -> list[tuple[str, str]]:
    """Take SortBy (FES 2.0 §8, Filter 1.1 §13) out of a query: properties and ways."""
    sort = query.find("{*}SortBy")
    if sort is None:
        return []
    query.remove(sort)
    return [
        ((prop.findtext("{*}ValueReference") or prop.findtext("{*}PropertyName") or "").strip(),
         (prop.findtext("{*}SortOrder") or "ASC").strip().upper())
        for prop in sort.iterfind("{*}SortProperty")
    ]


def _begin(parameters: Mapping[str, str], service: str, requests: tuple[str, ...]) -> dict[str, str]:
    """SERVICE and REQUEST, which every request has."""
    given = {key: value for key, value in parameters.items() if value != ""}
    request = given.get("REQUEST")
    # WMS 1.1.1 and 1.3.0 want SERVICE for GetCapabilities only.
    if "SERVICE" not in given and (service == "WFS" or request is None or request.lower() == "getcapabilities"):
        raise missing("SERVICE")
    if given.get("SERVICE", service).upper() != service:
        raise invalid("SERVICE", given["SERVICE"], service)
    if request is None:
        raise missing("REQUEST")
    return given | {"SERVICE": service, "REQUEST": _known(request, requests)}


def _known(request: str, requests: tuple[str, ...]) -> str:
    found = next((name for name in requests if name.lower() == request.lower()), None)
    if found is None:
        names = ", ".join(requests)
        raise OwsError("OperationNotSupported", Text(pl=f"REQUEST={request[:80]}: usługa zna: {names}",
                                                     en=f"REQUEST={request[:80]}: this service knows: {names}"),
                       "request")
    return found


def _version(kept: dict[str, str], versions: tuple[str, ...]) -> None:
    if "VERSION" not in kept:
        raise missing("VERSION")
    if kept["VERSION"] not in versions:
        raise invalid("VERSION", kept["VERSION"], ", ".join(versions))


def _ogr(form: str, request: str, names: list[str]) -> dict[str, str]:
    """OUTPUTFORMAT for a format of GDAL, which holds one feature type and belongs to GetFeature."""
    if request != "GetFeature":
        raise invalid("OUTPUTFORMAT", form, "GML")
    if len(names) > 1:
        raise OwsError("InvalidParameterValue", Text(
            pl=f"{form} mieści jeden typ obiektów; podaj jeden TYPENAMES albo format GML",
            en=f"{form} holds one feature type; give one TYPENAMES or ask for GML"), "outputformat")
    return {"OUTPUTFORMAT": form}


def _order(keys: list[tuple[str, str]], names: list[str], tenant: Tenant) -> str:
    """ORDER BY for `%sort%`: columns of the one type asked for, ties by the row's number.

    MapServer's own SORTBY compares numbers as text and leaves ties open, so that paging may miss features.
    """
    layer = next((layer for layer in tenant_layers(tenant) if [layer.name] == [_local(n) for n in names]), None)
    if layer is None:
        raise OwsError("InvalidParameterValue", Text(pl="SORTBY wymaga jednego typu obiektów w TYPENAMES",
                                                     en="SORTBY wants one feature type in TYPENAMES"), "sortby")
    return ",".join([*(_column(layer, key, way) for key, way in keys), "x.fid"])


def _column(layer: Layer, key: str, way: str) -> str:
    name = _local(key.rpartition("/")[2])
    if name not in layer.columns:
        raise invalid("SORTBY", key, ", ".join(layer.columns))
    if way not in ("", "A", "ASC", "D", "DESC"):
        raise invalid("SORTBY", way, "ASC, DESC")
    return f"x.{name} DESC NULLS LAST" if way.startswith("D") else f"x.{name}"


def _local(name: str) -> str:
    """A name without its prefix."""
    return name.strip().rpartition(":")[2]
