"""WMS and WFS of a tenant: a request is normalised, a `mapserv` worker answers it, the answer is streamed on."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape, unescape

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sdi.model.region import Tenant
from sdi.model.text import Language, Text
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ows import exceptions, fastcgi, featureinfo, normaliser
from sdi.services.ows.exceptions import OwsError
from sdi.services.ows.fastcgi import Answer, NoAnswer
from sdi.services.ows.layers import SORT
from sdi.services.ows.mapfile import CODES
from sdi.services.ows.normaliser import Normal
from sdi.services.ows.wfs import EXTENT, PREFIX, compile_wfs
from sdi.services.ows.wms import compile_wms

log = logging.getLogger(__name__)

TIMEOUT_S = 60.0
"""For the head of an answer, and then for each piece of it; PostgreSQL gives up a statement earlier."""

CACHE = {"GetMap": "public, max-age=60", "GetLegendGraphic": "public, max-age=3600"}
"""Cache-Control by operation; all else is asked for anew."""

CAPABILITIES_KEPT = 16
"""Documents kept of one tenant and protocol: a few versions in two languages."""

# GetFeatureInfo asks at a point, which MapServer calls a degenerate rectangle each time.
fastcgi.log.addFilter(lambda record: "Warning: degenerate rect" not in record.getMessage())

_EMPTY = re.compile(rb"^ *<(%s:\w+)></\1>\n" % PREFIX.encode(), re.MULTILINE)

_LINK = re.compile(rb'\b(next|previous)="([^"]*)"')
_FORM = "application/x-www-form-urlencoded"
_BUSY = Text(pl="Usługa chwilowo nie odpowiada; proszę spróbować później",
             en="The service does not answer at the moment; please try later")
_FAILED = Text(pl="Silnik map nie wykonał żądania", en="The map engine failed at this request")


class _Ows:
    """What WMS and WFS share."""

    protocol: Literal["wms", "wfs"]

    def __init__(self, engines: Engines) -> None:
        self.socket = engines.mapserv_socket

    async def answer(self, request: Request, published: Published, path: str) -> Response:
        """Answer GET, HEAD and POST; errors in the XML of the protocol's version."""
        if path:
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD", "POST"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        parameters = normaliser.upper(parse_qsl(request.url.query, keep_blank_values=True))
        version = _guess_version(parameters)
        language = normaliser.language(parameters, published.tenant)
        try:
            normal, version = await self._normal(request, parameters, published.tenant, version)
            return await self._run(normal, request, published, language)
        except OwsError as error:
            return exceptions.response(error, self.protocol, version, language)
        except NoAnswer as error:
            log.error("%s of %s: %s", self.protocol, published.tenant.id, error)
            failure = OwsError("NoApplicableCode", _FAILED if error.status == 500 else _BUSY, status=error.status)
            return exceptions.response(failure, self.protocol, version, language)

    async def _normal(
        self, request: Request, parameters: dict[str, str], tenant: Tenant, version: str
    ) -> tuple[Normal, str]:
        """The request as MapServer takes it, and its version."""
        if request.method == "POST":
            body = await request.body()
            if request.headers.get("content-type", "").startswith(_FORM):
                parameters |= normaliser.upper(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
                version = _guess_version(parameters)
            elif body:
                return self.normal_xml(body, tenant)
        return self.normal(parameters, tenant), version

    def normal(self, parameters: Mapping[str, str], tenant: Tenant) -> Normal:
        """A request by key-value pairs."""
        raise NotImplementedError

    def normal_xml(self, body: bytes, tenant: Tenant) -> tuple[Normal, str]:
        """A request as XML, and its version."""
        raise NotImplementedError

    async def _run(self, normal: Normal, request: Request, published: Published, language: Language) -> Response:
        if normal.request == "GetCapabilities":
            return await self._capabilities(normal, published, language)
        answer = await self.ask(normal, published, language)
        headers = {"Cache-Control": CACHE.get(normal.request, "no-cache")}
        if disposition := answer.header("Content-Disposition"):
            headers["Content-Disposition"] = disposition
        media_type = answer.header("Content-Type")
        if request.method == "HEAD":
            await answer.body.aclose()
            return Response(None, answer.status, headers, media_type)
        return StreamingResponse(self.body(normal, answer), answer.status, headers, media_type)

    async def _capabilities(self, normal: Normal, published: Published, language: Language) -> Response:
        """Capabilities, kept for as long as the publication they describe: MapServer takes a second for 40 layers."""
        kept: dict[object, tuple[bytes, str | None]] = published.state.setdefault(self.protocol, {})
        key = (language, *sorted(normal.parameters.items()))
        if key not in kept:
            answer = await self.ask(normal, published, language)
            body = b"".join([piece async for piece in answer.body])
            if answer.status != 200 or b"ExceptionReport" in body[:1000] or len(kept) >= CAPABILITIES_KEPT:
                return Response(body, answer.status, {"Cache-Control": "no-cache"}, answer.header("Content-Type"))
            kept[key] = body, answer.header("Content-Type")
        body, media_type = kept[key]
        return Response(body, headers={"Cache-Control": "no-cache"}, media_type=media_type)

    async def ask(self, normal: Normal, published: Published, language: Language) -> Answer:
        """Let a worker answer. Raises NoAnswer, also where MapServer shows its own page instead of an answer."""
        mapfile = published.folder / self.protocol / f"{CODES[language]}.map"
        environment = fastcgi.environment(
            "POST" if normal.body else "GET", normal.query(str(mapfile)), "text/xml" if normal.body else "",
            len(normal.body),
        )
        answer = await fastcgi.request(self.socket, environment, normal.body, TIMEOUT_S)
        if (answer.header("Content-Type") or "").startswith("text/html"):
            page = b"".join([piece async for piece in answer.body])
            raise NoAnswer(500, f"{mapfile}: {page[-400:].decode('utf-8', 'replace')}")
        return answer

    def body(self, normal: Normal, answer: Answer) -> AsyncGenerator[bytes]:
        """The body as it is passed on."""
        return answer.body


class Wms(_Ows):
    """The view service: WMS 1.3.0 and 1.1.1."""

    protocol = "wms"

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """Mapfiles by language, and the list of fonts."""
        return compile_wms(publication, tenant)

    def normal(self, parameters: Mapping[str, str], tenant: Tenant) -> Normal:
        """A WMS request by key-value pairs."""
        return normaliser.wms(parameters, tenant)

    def normal_xml(self, body: bytes, tenant: Tenant) -> tuple[Normal, str]:
        """WMS requests as XML are not offered (they would carry an SLD)."""
        raise OwsError("OperationNotSupported", Text(pl="WMS przyjmuje żądania GET albo formularz POST",
                                                     en="This WMS takes GET, or a form by POST"))

    async def _run(self, normal: Normal, request: Request, published: Published, language: Language) -> Response:
        wanted = normal.parameters.get("INFO_FORMAT", "")
        if normal.request != "GetFeatureInfo" or not wanted.endswith(("json", "html")):
            return await super()._run(normal, request, published, language)

        async def ask(parameters: dict[str, str]) -> bytes:
            answer = await self.ask(Normal(parameters), published, language)
            body = b"".join([piece async for piece in answer.body])
            if "json" not in (answer.header("Content-Type") or ""):
                raise _Passed(Response(body, answer.status, media_type=answer.header("Content-Type")))
            return body

        try:
            found = await featureinfo.features(normal.parameters, published.tenant, ask)
        except _Passed as passed:
            return passed.response
        if wanted.endswith("html"):
            page = featureinfo.html(found, published.region, published.tenant, language)
            return Response(page, media_type="text/html", headers={"Cache-Control": "no-cache"})
        crs = normal.parameters.get("CRS") or normal.parameters["SRS"]
        return Response(featureinfo.geojson(found, crs), media_type=wanted, headers={"Cache-Control": "no-cache"})


class Wfs(_Ows):
    """The download service: WFS 2.0.0, 1.1.0 and 1.0.0."""

    protocol = "wfs"

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """Mapfiles by language."""
        return compile_wfs(publication, tenant)

    def normal(self, parameters: Mapping[str, str], tenant: Tenant) -> Normal:
        """A WFS request by key-value pairs."""
        return normaliser.wfs(parameters, tenant)

    def normal_xml(self, body: bytes, tenant: Tenant) -> tuple[Normal, str]:
        """A WFS request as XML."""
        return normaliser.wfs_xml(body, tenant)

    def body(self, normal: Normal, answer: Answer) -> AsyncGenerator[bytes]:
        """The body, mended: nulls are absent in GML, and GeoJSON names its CRS."""
        if normal.parameters.get("OUTPUTFORMAT") == "geojson":
            return _with_crs(answer, normal.parameters.get("SRSNAME") or "EPSG:2180")
        if "xml" not in (answer.header("Content-Type") or ""):
            return answer.body
        return _with_links(_without_empty(answer), normal.links)


class _Passed(Exception):
    """MapServer's own exception for one layer, to be passed on."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


def _guess_version(parameters: Mapping[str, str]) -> str:
    """The version in which an error is told, before the request is understood: the newest where there is none."""
    return parameters.get("VERSION") or parameters.get("ACCEPTVERSIONS", "").split(",")[0]


async def _with_crs(answer: Answer, srs: str) -> AsyncGenerator[bytes]:
    """Put the `crs` member before `features` in the first piece of a FeatureCollection, unless it is WGS 84.

    MapServer leaves it out where the axes of the CRS are northing, easting.
    """
    member = b"" if srs.endswith(":4326") else f'"crs": {json.dumps(featureinfo.crs_member(srs))},\n'.encode()
    first = True
    async for piece in answer.body:
        if first and b'"crs"' not in piece.partition(b'"features"')[0]:
            piece = piece.replace(b'"features"', member + b'"features"', 1)
        first = False
        yield piece


async def _with_links(pieces: AsyncGenerator[bytes], more: Mapping[str, str]) -> AsyncGenerator[bytes]:
    """GML whose links to other pages (WFS 2.0, 7.7.4.4) hold the client's own parameters instead of ours."""

    def link(found: re.Match[bytes]) -> bytes:
        address, _, query = unescape(found[2].decode()).partition("?")
        pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in (SORT, EXTENT)]
        return b'%s="%s"' % (found[1], escape(f"{address}?{urlencode([*pairs, *more.items()])}").encode())

    first = True
    async for piece in pieces:
        if first:
            head, mark, rest = piece.partition(b"<wfs:member")
            piece = _LINK.sub(link, head) + mark + rest
        first = False
        yield piece


async def _without_empty(answer: Answer) -> AsyncGenerator[bytes]:
    """GML without empty properties: MapServer writes null as an empty element, which is no number for any schema."""
    rest = b""
    async for piece in answer.body:
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            yield _EMPTY.sub(b"", whole + newline)
    yield _EMPTY.sub(b"", rest)
