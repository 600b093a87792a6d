"""What INSPIRE asks of the capabilities of a view service (Technical Guidance 3.11), in both languages."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pytest
from lxml import etree
from PIL import Image

from sdi.model.identity import dataset_identifier, dataset_record_id, service_record_id
from sdi.services.ows.wms import STYLE
from tests.services.ows.conftest import CORNER, Node
from tests.services.ows.test_ows_wms import image, painted, request, window

HREF = "{http://www.w3.org/1999/xlink}href"


def capabilities(node: Node, language: str, version: str = "1.3.0") -> etree._Element:
    asked = {"SERVICE": "WMS", "VERSION": version, "REQUEST": "GetCapabilities", "LANGUAGE": language}
    return etree.fromstring(node.get("powiat/wms", **asked).content)


def named(root: etree._Element, name: str) -> etree._Element:
    (layer,) = root.xpath("//*[local-name() = 'Layer'][*[local-name() = 'Name'] = $name]", name=name)
    return layer


@pytest.mark.parametrize("language", ["pol", "eng"])
@pytest.mark.shared
def test_capabilities_are_valid(node: Node, shared: Path, language: str) -> None:
    root = capabilities(node, language)
    parser = etree.XMLParser(no_network=True)
    etree.XMLSchema(etree.parse(shared / "schemas" / "drivers_wms_inspire.xsd", parser)).assertValid(root)
    for comment in root.iter(etree.Comment):
        assert "WARNING" not in (comment.text or ""), comment.text


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
@pytest.mark.parametrize(("asked", "answered"), [("pol", "pol"), ("eng", "eng"), ("", "pol"), ("ger", "pol")])
def test_the_extended_capabilities_name_record_and_languages(
    node: Node, asked: str, answered: str, version: str
) -> None:
    (extended,) = capabilities(node, asked, version).iter("{*}ExtendedCapabilities")
    assert extended.findtext("{*}MetadataUrl/{*}URL").endswith(f"&id={service_record_id(node.url, 'powiat', 'wms')}")
    assert [each.tag.rpartition("}")[2] + ":" + each.findtext("{*}Language")
            for each in extended.find("{*}SupportedLanguages")] == ["DefaultLanguage:pol", "SupportedLanguage:eng"]
    assert extended.findtext("{*}ResponseLanguage/{*}Language") == answered


@pytest.mark.parametrize("language", ["pol", "eng"])
def test_addresses_in_the_capabilities_keep_the_language(node: Node, language: str) -> None:
    root = capabilities(node, language)
    own = [link.get(HREF) for link in root.iter("{*}OnlineResource") if "/wms?" in link.get(HREF)]
    assert own and all(address.count("language=") == 1 and f"language={language}&" in address for address in own)


def test_each_layer_tells_which_data_set_it_shows(node: Node) -> None:
    """Also the suite's getcapabilities:resource-format; a layer has MapServer's own GetMetadata otherwise."""
    root = capabilities(node, "pol")
    for register in ("egib", "gesut"):
        code, namespace = dataset_identifier(node.url, "powiat", register)
        top = named(root, register)
        authority = top.find("{*}AuthorityURL")
        assert authority.find("{*}OnlineResource").get(HREF) == namespace
        layers = [top, *top.iterfind(".//{*}Layer")]
        assert len(layers) > 2
        for layer in layers:
            identifier, link = layer.find("{*}Identifier"), layer.find("{*}MetadataURL")
            assert (identifier.get("authority"), identifier.text) == (authority.get("name"), code)
            assert link.findtext("{*}Format") == "application/xml"  # as the catalogue answers
            assert link.find("{*}OnlineResource").get(HREF).endswith(dataset_record_id(node.url, "powiat", register))
    link = named(root, "powiat").find("{*}MetadataURL/{*}OnlineResource").get(HREF)
    assert link.endswith(service_record_id(node.url, "powiat", "wms"))


def test_the_style_has_the_name_of_the_default(node: Node) -> None:
    layer = named(capabilities(node, "eng"), "budynki")
    (style,) = layer.iterfind("{*}Style")
    assert (style.findtext("{*}Name"), style.findtext("{*}Title")) == (STYLE, "Budynki (en)")
    assert STYLE == "inspire_common:DEFAULT"
    legend = httpx.get(style.find("{*}LegendURL/{*}OnlineResource").get(HREF), timeout=60, trust_env=False)
    assert Image.open(io.BytesIO(legend.content)).format == "PNG"
    asked = request("EPSG:2180", "1.3.0", "budynki", window("EPSG:2180", "1.3.0", *CORNER, 60))
    pictures = [image(node, "powiat", **asked | {"STYLES": name}) for name in ("", "default", STYLE)]
    assert painted(pictures[0])
    assert pictures[0].tobytes() == pictures[1].tobytes() == pictures[2].tobytes()
