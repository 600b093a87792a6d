"""What a tenant offers for download now, as data: for pages, for links, and for a feed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdi.model.identity import Addresses
from sdi.model.region import Tenant
from sdi.model.text import Text
from sdi.services.contract import Engines, Published
from sdi.services.downloads.files import Description, Name, described
from sdi.services.downloads.formats import CRS_URI, FORMATS
from sdi.services.downloads.job import Declaration, Job
from sdi.store.editions import Edition, current_editions

PROTOCOL = "download"
DECLARATIONS = "declarations.json"


@dataclass(frozen=True, slots=True)
class Offer:
    """The file of a collection's current edition in one format, whether or not it has been made yet."""

    name: Name
    title: Text
    """Of the collection."""
    edition: Edition
    made: Description | None

    def address(self, addresses: Addresses) -> str:
        """Where this edition lies, and no other ever."""
        return f"{addresses.service(PROTOCOL)}/{self.name}"

    def latest(self, addresses: Addresses) -> str:
        """The address that leads to the edition that is current when it is asked for."""
        return f"{addresses.service(PROTOCOL)}/{self.name.collection}.{self.name.extension}"

    def data(self, addresses: Addresses, language: str) -> dict[str, Any]:
        """As JSON data; size, checksum and time of making are null until the file is made."""
        made = self.made
        return {
            "collection": self.name.collection,
            "title": self.title.get(language),
            "format": self.name.format.title.get(language),
            "type": self.name.format.media_type,
            "crs": CRS_URI,
            "version": self.edition.version,
            "committed_at": self.edition.committed_at.isoformat(timespec="seconds"),
            "href": self.address(addresses),
            "latest": self.latest(addresses),
            "length": made.bytes if made else None,
            "sha256": made.sha256 if made else None,
            "objects": made.objects if made else None,
            "bounds": made.bounds if made else None,
            "made_at": made.made_at.isoformat(timespec="seconds") if made else None,
        }

    def link(self, addresses: Addresses, language: str) -> dict[str, Any]:
        """An enclosure (RFC 4287, clause 4.2.7.2), with its length in bytes and its checksum once it is made."""
        shown = Text(pl=f"Cała kolekcja jako {self.name.format.title.pl}, EPSG:2180",
                     en=f"The whole collection as {self.name.format.title.en}, EPSG:2180")
        link: dict[str, Any] = {
            "rel": "enclosure", "type": self.name.format.media_type, "title": shown.get(language),
            "href": self.address(addresses),
        }
        if self.made is not None:
            link |= {"length": self.made.bytes, "checksum": f"sha256:{self.made.sha256}"}
        return link


def folder_of(engines: Engines) -> Path:
    """`var/downloads`; where nothing says where `var` is, it is in the SDI home."""
    return (engines.var or engines.home / "var") / "downloads"


def enclosures(
    engines: Engines, published: Published, collection: str, language: str
) -> dict[str, list[dict[str, Any]]]:
    """Links to the files of a tenant by collection; of one, or of all for an empty name. Raises psycopg errors."""
    found = offers(engines, published, [collection] if collection else None)
    return {name: [offer.link(published.addresses, language) for offer in each] for name, each in found.items()}


def declarations(published: Published) -> Mapping[str, str]:
    """Digests of what is declared of each collection, as compiled; nothing where the tenant offers no downloads."""
    found: Mapping[str, str] | None = published.state.get(PROTOCOL)
    if found is None:
        path = published.folder / PROTOCOL / DECLARATIONS
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        published.state[PROTOCOL] = found
    return found


def offers(
    engines: Engines, published: Published, feature_types: Sequence[str] | None = None
) -> dict[str, list[Offer]]:
    """Offers by collection, all formats of each; those without an edition are absent. Raises psycopg errors."""
    declared = declarations(published)
    tenant: Tenant = published.tenant
    names = [ft.name for ft in tenant.feature_types
             if ft.name in declared and (feature_types is None or ft.name in feature_types)]
    if not names:
        return {}
    downloads = folder_of(engines)
    with engines.pool.connection() as connection:
        editions = current_editions(connection, tenant, names)
    found: dict[str, list[Offer]] = {}
    for feature_type in tenant.feature_types:
        if (edition := editions.get(feature_type.name)) is None:
            continue
        for extension in FORMATS:
            name = Name.of(feature_type.name, edition, declared[feature_type.name], extension)
            found.setdefault(feature_type.name, []).append(
                Offer(name, feature_type.title, edition, described(downloads / tenant.id, name)))
    return found


def job_for(engines: Engines, published: Published, name: Name, last_use: float | None = None) -> Job:
    """What the process that makes a file of a tenant is told."""
    feature_type = published.tenant.feature_type(name.collection)
    assert feature_type is not None
    return Job(
        conninfo=engines.pool.conninfo, downloads=folder_of(engines), max_bytes=engines.downloads_bytes,
        declaration=Declaration.of(published.region, published.public_url, published.tenant, feature_type),
        digest=declarations(published)[name.collection], extension=name.extension, last_use=last_use,
    )
