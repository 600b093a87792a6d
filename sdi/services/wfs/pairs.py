"""WFS requests as key-value pairs: XML is read into the pairs that mean the same, so that there is one way on.

Pairs are also what links to other pages are written in, whichever way a request came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

from sdi.model.text import Text
from sdi.services.fes.elements import children, local
from sdi.services.ows.exceptions import OwsError, invalid
from sdi.services.wfs.versions import NAMESPACE, PREFIX

SERVICE = "WFS"
STORED = ("STOREDQUERY_ID", "STOREDQUERYID")
_PER_QUERY = ("FILTER", "SRSNAME", "PROPERTYNAME", "SORTBY", "FEATUREVERSION")
_ATTRIBUTES = (
    "SERVICE", "VERSION", "RESULTTYPE", "OUTPUTFORMAT", "COUNT", "MAXFEATURES", "STARTINDEX", "VALUEREFERENCE",
    "RESOLVE", "UPDATESEQUENCE",
)
_WFS_1 = "http://www.opengis.net/wfs"
"""The namespace of 1.0.0, in which requests must say their version, and of 1.1.0, which is the default."""
_LISTS = {"AcceptVersions": "ACCEPTVERSIONS", "AcceptFormats": "ACCEPTFORMATS", "Sections": "SECTIONS"}
_NAMESPACES = (
    'xmlns:wfs="http://www.opengis.net/wfs" xmlns:fes="http://www.opengis.net/fes/2.0" '
    'xmlns:ogc="http://www.opengis.net/ogc" xmlns:gml="http://www.opengis.net/gml" xmlns:sdi="urn:sdi:registers" '
    'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
"""Of prefixes that a filter in a parameter uses without declaring them; elements are known by their local names."""
_TOKENS = re.compile(r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?:[^<>"']|"[^"]*"|'[^']*')*>|<.*|[()]|[^<()]+""",
                     re.DOTALL)
"""Markup, which may hold any character; a parenthesis; text. From a `<` that begins no markup on, all is one token."""
_KNOWN = ("", PREFIX)
"""Prefixes that say nothing new of our namespace."""


def parse_xml(body: bytes | str) -> etree._Element:
    """XML of a client, without entities and without the network. Raises OwsError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(body.encode() if isinstance(body, str) else body, parser)
    except etree.XMLSyntaxError as error:
        raise OwsError("OperationParsingFailed", Text(pl=f"Żądanie nie jest poprawnym XML: {error.msg}",
                                                      en=f"The request is not well-formed XML: {error.msg}")) from error


def filter_element(text: str) -> etree._Element:
    """The Filter of a FILTER parameter. Raises OwsError."""
    bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        root = parse_xml(f"<filter {_NAMESPACES}>{bare}</filter>")
    except OwsError as error:
        raise OwsError("OperationParsingFailed", error.text, "filter") from error
    found = children(root)
    beside = f"{root.text or ''}{''.join(child.tail or '' for child in root)}"
    if len(found) != 1 or local(found[0]) != "Filter" or beside.strip():
        raise invalid("FILTER", text, "<Filter>…</Filter>")
    return found[0]


def of_xml(body: bytes) -> dict[str, str]:
    """The pairs of a request as XML. Raises OwsError."""
    root = parse_xml(body)
    pairs = {"SERVICE": SERVICE, "REQUEST": local(root)}
    pairs |= {key: value for key, value in _attributes(root).items() if key in _ATTRIBUTES}
    if pairs["REQUEST"] != "GetCapabilities":  # of which no version means the newest one (OWS Common 1.1, 7.3.2)
        pairs.setdefault("VERSION", "1.1.0" if etree.QName(root).namespace == _WFS_1 else "2.0.0")
    for child in children(root):
        if local(child) in _LISTS:
            pairs[_LISTS[local(child)]] = ",".join((e.text or "").strip() for e in children(child))
    if local(root) == "DescribeFeatureType":
        pairs["TYPENAME"] = ",".join((e.text or "").strip() for e in children(root) if local(e) == "TypeName")
    if local(root) == "DescribeStoredQueries":
        pairs["STOREDQUERY_ID"] = ",".join((e.text or "").strip() for e in children(root))
    queries = [e for e in children(root) if local(e) == "Query"]
    stored = [e for e in children(root) if local(e) == "StoredQuery"]
    if len(stored) > 1 or (stored and queries):
        raise OwsError("OptionNotSupported", Text(pl="Jedno żądanie może mieć jedno StoredQuery albo zapytania Query",
                                                  en="A request has one StoredQuery, or Query elements"), "query")
    if stored:
        pairs["STOREDQUERY_ID"] = stored[0].get("id", "")
        pairs |= {e.get("name", "").upper(): "".join(map(str, e.itertext())).strip() for e in children(stored[0])}
    spaces = dict.fromkeys(space for _, space in etree.iterwalk(root, events=["start-ns"]))
    ours = ",".join(f"xmlns({prefix},{uri})" for prefix, uri in spaces if uri == NAMESPACE and prefix not in _KNOWN)
    return pairs | ({"NAMESPACES": ours} if ours else {}) | _joined([_query(e) for e in queries])


def _attributes(element: etree._Element) -> dict[str, str]:
    """Attributes by their names in capitals: OWSLib writes `typenames` and `outputformat`, each in small letters."""
    return {str(key).upper(): str(value) for key, value in element.attrib.items()}


def _query(element: etree._Element) -> dict[str, str]:
    given = _attributes(element)
    names = re.split(r"[\s,]+", (given.get("TYPENAMES") or given.get("TYPENAME") or "").strip())
    if len(names) > 1:
        raise joins()
    pairs = {"TYPENAMES": names[0], "SRSNAME": given.get("SRSNAME", "")}
    properties = [(e.text or "").strip() for e in children(element) if local(e) == "PropertyName"]
    pairs["PROPERTYNAME"] = ",".join(properties)
    for child in children(element):
        if local(child) == "Filter":
            pairs["FILTER"] = etree.tostring(child, encoding="unicode", with_tail=False)
        elif local(child) == "SortBy":
            pairs["SORTBY"] = ",".join(
                " ".join((e.text or "").strip() for e in children(prop)) for prop in children(child))
    return pairs


def _joined(queries: list[dict[str, str]]) -> dict[str, str]:
    """The pairs of several queries: values in parentheses, one for each query (WFS 2.0, 6.2.5.3)."""
    if len(queries) == 1:
        return {key: value for key, value in queries[0].items() if value}
    keys = dict.fromkeys(key for query in queries for key, value in query.items() if value)
    return {key: "".join(f"({query.get(key, '')})" for query in queries) for key in keys}


def split(pairs: dict[str, str], names: Iterable[str]) -> list[dict[str, str]]:
    """The pairs of each query, by the names of their types. Raises OwsError where the counts differ."""
    types = list(names)
    queries: list[dict[str, str]] = [{"TYPENAMES": name} for name in types]
    for key in _PER_QUERY:
        value = pairs.get(key, "").strip()
        if not value:
            continue
        values = _parts(value)
        if len(values) == 1:
            values *= len(types)
        if len(values) != len(types):
            raise OwsError("InvalidParameterValue", Text(
                pl=f"{key}: wartości w nawiasach: {len(values)}, zapytań: {len(types)}; proszę podać jedną dla "
                   "wszystkich zapytań albo po jednej dla każdego, w nawiasach",
                en=f"{key}: values in parentheses: {len(values)}, queries: {len(types)}; give one for all queries, "
                   "or one for each, in parentheses"), key.lower())
        for query, part in zip(queries, values, strict=True):
            query[key] = part
    return queries


def _parts(value: str) -> list[str]:
    """The values of a list `(…)(…)`, of which some may be empty; of anything else the whole.

    Only parentheses outside of XML make a list: a filter holds others in its literals, attributes and comments.
    """
    parts, elements, level, begin = [], 0, 0, 0
    for token in _TOKENS.finditer(value):
        text = token[0]
        if level == 0 and text.strip() not in ("", "("):
            return [value]
        if text.startswith("<"):
            elements += _depth(text)
        elif text == "(" and elements == 0:
            begin, level = begin if level else token.end(), level + 1
        elif text == ")" and elements == 0:
            level -= 1
            if level == 0:
                parts.append(value[begin : token.start()])
    return parts if parts and level == 0 else [value]


def _depth(markup: str) -> int:
    """By how much a tag changes the depth in which what follows it stands."""
    if markup.startswith(("<!", "<?")) or markup.endswith("/>"):
        return 0
    return -1 if markup.startswith("</") else 1


def type_names(value: str) -> list[str]:
    """The types of TYPENAMES: `a`, `a,b` and `(a)(b)` (each a query). Raises OwsError for a join, `(a,b)`."""
    value = value.strip()
    if value.startswith("("):
        names = [name.strip() for name in _parts(value)]
        if any("," in name for name in names):
            raise joins()
        return names
    return [name.strip() for name in value.split(",") if name.strip()]


def joins() -> OwsError:
    """A query of several types at once."""
    return OwsError("OptionNotSupported", Text(pl="Złączeń (kilku typów w jednym zapytaniu) usługa nie oferuje",
                                               en="This service offers no joins (several types in one query)"),
                    "typenames")
