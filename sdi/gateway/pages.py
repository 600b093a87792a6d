"""Landing pages of the region and its tenants, in Polish and English, from the declaration and the commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sdi.gateway.picture import picture
from sdi.model.identity import dataset_record_id
from sdi.model.region import REGION_TENANT, Tenant
from sdi.model.text import Text
from sdi.services.contract import Engines, Published
from sdi.services.pages import Templates
from sdi.services.problems import language_of
from sdi.services.publications import Build
from sdi.store.statistics import Statistics, tenant_statistics

SERVICE_TITLES: Mapping[str, Text] = {
    "ogcapi": Text(pl="OGC API – Obiekty", en="OGC API – Features"),
    "wms": Text(pl="Przeglądanie (WMS)", en="View (WMS)"),
    "wfs": Text(pl="Pobieranie (WFS)", en="Download (WFS)"),
    "csw": Text(pl="Wyszukiwanie (CSW)", en="Discovery (CSW)"),
    "download": Text(pl="Pliki do pobrania", en="Files to download"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A feature type in the table of a landing page."""

    name: str
    title: str
    objects: int
    newest: datetime | None
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RegisterTable:
    """A register of the tenant: its title, its record in the catalogue, its feature types."""

    title: str
    legal_basis: str
    record: str | None
    rows: list[Row]


class Pages:
    """Renders the landing pages."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.templates = Templates(Path(__file__).parent / "templates")

    async def region(self, request: Request, build: Build) -> Response:
        """`/`: the region with its partners."""
        language = language_of(request)
        whole = build.tenants.get(REGION_TENANT)
        statistics = await run_in_threadpool(self._statistics, whole.tenant) if whole else {}
        partners = [
            (p, build.region.units[p.tenant.teryt].name if p.tenant.teryt in build.region.units else "")
            for name, p in build.tenants.items() if name != REGION_TENANT
        ]
        partners.sort(key=lambda pair: (pair[0].tenant.teryt or "", pair[0].tenant.id))
        return self.templates.page(
            "region.html", build.public_url, language, region=build.region, whole=whole, partners=partners,
            objects=sum(s.objects for s in statistics.values()),
            updated=max((s.committed_at for s in statistics.values()), default=None),
        )

    async def tenant(self, request: Request, published: Published) -> Response:
        """`/{tenant}/`: every address to copy, counts and dates of the data."""
        language = language_of(request)
        tenant = published.tenant
        statistics, address = await run_in_threadpool(self._facts, published, language)
        return self.templates.page(
            "tenant.html", published.public_url, language, region=published.region, tenant=tenant,
            addresses=published.addresses,
            services=[(protocol, SERVICE_TITLES[protocol].get(language)) for protocol in tenant.services],
            tables=_tables(published, statistics, language),
            picture=address,
        )

    def _statistics(self, tenant: Tenant) -> dict[str, Statistics]:
        with self.engines.pool.connection() as connection:
            return tenant_statistics(connection, tenant)

    def _facts(self, published: Published, language: str) -> tuple[dict[str, Statistics], str | None]:
        with self.engines.pool.connection() as connection:
            statistics = tenant_statistics(connection, published.tenant)
            return statistics, picture(connection, published.tenant, statistics, published.addresses, language)


def _tables(published: Published, statistics: Mapping[str, Statistics], language: str) -> list[RegisterTable]:
    tenant, tables = published.tenant, []
    for register_id in tenant.register_ids:
        register = published.region.registers[register_id]
        rows = [
            Row(ft.name, ft.title.get(language), s.objects if s else 0, s.newest if s else None,
                s.committed_at if s else None)
            for ft in tenant.feature_types if ft.register_id == register_id
            for s in [statistics.get(ft.name)]
        ]
        record = published.addresses.record(dataset_record_id(published.public_url, tenant.id, register_id))
        has_record = "csw" in tenant.services and any(row.committed_at for row in rows)
        tables.append(RegisterTable(
            register.title.get(language), register.legal_basis.get(language), record if has_record else None, rows))
    return tables
