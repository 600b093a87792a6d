"""What pycsw 2.6 gets wrong and offers no seam for.

Each patch says why it is here, and has a test that fails when upstream has mended the defect.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from sdi.services.csw.cql import cql_to_filter
from sdi.services.csw.filters import compile_filter
from sdi.services.fes.elements import FilterError

with warnings.catch_warnings():
    # pycsw imports cgi and pkg_resources, and calls its own profiles' imports at the first request.
    warnings.simplefilter("ignore")
    from pycsw import server
    from pycsw.ogc.csw import csw2, csw3
    from pycsw.ogc.fes import fes1, fes2
    from pycsw.opensearch import OpenSearch
    from pycsw.plugins import outputschemas
    from pycsw.plugins.outputschemas import atom
    from pycsw.plugins.profiles.apiso.apiso import APISO

XS = "http://www.w3.org/2001/XMLSchema"
CSW_3 = "http://www.opengis.net/cat/csw/3.0"
GML_3_2 = "http://www.opengis.net/gml/3.2"
ATOM = "http://www.w3.org/2005/Atom"
OWS_2 = "http://www.opengis.net/ows/2.0"
OUTPUT_SCHEMAS = ["atom", "fgdc", "gm03"]
"""Those of pycsw but DIF, at which it fails: it asks for a function that it no longer has."""
INSPIRE_DS = "http://inspire.ec.europa.eu/schemas/inspire_ds/1.0"
INSPIRE_COMMON = "http://inspire.ec.europa.eu/schemas/common/1.0"


def apply() -> None:
    """Put every patch in place; safe to call again."""
    fes1.parse = fes2.parse = parse_filter
    csw2.cql2fes = csw3.cql2fes = cql_to_filter
    csw2.Csw2._parse_constraint = csw3.Csw3._parse_constraint = parse_constraint
    csw2.Csw2.exceptionreport, csw3.Csw3.exceptionreport = exception_report_2, exception_report_3
    csw2.Csw2.getrecords = records
    outputschemas.__all__ = OUTPUT_SCHEMAS
    csw2.etree = csw3.etree = _Etree()
    APISO.get_extendedcapabilities = extended_capabilities
    APISO.write_record = whole_record
    atom.write_record = atom_entry
    OpenSearch.response_csw2opensearch = search_description
    # It logs every mistake of a client with a traceback; failures of the node are logged by sdi.services.csw.app.
    logging.getLogger("pycsw").setLevel(logging.CRITICAL)


def parse_filter(element: Any, queryables: Any, *_: Any, **__: Any) -> tuple[str, list[Any]]:
    """In place of fes1.parse and fes2.parse.

    They reuse one list for all nested operators, so And(Or(a, b), Or(c, d)) is wrong; they know one level of nesting;
    they round boxes to hundredths of a degree and write coordinates into the SQL text; FES 2.0 takes GML 3.1 only.
    """
    return compile_filter(element, queryables)


def parse_constraint(interface: Any, element: Any) -> dict[str, Any] | str:
    """In place of _parse_constraint of Csw2 and Csw3, for a posted constraint; what is wrong with it is a text.

    They keep to themselves what is wrong with CQL.
    """
    asking = interface.parent
    for child in element.iterchildren("{*}Filter", "{*}CqlText"):
        try:
            if etree.QName(child).localname == "CqlText":
                child = cql_to_filter(child.text or "", asking.context.namespaces)
            where, values = compile_filter(child, asking.repository.queryables["_all"])
        except FilterError as error:
            return f"Invalid Filter request: {error}"
        return {"where": where, "values": values}
    return {}


def exception_report_2(interface: Any, code: str, locator: str, text: str) -> Any:
    """In place of Csw2.exceptionreport, which is not told what is wrong with a constraint in CQL."""
    return _report_2(interface, code, locator, _with_reason(text))


def exception_report_3(interface: Any, code: str, locator: str, text: str) -> Any:
    """In place of Csw3.exceptionreport, see exception_report_2."""
    return _report_3(interface, code, locator, _with_reason(text))


def _with_reason(text: str) -> str:
    reason = sys.exception()  # pycsw reports while it handles what went wrong
    return f"{text}: {reason}" if isinstance(reason, FilterError) and str(reason) not in text else text


def records(interface: Any) -> Any:
    """In place of Csw2.getrecords, which calls record 1 the next one when asked for records beyond the last."""
    answer = _records(interface)
    results = answer.find("{*}SearchResults")
    if results is not None and int(results.get("numberOfRecordsMatched")) < int(interface.parent.kvp["startposition"]):
        results.set("nextRecord", "0")
    return answer


class _Etree:
    """In place of the name `etree` in csw2 and csw3.

    They parse the schemas of CSW anew for every POST, and refuse filters by place in CSW 3, whose schemas lack GML.
    """

    @staticmethod
    @cache
    def XMLSchema(file: str) -> etree.XMLSchema:
        """A schema, parsed once per process; those of CSW 3.0 with GML 3.2."""
        path = Path(file)
        if not path.parent.match("cat/csw/3.0"):
            return etree.XMLSchema(file=file)
        places = {CSW_3: path, GML_3_2: path.parents[3] / "gml" / "3.2.1" / "gml.xsd"}
        schema = etree.Element(f"{{{XS}}}schema")
        for namespace, place in places.items():
            etree.SubElement(schema, f"{{{XS}}}import", namespace=namespace, schemaLocation=place.as_uri())
        return etree.XMLSchema(schema)

    def __getattr__(self, name: str) -> Any:
        return getattr(etree, name)


def extended_capabilities(profile: Any) -> Any:
    """In place of APISO.get_extendedcapabilities.

    It writes the long scenario of INSPIRE with fixed English texts and refuses languages it does not know; this is
    the one with MetadataUrl, SupportedLanguages and ResponseLanguage. In CSW 3.0, whose OWS Common 2.0 names the
    element that holds such things, it stands in that one.
    """
    asking = profile.context.server
    root = etree.Element(f"{{{INSPIRE_DS}}}ExtendedCapabilities",
                         nsmap={"inspire_ds": INSPIRE_DS, "inspire_common": INSPIRE_COMMON})

    def add(parent: Any, name: str, text: str | None = None) -> Any:
        element = etree.SubElement(parent, f"{{{INSPIRE_COMMON}}}{name}")
        element.text = text
        return element

    metadata_url = add(root, "MetadataUrl")
    add(metadata_url, "URL", asking.metadata_url)
    add(metadata_url, "MediaType", "application/vnd.iso.19139+xml")
    supported = add(root, "SupportedLanguages")
    add(add(supported, "DefaultLanguage"), "Language", asking.languages[0])
    for language in asking.languages[1:]:
        add(add(supported, "SupportedLanguage"), "Language", language)
    add(add(root, "ResponseLanguage"), "Language", asking.response_language)
    if asking.iface.version == "2.0.2":
        return root
    holder = etree.Element(f"{{{OWS_2}}}ExtendedCapabilities")
    holder.append(root)
    return holder


def whole_record(profile: Any, result: Any, esn: str, outputschema: str, queryables: Any, caps: Any = None) -> Any:
    """In place of APISO.write_record: the stored record, whatever element set is asked for.

    Its brief and summary renditions are not valid ISO 19139: identifiers that are no xs:ID, no dates, wrong order.
    """
    return etree.fromstring(result.xml, profile.context.parser)


def atom_entry(result: Any, esn: str, context: Any, url: str | None = None) -> Any:
    """In place of atom.write_record: what it writes, made valid Atom.

    It gives the protocol of a link as its media type, a day as atom:published, and writes atom:source as text.
    """
    entry = _write_atom(result, esn, context, url)
    for link in entry.iterfind(f"{{{ATOM}}}link"):
        if "/" not in link.get("type", "/"):
            del link.attrib["type"]
    for day in entry.iterfind(f"{{{ATOM}}}published"):
        day.text = f"{day.text}T00:00:00Z" if "T" not in day.text else day.text
    for source in entry.findall(f"{{{ATOM}}}source"):
        entry.remove(source)
    return entry


def search_description(search: Any, element: Any, config: Any) -> Any:
    """In place of OpenSearch.response_csw2opensearch: what it writes, but templates that it answers itself.

    Its templates have `%%2B`, and parameters of Earth observation that it fails at where they are empty, as clients
    leave what they do not know; names are longer than OpenSearch 1.1 lets them be.
    """
    answer = _to_opensearch(search, element, config)
    if etree.QName(answer).localname == "OpenSearchDescription":
        for name in answer.iter("{*}LongName"):
            name.text = (name.text or "")[:48]
        for address in answer.iter("{*}Url"):
            template = re.sub(r"&eo:\w+=\{[^}]*\}", "", address.get("template", ""))
            address.set("template", template.replace("%%", "%"))
    return answer


_write_atom, _to_opensearch = atom.write_record, OpenSearch.response_csw2opensearch
_report_2, _report_3, _records = csw2.Csw2.exceptionreport, csw3.Csw3.exceptionreport, csw2.Csw2.getrecords

CswServer = server.Csw
"""pycsw's server, imported with its warnings silenced."""
