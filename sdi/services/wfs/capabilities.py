"""Capabilities of each version and language, written from the declaration when it is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader
from lxml import etree

from sdi.model.identity import Addresses, dataset_identifier, dataset_record_id, service_record_id
from sdi.model.region import Tenant
from sdi.model.text import Language
from sdi.services.contract import Publication
from sdi.services.fes.elements import COMPARISONS, SPATIAL
from sdi.services.ows.exceptions import OwsError, invalid
from sdi.services.ows.mapfile import CODES, online_resource
from sdi.services.wfs.fes import KINDS, TEMPORAL
from sdi.services.wfs.formats import OTHERS
from sdi.services.wfs.pairs import parse_xml
from sdi.services.wfs.requests import PAGE_MAX, REQUESTS
from sdi.services.wfs.versions import NAMESPACE, PREFIX, SYSTEMS, VERSIONS, Version, version_named, version_up_to
from sdi.store.crs import bounds_in

_TEMPLATES = Environment(loader=PackageLoader("sdi.services.wfs"), autoescape=True, trim_blocks=True,
                         lstrip_blocks=True)
_NAMES = {"pl": "usługa pobierania (WFS)", "en": "download service (WFS)"}
_SECTIONS = ("ServiceIdentification", "ServiceProvider", "OperationsMetadata", "FeatureTypeList", "Filter_Capabilities")


def file_name(language: Language, version: Version) -> str:
    """The compiled document of a language and version."""
    return f"{CODES[language]}.{version.number}.xml"


def compile_wfs(publication: Publication, tenant: Tenant) -> dict[str, str]:
    """Documents by file name: each language in each version."""
    return {
        file_name(language, version): _document(publication, tenant, language, version)
        for language in tenant.languages for version in VERSIONS.values()
    }


def _document(publication: Publication, tenant: Tenant, language: Language, version: Version) -> str:
    template = _TEMPLATES.get_template(f"capabilities-{version.number}.xml.j2")
    context = dict(
        title=f"{tenant.title.get(language)} – {_NAMES[language]}",
        abstract=tenant.abstract.get(language),
        keywords=_keywords(publication, tenant.register_ids, language),
        licence=f"{tenant.licence.title.get(language)} ({tenant.licence.url})",
        contact=tenant.contact, organisation=tenant.contact.organisation.get(language),
        landing=Addresses(publication.public_url, tenant.id).landing,
        address=online_resource(Addresses(publication.public_url, tenant.id), "wfs", tenant, language),
        types=[_type(publication, tenant, name, language) for name in tenant.register_ids],
        bounds=[f"{value:.6f}" for value in bounds_in(tenant.bounds, 4326)],
        inspire=_inspire(publication, tenant, language),
        operations=REQUESTS, versions=list(VERSIONS), version=version, systems=list(SYSTEMS), page_max=PAGE_MAX,
        formats=(version.gml_formats[0], *(form.mime for form in OTHERS)), formats_10=[form.name for form in OTHERS],
        comparisons=COMPARISONS, spatial=SPATIAL, functions=KINDS,
        temporal=[name for name in TEMPORAL if name != "AnyInteracts"],  # fes.xsd does not let it be listed
        namespace=NAMESPACE, prefix=PREFIX,
    )
    return template.render(context, service=context) + "\n"


def _type(publication: Publication, tenant: Tenant, register_id: str, language: Language) -> dict[str, Any]:
    """The feature types of one register, with what they share."""
    record = dataset_record_id(publication.public_url, tenant.id, register_id)
    return {
        "keywords": _keywords(publication, (register_id,), language),
        "metadata": Addresses(publication.public_url, tenant.id).record(record),
        "feature_types": [
            {"name": ft.name, "title": ft.title.get(language), "abstract": ft.abstract.get(language)}
            for ft in tenant.feature_types if ft.register_id == register_id
        ],
    }


def _keywords(publication: Publication, register_ids: tuple[str, ...], language: Language) -> list[str]:
    texts = (k.get(language) for name in register_ids for k in publication.region.registers[name].keywords)
    return list(dict.fromkeys(texts))


def _inspire(publication: Publication, tenant: Tenant, language: Language) -> dict[str, Any]:
    record = service_record_id(publication.public_url, tenant.id, "wfs")
    return {
        "metadata": Addresses(publication.public_url, tenant.id).record(record),
        "languages": [CODES[name] for name in tenant.languages], "language": CODES[language],
        "data_sets": [dataset_identifier(publication.public_url, tenant.id, name) for name in tenant.register_ids],
    }


def negotiated(pairs: Mapping[str, str]) -> Version:
    """The version of the capabilities: the first acceptable one (OWS Common 1.1, 7.3.2). Raises OwsError."""
    if accepted := pairs.get("ACCEPTVERSIONS"):
        for number in accepted.split(","):
            if (version := version_named(number.strip())) is not None:
                return version
        refusal = invalid("ACCEPTVERSIONS", accepted, ", ".join(VERSIONS))
        raise OwsError("VersionNegotiationFailed", refusal.text, refusal.locator)
    return version_up_to(pairs.get("VERSION", ""))


def sections(document: bytes, asked: str) -> bytes:
    """The sections of a document that SECTIONS names, of versions with OWS Common. Raises OwsError."""
    names = {name.strip().lower() for name in asked.split(",")}
    known = {name.lower() for name in _SECTIONS}
    if "all" in names or not names:
        return document
    if names - known:
        raise invalid("SECTIONS", asked, ", ".join((*_SECTIONS, "All")))
    root = parse_xml(document)
    for child in list(root):
        if etree.QName(child).localname.lower() not in names:
            root.remove(child)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
