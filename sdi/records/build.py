"""Metadata records from the declaration and the commits: pure functions, ISO 19139 text out.

A record's text holds the placeholder DATE_STAMP where the day of its last change belongs: so the same declaration and
the same data give the same text, and only what differs counts as changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pyproj import Transformer

from sdi.errors import PublicationError
from sdi.model.identity import Addresses, dataset_identifier, dataset_record_id, service_record_id
from sdi.model.region import Region, Tenant
from sdi.model.register import Register
from sdi.model.text import Text
from sdi.records.places import public_place
from sdi.records.profile import Profile
from sdi.store.statistics import Statistics

DATE_STAMP = "@DATE_STAMP@"
DENOMINATOR = 500
"""Scale denominator at which the county registers are kept (mapa zasadnicza 1:500)."""
REFERENCE_SYSTEMS = (2180, 4258)
POLAND = ZoneInfo("Europe/Warsaw")
ORIGINS_SHOWN = 3
"""Distinct addresses that the lineage names per source; further ones are counted."""

INTEROPERABILITY = {
    "title": "Rozporządzenie Komisji (UE) nr 1089/2010 z dnia 23 listopada 2010 r. w sprawie wykonania dyrektywy "
             "2007/2/WE Parlamentu Europejskiego i Rady w zakresie interoperacyjności zbiorów i usług danych "
             "przestrzennych",
    "date": "2010-12-08",
}
NETWORK_SERVICES = {
    "title": "Rozporządzenie Komisji (WE) nr 976/2009 z dnia 19 października 2009 r. w sprawie wykonania dyrektywy "
             "2007/2/WE Parlamentu Europejskiego i Rady w zakresie usług sieciowych",
    "date": "2009-10-20",
}

_to_crs84 = Transformer.from_crs("EPSG:2180", "OGC:CRS84", always_xy=True)

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tenant's objects of one register came from: one source and what its commits said."""

    source: str
    county: str
    objects: int
    first_at: datetime
    last_at: datetime
    lineage: dict[str, Any]
    """Of the last commit; `deliveries` is a list of objects with `origin`, an address or a path."""


@dataclass(frozen=True, slots=True)
class Record:
    """One metadata record, ready to store."""

    identifier: str
    tenant: str
    kind: Literal["dataset", "service"]
    subject: str
    """The register of a dataset, the protocol of a service."""
    title: str
    abstract: str
    bounds: Bounds
    """CRS84: west, south, east, north, in degrees."""
    queryables: dict[str, str]
    """What else the catalogue can be asked for, by the column names of sdi.csw_record."""
    text: str
    """ISO 19139 with DATE_STAMP for the day of the last change."""

    @property
    def content(self) -> UUID:
        """Hash of all that the record says, its date stamp aside."""
        parts = repr((self.tenant, self.kind, self.subject, self.title, self.abstract, self.bounds,
                      sorted(self.queryables.items()), self.text))
        return UUID(bytes=hashlib.sha256(parts.encode()).digest()[:16])

    def xml(self, at: datetime) -> str:
        """The record as changed at `at`."""
        return self.text.replace(DATE_STAMP, _day(at))


def dataset_record(
    profile: Profile, region: Region, tenant: Tenant, register: Register, statistics: dict[str, Statistics],
    origins: Sequence[Origin], public_url: str,
) -> Record | None:
    """The record of a register as a tenant publishes it; None where the tenant has no objects of it yet.

    `statistics` by feature type name, of this tenant. Raises PublicationError where the register names a theme that
    metadata/iso19139/themes.yaml does not have.
    """
    found = {name: statistics[name] for name in register.feature_types
             if name in statistics and statistics[name].objects}
    if not found or not origins:
        return None
    types = [register.feature_types[name] for name in found]
    extents = [s.extent for s in found.values() if s.extent is not None]
    newest = max((s.newest for s in found.values() if s.newest is not None), default=None)
    themes = _themes(profile, register, [ft.inspire_theme for ft in types])
    code, namespace = dataset_identifier(public_url, tenant.id, register.id)
    fields = _common(profile, tenant, dataset_record_id(public_url, tenant.id, register.id), public_url,
                     _union(extents) if extents else tenant.bounds) | {
        "title": _text("{register} — {tenant}", register=register.title, tenant=tenant.title),
        "abstract": _text("{abstract} {legal}.", abstract=register.abstract, legal=register.legal_basis),
        "code": code,
        "namespace": namespace,
        "published": _day(min(origin.first_at for origin in origins)),
        "revised": _day(max(s.committed_at for s in found.values())),
        "newest": _day(newest) if newest else None,
        "themes": themes,
        "keywords": _distinct([*register.keywords, *(ft.title for ft in types)]),
        "denominator": DENOMINATOR,
        "topic_category": register.topic_category,
        "links": _links(profile, tenant, public_url, tenant.services),
        "specification": INTEROPERABILITY,
        "lineage": lineage(region, origins),
    }
    return _record(profile, tenant, "dataset", register.id, fields, {
        "date_publication": fields["published"],
        "date_revision": fields["revised"],
        "time_end": fields["newest"],
        "topicategory": register.topic_category,
        "denominator": str(DENOMINATOR),
        "resourcelanguage": "pol",
        "degree": "false",
        "lineage": fields["lineage"].pl,
        "keywords": _comma_separated([*(theme["pl"] for theme in themes), *(k.pl for k in fields["keywords"])]),
    })


def service_record(
    profile: Profile, tenant: Tenant, protocol: str, datasets: Sequence[Record], public_url: str
) -> Record:
    """The record of one service of a tenant; `datasets` are the tenant's dataset records, which it operates on."""
    service = profile.services[protocol]
    coupled = [d for d in datasets if service.data_operation is not None]
    addresses = Addresses(public_url, tenant.id)
    fields = _common(profile, tenant, service_record_id(public_url, tenant.id, protocol), public_url, tenant.bounds) | {
        "title": _text("{service} — {tenant}", service=service.title, tenant=tenant.title),
        "abstract": _text("{service} {tenant}", service=service.abstract, tenant=tenant.abstract),
        "service": service,
        "newest": None,
        "keywords": [service.category],
        "links": _links(profile, tenant, public_url, [protocol]),
        "coupling": "tight" if coupled else "loose",
        "datasets": [{"identifier": d.identifier, "url": addresses.record(d.identifier)} for d in coupled],
        "specification": NETWORK_SERVICES,
    }
    identifiers = ",".join(d.identifier for d in coupled)
    return _record(profile, tenant, "service", protocol, fields, {
        "servicetype": service.type,
        "servicetypeversion": service.version,
        "operation": service.operation,
        "couplingtype": fields["coupling"],
        "operateson": identifiers,
        "operatesonidentifier": identifiers,
        "operatesoname": service.data_operation if coupled else None,
        "keywords": _comma_separated([service.category.code, service.category.pl]),
        "source": fields["links"][0]["url"],
    })


def lineage(region: Region, origins: Sequence[Origin]) -> Text:
    """In words: from which sources, where they lie (without credentials), when they were taken, how many objects."""
    sentences: dict[str, list[str]] = {"pl": [], "en": []}
    for origin in origins:
        source = region.sources.get(origin.source)
        unit = region.units.get(origin.county)
        names = {language: source.title.get(language) if source and source.title else origin.source
                 for language in sentences}
        county = f"{unit.name} ({origin.county})" if unit else origin.county
        places = _places(origin.lineage)
        shown = ", ".join(places[:ORIGINS_SHOWN]) + (f" (+{len(places) - ORIGINS_SHOWN})"
                                                     if len(places) > ORIGINS_SHOWN else "")
        sentences["pl"].append(f"{county}: {names['pl']}" + (f", pobrano z {shown}" if shown else "")
                               + f", stan z {_day(origin.last_at)}, obiektów: {origin.objects}.")
        sentences["en"].append(f"{county}: {names['en']}" + (f", taken from {shown}" if shown else "")
                               + f", as of {_day(origin.last_at)}, objects: {origin.objects}.")
    return Text(
        pl=" ".join(["Dane pobrane z rejestrów powiatowych i przeliczone do układu EPSG:2180.", *sentences["pl"]]),
        en=" ".join(["Taken from the county registers and transformed to EPSG:2180.", *sentences["en"]]),
    )


def _places(of: dict[str, Any]) -> list[str]:
    """Distinct public places in a commit's lineage: addresses without user, password and query; of a path its name."""
    places: dict[str, None] = {}
    for delivery in of.get("deliveries") or ():
        if place := public_place(str(delivery.get("origin") or "")):
            places[place] = None
    return list(places)


def _common(profile: Profile, tenant: Tenant, identifier: str, public_url: str, bounds: Bounds) -> dict[str, Any]:
    west, south, east, north = (round(degrees, 6) for degrees in _to_crs84.transform_bounds(*bounds, densify_pts=21))
    formats = [format_ for p in tenant.services if (format_ := profile.services[p].format) is not None]
    return {
        "identifier": identifier,
        "date_stamp": DATE_STAMP,
        "english": f"EN-{identifier}" if "en" in tenant.languages else None,
        "contact": tenant.contact,
        "licence": tenant.licence,
        "scope": {"code": "local", "pl": "Lokalny"} if tenant.teryt else {"code": "regional", "pl": "Regionalny"},
        "west": west, "south": south, "east": east, "north": north,
        "reference_systems": REFERENCE_SYSTEMS,
        "formats": formats,
    }


def _record(
    profile: Profile, tenant: Tenant, kind: Literal["dataset", "service"], subject: str, fields: dict[str, Any],
    queryables: dict[str, str | None],
) -> Record:
    shared: dict[str, str | None] = {
        "title_alternate": fields["title"].en if fields["english"] else None,
        "crs": ",".join(f"urn:ogc:def:crs:EPSG::{crs}" for crs in REFERENCE_SYSTEMS),
        "organization": tenant.contact.organisation.pl,
        "publisher": tenant.contact.organisation.pl,
        "responsiblepartyrole": "pointOfContact",
        "accessconstraints": "otherRestrictions",
        "otherconstraints": tenant.licence.title.pl,
        "conditionapplyingtoaccessanduse": tenant.licence.title.pl,
        "specificationtitle": fields["specification"]["title"],
        "specificationdate": fields["specification"]["date"],
        "specificationdatetype": "publication",
        "format": ",".join(format_.name for format_ in fields["formats"]),
        "links": "^".join(
            ",".join((link["service"].title.pl.replace(",", " "), "", link["service"].link, link["url"]))
            for link in fields["links"]
        ),
    }
    return Record(
        identifier=fields["identifier"],
        tenant=tenant.id,
        kind=kind,
        subject=subject,
        title=fields["title"].pl,
        abstract=fields["abstract"].pl,
        bounds=(fields["west"], fields["south"], fields["east"], fields["north"]),
        queryables={name: value for name, value in (shared | queryables).items() if value},
        text=profile.render(kind, fields),
    )


def _links(profile: Profile, tenant: Tenant, public_url: str, protocols: Sequence[str]) -> list[dict[str, Any]]:
    addresses = Addresses(public_url, tenant.id)
    return [{"url": addresses.capabilities(p), "service": profile.services[p]} for p in protocols]


def _themes(profile: Profile, register: Register, further: Sequence[str | None]) -> list[dict[str, str]]:
    codes = [code for code in dict.fromkeys((register.inspire_theme, *further)) if code]
    if unknown := [code for code in codes if code not in profile.themes]:
        raise PublicationError(f"configs/registers/{register.id}.yaml: no INSPIRE theme {', '.join(unknown)}; "
                               "the themes are in metadata/iso19139/themes.yaml")
    return [{"code": code, "pl": profile.themes[code].pl} for code in codes]


def _text(pattern: str, **parts: Text) -> Text:
    return Text(pl=pattern.format(**{name: part.pl for name, part in parts.items()}),
                en=pattern.format(**{name: part.en for name, part in parts.items()}))


def _distinct(texts: Sequence[Text]) -> list[Text]:
    return list({text.pl: text for text in texts}.values())


def _comma_separated(words: Sequence[str]) -> str:
    return ",".join(dict.fromkeys(word.replace(",", " ") for word in words))


def _union(extents: Sequence[Bounds]) -> Bounds:
    west, south, east, north = zip(*extents, strict=True)
    return min(west), min(south), max(east), max(north)


def _day(moment: datetime) -> str:
    """The civil date in Poland, whatever the time zone of the database session is."""
    return f"{moment.astimezone(POLAND):%Y-%m-%d}"
