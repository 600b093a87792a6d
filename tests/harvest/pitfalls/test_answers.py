"""Pitfalls 5 to 9, 14, 18, 19: what a server answers, and how it wants to be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sdi.harvest.run import accept

from .conftest import WfsNode
from .county import County, Dialect, buildings, capabilities, parcels
from .server import Answer, Asked

EXCEPTION = b"""<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception
exceptionCode="NoApplicableCode"><ows:ExceptionText>msPostGISLayerOpen(): Query error. Database connection failed
</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"""


def test_05_an_empty_answer_with_status_200(node: WfsNode) -> None:
    county = County({"dzialki": parcels(30)})
    node.describe(node.play(county))
    node.takes()
    county.things = {"dzialki": []}
    node.refuses("refused", "the delivery holds no object")


@pytest.mark.parametrize("status", [200, 400, 500])
def test_06_an_exception_as_an_answer(node: WfsNode, status: int) -> None:
    county = County({"dzialki": parcels(3)})
    node.describe(node.play(county))
    node.takes()
    county.instead = Answer(EXCEPTION, status)
    node.refuses("failed", "msPostGISLayerOpen(): Query error")
    county.instead = Answer(b"<html><body>Przerwa techniczna</body></html>", status)
    node.refuses("failed", "Przerwa techniczna")
    county.instead = None
    node.takes("unchanged")


def exact(total: int, returned: int) -> str:
    return str(total)


def of_the_page(total: int, returned: int) -> str:
    return str(returned)


def unknown(total: int, returned: int) -> str:
    return "unknown"


@pytest.mark.parametrize("matched", [exact, of_the_page, unknown])
@pytest.mark.parametrize(("total", "size"), [(25, 10), (30, 10), (10, 10)])
def test_07_number_matched_is_right_or_lies_or_is_unknown(
    node: WfsNode, matched: Callable[[int, int], str], total: int, size: int
) -> None:
    node.describe(node.play(County({"dzialki": parcels(total)}, matched=matched)), page_size=size)
    node.takes()
    assert len(node.served()) == total


class Shuffled(County):
    """Without a stable order: each page starts some objects earlier than it should."""

    back = 4

    def __call__(self, asked: Asked) -> Answer:
        start = int(asked.query.get("STARTINDEX", 0))
        query = asked.query | {"STARTINDEX": str(max(0, start - self.back))}
        return super().__call__(replace(asked, query=query))


@pytest.mark.parametrize("matched", [exact, unknown])
def test_07_pages_that_overlap_lose_objects(node: WfsNode, matched: Callable[[int, int], str]) -> None:
    county = Shuffled({"dzialki": parcels(26)}, matched=matched)
    county.back = 0
    node.describe(node.play(county), page_size=10)
    node.takes()
    county.back = 4
    node.refuses("failed", "no stable order", "sortBy")


def test_07_an_object_that_the_county_keeps_twice_is_no_overlap(node: WfsNode) -> None:
    things = parcels(25)
    node.describe(node.play(County({"dzialki": [*things[:10], things[9], *things[10:]]}, matched=exact)), page_size=10)
    outcome = node.takes()
    assert outcome.summary["feature_types"]["dzialki"]["duplicates"] == 1
    assert len(node.served()) == 25


@pytest.mark.parametrize(("habits", "size"), [
    ({"paging": False}, 10), ({"paging": False}, 100), ({"cap": 10}, 1000),
    ({"cap": 100, "matched": of_the_page}, 1000),
])
def test_08_servers_without_paging_and_servers_that_cap(node: WfsNode, habits: dict[str, object], size: int) -> None:
    total = 125
    county = County({"dzialki": parcels(total)}, **habits)  # type: ignore[arg-type]
    if size == 100:
        county.things = {"dzialki": parcels(100)}
        node.describe(node.play(county), page_size=size)
        node.refuses("failed", "ignores STARTINDEX", "paging: none")
        node.describe(node.play(county), page_size=size, paging="none")
        node.takes()
        return
    node.describe(node.play(county), page_size=size)
    node.takes()
    assert len(node.served()) == total


def test_08_pages_that_come_round_again_end(node: WfsNode) -> None:
    things = parcels(20)

    def respond(asked: Asked) -> Answer:
        if asked.query["REQUEST"] == "GetCapabilities":
            return Answer(capabilities("2.0.0", ["ms:dzialki"]))
        start = int(asked.query["STARTINDEX"]) % 20
        return Answer(Dialect().page("dzialki", things[start:start + 10]))

    server = node.play(respond)
    node.describe(server, page_size=10)
    node.refuses("failed", "sends the same objects again (20 different so far)")
    assert len(server.asked) == 4


@pytest.mark.parametrize(("version", "prefix", "name"), [
    ("2.0.0", "ewns", "dzialki"), ("1.1.0", "ms", "Dzialki"), ("1.0.0", "", "DZIALKI"), ("2.0.0", "WMS", "dzialki"),
])
def test_09_versions_prefixes_and_the_case_of_names(node: WfsNode, version: str, prefix: str, name: str) -> None:
    uri = "http://xsd.example.org/ewns"
    old = {"north_first": False, "srs_name": 'srsName="EPSG:{crs}"'} if version == "1.0.0" else {}
    dialect = replace(Dialect(version=version, prefix=prefix, uri=uri), **old)  # type: ignore[arg-type]
    advertised = f"{prefix}:{name}" if prefix else name
    county = County({name: parcels(3)}, dialect)
    words = {"2.0.0": ("TYPENAMES", "COUNT", "NAMESPACES", f"xmlns({prefix},{uri})"),
             "1.1.0": ("TYPENAME", "MAXFEATURES", "NAMESPACE", f"xmlns({prefix}={uri})"),
             "1.0.0": ("TYPENAME", "MAXFEATURES", "NAMESPACE", f"xmlns({prefix}={uri})")}[version]

    def strict(asked: Asked) -> Answer:
        given = asked.query
        if given["REQUEST"] == "GetFeature":
            right = given.get(words[0]) == advertised and words[1] in given and given["VERSION"] == version
            if not right or (prefix and given.get(words[2]) != words[3]):
                return Answer(EXCEPTION.replace(b"Query error", str(given).encode()), 400)
        return county(asked)

    node.describe(node.play(strict), version=version, namespaces={prefix: uri} if prefix else {})
    node.takes()
    assert node.places()["041501_1.0001.2"] == (480_040, 580_000)


def test_14_endpoints_rot_and_layers_are_renamed(node: WfsNode) -> None:
    county = County({"dzialki": parcels(30), "budynki": buildings(3)})
    server = node.play(county)
    node.describe(server, ("dzialki", "budynki"))
    node.takes()
    county.advertised = ("ms:dzialki_2026", "ms:budynki")
    node.refuses("failed", "no type for dzialki", "advertised are: ms:dzialki_2026, ms:budynki",
                 "types.dzialki.type_name")
    node.describe(node.play(lambda _: Answer(b"gone", 404)), ("dzialki", "budynki"))
    node.refuses("failed", "HTTP 404", "ask the county for the new address")
    node.describe("http://127.0.0.1:9/wfs", ("dzialki", "budynki"))
    node.refuses("failed", "is the address right, is the server up?")
    assert len(node.served("budynki")) == 3


def test_18_a_shrunken_delivery_never_replaces_the_good_copy(node: WfsNode) -> None:
    county = County({"dzialki": parcels(40)})
    server = node.play(county)
    near = {"feature_type": "dzialki", "id": "041501_1.0001.39", "near": [480_785, 580_005]}
    node.describe(server, expect={"min": {"dzialki": 25}, "known": [near]})
    node.takes()
    county.things = {"dzialki": parcels(20)}
    refused = node.refuses("refused", "at least 25 expected", "no longer delivered: dzialki 20 of 40",
                           "041501_1.0001.39: this known object is not in the delivery")
    stage = f"stage.run_{refused.run}_dzialki"
    assert node.rows(f"select count(*) as n from {stage}")[0]["n"] == 20, "kept for a human look"
    accepted = accept(refused.run, "anna", node.region, node.database, node.settings)
    assert accepted.state == "committed" and len(node.served()) == 20
    assert node.codes() == {"source-min": 1, "source-vanished": 1, "source-known": 1}


def test_19_no_bounding_box_is_ever_asked_for(node: WfsNode) -> None:
    county = County({"dzialki": parcels(3)})

    def respond(asked: Asked) -> Answer:
        return Answer(b"Bad Request", 400) if "BBOX" in asked.query or "FILTER" in asked.query else county(asked)

    server = node.play(respond)
    node.describe(server)
    node.takes()
    assert {"REQUEST": "GetFeature", "SRSNAME": "urn:ogc:def:crs:EPSG::2180"}.items() <= server.asked[1].query.items()
