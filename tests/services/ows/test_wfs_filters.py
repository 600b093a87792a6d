"""What filters, SORTBY and PROPERTYNAME mean: names, values, times and places."""

from __future__ import annotations

import httpx
import pytest
from lxml import etree

from tests.services.ows.conftest import Node
from tests.services.ows.test_ows_wfs import OWN, get, values
from tests.services.ows.test_wfs_exact import compared, matched, post, text_filter


def hits(node: Node, predicate: str, **more: object) -> str | None:
    return matched(get(node, FILTER=text_filter(predicate), RESULTTYPE="hits", **more))


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    return "".join(map(str, next(etree.fromstring(answer.content).iter("{*}Exception")).itertext()))


# Names

@pytest.mark.parametrize(("predicate", "count"), [
    (compared("PropertyIsEqualTo", "@gml:id", "dzialki.3"), 1),
    (compared("PropertyIsEqualTo", "sdi:dzialki/@gml:id", "dzialki.3"), 1),
    (compared("PropertyIsEqualTo", "@gml:id", "041501_2.0001.0/2"), 0),
    (compared("PropertyIsLike", "@gml:id", "dzialki.7*", attributes='wildCard="*" singleChar="?" escapeChar="!"'), 2),
    ("<fes:PropertyIsNull><fes:ValueReference>@gml:id</fes:ValueReference></fes:PropertyIsNull>", 0),
    ("<fes:PropertyIsNull><fes:ValueReference>gml:name</fes:ValueReference></fes:PropertyIsNull>", OWN),
    (compared("PropertyIsEqualTo", "/dzialki/sdi:id", "041501_2.0001.0/2"), 1),
])
def test_a_path_means_a_property_or_the_identifier(node: Node, predicate: str, count: int) -> None:
    assert hits(node, predicate) == str(count)


@pytest.mark.parametrize(
    "path", ["foo:id", "gml:id", "budynki/id", "a/dzialki/id", "@foo:id", "@nic", "foo:dzialki/id"])
def test_paths_and_prefixes_that_mean_nothing_are_refused(node: Node, path: str) -> None:
    filtered = get(node, FILTER=text_filter(compared("PropertyIsEqualTo", path, "1")), LANGUAGE="eng")
    assert f"unknown property {path!r}; there are: id" in refusal(filtered)
    for name in ("SORTBY", "PROPERTYNAME"):
        assert path in refusal(get(node, **{name: path}))
    assert path in refusal(get(node, REQUEST="GetPropertyValue", VALUEREFERENCE=path))


def test_prefixes_are_what_the_request_declares(node: Node) -> None:
    predicate = compared("PropertyIsLessThan", "x:porzadek", "2")
    more = {"SORTBY": "x:porzadek DESC", "PROPERTYNAME": "x:porzadek", "FILTER": text_filter(predicate)}
    assert "x:porzadek" in refusal(get(node, **more))
    for namespaces in ({"NAMESPACES": "xmlns(y,urn:y),xmlns(x,urn:sdi:registers)"},
                       {"NAMESPACE": "xmlns(x=urn:sdi:registers)"}):
        assert values(get(node, **more, **namespaces), "porzadek") == ["1", "0"]
    assert "x:porzadek" in refusal(get(node, NAMESPACES="xmlns(x,urn:y)", **more))
    body = f"""<wfs:GetFeature service="WFS" version="2.0.0" xmlns:wfs="http://www.opengis.net/wfs/2.0"
      xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:x="urn:sdi:registers"><wfs:Query typeNames="x:dzialki">
      <wfs:PropertyName>x:porzadek</wfs:PropertyName><fes:Filter>{predicate}</fes:Filter>
      <fes:SortBy><fes:SortProperty><fes:ValueReference>x:porzadek</fes:ValueReference><fes:SortOrder>DESC</fes:SortOrder>
      </fes:SortProperty></fes:SortBy></wfs:Query></wfs:GetFeature>"""
    assert values(post(node, body), "porzadek") == ["1", "0"]
    page = etree.fromstring(post(node, body.replace("<wfs:GetFeature", '<wfs:GetFeature count="1"')).content)
    assert values(httpx.get(page.get("next"), trust_env=False), "porzadek") == ["0"]
