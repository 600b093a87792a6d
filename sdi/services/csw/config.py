"""A tenant's catalogue as pycsw's configuration: a pure function of the declaration."""

from __future__ import annotations

import json

from sdi.model.identity import Addresses
from sdi.model.region import Tenant
from sdi.services.contract import Publication

LANGUAGES = {"pl": "pol", "en": "eng"}
"""ISO 639-1 as the declaration has it, ISO 639-2/B as INSPIRE asks for it."""


def configuration(publication: Publication, tenant: Tenant, language: str) -> str:
    """JSON of pycsw's configuration sections for one language; without pycsw's interpolation."""
    addresses = Addresses(publication.public_url, tenant.id)
    title = {"pl": "Usługa wyszukiwania (CSW)", "en": "Discovery service (CSW)"}[language]
    keywords = dict.fromkeys(["infoCatalogueService", *(
        keyword.get(language).replace(",", " ")
        for register in tenant.register_ids for keyword in publication.region.registers[register].keywords)])
    contact = tenant.contact
    sections = {
        "server": {
            "url": addresses.service("csw"),
            "encoding": "UTF-8",
            "language": "en",
            "profiles": "apiso",
        },
        "manager": {"transactions": "false"},
        "metadata:main": {
            "identification_title": f"{title} — {tenant.title.get(language)}",
            "identification_abstract": tenant.abstract.get(language),
            "identification_keywords": ",".join(keywords),
            "identification_keywords_type": "theme",
            "identification_fees": "none",
            "identification_accessconstraints": tenant.licence.title.get(language),
            "provider_name": contact.organisation.get(language),
            "provider_url": contact.url or addresses.landing,
            "contact_name": contact.organisation.get(language),
            "contact_position": "",
            "contact_address": contact.address or "",
            "contact_city": "",
            "contact_stateorprovince": "",
            "contact_postalcode": "",
            "contact_country": "PL",
            "contact_phone": contact.phone or "",
            "contact_fax": "",
            "contact_email": contact.email,
            "contact_url": contact.url or addresses.landing,
            "contact_hours": "",
            "contact_instructions": "",
            "contact_role": "pointOfContact",
        },
        "repository": {"source": "sdi.services.csw.repository.Repository"},
    }
    return json.dumps(sections, ensure_ascii=False, indent=1)
