"""Pitfalls 10, 11, 17, 22 and 25: how geometries and letters are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ..run.conftest import SOUTH, WEST
from .conftest import WfsNode
from .county import County, Dialect, Thing, parcels, square
from .server import Answer, Asked

NAMES = ("msGeometry", "geometry", "geom", "geometria", "GEOMETRY", "MSGEOMETRY", "SHAPE", "the_geom", "wkb_geometry")


@pytest.mark.parametrize("name", NAMES)
def test_10_the_geometry_element_has_many_names(node: WfsNode, name: str) -> None:
    node.describe(node.play(County({"dzialki": parcels(3)}, Dialect(geometry=name))))
    node.takes()
    assert node.places()["041501_1.0001.2"] == (480_040, 580_000)


def test_10_a_wrong_name_of_the_geometry_element_is_told_from_no_geometry(node: WfsNode) -> None:
    node.describe(node.play(County({"dzialki": parcels(3)}, Dialect(geometry="msGeometry"))),
                  types={"dzialki": {"geometry": "the_geom"}})
    node.refuses("refused")
    (said,) = node.rows("select distinct message from sdi.issue where code = 'unreadable-geometry'")
    assert "no geometry in the_geom, but one in msGeometry" in said["message"]


@pytest.mark.parametrize("dialect", [
    Dialect(version="1.0.0", srs_name='srsName="http://www.opengis.net/gml/srs/epsg.xml#{crs}"', north_first=False),
    Dialect(version="1.0.0", srs_name='srsName="EPSG:{crs}"', north_first=False, shape="multi"),
    Dialect(version="1.1.0"), Dialect(version="1.1.0", shape="multi"), Dialect(shape="multi"),
    Dialect(dimension=3), Dialect(ids=False),
], ids=["gml2", "gml2-multi", "gml3.1", "gml3.1-multi", "gml3.2-multi", "3d", "no-ids"])
def test_11_generations_of_gml_multi_surfaces_and_heights(node: WfsNode, dialect: Dialect) -> None:
    node.describe(node.play(County({"dzialki": parcels(3)}, dialect)), version=dialect.version)
    node.takes()
    assert node.places()["041501_1.0001.2"] == (480_040, 580_000)
    (row,) = node.rows("select sum(st_area(geom)) as area, max(st_ndims(geom)) as dimensions from egib.dzialki")
    assert row["area"] == pytest.approx(300, abs=0.01) and row["dimensions"] == 2


def shaped(gml: str) -> bytes:
    """A page with one parcel of this geometry; {s} and {w} stand for the county's corner."""
    page = Dialect().page("dzialki", parcels(1)).decode()
    start, end = page.index("<gml:Polygon"), page.index("</gml:Polygon>") + len("</gml:Polygon>")
    srs = 'srsName="urn:ogc:def:crs:EPSG::2180"'
    return (page[:start] + gml.replace("SRS", srs) + page[end:]).encode()


def corner(*pairs: tuple[float, float]) -> str:
    """Positions, northing first, in metres from the county's corner."""
    return " ".join(f"{SOUTH + y} {WEST + x}" for x, y in pairs)


HALF_CIRCLE = (
    "<gml:Surface SRS><gml:patches><gml:PolygonPatch><gml:exterior><gml:Ring><gml:curveMember><gml:Curve>"
    f"<gml:segments><gml:Arc><gml:posList>{corner((0, 0), (10, 10), (20, 0))}</gml:posList></gml:Arc></gml:segments>"
    "</gml:Curve>"
    f"</gml:curveMember><gml:curveMember><gml:LineString><gml:posList>{corner((20, 0), (0, 0))}</gml:posList>"
    "</gml:LineString></gml:curveMember></gml:Ring></gml:exterior></gml:PolygonPatch></gml:patches></gml:Surface>"
)


def one_square(x: float) -> str:
    ring = corner(*((x + a, b) for a, b in ((0, 0), (0, 10), (10, 10), (10, 0), (0, 0))))
    return (f"<gml:Polygon SRS><gml:exterior><gml:LinearRing><gml:posList>{ring}</gml:posList></gml:LinearRing>"
            "</gml:exterior></gml:Polygon>")


@pytest.mark.parametrize(("gml", "area"), [
    (HALF_CIRCLE, 157),
    (one_square(0) + "</ms:msGeometry><ms:msGeometry>" + one_square(50), 200),
], ids=["arcs", "several-polygons"])
def test_11_arcs_and_several_polygons_in_one_object(node: WfsNode, gml: str, area: float) -> None:
    node.describe(node.play(County({"dzialki": []}, instead=Answer(shaped(gml)))), paging="none")
    node.takes()
    (row,) = node.rows("select st_area(geom) as area from egib.dzialki")
    assert row["area"] == pytest.approx(area, abs=0.1)
    assert node.codes() == {}


def test_17_invalid_polygons_are_repaired_and_the_original_is_kept(node: WfsNode) -> None:
    spiked = [*square(WEST, SOUTH)[:-1], (WEST + 10, SOUTH - 5), (WEST + 10, SOUTH), (WEST, SOUTH)]
    bow_tie = [(WEST, SOUTH), (WEST + 10, SOUTH + 10), (WEST + 10, SOUTH), (WEST, SOUTH + 10), (WEST, SOUTH)]
    flat = [(WEST, SOUTH), (WEST + 10, SOUTH), (WEST + 20, SOUTH), (WEST, SOUTH)]
    things = [*parcels(30), *(Thing({"ID_DZIALKI": f"041501_1.0001.x{n}"}, ring)
                              for n, ring in enumerate((spiked, bow_tie, flat)))]
    node.describe(node.play(County({"dzialki": things})))
    node.takes()
    areas = {row["id"][-2:]: row["area"] for row in node.rows(
        "select id, st_area(geom) as area from egib.dzialki where id ~ 'x.$' and geometrytype(geom) ~ 'POLYGON'")}
    assert areas == {"x0": pytest.approx(100, abs=0.1), "x1": pytest.approx(50, abs=0.1)}
    issues = {issue["object_id"][-2:]: issue for issue in node.issues()}
    assert {key: issue["severity"] for key, issue in issues.items()} == {
        "x0": "repaired", "x1": "repaired", "x2": "quarantined"}
    assert "480010 580010" in issues["x1"]["excerpt"].replace(".0000", "")


def test_22_a_second_geometry_is_not_taken_for_the_first(node: WfsNode) -> None:
    label = ('<ms:etykieta><gml:Point srsName="urn:ogc:def:crs:EPSG::2180"><gml:pos>580900 481900</gml:pos></gml:Point>'
             "</ms:etykieta>")
    server = node.play(County({"dzialki": parcels(3)}, Dialect(before=label)))
    node.describe(server, types={"dzialki": {"geometry": "msGeometry"}})
    node.takes()
    assert node.places()["041501_1.0001.2"] == (480_040, 580_000)
    node.describe(server)
    node.refuses("refused", "none of the 3 objects delivered can be served; most often: the geometry is of another")
    assert node.codes() == {"wrong-geometry-type": 3}, "without a declaration it is seen, not guessed"


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-2", "windows-1250"])
def test_25_polish_letters_in_values_and_in_names(node: WfsNode, encoding: str) -> None:
    letters = {"NAZWA_OBREBU": "Żółwin Mały", "KLASOUZYTKI_EGIB": "ŁIV, RIVa", "ŹRÓDŁO": "x"}
    things = [thing.having(**letters) for thing in parcels(3)]
    county = County({"dzialki": things}, Dialect(encoding=encoding))
    node.describe(node.play(county))
    node.takes()
    assert {(row["nazwa_obrebu"], row["klasouzytki_egib"]) for row in node.served()} == {("Żółwin Mały", "ŁIV, RIVa")}


def test_25_an_encoding_that_is_none(node: WfsNode) -> None:
    things = [thing.having(NAZWA_OBREBU="Żółwin Mały") for thing in parcels(3)]
    county = County({"dzialki": things}, Dialect(encoding="windows-1250"))

    def lying(asked: Asked) -> Answer:
        answer = county(asked)
        assert isinstance(answer.body, bytes)
        return replace(answer, body=answer.body.replace(b"windows-1250", b"UTF-8"))

    server = node.play(lying)
    node.describe(server)
    node.refuses("failed", "set `encoding`")
    node.describe(server, encoding="windows-1250")
    node.takes()
    assert {row["nazwa_obrebu"] for row in node.served()} == {"Żółwin Mały"}
