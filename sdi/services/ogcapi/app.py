"""OGC API - Features: one pygeoapi per tenant in this process, its handlers called as functions."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlencode

import psycopg
from pygeoapi import api as core
from pygeoapi.api import API, APIRequest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sdi import __version__
from sdi.model.region import Tenant
from sdi.model.register import Register
from sdi.model.text import Language, Text
from sdi.services import body as bodies
from sdi.services.body import Body
from sdi.services.contract import Engines, Publication, Published
from sdi.services.downloads.catalogue import enclosures
from sdi.services.ogcapi import patches, queryables
from sdi.services.ogcapi.asking import check
from sdi.services.ogcapi.changes import change_collection
from sdi.services.ogcapi.config import configuration, crs84_bbox
from sdi.services.ogcapi.formats import FORMATS, negotiated
from sdi.services.ogcapi.items import Answer, Items, NotThere
from sdi.services.ogcapi.openapi import definition
from sdi.services.ogcapi.pages.form import Form
from sdi.services.ogcapi.pages.search import composed, fields
from sdi.services.ogcapi.pages.values import properties_of
from sdi.services.ogcapi.parameters import CHOICES, complaint
from sdi.services.ogcapi.render import POLICY, render
from sdi.services.ogcapi.request import ASKED, Asked
from sdi.services.ogcapi.splice import dumps
from sdi.services.ogcapi.tiles import resources as tiles
from sdi.services.ogcapi.tiles.answers import Tiles, Wrong
from sdi.services.ogcapi.tiles.names import TILE, TILE_DOCUMENTS, TILE_PAGES
from sdi.services.ogcapi.tiles.names import named as tile_resource
from sdi.services.ogcapi.tiles.tilesets import Tilesets
from sdi.services.ogcapi.validators import validators
from sdi.services.preconditions import PreconditionFailed, is_current, is_known
from sdi.store.changes import FeedGone
from sdi.store.columns import ID
from sdi.store.crs import CRS84, PUBLISHED_CRS
from sdi.store.issues import ISSUES
from sdi.store.keyset import CursorGone
from sdi.store.reader import Reader
from sdi.store.selection import InvalidQuery

CONFIG = "config.json"

METHODS = "GET, HEAD, OPTIONS"

LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class TenantApi:
    """What is kept of one tenant between requests."""

    api: API
    reader: Reader
    tilesets: Tilesets
    enclosures: Callable[[str, Language], dict[str, list[dict[str, Any]]]]
    """Links to files by collection: of one collection, or of all for an empty name."""
    registers: Mapping[str, Register]


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names."""

    resource: str
    collection: str = ""
    feature: str = ""
    tile: tuple[str, ...] = ()
    """Of tiles: grid, matrix, row and column, as far as the path goes."""


class OgcApi:
    """The service `ogcapi` of every tenant."""

    protocol = "ogcapi"

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.tiles = Tiles(engines)
        patches.apply()

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """The tenant's pygeoapi configuration; the OpenAPI document is made from it when it is asked for."""
        text = json.dumps(configuration(publication, tenant), ensure_ascii=False, indent=1)
        return {CONFIG: text + "\n"}

    async def answer(self, request: Request, published: Published, path: str) -> Response:
        """Answer one request; the work is done in a thread."""
        target = targeted(path)
        failure: Exception | None = None
        if target and target.resource == TILE and request.method in ("GET", "HEAD") and (
                complaint(TILE, [], request.query_params, published.tenant.languages) is None):
            kept: TenantApi | None = published.state.get(self.protocol)
            if kept is None:
                kept = await run_in_threadpool(self._build, published)
            try:
                return await self.tiles.answer(request, kept.tilesets, target.collection, target.tile)
            except (Wrong, PreconditionFailed, psycopg.OperationalError) as error:
                failure = error
        return await run_in_threadpool(self._answer, request, published, target, failure)

    def _answer(
        self, request: Request, published: Published, target: Target | None, failure: Exception | None
    ) -> Response:
        state: TenantApi = published.state.get(self.protocol) or self._build(published)
        asked_of = APIRequest(request, state.api.locales)
        format_ = _format(request, target, asked_of)
        asked = Asked(
            reader=state.reader,
            collection=target.collection if target else "",
            language="en" if asked_of.locale.language == "en" else "pl",
            format=format_,
            crs=PUBLISHED_CRS.get(request.query_params.get("crs", CRS84.uri), CRS84),
            query=request.query_params,
            registers=state.registers,
        )
        if asked.format == "jsonld":
            # pygeoapi keeps what it begins a JSON-LD document with in the API, where two languages would meet.
            state = replace(state, api=copy(state.api))
        token = ASKED.set(asked)
        try:
            if failure is not None:
                raise failure
            headers, status, content = _handled(request, state, asked_of, target, published.folder.parent.name)
        except Wrong as error:
            headers, status, content = _problem(state.api, asked_of, HTTPStatus.NOT_FOUND, "NotFound", error.text)
        except PreconditionFailed as error:
            headers, status, content = _problem(
                state.api, asked_of, HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed", error.text)
        except psycopg.OperationalError as error:
            headers, status, content = _problem(
                state.api, asked_of, HTTPStatus.SERVICE_UNAVAILABLE, "NoApplicableCode", _failure(error))
        finally:
            ASKED.reset(token)
        return _response(request, target, asked.language, headers, status, content)

    def _build(self, published: Published) -> TenantApi:
        config = json.loads((published.folder / self.protocol / CONFIG).read_text(encoding="utf-8"))
        reader = Reader(self.engines.pool, published.tenant)
        built = TenantApi(API(config, {}), reader, Tilesets(published, reader, self.engines.home),
                          partial(enclosures, self.engines, published), published.region.registers)
        return published.state.setdefault(self.protocol, built)  # type: ignore[no-any-return]


def _format(request: Request, target: Target | None, asked_of: APIRequest) -> str:
    """The format of the answer: `f`, or what the field Accept wants most. pygeoapi's idea of it is set right."""
    given = request.query_params.get("f")
    if target is not None and target.resource in ("items", "item"):
        asked_of._format = given or negotiated(request.headers.get("Accept", ""))
        return asked_of.format if asked_of.format in FORMATS else "json"
    if asked_of.format not in CHOICES["f"]:
        # pygeoapi knows more types than an answer or an error can have here, such as PNG and tiles.
        asked_of._format = None
    return asked_of.format if asked_of.format in ("html", "jsonld") else "json"


def targeted(path: str) -> Target | None:
    """What a path below the service names; None for nothing. Feature ids may hold slashes and dots."""
    match path.strip("/").split("/", 3) if path.strip("/") else []:
        case ["tiles" | "tileMatrixSets", *_] | ["collections", _, "tiles", *_]:
            named = tile_resource(path.strip("/"))
            return None if named is None else Target(named[0], named[1], tile=named[2])
        case []:
            return Target("landing")
        case ["conformance" | "openapi" | "collections" as resource]:
            return Target(resource)
        case ["collections", collection]:
            return Target("collection", collection)
        case ["collections", collection, (
                "items" | "queryables" | "schema" | "sortables" | "changes" | "search") as resource]:
            return Target(resource, collection)
        case ["collections", collection, "items", feature]:
            return Target("item", collection, feature)
    return None


def _handled(
    request: Request, state: TenantApi, asked_of: APIRequest, target: Target | None, build: str
) -> Answer:
    problem = partial(_problem, state.api, asked_of)
    if target is None:
        return problem(HTTPStatus.NOT_FOUND, "NotFound", Text(
            pl="pod tym adresem nic nie ma", en="there is nothing at this address"))
    if request.method == "OPTIONS":
        return {"Allow": METHODS}, HTTPStatus.NO_CONTENT, b""
    if request.method not in ("GET", "HEAD"):
        headers, status, content = problem(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", Text(
            pl=f"metoda {request.method} nie jest obsługiwana; są: {METHODS}",
            en=f"the method {request.method} is not supported; there are: {METHODS}"))
        return {**headers, "Allow": METHODS}, status, content
    if target.collection and target.collection not in state.api.config["resources"]:
        return problem(HTTPStatus.NOT_FOUND, "NotFound", Text(
            pl=f"nie ma kolekcji {target.collection!r}", en=f"there is no collection {target.collection!r}"))
    if target == Target("changes", ISSUES):
        return problem(HTTPStatus.NOT_FOUND, "NotFound", Text(
            pl=f"kolekcja {ISSUES} nie ma strumienia zmian", en=f"the collection {ISSUES} has no feed of changes"))
    names: Iterable[str] = []
    if target.resource == "items":
        names = [ID.name, *state.reader.columns(target.collection)]
    elif target.resource == "search":
        names = fields(properties_of(ASKED.get()))
    spoken = state.reader.tenant.languages
    if (wrong := complaint(target.resource, names, request.query_params, spoken)) is not None:
        return problem(HTTPStatus.BAD_REQUEST, "InvalidParameterValue", wrong)
    if target.resource not in _FROM_DATA or target.collection == ISSUES:
        return _answered(state, asked_of, target)
    return _unless_known(request, state, asked_of, target, build)


def _unless_known(request: Request, state: TenantApi, asked_of: APIRequest, target: Target, build: str) -> Answer:
    """The answer, with its validators; or only that the client has it, or wants another than there is."""
    asked = ASKED.get()
    if target.resource == "collection" or _listed(target):
        asked = replace(asked, enclosures=state.enclosures(target.collection, asked.language))
        ASKED.set(asked)
    known = validators(
        state.reader, [target.collection] if target.collection else state.reader.feature_types,
        (build, __version__, request.url.path, sorted(asked.query.items()), asked.language, asked.format,
         asked.enclosures))
    if is_known(request.headers, known):
        return known, HTTPStatus.NOT_MODIFIED, b""
    headers, status, content = _answered(state, asked_of, target)
    if status != HTTPStatus.OK:
        return headers, status, content
    try:
        if not is_current(request.headers, known):
            return {**headers, **known}, status, content
        unsent: Answer = known, HTTPStatus.NOT_MODIFIED, b""
    except PreconditionFailed as error:
        unsent = _problem(state.api, asked_of, HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed", error.text)
    if isinstance(content, Body):
        content.close()
    return unsent


def _answered(state: TenantApi, asked_of: APIRequest, target: Target) -> Answer:
    """What the handler answers, or what is wrong with the question."""
    try:
        return _HANDLERS[target.resource](state, asked_of, target)
    except InvalidQuery as error:
        return _problem(state.api, asked_of, HTTPStatus.BAD_REQUEST, "InvalidParameterValue", error.text)
    except psycopg.DataError as error:
        return _problem(state.api, asked_of, HTTPStatus.BAD_REQUEST, "InvalidParameterValue", Text(
            pl=f"filter: nie da się obliczyć: {error}", en=f"filter: cannot be reckoned: {error}"))
    except NotThere as error:
        ASKED.set(replace(ASKED.get(), last_known=error.last))
        return _problem(state.api, asked_of, HTTPStatus.NOT_FOUND, "NotFound", error.text)
    except (CursorGone, FeedGone) as error:
        return _problem(state.api, asked_of, HTTPStatus.GONE, "Gone", error.text)


_FROM_DATA = ("collections", "collection", "items", "item")
"""Resources that change with a commit or a publication only."""


def _failure(error: psycopg.OperationalError) -> Text:
    """What the database cannot do, as the user needs to know it; the log has the rest."""
    LOGGER.error("%s: %s", type(error).__name__, error)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Text(pl="zapytanie trwało zbyt długo; zawęź je, na przykład przez bbox",
                    en="the query took too long; narrow it, for example by a bbox")
    return Text(pl="baza danych jest chwilowo niedostępna", en="the database cannot be reached at present")


def _problem(api: API, asked_of: APIRequest, status: HTTPStatus, code: str, text: Text) -> Answer:
    """An error in pygeoapi's own form, JSON or HTML."""
    headers = asked_of.get_response_headers()
    answer: Answer = api.get_exception(status, headers, asked_of.format, code, text.get(ASKED.get().language))
    return answer


def _openapi(state: TenantApi, asked_of: APIRequest, _: Target) -> Answer:
    if not state.api.openapi:
        state.api.openapi = definition(state.api.config)
    return core.openapi_(state.api, asked_of)  # type: ignore[no-any-return]


def _listed(target: Target) -> bool:
    """Whether all collections are described; the page of them has a list of its own."""
    return target.resource == "collections" and ASKED.get().format != "html"


def _collections(state: TenantApi, asked_of: APIRequest, target: Target) -> Answer:
    """With the extents as the last commits left them."""
    if not target.collection and not _listed(target):
        # To describe each collection would take most of the time, and nothing of it is shown.
        listing = copy(state.api)
        listing.config = {**listing.config, "resources": {}}
        return core.describe_collections(listing, asked_of)  # type: ignore[no-any-return]
    for name, statistics in state.reader.statistics().items():
        if statistics.extent is not None:
            extents = state.api.config["resources"][name]["extents"]
            extents["spatial"] = {**extents["spatial"], "bbox": crs84_bbox(statistics.extent)}
    return core.describe_collections(state.api, asked_of, target.collection or None)  # type: ignore[no-any-return]


def _schema(state: TenantApi, asked_of: APIRequest, target: Target) -> Answer:
    collections, asked = state.api.get_collections_url(), ASKED.get()
    address = f"{collections}/{target.collection}"
    sort = cast(queryables.Sort, target.resource)
    content = queryables.document(
        state.reader.tenant, state.registers, target.collection, sort, f"{address}/{sort}", asked.language)
    headers = asked_of.get_response_headers()
    if asked.format == "html":
        page = {**content, "sort": sort, "collection": target.collection}
        return headers, HTTPStatus.OK, render(state.api.config, "collections/schema.html", page)
    return {**headers, "Content-Type": queryables.MEDIA_TYPE}, HTTPStatus.OK, dumps(content)


def _changes(state: TenantApi, asked_of: APIRequest, target: Target) -> Answer:
    address = f"{state.api.get_collections_url()}/{target.collection}/changes"
    content, headers = change_collection(state.reader, target.collection, address, asked_of.params)
    return {**asked_of.get_response_headers(), **headers}, HTTPStatus.OK, content


def _search(state: TenantApi, asked_of: APIRequest, target: Target) -> Answer:
    """The way from what was filled in to the features that it asks for; with the host that the user came by.

    Of what is wrong the form itself tells, as it was filled in.
    """
    asked, headers = ASKED.get(), asked_of.get_response_headers()
    properties = properties_of(asked)
    try:
        query = composed(asked.query, properties)
        check(query, target.collection, state.reader)
    except InvalidQuery as error:
        if asked.format != "html":
            raise
        page = {"form": Form(asked, properties, asked.query), "problem": error.text.get(asked.language)}
        return headers, HTTPStatus.BAD_REQUEST, render(state.api.config, "collections/items/search.html", page)
    return {**headers, "Location": f"items?{urlencode(query, safe=',:/')}"}, HTTPStatus.SEE_OTHER, b""


def _tile_document(state: TenantApi, asked_of: APIRequest, target: Target) -> Answer:
    asked, headers = ASKED.get(), asked_of.get_response_headers()
    content, media_type = tiles.document(
        state.tilesets, target.resource, target.collection, target.tile, asked.language)
    if asked.format == "html" and target.resource in TILE_PAGES:
        return headers, HTTPStatus.OK, render(state.api.config, f"tiles/{target.resource}.html", content)
    return {**headers, "Content-Type": media_type}, HTTPStatus.OK, dumps(content)


_HANDLERS: dict[str, Callable[[TenantApi, APIRequest, Target], Answer]] = {
    "landing": lambda state, asked_of, _: core.landing_page(state.api, asked_of),
    "conformance": lambda state, asked_of, _: core.conformance(state.api, asked_of),
    "openapi": _openapi,
    "collections": _collections,
    "collection": _collections,
    "queryables": _schema,
    "schema": _schema,
    "sortables": _schema,
    "items": lambda state, _, target: Items(state.api, ASKED.get()).page(),
    "item": lambda state, _, target: Items(state.api, ASKED.get()).feature(target.feature),
    "changes": _changes,
    "search": _search,
    **dict.fromkeys(TILE_DOCUMENTS, _tile_document),
}


def _response(
    request: Request, target: Target | None, language: Language, headers: dict[str, Any], status: int,
    content: str | bytes | Body,
) -> Response:
    headers = {name: str(value) for name, value in headers.items() if name != "X-Powered-By"}
    kind = headers.get("Content-Type", "application/json")
    if kind == "application/ld+json" and (status != HTTPStatus.OK or not target or target.resource == "conformance"):
        kind = "application/json"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        LOGGER.error("%s answered %s", request.url, status)
    if kind == "text/html":
        headers["Content-Security-Policy"] = POLICY
    if kind in ("text/html", "text/csv"):
        kind += "; charset=utf-8"
    headers |= {"Vary": "Accept, Accept-Language"}
    if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        headers |= {"Content-Type": kind, "Content-Language": language}
    if isinstance(content, Body):
        return bodies.response(content, request.method, headers, status)
    content = content.encode() if isinstance(content, str) else content
    if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        headers["Content-Length"] = str(len(content))
    return Response(b"" if request.method == "HEAD" else content, status_code=int(status), headers=headers)
