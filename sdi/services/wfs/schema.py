"""DescribeFeatureType: feature types as XML Schema, by the GML of each version."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from sdi.model.register import AttributeType, FeatureType
from sdi.model.text import Language
from sdi.services.wfs.requests import columns_of
from sdi.services.wfs.versions import GEOMETRY, NAMESPACE, PREFIX, Version

_XS = "http://www.w3.org/2001/XMLSchema"
_TYPES: dict[AttributeType, str] = {
    "text": "string", "integer": "long", "number": "double", "boolean": "boolean", "date": "date",
    "datetime": "dateTime",
}
_GEOMETRIES = {"polygon": "MultiSurface", "line": "MultiCurve", "point": "Point", "any": "Geometry"}
_GEOMETRIES_10 = {"polygon": "MultiPolygon", "line": "MultiLineString", "point": "Point", "any": "Geometry"}


def describe(feature_types: Iterable[FeatureType], version: Version, language: Language) -> bytes:
    """The schema of feature types, each once, with the titles of their properties."""
    old = version.number == "1.0.0"
    root = etree.Element(f"{{{_XS}}}schema", {
        "targetNamespace": NAMESPACE, "elementFormDefault": "qualified", "version": "1.0",
    }, nsmap={"xsd": _XS, PREFIX: NAMESPACE, "gml": version.gml})
    _add(root, "import", namespace=version.gml, schemaLocation=version.gml_schema)
    for feature_type in {each.name: each for each in feature_types}.values():
        _add(root, "element", name=feature_type.name, type=f"{PREFIX}:{feature_type.name}Type",
             substitutionGroup="gml:AbstractFeature" if version.number == "2.0.0" else "gml:_Feature")
        complex_type = _add(root, "complexType", name=f"{feature_type.name}Type")
        extension = _add(_add(complex_type, "complexContent"), "extension", base="gml:AbstractFeatureType")
        sequence = _add(extension, "sequence")
        geometry = (_GEOMETRIES_10 if old else _GEOMETRIES)[feature_type.geometry]
        _add(sequence, "element", name=GEOMETRY, type=f"gml:{geometry}PropertyType", minOccurs="0")
        for column in columns_of(feature_type).values():
            element = _add(sequence, "element", name=column.name, type=f"xsd:{_TYPES[column.type]}", minOccurs="0")
            unit = f" [{column.unit}]" if column.unit else ""
            text = _add(_add(element, "annotation"), "documentation")
            text.text = f"{column.title.get(language)}{unit}"
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _add(parent: etree._Element, element: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_XS}}}{element}", attributes)
