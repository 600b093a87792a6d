"""WFS of a tenant: features as text rows of the database, in the GML of each version, GeoJSON and other formats."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from urllib.parse import parse_qsl

import psycopg
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sdi.model.region import Tenant
from sdi.model.text import Language, Text
from sdi.services import body as bodies
from sdi.services.body import Body
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ows import exceptions
from sdi.services.ows.exceptions import OwsError
from sdi.services.ows.normaliser import language as language_of
from sdi.services.ows.normaliser import upper
from sdi.services.wfs import files, pairs, requests, stored
from sdi.services.wfs.answers import answer
from sdi.services.wfs.capabilities import compile_wfs, file_name, negotiated, sections
from sdi.services.wfs.collections import frame_of
from sdi.services.wfs.formats import format_of
from sdi.services.wfs.reading import Reading
from sdi.services.wfs.requests import FeatureRequest
from sdi.services.wfs.schema import describe
from sdi.store.reader import Reader

log = logging.getLogger(__name__)

_FORM = "application/x-www-form-urlencoded"
_TOO_LONG = Text(pl="Zapytanie trwa za długo; proszę je zawęzić (BBOX, FILTER, COUNT)",
                 en="The query takes too long; please narrow it (BBOX, FILTER, COUNT)")
_BUSY = Text(pl="Usługa chwilowo nie odpowiada; proszę spróbować później",
             en="The service does not answer at the moment; please try later")


LARGE_AT_ONCE = 2
"""Answers of more than a page that this web worker gives at once; each holds a connection as long as it lasts."""

PATIENCE_S = 1.0
"""After which it is worth watching whether the client is still there."""

Answer = tuple[bytes | Body, str, str]
"""Content, media type, and the name of the file that a browser proposes, or nothing."""


class Wfs:
    """The download service: WFS 2.0.0, 1.1.0 and 1.0.0 (see sdi.services.contract.Service)."""

    protocol = "wfs"

    def __init__(self, engines: Engines) -> None:
        self.pool = engines.pool
        self.places = threading.BoundedSemaphore(LARGE_AT_ONCE)

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """Capabilities by language and version."""
        return compile_wfs(publication, tenant)

    async def answer(self, request: Request, published: Published, path: str) -> Response:
        """Answer GET, HEAD and POST (XML or a form); errors in the XML of the version."""
        if path:
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD", "POST"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        given = upper(parse_qsl(request.url.query, keep_blank_values=True))
        language = language_of(given, published.tenant)
        body = await request.body() if request.method == "POST" else b""
        reading = Reading(self.places)
        try:
            if body and request.headers.get("content-type", "").startswith(_FORM):
                given |= upper(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
                language = language_of(given, published.tenant)
            elif body:
                given = pairs.of_xml(body)
            making = asyncio.create_task(asyncio.to_thread(self._answer, given, published, language, reading))
            return _response(request.method, *await _while_wanted(request, making, reading))
        except OwsError as error:
            return exceptions.response(error, "wfs", _guess_version(given), language)
        except psycopg.errors.QueryCanceled:
            failure = OwsError("OperationProcessingFailed", _TOO_LONG, status=503)
            return exceptions.response(failure, "wfs", _guess_version(given), language)
        except (psycopg.Error, PoolTimeout) as error:
            log.error("wfs of %s: %s", published.tenant.id, error)
            failure = OwsError("NoApplicableCode", _BUSY, status=503)
            return exceptions.response(failure, "wfs", _guess_version(given), language)

    def _answer(
        self, given: dict[str, str], published: Published, language: Language, reading: Reading
    ) -> Answer:
        operation, tenant = requests.operation(given), published.tenant
        if operation == "GetCapabilities":
            return _capabilities(given, published, language), "text/xml", ""
        version = requests.version_of(given)
        if operation == "DescribeFeatureType":
            form = format_of(given.get("OUTPUTFORMAT"), version, gml_only=True)
            names = pairs.type_names(given.get("TYPENAMES") or given.get("TYPENAME") or "")
            types = [requests.feature_type_of(name, tenant) for name in names] or tenant.feature_types
            media_type = form.mime if version.number == "2.0.0" else "text/xml"
            return describe(types, version, language), media_type, ""
        if operation == "ListStoredQueries":
            return stored.list_queries(tenant, language), "text/xml", ""
        if operation == "DescribeStoredQueries":
            asked = given.get("STOREDQUERY_ID") or given.get("STOREDQUERYID") or ""
            return stored.describe_queries(asked, tenant, language), "text/xml", ""
        identifier = stored.asked_for(given)
        values = operation == "GetPropertyValue"
        if identifier:
            asked_for = stored.stored_request(identifier, given, version, tenant, published.public_url, values=values)
        else:
            asked_for = requests.feature_request(given, version, tenant, values=values)
        try:
            return self._features(asked_for, published, reading)
        except BaseException:
            reading.close()
            raise

    def _features(self, request: FeatureRequest, published: Published, reading: Reading) -> Answer:
        reader: Reader | None = published.state.get("wfs")
        if reader is None:
            reader = published.state["wfs"] = Reader(self.pool, published.tenant)
        output = request.output
        reading.begin(reader)
        if request.identifier is not None and not reading.count(request.queries[0]):
            raise stored.not_found(request.identifier)
        if output.name in ("gpkg", "shape-zip") and not request.hits:
            return files.write(reading, request), output.mime, output.file
        frame = frame_of(request, published.addresses.service("wfs"))
        body = answer(reading, request, frame)
        if request.hits:
            return body, request.version.media_type, ""
        return body, output.mime, output.file


def _capabilities(given: Mapping[str, str], published: Published, language: Language) -> bytes:
    version = negotiated(given)
    document = (published.folder / "wfs" / file_name(language, version)).read_bytes()
    if (asked := given.get("SECTIONS")) and version.number != "1.0.0":
        document = sections(document, asked)
    return document


async def _while_wanted(request: Request, making: asyncio.Task[Answer], reading: Reading) -> Answer:
    """What is being made. When the client goes, the database is told, so that it does not work for nobody."""
    await asyncio.wait([making], timeout=PATIENCE_S)
    if not making.done():
        gone = asyncio.create_task(_gone(request))
        making.add_done_callback(lambda _: gone.cancel())
        await asyncio.wait([gone])
        if not gone.cancelled():
            await asyncio.to_thread(reading.cancel)
    return await making


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(method: str, made: bytes | Body, media_type: str, file: str) -> Response:
    headers = {"Cache-Control": "no-cache"} | (
        {"Content-Disposition": f'attachment; filename="{file}"'} if file else {})
    if isinstance(made, Body):
        return bodies.response(made, method, headers, media_type=media_type)
    return Response(made, headers=headers, media_type=media_type)


def _guess_version(given: Mapping[str, str]) -> str:
    """The version in which an error is told, before the request is understood: the newest where there is none."""
    return given.get("VERSION") or given.get("ACCEPTVERSIONS", "").split(",")[0]
