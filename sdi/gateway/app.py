"""The ASGI app: from an address to the service or page of a tenant."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from sdi.assets import Assets
from sdi.db.database import Database
from sdi.gateway.compression import Compression
from sdi.gateway.crossorigin import Preflights
from sdi.gateway.engines import engines_of
from sdi.gateway.health import health
from sdi.gateway.limits import Limits
from sdi.gateway.pages import Pages
from sdi.gateway.problem_pages import ProblemPages
from sdi.gateway.sources import Sources
from sdi.model.text import Text
from sdi.services import services
from sdi.services.contract import Engines, Published
from sdi.services.downloads.formats import MEDIA_TYPES
from sdi.services.problems import Problem
from sdi.services.publications import Build, Publications
from sdi.settings import Settings
from sdi.supervised import die_with_parent

POOL_SIZE = 8
"""Connections of one web worker: as many requests may wait for PostgreSQL at once."""


class Gateway:
    """Routes `/`, `/{tenant}/` and `/{tenant}/{protocol}/…` over the current publication."""

    def __init__(self, engines: Engines, publications: Publications) -> None:
        self.engines = engines
        self.publications = publications
        self.services = services(engines)
        self.pages = Pages(engines)
        self.sources = Sources(self.pages)
        self.problems = ProblemPages(self.pages, publications)

    def app(self) -> Starlette:
        """The Starlette application."""
        every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        return Starlette(
            routes=[
                Route("/", self.region_page, methods=["GET"]),
                Route("/health", self.health, methods=["GET"]),
                Mount("/static", Assets()),
                Route("/region/sources", self.sources_page, methods=["GET"]),
                Route("/{tenant}", self.to_landing, methods=["GET"]),
                Route("/{tenant}/", self.tenant_page, methods=["GET"]),
                Route("/{tenant}/{protocol}", self.service, methods=every),
                Route("/{tenant}/{protocol}/{path:path}", self.service, methods=every),
            ],
            middleware=[
                Middleware(Limits),
                Middleware(Preflights),
                # As an exception handler it would answer outside of Limits, without its headers.
                Middleware(ServerErrorMiddleware, handler=self.problems.on_failure),
                Middleware(Compression, but=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *MEDIA_TYPES)),
            ],
            exception_handlers={HTTPException: self.problems.on_problem},
            lifespan=self.lifespan,
        )

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open the pool while the app runs."""
        self.engines.pool.open()
        try:
            yield
        finally:
            self.engines.pool.close()

    async def health(self, request: Request) -> Response:
        """/health."""
        return await health(self.engines, self.publications)

    async def region_page(self, request: Request) -> Response:
        """The region with its partners."""
        return await self.pages.region(request, await self._build())

    async def sources_page(self, request: Request) -> Response:
        """How the region's sources are doing, as a page or as JSON."""
        return await self.sources.answer(request, await self._build())

    async def tenant_page(self, request: Request) -> Response:
        """A tenant's landing page."""
        return await self.pages.tenant(request, await self._published(request))

    async def to_landing(self, request: Request) -> Response:
        """`/{tenant}` without its slash."""
        published = await self._published(request)
        return RedirectResponse(published.addresses.landing, 308)

    async def service(self, request: Request) -> Response:
        """Hand a request over to a service of the tenant."""
        published = await self._published(request)
        protocol = request.path_params["protocol"]
        if protocol not in published.tenant.services or protocol not in self.services:
            known = ", ".join(published.tenant.services)
            raise Problem(404, Text(pl=f"Brak usługi „{protocol}”; są: {known}",
                                    en=f"No service {protocol!r} here; there are: {known}"))
        return await self.services[protocol].answer(request, published, request.path_params.get("path", ""))

    async def _build(self) -> Build:
        build = self.publications.unless_moved() or await asyncio.to_thread(self.publications.current)
        if build is None:
            raise Problem(503, Text(pl="Nic jeszcze nie opublikowano", en="Nothing is published yet"))
        return build

    async def _published(self, request: Request) -> Published:
        name = request.path_params["tenant"]
        published = (await self._build()).tenants.get(name)
        if published is None:
            raise Problem(404, Text(pl=f"Nie ma tu partnera „{name}”", en=f"There is no partner {name!r} here"))
        return published


def create(settings: Settings, database_url: str, mapserv_socket: Path) -> Starlette:
    """What each web worker calls, with the engines of `sdi serve`."""
    die_with_parent()
    engines = engines_of(settings, Database(database_url), mapserv_socket, POOL_SIZE)
    return Gateway(engines, Publications(settings.var / "build")).app()
