"""From a tenant's declaration to the configuration of its pygeoapi: a pure function."""

from __future__ import annotations

from typing import Any

from sdi import __version__
from sdi.model.identity import Addresses, dataset_record_id
from sdi.model.region import Region, Tenant
from sdi.model.register import FeatureType
from sdi.model.text import Text
from sdi.services.contract import Publication
from sdi.services.ogcapi import changes, queryables
from sdi.services.ogcapi.texts import PAGES
from sdi.services.ogcapi.tiles.names import REL, TILES_TITLE
from sdi.store.columns import ID
from sdi.store.crs import CRS84, PL1992, PUBLISHED_CRS, bounds_in
from sdi.store.issues import ISSUE_ABSTRACT, ISSUE_TIME, ISSUE_TITLE, ISSUES

PROVIDER = "sdi.services.ogcapi.provider.RegisterProvider"

LIMIT_DEFAULT = 10
LIMIT_MAX = 10_000


def configuration(publication: Publication, tenant: Tenant) -> dict[str, Any]:
    """The pygeoapi configuration of one tenant, as JSON data."""
    addresses = Addresses(publication.public_url, tenant.id)
    bbox = crs84_bbox(tenant.bounds)
    return {
        "server": {
            "url": addresses.service("ogcapi"),
            "api_rules": {"api_version": __version__},
            "languages": list(tenant.languages),
            "limits": {"default_items": LIMIT_DEFAULT, "max_items": LIMIT_MAX, "on_exceed": "throttle"},
        },
        "logging": {"level": "ERROR"},
        "metadata": _metadata(publication.region, tenant, addresses),
        "resources": {
            **{ft.name: _resource(publication, tenant, addresses, ft, bbox) for ft in tenant.feature_types},
            ISSUES: _collection(tenant, addresses, ISSUES, ISSUE_TITLE, ISSUE_ABSTRACT, bbox, ISSUE_TIME),
        },
    }


def crs84_bbox(bounds: tuple[float, float, float, float]) -> list[float]:
    """An EPSG:2180 extent (x = easting) as west, south, east, north in degrees, 6 decimals."""
    return [round(edge, 6) for edge in bounds_in(bounds, CRS84.srid)]


def _metadata(region: Region, tenant: Tenant, addresses: Addresses) -> dict[str, Any]:
    contact = tenant.contact
    keywords = [word for name in tenant.register_ids for word in region.registers[name].keywords]
    return {
        "identification": {
            "title": _by_language(tenant, tenant.title),
            "description": _by_language(tenant, tenant.abstract),
            "keywords": _lists(tenant, keywords),
            "keywords_type": "theme",
            "terms_of_service": tenant.licence.url,
            "url": addresses.landing,
        },
        "license": {"name": _by_language(tenant, tenant.licence.title), "url": tenant.licence.url},
        "provider": {
            "name": _by_language(tenant, contact.organisation),
            "url": contact.url or addresses.landing,
            "email": contact.email,
        },
        "contact": {
            "name": _by_language(tenant, contact.organisation),
            "email": contact.email,
            "url": contact.url or addresses.landing,
            **({"phone": contact.phone} if contact.phone else {}),
            **({"address": contact.address} if contact.address else {}),
        },
    }


def _resource(
    publication: Publication, tenant: Tenant, addresses: Addresses, feature_type: FeatureType, bbox: list[float]
) -> dict[str, Any]:
    register = publication.region.registers[feature_type.register_id]
    collection = _collection(
        tenant, addresses, feature_type.name, feature_type.title, feature_type.abstract, bbox, "valid_from")
    return collection | {
        "keywords": _lists(tenant, [register.title, *register.keywords]),
        "links": [*collection["links"], *_links(publication, tenant, addresses, feature_type)],
    }


def _collection(
    tenant: Tenant, addresses: Addresses, name: str, title: Text, abstract: Text, bbox: list[float], time_field: str
) -> dict[str, Any]:
    return {
        "type": "collection",
        "title": _by_language(tenant, title),
        "description": _by_language(tenant, abstract),
        "keywords": _lists(tenant, [title]),
        "links": [_licence(tenant), {
            "type": queryables.MEDIA_TYPE, "rel": queryables.SORTABLES,
            "title": _by_language(tenant, PAGES["sortables"]),
            "href": f"{addresses.collection(name)}/sortables",
        }],
        "extents": {"spatial": {"bbox": bbox, "crs": CRS84.uri}},
        "providers": [
            {
                "type": "feature",
                "name": PROVIDER,
                "data": name,
                "id_field": ID.name,
                "time_field": time_field,
                "include_extra_query_parameters": True,
                "crs": list(PUBLISHED_CRS),
                "storage_crs": PL1992.uri,
            }
        ],
    }


def _licence(tenant: Tenant) -> dict[str, Any]:
    return {"type": "text/html", "rel": "license", "title": _by_language(tenant, tenant.licence.title),
            "href": tenant.licence.url}


def _links(
    publication: Publication, tenant: Tenant, addresses: Addresses, feature_type: FeatureType
) -> list[dict[str, Any]]:
    # "monitor" is IANA's name for a resource by which changes are followed (RFC 5989).
    links: list[dict[str, Any]] = [{
        "type": changes.MEDIA_TYPE, "rel": "monitor", "title": _by_language(tenant, changes.TITLE),
        "href": f"{addresses.collection(feature_type.name)}/changes",
    }]
    links += [{
        "type": "application/json", "rel": f"{REL}/tilesets-vector", "title": _by_language(tenant, TILES_TITLE),
        "href": f"{addresses.collection(feature_type.name)}/tiles",
    }]
    if "csw" in tenant.services:
        record = dataset_record_id(publication.public_url, tenant.id, feature_type.register_id)
        links.append({
            "type": "application/xml", "rel": "describedby",
            "title": _by_language(tenant, Text(pl="Metadane zbioru (ISO 19139)", en="Data set metadata (ISO 19139)")),
            "href": addresses.record(record),
        })
    links += [
        {
            "type": "application/xml", "rel": "alternate", "href": addresses.capabilities(protocol),
            "title": _by_language(tenant, Text(
                pl=f"To samo jako warstwa {feature_type.name} w {protocol.upper()}",
                en=f"The same as layer {feature_type.name} of {protocol.upper()}")),
        }
        for protocol in ("wms", "wfs")
        if protocol in tenant.services
    ]
    return links


def _by_language(tenant: Tenant, text: Text) -> dict[str, str]:
    return {language: text.get(language) for language in tenant.languages}


def _lists(tenant: Tenant, texts: list[Text]) -> dict[str, list[str]]:
    return {language: list(dict.fromkeys(text.get(language) for text in texts)) for language in tenant.languages}
