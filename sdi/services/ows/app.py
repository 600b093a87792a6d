"""WMS of a tenant: a request is normalised, a `mapserv` worker answers it, the answer is streamed on."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import UTC
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sdi.model.region import Tenant
from sdi.model.text import Language, Text
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ows import exceptions, fastcgi, featureinfo, normaliser
from sdi.services.ows.exceptions import OwsError
from sdi.services.ows.fastcgi import Answer, NoAnswer
from sdi.services.ows.layers import AS_OF
from sdi.services.ows.mapfile import CODES
from sdi.services.ows.normaliser import Normal
from sdi.services.ows.wms import TIME_DEFAULT, TIME_EXTENT, as_of_file, compile_wms
from sdi.store.statistics import commit_times

log = logging.getLogger(__name__)

TIMEOUT_S = 60.0
"""For the head of an answer, and then for each piece of it; PostgreSQL gives up a statement earlier."""

CACHE = {"GetMap": "public, max-age=60", "GetLegendGraphic": "public, max-age=3600"}
"""Cache-Control by operation; all else is asked for anew."""

# GetFeatureInfo asks at a point, which MapServer calls a degenerate rectangle each time.
fastcgi.log.addFilter(lambda record: "Warning: degenerate rect" not in record.getMessage())

# MapServer always offers these; what the normaliser refuses is answered in XML, so all is.
_EXCEPTIONS_AS_IMAGES = re.compile(rb"\s*<Format>(?:INIMAGE|BLANK|application/vnd\.ogc\.se_(?:inimage|blank))</Format>")

_FORM = "application/x-www-form-urlencoded"
_BUSY = Text(pl="Usługa chwilowo nie odpowiada; proszę spróbować później",
             en="The service does not answer at the moment; please try later")
_FAILED = Text(pl="Silnik map nie wykonał żądania", en="The map engine failed at this request")
_NO_XML = Text(pl="WMS przyjmuje żądania GET albo formularz POST", en="This WMS takes GET, or a form by POST")


class Wms:
    """The view service: WMS 1.3.0 and 1.1.1."""

    protocol = "wms"

    def __init__(self, engines: Engines) -> None:
        self.socket, self.pool = engines.mapserv_socket, engines.pool

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """Mapfiles by language, and the list of fonts."""
        return compile_wms(publication, tenant)

    async def answer(self, request: Request, published: Published, path: str) -> Response:
        """Answer GET, HEAD and a form by POST; errors in the XML of the version."""
        if path:
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD", "POST"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        parameters = normaliser.upper(parse_qsl(request.url.query, keep_blank_values=True))
        language = normaliser.language(parameters, published.tenant)
        try:
            await _add_form(request, parameters)
            language = normaliser.language(parameters, published.tenant)
            return await self._run(normaliser.wms(parameters, published.tenant), request, published, language)
        except OwsError as error:
            return exceptions.response(error, "wms", parameters.get("VERSION", ""), language)
        except NoAnswer as error:
            log.error("wms of %s: %s", published.tenant.id, error)
            failure = OwsError("NoApplicableCode", _FAILED if error.status == 500 else _BUSY, status=error.status)
            return exceptions.response(failure, "wms", parameters.get("VERSION", ""), language)

    async def _run(self, normal: Normal, request: Request, published: Published, language: Language) -> Response:
        if normal.request == "GetCapabilities":
            return await self._capabilities(normal, published, language)
        if normal.request == "GetFeatureInfo" and normal.parameters["INFO_FORMAT"].endswith(("json", "html")):
            return await self._feature_info(normal, published, language)
        answer = await self.ask(normal, published, language)
        headers = {"Cache-Control": CACHE.get(normal.request, "no-cache")}
        media_type = answer.header("Content-Type")
        if request.method == "HEAD":
            await answer.body.aclose()
            return Response(None, answer.status, headers, media_type)
        return StreamingResponse(answer.body, answer.status, headers, media_type)

    async def _capabilities(self, normal: Normal, published: Published, language: Language) -> Response:
        """Capabilities, kept for as long as the publication they describe: MapServer takes a second for 40 layers."""
        kept: dict[tuple[Language, str], tuple[bytes, str | None]] = published.state.setdefault("wms", {})
        key = language, normal.parameters["VERSION"]
        if key not in kept:
            answer = await self.ask(normal, published, language)
            body = b"".join([piece async for piece in answer.body])
            if answer.status != 200 or b"ExceptionReport" in body[:1000]:
                return Response(body, answer.status, {"Cache-Control": "no-cache"}, answer.header("Content-Type"))
            kept[key] = body, answer.header("Content-Type")
        body, media_type = kept[key]
        for mark, text in (await asyncio.to_thread(self._times, published.tenant)).items():
            body = body.replace(mark.encode(), text.encode())
        body = _EXCEPTIONS_AS_IMAGES.sub(b"", body)
        return Response(body, headers={"Cache-Control": "no-cache"}, media_type=media_type)

    def _times(self, tenant: Tenant) -> dict[str, str]:
        """What stands in the capabilities for the dimension of time: when it was first and last committed."""
        with self.pool.connection() as connection:
            first, last = commit_times(connection, tenant)
        begin, end = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in (first, last))
        return {TIME_EXTENT: f"{begin}/{end}/PT1S", TIME_DEFAULT: end}

    async def _feature_info(self, normal: Normal, published: Published, language: Language) -> Response:
        """GetFeatureInfo as HTML or GeoJSON, which MapServer does not write well itself."""
        async def ask(parameters: dict[str, str]) -> bytes:
            answer = await self.ask(Normal(parameters), published, language)
            body = b"".join([piece async for piece in answer.body])
            if "xml" in (answer.header("Content-Type") or ""):
                raise _Passed(Response(body, answer.status, media_type=answer.header("Content-Type")))
            return body

        try:
            found = await featureinfo.features(normal.parameters, published.tenant, ask)
        except _Passed as passed:
            return passed.response
        wanted, headers = normal.parameters["INFO_FORMAT"], {"Cache-Control": "no-cache"}
        if wanted.endswith("html"):
            page = featureinfo.html(found, published.region, published.tenant, language)
            return Response(page, media_type="text/html", headers=headers)
        crs = normal.parameters.get("CRS") or normal.parameters["SRS"]
        return Response(featureinfo.geojson(found, crs), media_type=wanted, headers=headers)

    async def ask(self, normal: Normal, published: Published, language: Language) -> Answer:
        """Let a worker answer. Raises NoAnswer, also where MapServer shows its own page, or failed at a query."""
        name = as_of_file(language) if AS_OF.upper() in normal.parameters else f"{CODES[language]}.map"
        mapfile = published.folder / "wms" / name
        environment = fastcgi.environment("GET", normal.query(str(mapfile)))
        answer = await fastcgi.request(self.socket, environment, b"", TIMEOUT_S)
        if (answer.header("Content-Type") or "").startswith("text/html"):
            page = b"".join([piece async for piece in answer.body])
            raise NoAnswer(500, f"{mapfile}: {page[-400:].decode('utf-8', 'replace')}")
        if normal.request == "GetCapabilities" or "xml" not in (answer.header("Content-Type") or ""):
            return answer
        report = b"".join([piece async for piece in answer.body])
        if b"Check server logs" in report:  # what it says of a query that fails
            raise NoAnswer(500, f"{mapfile}: {report[-400:].decode('utf-8', 'replace')}")
        return replace(answer, body=_at_once(report))


async def _at_once(body: bytes) -> AsyncGenerator[bytes]:
    yield body


class _Passed(Exception):
    """MapServer's own exception for one layer, to be passed on."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


async def _add_form(request: Request, parameters: dict[str, str]) -> None:
    """Add what a form carries. Raises OwsError: requests as XML are not offered (they would carry an SLD)."""
    body = await request.body() if request.method == "POST" else b""
    if body and not request.headers.get("content-type", "").startswith(_FORM):
        raise OwsError("OperationNotSupported", _NO_XML)
    parameters |= normaliser.upper(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
