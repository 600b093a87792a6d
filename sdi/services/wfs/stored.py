"""Stored queries: GetFeatureById, which every WFS 2.0 has (7.9.3.6), and the whole data set as INSPIRE asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lxml import etree

from sdi.model.identity import dataset_identifier
from sdi.model.region import Tenant
from sdi.model.text import Language, Text
from sdi.services.ows.exceptions import OwsError, invalid, missing
from sdi.services.wfs import pairs as kvp
from sdi.services.wfs.identifiers import type_of
from sdi.services.wfs.requests import FeatureRequest, feature_request
from sdi.services.wfs.versions import NAMESPACE, NEWEST, PREFIX, Version

BY_ID = "urn:ogc:def:query:OGC-WFS::GetFeatureById"
_BY_ID_TOO = "http://www.opengis.net/def/query/OGC-WFS/0/GetFeatureById"
SPATIAL_DATA_SET = "http://inspire.ec.europa.eu/operation/download/GetSpatialDataSet"
_LANGUAGE = "urn:ogc:def:queryLanguage:OGC-WFS::WFS_QueryExpression"
_OF_ANSWER = ("OUTPUTFORMAT", "RESULTTYPE", "VALUEREFERENCE")
"""Parameters of a request that hold for every stored query."""
_XS = "http://www.w3.org/2001/XMLSchema"


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A query that is known by its name."""

    identifier: str
    title: Text
    parameters: tuple[tuple[str, str], ...]
    """Names and XML Schema types."""


QUERIES = (
    StoredQuery(BY_ID, Text(pl="Obiekt o podanym identyfikatorze", en="Feature by identifier"), (("ID", "string"),)),
    StoredQuery(SPATIAL_DATA_SET, Text(pl="Cały zbiór danych przestrzennych", en="A whole spatial data set"),
                (("CRS", "string"), ("DataSetIdCode", "string"), ("DataSetIdNamespace", "string"),
                 ("Language", "string"))),
)


def stored_request(
    identifier: str, pairs: dict[str, str], version: Version, tenant: Tenant, public_url: str, *, values: bool
) -> FeatureRequest:
    """The GetFeature, or with `values` the GetPropertyValue, that a stored query with its parameters stands for.

    Raises OwsError.
    """
    if identifier in (BY_ID, _BY_ID_TOO):
        return _by_id(pairs, version, tenant, values)
    if identifier == SPATIAL_DATA_SET:
        return _data_set(pairs, version, tenant, public_url, values)
    raise invalid("STOREDQUERY_ID", identifier, ", ".join(query.identifier for query in QUERIES))


def not_found(identifier: str) -> OwsError:
    """There is no feature of that identifier."""
    return OwsError("NotFound", Text(pl=f"Nie ma tu obiektu {identifier[:80]!r}",
                                     en=f"There is no feature {identifier[:80]!r} here"), "id", 404)


def _by_id(pairs: dict[str, str], version: Version, tenant: Tenant, values: bool) -> FeatureRequest:
    identifier = pairs.get("ID")
    if not identifier:
        raise missing("ID")
    if tenant.feature_type(type_of(identifier) or "") is None:
        raise not_found(identifier)
    own = {key: value for key, value in pairs.items() if key in (*_OF_ANSWER, "SRSNAME")}
    request = feature_request(own | {"RESOURCEID": identifier}, version, tenant, values=values)
    return replace(request, identifier=identifier, pairs=pairs)


def _data_set(
    pairs: dict[str, str], version: Version, tenant: Tenant, public_url: str, values: bool
) -> FeatureRequest:
    """All feature types of one register, page by page (INSPIRE TG download 3.1, requirements 50 ff.)."""
    codes = {dataset_identifier(public_url, tenant.id, name)[0]: name for name in tenant.register_ids}
    code, namespace = pairs.get("DATASETIDCODE", ""), pairs.get("DATASETIDNAMESPACE")
    if not code:
        raise missing("DataSetIdCode")
    if code not in codes:
        raise invalid("DataSetIdCode", code, ", ".join(codes))
    known = dataset_identifier(public_url, tenant.id, codes[code])[1]
    if namespace and namespace.rstrip("/") != known.rstrip("/"):
        raise invalid("DataSetIdNamespace", namespace, known)
    types = [ft.name for ft in tenant.feature_types if ft.register_id == codes[code]]
    kept = {key: value for key, value in pairs.items() if key in (*_OF_ANSWER, "COUNT", "STARTINDEX")}
    kept |= {"TYPENAMES": ",".join(types), "SRSNAME": pairs.get("CRS", "")}
    return replace(feature_request(kept, version, tenant, values=values), pairs=pairs)


def list_queries(tenant: Tenant, language: Language) -> bytes:
    """ListStoredQueriesResponse."""
    root = _root("ListStoredQueriesResponse")
    for query in QUERIES:
        element = _element(root, "StoredQuery", id=query.identifier)
        _title(element, query, language)
        for feature_type in tenant.feature_types:
            _element(element, "ReturnFeatureType").text = f"{PREFIX}:{feature_type.name}"
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def describe_queries(asked: str, tenant: Tenant, language: Language) -> bytes:
    """DescribeStoredQueriesResponse; `asked`: identifiers between commas, or nothing for all. Raises OwsError."""
    names = [name.strip() for name in asked.split(",") if name.strip()]
    known = {query.identifier: query for query in QUERIES} | {_BY_ID_TOO: QUERIES[0]}
    for name in names:
        if name not in known:
            raise invalid("STOREDQUERY_ID", name, ", ".join(query.identifier for query in QUERIES))
    root = _root("DescribeStoredQueriesResponse")
    types = " ".join(f"{PREFIX}:{feature_type.name}" for feature_type in tenant.feature_types)
    for query in [known[name] for name in names] or QUERIES:
        element = _element(root, "StoredQueryDescription", id=query.identifier)
        _title(element, query, language)
        for name, kind in query.parameters:
            _element(element, "Parameter", name=name, type=f"xs:{kind}")
        _element(element, "QueryExpressionText", isPrivate="true", language=_LANGUAGE, returnFeatureTypes=types)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _root(name: str) -> etree._Element:
    return etree.Element(f"{{{NEWEST.wfs}}}{name}", nsmap={"wfs": NEWEST.wfs, PREFIX: NAMESPACE, "xs": _XS})


def _element(parent: etree._Element, element: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{NEWEST.wfs}}}{element}", attributes)


def _title(parent: etree._Element, query: StoredQuery, language: Language) -> None:
    element = _element(parent, "Title")
    element.text = query.title.get(language)
    element.set("{http://www.w3.org/XML/1998/namespace}lang", language)


def asked_for(pairs: dict[str, str]) -> str | None:
    """The stored query that a request names, or None."""
    return next((pairs[key] for key in kvp.STORED if pairs.get(key)), None)
