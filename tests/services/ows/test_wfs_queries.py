"""WFS requests of several queries, by parameters and by XML, and what the formats make of them."""

from __future__ import annotations

import httpx
import pytest
from lxml import etree

from sdi.services.wfs.pairs import split
from tests.services.ows.conftest import Node
from tests.services.ows.test_ows_wfs import OWN, get
from tests.services.ows.test_wfs_exact import compared, matched, post, text_filter

AWKWARD = ("<f:Filter xmlns:f='a)(b'><f:A x=\"(>\"/><!-- )( < --><f:Literal>x)(</f:Literal><![CDATA[)(<(]]>"
           "<?a )(?></f:Filter>")


def get_feature(*queries: str, version: str = "2.0.0", more: str = "") -> str:
    namespace = "http://www.opengis.net/wfs/2.0" if version == "2.0.0" else "http://www.opengis.net/wfs"
    return (f"<wfs:GetFeature xmlns:wfs='{namespace}' service='WFS' version='{version}' {more}>"
            f"{''.join(queries)}</wfs:GetFeature>")


def parts(answer: httpx.Response) -> list[str | None]:
    """How many objects each query has."""
    return [part.get("numberMatched")
            for part in etree.fromstring(answer.content).findall("{*}member/{*}FeatureCollection")]


@pytest.mark.parametrize(("value", "expected"), [
    (f"({AWKWARD})({AWKWARD})", [AWKWARD, AWKWARD]), (f"({AWKWARD})()", [AWKWARD, ""]),
    (f"()({AWKWARD})", ["", AWKWARD]),
    (f"( {AWKWARD} )\n( )", [f" {AWKWARD} ", " "]), (AWKWARD, [AWKWARD, AWKWARD]), ("()()", ["", ""]),
    ("(a)(b)", ["a", "b"]), ("(f(a))(b)", ["f(a)", "b"]), ("a)(b", ["a)(b", "a)(b"]), ("(a", ["(a", "(a"]),
    (f"({AWKWARD}", [f"({AWKWARD}"] * 2), ("(<a)(b>)", ["(<a)(b>)"] * 2), ("(a) b (c)", ["(a) b (c)"] * 2),
])
def test_a_list_in_parentheses_has_one_value_for_each_query(value: str, expected: list[str]) -> None:
    assert [query["FILTER"] for query in split({"FILTER": value}, ["a", "b"])] == expected


def test_a_filter_is_of_its_own_query_alone(node: Node) -> None:
    few = text_filter(compared("PropertyIsLessThan", "porzadek", "10"))
    every, some = "<wfs:Query typeNames='dzialki'/>", f"<wfs:Query typeNames='dzialki'>{few}</wfs:Query>"
    assert parts(post(node, get_feature(some, every))) == ["10", str(OWN)]
    assert parts(post(node, get_feature(every, some))) == [str(OWN), "10"]
    assert parts(get(node, TYPENAMES="(dzialki)(budynki)", FILTER=f"({few})()")) == ["10", "2"]
    assert parts(get(node, TYPENAMES="(budynki)(dzialki)", FILTER=f"()({few})")) == ["2", "10"]
    beside = get(node, FILTER=f"{few})(")
    assert beside.status_code == 400 and b'locator="filter"' in beside.content


@pytest.mark.parametrize("literal", ["x)(", ")(", "(", "a &lt;)(&gt; b"])
def test_a_literal_may_hold_parentheses(node: Node, literal: str) -> None:
    predicate = text_filter(compared("PropertyIsEqualTo", "numer_dzialki", literal))
    assert matched(get(node, FILTER=predicate, RESULTTYPE="hits")) == "0"
    several = {"TYPENAMES": "(dzialki)(dzialki)", "FILTER": f"({predicate})({predicate})"}
    assert parts(get(node, **several)) == ["0", "0"]
    query = f"<wfs:Query typeNames='dzialki'>{predicate}</wfs:Query>"
    assert parts(post(node, get_feature(query, "<wfs:Query typeNames='budynki'/>"))) == ["0", "2"]


def test_values_that_are_not_one_for_each_query_are_refused_in_a_sentence(node: Node) -> None:
    answer = get(node, TYPENAMES="(dzialki)(budynki)", PROPERTYNAME="(id)(id)(id)", LANGUAGE="eng")
    assert answer.status_code == 400 and b'locator="propertyname"' in answer.content
    assert "values in parentheses: 3, queries: 2; give one for all queries" in answer.text
