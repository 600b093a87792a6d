"""What every record must have before it is stored: well-formed XML with the elements that INSPIRE asks of all.

Validation against the ISO 19139 schemas is the tests' part; at run time the templates are what they were tested as.
"""

from __future__ import annotations

from lxml import etree

from sdi.errors import PublicationError

NAMESPACES = {
    "gmd": "http://www.isotc211.org/2005/gmd",
    "gco": "http://www.isotc211.org/2005/gco",
    "gmx": "http://www.isotc211.org/2005/gmx",
    "srv": "http://www.isotc211.org/2005/srv",
    "xlink": "http://www.w3.org/1999/xlink",
}

REQUIRED = {
    "file identifier": "gmd:fileIdentifier/gco:CharacterString",
    "metadata language": "gmd:language/gmd:LanguageCode",
    "resource type": "gmd:hierarchyLevel/gmd:MD_ScopeCode",
    "metadata contact e-mail": "gmd:contact//gmd:electronicMailAddress/gco:CharacterString",
    "title": "gmd:identificationInfo/*/gmd:citation//gmd:title/gco:CharacterString",
    "date": "gmd:identificationInfo/*/gmd:citation//gmd:date//gco:Date",
    "abstract": "gmd:identificationInfo/*/gmd:abstract/gco:CharacterString",
    "keyword": "gmd:identificationInfo/*/gmd:descriptiveKeywords//gmd:keyword/*",
    "conditions of use": "gmd:identificationInfo/*/gmd:resourceConstraints//gmd:useConstraints/*",
    "bounding box": "gmd:identificationInfo//gmd:westBoundLongitude/gco:Decimal",
    "resource locator": "gmd:distributionInfo//gmd:linkage/gmd:URL",
    "conformity": "gmd:dataQualityInfo//gmd:pass/..",
}
"""Elements of INSPIRE metadata TG 2.0.1 that both data sets and services must have, by XPath below gmd:MD_Metadata."""

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def parse(text: str, name: str) -> etree._Element:
    """The record as a tree. Raises PublicationError that names the record and what it lacks."""
    try:
        root = etree.fromstring(text.encode(), _PARSER)
    except etree.XMLSyntaxError as error:
        raise PublicationError(f"the metadata record {name} is not well-formed XML: {error}; "
                               "look for control characters in the titles and contacts it is made of") from error
    missing = [what for what, path in REQUIRED.items() if not _filled(root, path)]
    if missing:
        raise PublicationError(f"the metadata record {name} has no {', no '.join(missing)}; "
                               "complete the region, the partner or the register it is made of")
    return root


def words(root: etree._Element) -> str:
    """All text of a record, one space between its pieces: what a search for any text looks through."""
    return " ".join(piece for text in root.itertext() if (piece := " ".join(str(text).split())))


def _filled(root: etree._Element, path: str) -> bool:
    found = root.findall(path, NAMESPACES)
    return bool(found) and all(len(element) or (element.text or "").strip() for element in found)
