"""Exceptions of WMS and WFS in the XML that each version wants, with the text in the language of the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lxml import etree
from starlette.responses import Response

from sdi.model.text import Language, Text

OGC = "http://www.opengis.net/ogc"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
OWS = {"1.1.0": "http://www.opengis.net/ows", "2.0.0": "http://www.opengis.net/ows/1.1"}
_SCHEMAS = {
    "1.1.0": "http://www.opengis.net/ows http://schemas.opengis.net/ows/1.0.0/owsExceptionReport.xsd",
    "2.0.0": "http://www.opengis.net/ows/1.1 http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd",
}
_DOCTYPE_111 = (
    '<!DOCTYPE ServiceExceptionReport SYSTEM "http://schemas.opengis.net/wms/1.1.1/exception_1_1_1.dtd">'
)

NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


@dataclass
class OwsError(Exception):
    """A request that is not answered: an OGC exception code, the parameter that is wrong, and what to do."""

    code: str
    text: Text
    locator: str | None = None
    status: int = 400


def missing(parameter: str) -> OwsError:
    """A parameter that must be given is not."""
    return OwsError("MissingParameterValue", Text(pl=f"Brak parametru {parameter}", en=f"{parameter} is missing"),
                    parameter.lower())


def invalid(parameter: str, value: str, allowed: str, code: str = "InvalidParameterValue") -> OwsError:
    """A parameter has a value that cannot be used; `allowed` says what can."""
    return OwsError(
        code,
        Text(pl=f"{parameter}={value[:80]}: dozwolone: {allowed}", en=f"{parameter}={value[:80]}: allowed: {allowed}"),
        parameter.lower(),
    )


def response(error: OwsError, protocol: Literal["wms", "wfs"], version: str, language: Language) -> Response:
    """The exception as an answer.

    WMS 1.3.0 annex E.2, WMS 1.1.1 annex A.3, WFS 1.0.0 §12.7, OWS Common 1.0/1.1 §8 for WFS 1.1.0 and 2.0.0. Only WFS
    2.0.0 (annex D) gives HTTP statuses to exceptions; in the others a wrong request is answered with 200, as clients
    expect. Failures of the server itself (5xx) keep their status.
    """
    text, locator = _in_xml(error.text.get(language)), _in_xml(error.locator or "")
    doctype, media_type = "", "text/xml"
    if protocol == "wms":
        version = version if version in ("1.1.0", "1.1.1") else "1.3.0"
        root = _service_report(error.code, text, locator, version, namespaced=version == "1.3.0")
        if version != "1.3.0":
            doctype, media_type = _DOCTYPE_111, "application/vnd.ogc.se_xml"
    else:
        version = version if version in ("1.0.0", "1.1.0") else "2.0.0"
        root = (_service_report(error.code, text, locator, "1.2.0", namespaced=True) if version == "1.0.0"
                else _report(error.code, text, locator, version, language))
    status = error.status if error.status >= 500 or (protocol, version) == ("wfs", "2.0.0") else 200
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}{etree.tostring(root, encoding="unicode")}'
    return Response(body, status, media_type=media_type, headers={"Cache-Control": "no-store"})


def _in_xml(text: str) -> str:
    """The text, which may quote the request, with a mark for each character that XML cannot hold."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _report(code: str, text: str, locator: str, version: str, language: Language) -> etree._Element:
    ows = f"{{{OWS[version]}}}"
    root = etree.Element(f"{ows}ExceptionReport", {"version": version, f"{{{XSI}}}schemaLocation": _SCHEMAS[version]},
                         nsmap={"ows": OWS[version], "xsi": XSI})
    root.set("language" if version == "1.1.0" else "{http://www.w3.org/XML/1998/namespace}lang", language)
    exception = etree.SubElement(root, f"{ows}Exception", {"exceptionCode": code})
    if locator:
        exception.set("locator", locator)
    etree.SubElement(exception, f"{ows}ExceptionText").text = text
    return root


def _service_report(code: str, text: str, locator: str, version: str, namespaced: bool) -> etree._Element:
    root = etree.Element("ServiceExceptionReport", {"version": version} | ({"xmlns": OGC} if namespaced else {}))
    exception = etree.SubElement(root, "ServiceException", {"code": code})
    if locator and namespaced:
        exception.set("locator", locator)
    exception.text = text
    return root
