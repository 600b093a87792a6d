"""/health: is every part that answers users there? 200 when all are, 503 when one is not."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from sdi import __version__
from sdi.db.queries import query
from sdi.services.contract import Engines
from sdi.services.publications import Publications


async def health(engines: Engines, publications: Publications) -> Response:
    """The state of database, mapserv workers and publication, each `ok` or what is wrong."""
    parts = await run_in_threadpool(_parts, engines, publications)
    well = all(part["status"] == "ok" for part in parts.values())
    return JSONResponse(
        {"status": "ok" if well else "failing", "version": __version__, "parts": parts,
         "time": datetime.now(UTC).isoformat(timespec="seconds")},
        200 if well else 503,
        headers={"cache-control": "no-store"},
    )


def _parts(engines: Engines, publications: Publications) -> dict[str, dict[str, Any]]:
    return {
        "database": _tried(lambda: _database(engines)),
        "mapserv": _tried(lambda: _mapserv(engines)),
        "publication": _tried(lambda: _publication(publications)),
    }


def _tried(part: Any) -> dict[str, Any]:
    try:
        return {"status": "ok", **part()}
    except Exception as error:
        return {"status": "failing", "problem": type(error).__name__}


def _database(engines: Engines) -> dict[str, Any]:
    with engines.pool.connection(timeout=3) as connection:
        version, committed_at, sources = connection.execute(query("statistics", "health")).fetchone() or (0, None, 0)
    return {
        "data_version": version,
        "last_harvest": committed_at.isoformat(timespec="seconds") if committed_at else None,
        "sources": sources,
    }


def _mapserv(engines: Engines) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(3)
        client.connect(str(engines.mapserv_socket))
    return {}


def _publication(publications: Publications) -> dict[str, Any]:
    build = publications.current()
    if build is None:
        raise LookupError("nothing published")
    return {"digest": build.digest, "tenants": len(build.tenants)}
