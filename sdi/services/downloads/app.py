"""The service `download`: `/{tenant}/download/` lists the files, and each file has an address per edition."""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import Mapping
from email.utils import format_datetime
from pathlib import Path

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse

from sdi.model.region import Tenant
from sdi.model.text import Text
from sdi.services.contract import Engines, Publication, Published
from sdi.services.downloads.catalogue import DECLARATIONS, PROTOCOL, Offer, folder_of, job_for, offers
from sdi.services.downloads.files import Description, Name, described, used
from sdi.services.downloads.formats import FORMATS
from sdi.services.downloads.job import Declaration
from sdi.services.downloads.makers import RETRY_FAILED_S, Makers
from sdi.services.pages import Templates, wants_json
from sdi.services.preconditions import PreconditionFailed, is_current
from sdi.services.problems import Problem, language_of

WAIT_S = 25
"""How long a client waits for a file that is being made, before it is told to come again: shorter than the patience
of usual proxies."""

COME_AGAIN_S = 10

METHODS = "GET, HEAD, OPTIONS"

_RANGE = re.compile(r"(?P<first>\d{1,18})-(?P<last>\d{1,18})?|-\d{1,18}", re.ASCII)

LOGGER = logging.getLogger(__name__)


class Download:
    """The service `download` of every tenant."""

    protocol = PROTOCOL

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.folder = folder_of(engines)
        self.makers = Makers(self.folder)
        self.templates = Templates(Path(__file__).parent / "templates")

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """A digest per collection of all that is declared of it: another declaration asks for another file."""
        digests = {
            feature_type.name: Declaration.of(
                publication.region, publication.public_url, tenant, feature_type).digest
            for feature_type in tenant.feature_types
        }
        return {DECLARATIONS: json.dumps(digests, indent=1) + "\n"}

    async def answer(self, request: Request, published: Published, path: str) -> Response:
        """The list, or a file. Raises Problem."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": METHODS})
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, Text(pl=f"Metoda {request.method} nie jest obsługiwana; są: {METHODS}",
                                    en=f"The method {request.method} is not supported; there are: {METHODS}"),
                          {"Allow": METHODS})
        try:
            if not path:
                return await self._list(request, published)
            return await self._file(request, published, path)
        except psycopg.OperationalError as error:
            LOGGER.error("%s: %s", type(error).__name__, error)
            raise Problem(503, Text(pl="Baza danych jest chwilowo niedostępna",
                                    en="The database cannot be reached at present"), _later(COME_AGAIN_S)) from error

    async def _file(self, request: Request, published: Published, path: str) -> Response:
        """An edition by its name, or the way to the current one by `<collection>.<extension>`."""
        folder = self.folder / published.tenant.id
        asked = Name.parsed(path)
        if asked is not None and (made := await run_in_threadpool(described, folder, asked)) is not None:
            return _served(request, folder / path, asked, made, published.tenant)
        collection, _, extension = path.partition(".")
        if asked is not None:
            collection, extension = asked.collection, asked.extension
        offer = await self._offer(published, collection, extension)
        if asked is None:
            return _redirect(request, offer.address(published.addresses))
        if offer.name != asked:
            raise Problem(404, Text(
                pl=f"Wydania {path} nie ma lub już nie ma; bieżące: {offer.address(published.addresses)}",
                en=f"There is no edition {path}, or no more; the current one: {offer.address(published.addresses)}"))
        return await self._made(request, published, offer.name)

    async def _offer(self, published: Published, collection: str, extension: str) -> Offer:
        tenant = published.tenant
        if tenant.feature_type(collection) is None or extension not in FORMATS:
            formats, names = ", ".join(FORMATS), ", ".join(ft.name for ft in tenant.feature_types)
            raise Problem(404, Text(
                pl=f"Nie ma pliku {collection}.{extension}; kolekcje: {names}; formaty: {formats}",
                en=f"There is no file {collection}.{extension}; collections: {names}; formats: {formats}"))
        found = await run_in_threadpool(offers, self.engines, published, [collection])
        for offer in found.get(collection, ()):
            if offer.name.extension == extension:
                return offer
        raise Problem(404, Text(pl=f"Kolekcja {collection} nie ma jeszcze danych",
                                en=f"The collection {collection} has no data yet"))

    async def _made(self, request: Request, published: Published, name: Name) -> Response:
        """Serve a current edition, made now if need be."""
        tenant, until = published.tenant, time.monotonic() + WAIT_S
        job = job_for(self.engines, published, name)
        while (made := await run_in_threadpool(described, job.folder, name)) is None:
            turn = await self.makers.turn(job, name, until)
            if turn == "failed":
                raise Problem(503, Text(
                    pl=f"Pliku {name} nie udało się przygotować; spróbuj później, a jeśli to potrwa, zgłoś",
                    en=f"The file {name} could not be made; try again later, and report it if that lasts",
                ), _later(RETRY_FAILED_S))
            if isinstance(turn, Name) and turn != name:  # a harvest was committed meanwhile
                return _redirect(request, f"{published.addresses.service(PROTOCOL)}/{turn}")
            if time.monotonic() > until:
                raise Problem(503, Text(
                    pl=f"Plik {name} jest przygotowywany; ponów za {COME_AGAIN_S} s",
                    en=f"The file {name} is being made; ask again in {COME_AGAIN_S} s",
                ), _later(COME_AGAIN_S, reload="html" in request.headers.get("accept", "")))
        return _served(request, job.folder / str(name), name, made, tenant)

    async def _list(self, request: Request, published: Published) -> Response:
        """All files, as JSON or as a page. Raises Problem."""
        as_json, language = wants_json(request), language_of(request)
        found = await run_in_threadpool(offers, self.engines, published)
        tenant, addresses = published.tenant, published.addresses
        if as_json:
            files = [offer.data(addresses, language) for each in found.values() for offer in each]
            response: Response = JSONResponse({
                "tenant": tenant.id, "title": tenant.title.get(language),
                "license": {"title": tenant.licence.title.get(language), "href": tenant.licence.url}, "files": files,
            })
        else:
            response = self.templates.page(
                "downloads.html", published.public_url, language, region=published.region, tenant=tenant,
                addresses=addresses, formats=FORMATS.values(), found=found)
        response.headers.update({"content-language": language, "vary": "Accept, Accept-Language",
                                 "cache-control": "no-cache"})
        return response


def _served(request: Request, path: Path, name: Name, made: Description, tenant: Tenant) -> Response:
    """The file, a part of it, or that the client has it already (RFC 9110, clauses 13 and 14). Raises Problem."""
    digest = base64.b64encode(bytes.fromhex(made.sha256)).decode("ascii")
    headers = {
        "ETag": f'"{made.sha256[:32]}"',
        "Last-Modified": format_datetime(made.committed_at, usegmt=True),
        "Repr-Digest": f"sha-256=:{digest}:",
        # A proxy that compressed it would break ranges and checksum.
        "Cache-Control": "public, max-age=86400, no-transform",
        "Link": f'<{tenant.licence.url}>; rel="license"',
    }
    response = FileResponse(
        path, headers=headers, media_type=made.media_type, stat_result=path.stat(),
        filename=f"{tenant.id}_{name.collection}_v{name.version}.{name.extension}")
    try:
        if is_current(request.headers, response.headers, by_date=True):
            return NotModifiedResponse(response.headers)
    except PreconditionFailed as error:
        raise Problem(412, error.text) from None
    if request.method != "GET" or not _is_range(request.headers.get("range", "")):
        # To be ignored (RFC 9110, clause 14.2), or free to be; Starlette answers HEAD by parts, and refuses the others.
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    used(path)
    return response


def _is_range(text: str) -> bool:
    """Whether a field Range asks for bytes, and rightly so (clause 14.1.2)."""
    unit, _, ranges = text.partition("=")
    found = [_RANGE.fullmatch(part.strip(" \t")) for part in ranges.split(",")]
    return unit.lower() == "bytes" and all(
        part and (not (part["first"] and part["last"]) or int(part["first"]) <= int(part["last"])) for part in found)


def _redirect(request: Request, address: str) -> Response:
    return RedirectResponse(address, 302, headers={"Cache-Control": "no-cache"})


def _later(seconds: int, reload: bool = False) -> dict[str, str]:
    """When to ask again; a browser does so by itself."""
    return {"Retry-After": str(seconds), "Cache-Control": "no-store"} | ({"Refresh": str(seconds)} if reload else {})
