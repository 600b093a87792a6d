"""What a WFS request asks for, read from key-value pairs (see `pairs`) against what the tenant publishes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from psycopg import sql

from sdi.model.region import Tenant
from sdi.model.register import FeatureType
from sdi.model.text import Text
from sdi.services.fes.elements import number
from sdi.services.ows.exceptions import OwsError, invalid, missing
from sdi.services.wfs import pairs as kvp
from sdi.services.wfs.fes import Filter
from sdi.services.wfs.formats import Format, format_of
from sdi.services.wfs.identifiers import fid_of, type_of
from sdi.services.wfs.references import IDENTIFIER, declared, property_name
from sdi.services.wfs.versions import GEOMETRY, VERSIONS, Version, version_named
from sdi.store.columns import ID, Column, published
from sdi.store.crs import Crs, box_as_stored

PAGE_MAX = 10_000
"""Features of a page, where an answer can say that there is another one (also the CountDefault of WFS 2.0.0)."""

ADDRESS_MAX = 8_000
"""Bytes of an address that all clients, proxies and servers can be relied on to take (RFC 9110, 4.1)."""

REQUESTS = ("GetCapabilities", "DescribeFeatureType", "GetFeature", "GetPropertyValue", "ListStoredQueries",
            "DescribeStoredQueries")
_OF_20 = REQUESTS[3:]
_NOT_OFFERED = ("Transaction", "LockFeature", "GetFeatureWithLock", "GetGmlObject", "CreateStoredQuery",
                "DropStoredQuery")
_VENDORS = ("CQL_FILTER", "ECQL_FILTER", "VIEWPARAMS", "FORMAT_OPTIONS")
_START_MAX = 2**62


@dataclass(frozen=True, slots=True)
class Query:
    """Features of one type."""

    feature_type: FeatureType
    crs: Crs
    """With its axes in this version."""
    where: sql.Composable | None
    """The condition beside that of the tenant; None takes all."""
    values: Mapping[str, Any]
    columns: tuple[str, ...]
    """Properties to show, in the order of the type."""
    geometry: bool
    order: tuple[tuple[Column, bool], ...] = ()
    """Columns and whether descending."""


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """GetFeature or GetPropertyValue."""

    version: Version
    queries: tuple[Query, ...]
    count: int | None
    """Most objects of the answer; None where nothing says of it that there are more: all."""
    start: int
    hits: bool
    output: Format
    pairs: Mapping[str, str]
    """Of the request, for links to other pages."""
    value: str | None = None
    """The property of GetPropertyValue, or IDENTIFIER."""
    identifier: str | None = None
    """Of the feature of GetFeatureById, which must be there."""

    @property
    def single(self) -> bool:
        """Whether the answer is the feature itself, not a collection."""
        return self.identifier is not None and self.output.name == "gml" and not self.hits and self.value is None


def operation(pairs: Mapping[str, str]) -> str:
    """The operation that is asked for. Raises OwsError."""
    if not pairs.get("SERVICE"):
        raise missing("SERVICE")
    if pairs["SERVICE"].upper() != kvp.SERVICE:
        raise invalid("SERVICE", pairs["SERVICE"], kvp.SERVICE)
    asked = pairs.get("REQUEST")
    if not asked:
        raise missing("REQUEST")
    found = next((name for name in REQUESTS if name.lower() == asked.lower()), None)
    if found is None:
        known = ", ".join(REQUESTS)
        reason = next((name for name in _NOT_OFFERED if name.lower() == asked.lower()), None)
        pl = f"{reason}: usługa tylko udostępnia dane" if reason else f"REQUEST={asked[:80]}"
        en = f"{reason}: this service only publishes data" if reason else f"REQUEST={asked[:80]}"
        text = Text(pl=f"{pl}; zna: {known}", en=f"{en}; it knows: {known}")
        raise OwsError("OperationNotSupported", text, "request")
    if found in _OF_20 and pairs.get("VERSION") in ("1.1.0", "1.0.0"):
        raise OwsError("OperationNotSupported", Text(pl=f"{found} jest w WFS 2.0.0", en=f"{found} is of WFS 2.0.0"),
                       "request")
    return found


def version_of(pairs: Mapping[str, str]) -> Version:
    """The version that is asked for. Raises OwsError."""
    number = pairs.get("VERSION")
    if not number:
        raise missing("VERSION")
    version = version_named(number)
    if version is None:
        raise invalid("VERSION", number, ", ".join(VERSIONS))
    return version


def feature_type_of(name: str, tenant: Tenant) -> FeatureType:
    """The feature type of a qualified or plain name. Raises OwsError."""
    found = tenant.feature_type(name.strip().rpartition(":")[2].rpartition("}")[2])
    if found is None:
        raise OwsError("InvalidParameterValue", Text(
            pl=f"Nie ma tu typu obiektów {name[:80]!r}; lista jest w GetCapabilities",
            en=f"There is no feature type {name[:80]!r} here; GetCapabilities lists them"), "typename")
    return found


def columns_of(feature_type: FeatureType) -> dict[str, Column]:
    """The columns shown, by name, `id` first."""
    return {ID.name: ID, **published(feature_type)}


def feature_request(pairs: dict[str, str], version: Version, tenant: Tenant, *, values: bool) -> FeatureRequest:
    """A GetFeature, or with `values` a GetPropertyValue. Raises OwsError."""
    for name in _VENDORS:
        if pairs.get(name):
            raise OwsError("OptionNotSupported", Text(
                pl=f"{name} nie jest częścią WFS; filtr podaje się w parametrze FILTER (OGC Filter Encoding)",
                en=f"{name} is not part of WFS; give a FILTER (OGC Filter Encoding)"), name.lower())
    if pairs.get("RESOLVE", "none").lower() not in ("none", "local"):
        raise invalid("RESOLVE", pairs["RESOLVE"], "none, local")
    if values and not pairs.get("VALUEREFERENCE"):
        raise (invalid("VALUEREFERENCE", "", "XPath") if "VALUEREFERENCE" in pairs else missing("VALUEREFERENCE"))
    queries = tuple(_query(query, pairs, version, tenant) for query in _queries(pairs, tenant))
    hits = pairs.get("RESULTTYPE", "results").lower()
    if hits not in ("hits", "results") or (hits == "hits" and version.number == "1.0.0"):
        raise invalid("RESULTTYPE", hits, "results" if version.number == "1.0.0" else "results, hits")
    output = format_of(pairs.get("OUTPUTFORMAT"), version, gml_only=values)
    if not queries and hits == "results" and output.name not in ("gml", "geojson"):
        raise OwsError("InvalidParameterValue", Text(
            pl="Żaden z tych identyfikatorów nie należy do typu obiektów tej usługi, a kolumny pliku wynikają z typu",
            en="None of these identifiers is of a feature type of this service, and a file has the columns of a type"),
            "resourceid")
    count = _number(pairs, "COUNT" if pairs.get("COUNT") else "MAXFEATURES")
    if version.number == "2.0.0" and has_address(pairs) and (hits == "hits" or output.name in ("gml", "geojson")):
        count = PAGE_MAX if count is None else min(count, PAGE_MAX)
    return FeatureRequest(
        version, queries, count, _number(pairs, "STARTINDEX") or 0, hits == "hits", output, pairs,
        _value(pairs["VALUEREFERENCE"], queries, _namespaces(pairs)) if values else None,
    )


def has_address(pairs: Mapping[str, str]) -> bool:
    """Whether other pages of a request have an address that can be followed; not so those of a large filter by POST."""
    return len(urlencode(pairs)) <= ADDRESS_MAX


def _queries(pairs: dict[str, str], tenant: Tenant) -> list[dict[str, str]]:
    names = kvp.type_names(pairs.get("TYPENAMES") or pairs.get("TYPENAME") or "")
    if not names:
        identifiers = _identifiers(pairs)
        if identifiers is None:
            raise missing("TYPENAMES")
        types = dict.fromkeys(type_of(identifier) for identifier in identifiers)
        names = [name for name in types if name and tenant.feature_type(name)]
    return kvp.split(pairs, names)


def _identifiers(pairs: Mapping[str, str]) -> list[str] | None:
    text = pairs.get("RESOURCEID") or pairs.get("FEATUREID")
    return [part.strip() for part in text.split(",")] if text else None


def _query(query: dict[str, str], pairs: dict[str, str], version: Version, tenant: Tenant) -> Query:
    feature_type = feature_type_of(query["TYPENAMES"], tenant)
    columns = columns_of(feature_type)
    namespaces = _namespaces(pairs)
    compiler = Filter(feature_type.name, columns, version, namespaces)
    crs = version.crs(query.get("SRSNAME"))
    conditions: list[sql.Composable] = []
    if query.get("FILTER"):
        conditions.append(compiler.of(kvp.filter_element(query["FILTER"])))
    if pairs.get("BBOX"):
        conditions.append(compiler.area(_bbox(pairs["BBOX"], version, crs)))
    identifiers = _identifiers(pairs)
    if identifiers is not None:
        own = identifiers if pairs.get("TYPENAMES") or pairs.get("TYPENAME") else [
            identifier for identifier in identifiers if type_of(identifier) == feature_type.name]
        conditions.append(compiler.fids([fid_of(identifier, feature_type.name) for identifier in own]))
    named = partial(property_name, feature_type=feature_type.name, namespaces=namespaces)
    shown = [_known(name, columns, named) for name in re.split(r"[\s,]+", query.get("PROPERTYNAME", "")) if name]
    every = not shown or "*" in shown
    return Query(
        feature_type, crs, sql.SQL(" and ").join(conditions) if conditions else None, compiler.values,
        tuple(name for name in columns if every or name in shown), every or GEOMETRY in shown,
        tuple(_order(part, columns, named) for part in query.get("SORTBY", "").split(",") if part.strip()),
    )


def _bbox(text: str, version: Version, asked: Crs) -> Any:
    """BBOX: four numbers and a CRS, else that of the data (WFS 2.0, 7.9.2.3 by OWS Common 1.1, 10.2.3).

    In WFS 1.0.0 a BBOX has no CRS; QGIS means the one that is asked for.
    """
    parts = text.split(",")
    crs = asked if version.number == "1.0.0" else version.crs(",".join(parts[4:]) or None, "BBOX")
    try:
        return box_as_stored(tuple(map(number, parts[:4])), crs)
    except ValueError:
        raise invalid("BBOX", text, "min, min, max, max[, CRS]") from None


def _namespaces(pairs: Mapping[str, str]) -> dict[str, str]:
    return declared(pairs.get("NAMESPACES") or pairs.get("NAMESPACE") or "")


def _known(name: str, columns: Mapping[str, Column], named: Callable[[str], str]) -> str:
    bare = named(name)
    if bare not in columns and bare not in (GEOMETRY, "*"):
        raise invalid("PROPERTYNAME", name, ", ".join((*columns, GEOMETRY)))
    return bare


def _order(part: str, columns: Mapping[str, Column], named: Callable[[str], str]) -> tuple[Column, bool]:
    name, *way = part.split()
    bare, direction = named(name), "".join(way).upper()
    if bare not in columns:
        raise invalid("SORTBY", name, ", ".join(columns))
    if direction not in ("", "A", "ASC", "D", "DESC"):
        raise invalid("SORTBY", direction, "ASC, DESC")
    return columns[bare], direction.startswith("D")


def _value(path: str, queries: tuple[Query, ...], namespaces: Mapping[str, str]) -> str:
    name = path
    for query in queries:
        name = property_name(path, query.feature_type.name, namespaces)
        if name not in (GEOMETRY, IDENTIFIER) and name not in columns_of(query.feature_type):
            raise invalid("VALUEREFERENCE", path, ", ".join((*columns_of(query.feature_type), GEOMETRY, "@gml:id")))
    return name


def _number(pairs: Mapping[str, str], name: str) -> int | None:
    text = pairs.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise invalid(name, text, "0, 1, 2, …")
    return min(int(text), _START_MAX)
