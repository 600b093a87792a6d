"""CSW 2.0.2 (the default) and 3.0.0 with the ISO application profile: pycsw over sdi.record."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from configparser import ConfigParser
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from lxml import etree
from psycopg_pool import ConnectionPool
from starlette.requests import Request
from starlette.responses import Response

from sdi.model.identity import Addresses, service_record_id
from sdi.model.region import Tenant
from sdi.services.accept import media_type
from sdi.services.contract import Engines, Publication, Published
from sdi.services.csw import patches
from sdi.services.csw.config import LANGUAGES, configuration
from sdi.services.ows.exceptions import NOT_XML

log = logging.getLogger("sdi.csw")

XML = "application/xml; charset=utf-8"
ATOM, DESCRIPTION = "application/atom+xml", "application/opensearchdescription+xml"
VERSIONS = ("2.0.2", "3.0.0")
_AT_THE_BASE = "service=CSW&request=GetCapabilities&acceptversions=3.0.0"
"""What the address of the service alone means (OGC 12-176r7, 6.4)."""

patches.apply()


class Csw:
    """The catalogue of each tenant (see sdi.services.contract.Service)."""

    protocol = "csw"

    def __init__(self, engines: Engines) -> None:
        self.pool = engines.pool

    @staticmethod
    def compile(publication: Publication, tenant: Tenant) -> Mapping[str, str]:
        """pycsw's configuration in each language of the tenant."""
        return {f"{language}.json": configuration(publication, tenant, language) for language in tenant.languages}

    async def answer(self, request: Request, published: Published, path: str) -> Response:
        """GET with parameters or POST of a CSW document, at the address of the service itself."""
        if path.strip("/"):
            return Response(status_code=404)
        if request.method not in ("GET", "HEAD", "POST"):
            return Response(status_code=405, headers={"Allow": "GET, HEAD, POST"})
        body = await request.body() if request.method == "POST" else b""
        query, accept = request.url.query, request.headers.get("accept", "")
        if not query and request.method != "POST":
            query = f"{_AT_THE_BASE}&mode=opensearch" if _wants(DESCRIPTION, accept) else _AT_THE_BASE
        return await to_thread.run_sync(lambda: respond(self.pool, published, query, body, accept))


class Server(patches.CswServer):  # type: ignore[misc]
    """pycsw's server for one request of one tenant; the repository and the INSPIRE capabilities look here."""

    def __init__(
        self, pool: ConnectionPool, published: Published, configurations: dict[str, ConfigParser],
        parameters: dict[str, str], version: str,
    ) -> None:
        tenant = published.tenant
        language = next((short for short, long in LANGUAGES.items()
                         if long == parameters.get("language") and short in configurations), tenant.languages[0])
        self.pool, self.tenant_id = pool, tenant.id
        self.failure: Exception | None = None
        self.languages = [LANGUAGES[short] for short in tenant.languages]
        self.response_language = LANGUAGES[language]
        self.metadata_url = Addresses(published.public_url, tenant.id).record(
            service_record_id(published.public_url, tenant.id, "csw"))
        super().__init__(configurations[language], {"QUERY_STRING": ""}, version)

    def answer(self, parameters: dict[str, str], body: bytes) -> Response:
        """Dispatch to pycsw. What it does not foresee becomes an exception report, and is the client's as a rule."""
        self.requesttype = "POST" if body else "GET"
        self.request: bytes | str = body or ""
        self.kvp = parameters
        try:
            status, content = self.dispatch()
        except Exception as error:
            log.warning("CSW request of tenant %s: pycsw fails at %s %s", self.tenant_id, parameters, body[:1000],
                        exc_info=error)
            status, content = None, None
        if self.failure is not None:
            log.error("catalogue of tenant %s: %s", self.tenant_id, self.failure)
            return self.refuse("NoApplicableCode", "service", "The catalogue cannot answer now; try again later", 503)
        if status is None:
            return self.refuse("NoApplicableCode", "service", "The request cannot be read; check its parameters", 400)
        return Response(content, int(status.split()[0]), media_type=self._media_type())

    def _media_type(self) -> str:
        """What the answer is: Atom, JSON and descriptions of searches by name, else XML by the name asked for."""
        if self.status != "OK" or isinstance(self.kvp, str):  # what is wrong with a posted document
            return XML
        if self.mode == "opensearch":
            return DESCRIPTION if self.kvp.get("request") == "GetCapabilities" else ATOM
        if self.contenttype == "application/json":
            return "application/json"
        return "text/xml; charset=utf-8" if self.kvp.get("acceptformats") == "text/xml" else XML

    def refuse(self, code: str, locator: str, text: str, status: int | None = None) -> Response:
        """An exception report of our own, in the version asked for."""
        report = self.iface.exceptionreport(code, locator, text)
        known = int(self.context.response_codes[self.status].split()[0])
        return Response(etree.tostring(report, xml_declaration=True, encoding="UTF-8"), status or known, media_type=XML)


def _wants(form: str, accept: str) -> bool:
    """Whether the field Accept wants a format more than the XML that is answered else."""
    return media_type(accept, (XML.partition(";")[0], "text/xml", form)) == form


def respond(pool: ConnectionPool, published: Published, query: str, body: bytes, accept: str = "") -> Response:
    """One answer of a tenant's catalogue, from the query string or the document that was posted.

    `accept` is the header of HTTP: where it wants Atom, CSW 3.0 gives that.
    """
    parameters = {} if body else {
        name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True, errors="replace")}
    version = _version(parameters, body)
    if version == "3.0.0" and _wants(ATOM, accept) and parameters.get("request") in ("GetRecords", "GetRecordById"):
        parameters.setdefault("outputformat", ATOM)
    server = Server(pool, published, _configurations(published), parameters, version)
    if fault := _posted_fault(body, version) if body else _fault(parameters, version):
        return server.refuse(*fault)
    parameters.pop("language", None)  # spoken for above; INSPIRE: one that is not supported means the default
    if "acceptversions" in parameters:
        parameters["acceptversions"] = version
    return server.answer(parameters, body)


def _configurations(published: Published) -> dict[str, ConfigParser]:
    found: dict[str, ConfigParser] | None = published.state.get("csw")
    if found is None:
        found = {}
        for language in published.tenant.languages:
            text = (published.folder / "csw" / f"{language}.json").read_text(encoding="utf-8")
            found[language] = ConfigParser(interpolation=None)
            found[language].read_dict(json.loads(text))
        published.state["csw"] = found
    return found


def _version(parameters: Mapping[str, str], body: bytes) -> str:
    """2.0.2 unless 3.0.0 is asked for: clients that name no version (GDAL, harvesters) do not speak 3.0.0."""
    if body:
        return "3.0.0" if b"cat/csw/3.0" in body else "2.0.2"
    asked = parameters.get("acceptversions") or parameters.get("version") or ""
    major = asked.partition(".")[0]
    nearest = "3.0.0" if (_whole(major) or 0) >= 3 else "2.0.2"
    return next((version for version in asked.split(",") if version in VERSIONS), nearest)


def _fault(parameters: Mapping[str, str], version: str) -> tuple[str, str, str] | None:
    """What pycsw would fail at, or must not be asked: code, locator and text of an exception."""
    # Other protocols under this address, but for OpenSearch, which is of CSW 3.0; answers sent by mail or FTP.
    for name, allowed in (("mode", {"opensearch"} if version == "3.0.0" else set()), ("responsehandler", set())):
        if name in parameters and parameters[name] not in allowed:
            return "InvalidParameterValue", name, f"The parameter {name} is not supported"
    if unreadable := next((name for name, value in parameters.items() if NOT_XML.search(name + value)), None):
        return "InvalidParameterValue", "service", f"The parameter {unreadable!r} has a control character"
    accepted = parameters.get("acceptversions")
    if accepted and not set(accepted.split(",")) & set(VERSIONS):
        return "VersionNegotiationFailed", "acceptversions", f"Supported versions: {', '.join(VERSIONS)}"
    return _miscounted(parameters, version)


def _posted_fault(body: bytes, version: str) -> tuple[str, str, str] | None:
    try:
        root: Any = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        return "NoApplicableCode", "service", f"The document is not well-formed XML: {error}"
    if next(root.iter("{*}ResponseHandler"), None) is not None:
        return "InvalidParameterValue", "ResponseHandler", "The element ResponseHandler is not supported"
    asked = next(root.iter("{*}GetRecords"), None)
    if asked is None:
        return None
    return _miscounted({name.lower(): value for name, value in asked.attrib.items()}, version)


def _miscounted(parameters: Mapping[str, str], version: str) -> tuple[str, str, str] | None:
    for name, lowest in (("startposition", 1), ("maxrecords", 0), ("updatesequence", 0)):
        value = parameters.get(name, "").strip()
        number = _whole(value)
        if (name, version, value) == ("maxrecords", "3.0.0", "unlimited"):
            continue
        if value and (number is None or number < lowest):
            return "InvalidParameterValue", name, f"{name}={value[:80]}: expected a whole number from {lowest}"
    return None


def _whole(text: str) -> int | None:
    """The number that a few digits write, or None."""
    return int(text) if re.fullmatch("[0-9]{1,10}", text) and int(text) < 2**31 else None
