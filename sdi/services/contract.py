"""What each service (one folder per standard) offers to publication and to the gateway.

`compile` is a pure function from the declaration to files; `answer` serves requests from those files and PostGIS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from psycopg_pool import ConnectionPool
from starlette.requests import Request
from starlette.responses import Response

from sdi.model.identity import Addresses
from sdi.model.region import Region, Tenant


@dataclass(frozen=True, slots=True)
class Publication:
    """All that a compiler may know."""

    region: Region
    public_url: str
    """No trailing slash."""
    conninfo: str
    """libpq conninfo of the serving role (for mapfiles)."""
    home: Path
    """For content: `metadata/`, `tiles/`."""


@dataclass(slots=True)
class Published:
    """One tenant as a web worker holds it: its declaration, its compiled files, and what services keep of it."""

    tenant: Tenant
    folder: Path
    """`var/build/<digest>/<tenant>`; the files of a service lie in `<folder>/<service name>/`."""
    region: Region
    public_url: str
    state: dict[str, Any] = field(default_factory=dict)
    """Lazily built engine state by service name; thrown away with a new publication."""

    @property
    def addresses(self) -> Addresses:
        """The tenant's public addresses."""
        return Addresses(self.public_url, self.tenant.id)


class Service(Protocol):
    """One standard. Built once per web worker with what it needs (pool, mapserv socket)."""

    protocol: str
    """ogcapi, wms, wfs, csw, download."""

    def __init__(self, engines: Engines) -> None: ...

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """File names and their texts for one tenant; pure and deterministic."""
        ...

    async def answer(self, request: Request, published: Published, path: str) -> Response:
        """Answer a request below `/{tenant}/{protocol}`; `path` is what follows, without a leading slash."""
        ...


@dataclass(frozen=True, slots=True)
class Engines:
    """What the services of a web worker share."""

    pool: ConnectionPool
    """Of the serving role, autocommit."""
    mapserv_socket: Path
    """Unix socket of the FastCGI mapserv workers."""
    home: Path
    var: Path | None = None
    """Where finished files may be kept; None: nowhere."""
    downloads_bytes: int = 20 << 30
    """What the files of whole collections may take there."""
