"""Mapfile text: quoting, blocks, and what every map of a tenant says of itself. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sdi.model.identity import Addresses, dataset_identifier, dataset_record_id, service_record_id
from sdi.model.region import Tenant
from sdi.model.register import AttributeType
from sdi.model.text import Language
from sdi.services.contract import Publication
from sdi.services.ows.layers import Layer

SRS = "EPSG:2180 EPSG:2176 EPSG:2177 EPSG:2178 EPSG:2179 EPSG:4258 EPSG:4326 EPSG:3857 EPSG:3035"
"""Coordinate reference systems of maps; the first is the one that is stored."""

CODES: dict[Language, str] = {"pl": "pol", "en": "eng"}
"""ISO 639-2/B codes, as the LANGUAGE parameter has them (INSPIRE network services)."""


_TYPES: dict[AttributeType, str] = {"integer": "Long", "number": "Real"}
"""MapServer's types; all else is Character. BEWARE: Date becomes gml:TimeInstant, which GDAL cannot filter."""


def quote(text: str) -> str:
    """A mapfile string: in double quotes, on one line, without control characters."""
    plain = re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def block(name: str, *parts: str | Iterable[str]) -> str:
    """`name … END`; each part is a line or lines, indented by two."""
    lines = [line for part in parts for line in ([part] if isinstance(part, str) else part)]
    body = "\n".join(lines).replace("\n", "\n  ")
    return f"{name}\n  {body}\nEND"


def metadata(values: Mapping[str, str]) -> str:
    """A METADATA block; empty values are left out."""
    return block("METADATA", (f"{quote(key)} {quote(value)}" for key, value in values.items() if value))


def projection(srid: int) -> str:
    """A PROJECTION block by EPSG code."""
    return f'PROJECTION "init=epsg:{srid}" END'


def extent(tenant: Tenant) -> str:
    """The tenant's bounds as four numbers, EPSG:2180, whole metres outwards."""
    west, south, east, north = tenant.bounds
    return f"{west // 1:.0f} {south // 1:.0f} {-(-east // 1):.0f} {-(-north // 1):.0f}"


def online_resource(addresses: Addresses, protocol: str, tenant: Tenant, language: Language) -> str:
    """Where the service answers in that language; the default language needs no parameter."""
    base = addresses.service(protocol)
    return f"{base}?" if language == tenant.languages[0] else f"{base}?language={CODES[language]}&"


def service_metadata(publication: Publication, tenant: Tenant, language: Language) -> dict[str, str]:
    """Identification, provider and conditions of a service, in one language."""
    addresses = Addresses(publication.public_url, tenant.id)
    contact = tenant.contact
    licence = f"{tenant.licence.title.get(language)} ({tenant.licence.url})"
    name = {"pl": "usługa przeglądania (WMS)", "en": "view service (WMS)"}[language]
    postal = {
        "ows_addresstype": "postal", "ows_address": contact.address or "", "ows_city": "-",
        "ows_stateorprovince": "-", "ows_postcode": "-", "ows_country": "Polska",
    }
    return {
        "ows_enable_request": "*",
        "ows_title": f"{tenant.title.get(language)} – {name}",
        "ows_abstract": tenant.abstract.get(language),
        "ows_keywordlist": keywords(publication, tenant.register_ids, language),
        "ows_onlineresource": f"{addresses.service('wms')}?",
        "ows_service_onlineresource": contact.url or addresses.landing,
        "ows_fees": licence,
        "ows_accessconstraints": licence,
        "ows_contactperson": contact.organisation.get(language),
        "ows_contactorganization": contact.organisation.get(language),
        "ows_contactelectronicmailaddress": contact.email,
        "ows_contactvoicetelephone": contact.phone or "",
        "ows_srs": SRS,
    } | (postal if contact.address else {})


def inspire_metadata(publication: Publication, tenant: Tenant) -> dict[str, str]:
    """What the capabilities say for INSPIRE: the service's own record (of the root layer too), and the languages.

    Scenario 1 of the Technical Guidance for View Services 3.11: all else is in the record. BEWARE: with languages,
    MapServer adds that of the request to every address of its own, and takes a request without one for the first.
    """
    record = service_record_id(publication.public_url, tenant.id, "wms")
    return _metadata_url(publication, tenant, record) | {
        "wms_inspire_capabilities": "url",
        "wms_inspire_metadataurl_href": Addresses(publication.public_url, tenant.id).record(record),
        "wms_inspire_metadataurl_format": "application/vnd.ogc.csw.GetRecordByIdResponse_xml",
        "wms_languages": ",".join(CODES[language] for language in tenant.languages),
    }


def keywords(publication: Publication, register_ids: Iterable[str], language: Language) -> str:
    """The keywords of registers as MapServer wants them: one line, commas between."""
    texts = (k.get(language) for name in register_ids for k in publication.region.registers[name].keywords)
    return ",".join(dict.fromkeys(text.replace(",", " ") for text in texts))


def dataset_authority(publication: Publication, tenant: Tenant, register_id: str) -> dict[str, str]:
    """Whose identifiers a register and the layers below it have: the namespace of the data set's identifier."""
    _, namespace = dataset_identifier(publication.public_url, tenant.id, register_id)
    return {"wms_authorityurl_name": tenant.id, "wms_authorityurl_href": namespace}


def dataset_link(publication: Publication, tenant: Tenant, register_id: str) -> dict[str, str]:
    """Which data set shows in a layer: its identifier, and where its metadata are.

    BEWARE: without an address of metadata MapServer offers a GetMetadata of its own.
    """
    record = dataset_record_id(publication.public_url, tenant.id, register_id)
    code, _ = dataset_identifier(publication.public_url, tenant.id, register_id)
    return _metadata_url(publication, tenant, record) | {
        "wms_identifier_authority": tenant.id,
        "wms_identifier_value": code,
    }


def _metadata_url(publication: Publication, tenant: Tenant, record: str) -> dict[str, str]:
    return {
        "ows_metadataurl_href": Addresses(publication.public_url, tenant.id).record(record),
        "ows_metadataurl_type": "TC211",
        "ows_metadataurl_format": "application/xml",
    }


def layer_metadata(publication: Publication, tenant: Tenant, layer: Layer, language: Language) -> dict[str, str]:
    """Title, abstract, keywords, metadata address and published columns of one layer, in one language."""
    feature_type = layer.feature_type
    return dataset_link(publication, tenant, feature_type.register_id) | {
        "ows_title": layer.title.get(language),
        "ows_abstract": feature_type.abstract.get(language),
        "ows_keywordlist": keywords(publication, [feature_type.register_id], language),
        # BEWARE: EXTENT of a LAYER hides what lies beyond it; ows_extent is for the capabilities only.
        "ows_extent": extent(tenant),
        "ows_include_items": ",".join(layer.columns),
        "gml_include_items": ",".join(layer.columns),
    } | {f"gml_{name}_type": _TYPES.get(column.type, "Character") for name, column in layer.columns.items()}


def connection(publication: Publication) -> tuple[str, str, str]:
    """How a layer reaches PostGIS; a worker keeps its connection from one request to the next."""
    return (
        "CONNECTIONTYPE POSTGIS",
        f"CONNECTION {quote(publication.conninfo)}",
        'PROCESSING "CLOSE_CONNECTION=DEFER"',
    )
