"""GML geometries of three generations: shapes, places on the earth, and what is refused."""

from __future__ import annotations

import math

import pyproj
import pytest
import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from sdi.harvest.geometry import GeometryError
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.plain import Plain, build
from sdi.harvest.srs import STROKE_TOLERANCE_M, UnknownSrs, parse_srs

NAMESPACES = ("http://www.opengis.net/gml/3.2", "http://www.opengis.net/gml")
N = "urn:ogc:def:crs:EPSG::2180"


def read(
    xml: str, namespace: str = NAMESPACES[0], srs: str | None = N, **options: object
) -> tuple[BaseGeometry | None, int | None]:
    """A geometry property with `xml` in it; `srs` is inherited from the envelope around."""
    parser = etree.XMLParser(huge_tree=True)
    prop = etree.fromstring(f'<p xmlns:gml="{namespace}" xmlns:xlink="http://www.w3.org/1999/xlink">{xml}</p>', parser)
    shape, srid = GeometryReader(**options).read_property(prop, srs)  # type: ignore[arg-type]
    if isinstance(shape, Plain):
        built = build([shape])[0]
        if isinstance(built, GeometryError):
            raise built
        return built, srid
    return shape, srid


RING = "<gml:LinearRing><gml:posList>0 0 0 4 4 4 4 0 0 0</gml:posList></gml:LinearRing>"
HOLE = "<gml:LinearRing><gml:posList>1 1 1 2 2 2 1 1</gml:posList></gml:LinearRing>"
POLYGON = f"<gml:Polygon><gml:exterior>{RING}</gml:exterior><gml:interior>{HOLE}</gml:interior></gml:Polygon>"
LINE = "<gml:LineString><gml:posList>1 10 2 20</gml:posList></gml:LineString>"


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<gml:Point><gml:pos>1 10</gml:pos></gml:Point>", "POINT (10 1)"),
        ("<gml:Point><gml:coordinates>1,10</gml:coordinates></gml:Point>", "POINT (10 1)"),
        ("<gml:Point><gml:coord><gml:X>1</gml:X><gml:Y>10</gml:Y></gml:coord></gml:Point>", "POINT (10 1)"),
        (LINE, "LINESTRING (10 1, 20 2)"),
        (
            "<gml:LineString><gml:pos>1 10</gml:pos><gml:pos>2 20 5</gml:pos></gml:LineString>",
            "LINESTRING (10 1, 20 2)",
        ),
        (
            '<gml:LineString><gml:coordinates decimal="," cs=";" ts="|">1,5;10|2,5;20</gml:coordinates>'
            "</gml:LineString>",
            "LINESTRING (10 1.5, 20 2.5)",
        ),
        (
            "<gml:LineString><gml:coordinates>1,10,7 2,20,8</gml:coordinates></gml:LineString>",
            "LINESTRING (10 1, 20 2)",
        ),
        (
            f"<gml:Curve><gml:segments><gml:LineStringSegment>{LINE[16:-17]}</gml:LineStringSegment>"
            "<gml:LineStringSegment><gml:posList>2 20 3 30</gml:posList></gml:LineStringSegment></gml:segments>"
            "</gml:Curve>",
            "LINESTRING (10 1, 20 2, 30 3)",
        ),
        (
            f'<gml:OrientableCurve orientation="-"><gml:baseCurve>{LINE}</gml:baseCurve></gml:OrientableCurve>',
            "LINESTRING (20 2, 10 1)",
        ),
        (
            f"<gml:CompositeCurve><gml:curveMember>{LINE}</gml:curveMember><gml:curveMember><gml:LineString>"
            "<gml:posList>"
            "2 20 3 30</gml:posList></gml:LineString></gml:curveMember></gml:CompositeCurve>",
            "LINESTRING (10 1, 20 2, 30 3)",
        ),
        (POLYGON, "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))"),
        (
            f"<gml:Polygon><gml:outerBoundaryIs>{RING}</gml:outerBoundaryIs><gml:innerBoundaryIs>{HOLE}"
            "</gml:innerBoundaryIs></gml:Polygon>",
            "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))",
        ),
        (f"<gml:Polygon><gml:exterior>{RING}</gml:exterior></gml:Polygon>", "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))"),
        (
            f"<gml:Surface><gml:patches><gml:PolygonPatch><gml:exterior>{RING}</gml:exterior></gml:PolygonPatch>"
            "</gml:patches></gml:Surface>",
            "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))",
        ),
        (
            "<gml:Polygon><gml:exterior><gml:Ring><gml:curveMember><gml:LineString>"
            "<gml:posList>0 0 0 4 4 4</gml:posList>"
            "</gml:LineString></gml:curveMember><gml:curveMember><gml:LineString><gml:posList>4 4 4 0 0 0</gml:posList>"
            "</gml:LineString></gml:curveMember></gml:Ring></gml:exterior></gml:Polygon>",
            "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))",
        ),
        (
            "<gml:MultiPoint><gml:pointMember><gml:Point><gml:pos>1 10</gml:pos></gml:Point></gml:pointMember>"
            "<gml:pointMembers><gml:Point><gml:pos>2 20</gml:pos></gml:Point></gml:pointMembers></gml:MultiPoint>",
            "MULTIPOINT ((10 1), (20 2))",
        ),
        (
            f"<gml:MultiCurve><gml:curveMember>{LINE}</gml:curveMember></gml:MultiCurve>",
            "MULTILINESTRING ((10 1, 20 2))",
        ),
        (
            f"<gml:MultiLineString><gml:lineStringMember>{LINE}</gml:lineStringMember></gml:MultiLineString>",
            "MULTILINESTRING ((10 1, 20 2))",
        ),
        (
            f"<gml:MultiSurface><gml:surfaceMember>{POLYGON}</gml:surfaceMember></gml:MultiSurface>",
            "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1)))",
        ),
        (
            f"<gml:MultiSurface><gml:surfaceMembers>{POLYGON}</gml:surfaceMembers></gml:MultiSurface>",
            "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1)))",
        ),
        (
            f"<gml:MultiPolygon><gml:polygonMember>{POLYGON}</gml:polygonMember></gml:MultiPolygon>",
            "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1)))",
        ),
        (
            f"<gml:MultiGeometry><gml:geometryMember>{LINE}</gml:geometryMember><gml:geometryMember><gml:Point>"
            "<gml:pos>1 10"
            "</gml:pos></gml:Point></gml:geometryMember></gml:MultiGeometry>",
            "GEOMETRYCOLLECTION (LINESTRING (10 1, 20 2), POINT (10 1))",
        ),
    ],
)
def test_shapes(xml: str, expected: str, namespace: str) -> None:
    geometry, srid = read(xml, namespace)
    assert shapely.to_wkt(geometry, trim=True) == expected
    assert srid == 2180


def test_patches_of_one_surface_become_one_polygon() -> None:
    right = RING.replace("0 0 0 4 4 4 4 0 0 0", "0 4 0 8 4 8 4 4 0 4")
    patches = "".join(
        f"<gml:PolygonPatch><gml:exterior>{ring}</gml:exterior></gml:PolygonPatch>" for ring in (RING, right)
    )
    geometry, _ = read(f"<gml:Surface><gml:patches>{patches}</gml:patches></gml:Surface>")
    assert geometry is not None and geometry.equals(shapely.box(0, 0, 8, 4))


@pytest.mark.parametrize(
    ("attribute", "numbers", "expected"),
    [
        ('srsDimension="3"', "1 10 7 2 20 8", "LINESTRING (10 1, 20 2)"),
        ("", "1 10 7 2 20 8", "LINESTRING (10 1, 2 7, 8 20)"),
        ("", "1 10 7 2 20 8 3 30 9", "LINESTRING (10 1, 20 2, 30 3)"),
        ('srsDimension="2"', "1 10 7 2 20 8 3 30 9", "LINESTRING (10 1, 20 2, 30 3)"),
    ],
)
def test_heights_are_dropped(attribute: str, numbers: str, expected: str) -> None:
    """Three dimensions are inferred where pairs do not fit."""
    geometry, _ = read(f"<gml:LineString {attribute}><gml:posList>{numbers}</gml:posList></gml:LineString>")
    assert shapely.to_wkt(geometry, trim=True) == expected


@pytest.mark.parametrize("wrapper", ["MultiSurface", "MultiPolygon"])
def test_dimension_and_srs_are_inherited(wrapper: str) -> None:
    ring = "<gml:LinearRing><gml:posList>0 0 9 0 4 9 4 4 9 0 0 9</gml:posList></gml:LinearRing>"
    member = "surfaceMember" if wrapper == "MultiSurface" else "polygonMember"
    geometry, srid = read(
        f'<gml:{wrapper} srsName="urn:ogc:def:crs:EPSG::2177" srsDimension="3"><gml:{member}><gml:Polygon>'
        "<gml:exterior>"
        f"{ring}</gml:exterior></gml:Polygon></gml:{member}></gml:{wrapper}>",
        srs=None,
    )
    assert shapely.to_wkt(geometry, trim=True) == "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)))"
    assert srid == 2177


@pytest.mark.parametrize("srid", [2176, 2177, 2178, 2179, 2180])
@pytest.mark.parametrize(
    "spelling",
    ["urn:ogc:def:crs:EPSG::{}", "urn:x-ogc:def:crs:EPSG:6.9:{}", "http://www.opengis.net/def/crs/EPSG/0/{}"],
)
def test_national_systems_have_northing_first(srid: int, spelling: str) -> None:
    """Gdańsk, Neptune's fountain: 18.6531 E, 54.3486 N, by pyproj in the axis order of the authority."""
    first, second = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{srid}").transform(54.3486, 18.6531)
    easting, northing = pyproj.Transformer.from_crs(4326, srid, always_xy=True).transform(18.6531, 54.3486)
    assert (first, second) == (northing, easting)
    geometry, found = read(
        f'<gml:Point srsName="{spelling.format(srid)}"><gml:pos>{first} {second}</gml:pos></gml:Point>'
    )
    assert geometry is not None and geometry.coords[0] == (easting, northing)
    assert found == srid


@pytest.mark.parametrize(
    ("name", "axis", "short_axis", "x"),
    [
        ("urn:ogc:def:crs:EPSG::4326", None, "xy", 20.0),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", None, "xy", 20.0),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", None, "xy", 10.0),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", "authority", "xy", 20.0),
        ("EPSG:4326", None, "xy", 10.0),
        ("EPSG:4326", None, "authority", 20.0),
        ("EPSG:4326", "yx", "xy", 20.0),
        ("EPSG:4326", "xy", "authority", 10.0),
        ("urn:ogc:def:crs:EPSG::4326", "xy", "xy", 10.0),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", None, "xy", 10.0),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", None, "xy", 10.0),
        ("CRS:84", "authority", "xy", 10.0),
        ("urn:ogc:def:crs:EPSG::3857", None, "xy", 10.0),
    ],
)
def test_axis_order_by_spelling(name: str, axis: str | None, short_axis: str, x: float) -> None:
    geometry, srid = read(
        f'<gml:Point srsName="{name}"><gml:pos>10 20</gml:pos></gml:Point>', axis=axis, short_axis=short_axis
    )
    assert geometry is not None and geometry.x == x
    assert srid == (3857 if "3857" in name else 4326)


@pytest.mark.parametrize("name", ["", "EPSG:", "urn:ogc:def:crs:EPSG::99999", "PL-2000", "EPSG:2180; drop table"])
def test_unknown_srs(name: str) -> None:
    with pytest.raises(UnknownSrs):
        parse_srs(name)


def arc(kind: str, body: str) -> BaseGeometry:
    geometry, _ = read(f"<gml:Curve><gml:segments><gml:{kind}>{body}</gml:{kind}></gml:segments></gml:Curve>")
    assert geometry is not None
    return geometry


def assert_on_circle(geometry: BaseGeometry, centre: tuple[float, float], radius: float) -> None:
    """Vertices lie on the circle, chords no further from it than the tolerance."""
    points = shapely.points(shapely.get_coordinates(geometry))
    assert shapely.distance(points, shapely.Point(centre)) == pytest.approx(radius, abs=1e-9)
    assert shapely.distance(geometry, shapely.Point(centre)) >= radius - STROKE_TOLERANCE_M


def test_arc_by_three_points() -> None:
    geometry = arc("Arc", "<gml:posList>0 10 10 0 0 -10</gml:posList>")
    assert_on_circle(geometry, (0, 0), 10)
    assert geometry.length == pytest.approx(10 * math.pi, rel=1e-3)
    assert [geometry.coords[0], geometry.coords[-1]] == [(10, 0), (-10, 0)]
    assert (0, 10) in geometry.coords


def test_the_reversed_arc_has_the_same_strokes() -> None:
    there = arc("Arc", "<gml:posList>5880000.12 6550010.34 5880003.5 6550013.1 5880001.9 6550020.7</gml:posList>")
    back = arc("Arc", "<gml:posList>5880001.9 6550020.7 5880003.5 6550013.1 5880000.12 6550010.34</gml:posList>")
    assert shapely.get_coordinates(there)[::-1] == pytest.approx(shapely.get_coordinates(back), abs=1e-6)


def test_arc_string_keeps_its_points() -> None:
    geometry = arc("ArcString", "<gml:posList>0 0 1 1 0 2 -1 3 0 4</gml:posList>")
    assert {(0, 0), (1, 1), (2, 0), (3, -1), (4, 0)} <= set(geometry.coords)
    assert geometry.length == pytest.approx(2 * math.pi, rel=1e-2)


def test_arc_through_points_on_a_line_is_the_line() -> None:
    assert (
        shapely.to_wkt(arc("Arc", "<gml:posList>0 0 1 1 2 2</gml:posList>"), trim=True) == "LINESTRING (0 0, 1 1, 2 2)"
    )


def test_circle_closes() -> None:
    geometry = arc("Circle", "<gml:posList>0 5 5 0 0 -5</gml:posList>")
    assert_on_circle(geometry, (0, 0), 5)
    assert geometry.is_ring
    assert shapely.Polygon(geometry).area == pytest.approx(25 * math.pi, rel=2e-3)


def test_arc_by_centre_counts_bearings_where_northing_is_first() -> None:
    geometry = arc(
        "ArcByCenterPoint",
        '<gml:pos>100 200</gml:pos><gml:radius uom="m">10</gml:radius>'
        '<gml:startAngle uom="deg">0</gml:startAngle><gml:endAngle uom="deg">90</gml:endAngle>',
    )
    assert geometry.coords[0] == pytest.approx((200, 110))
    assert geometry.coords[-1] == pytest.approx((210, 100))
    assert_on_circle(geometry, (200, 100), 10)


def test_circle_by_centre() -> None:
    geometry = arc("CircleByCenterPoint", "<gml:pos>100 200</gml:pos><gml:radius>2</gml:radius>")
    assert geometry.is_ring
    assert_on_circle(geometry, (200, 100), 2)


@pytest.mark.parametrize("radius", ["1e9", "1e300"])
def test_an_arc_of_any_radius_has_few_vertices(radius: str) -> None:
    body = f"<gml:pos>0 0</gml:pos><gml:radius>{radius}</gml:radius>"
    assert len(arc("CircleByCenterPoint", body).coords) <= 10_001


def test_a_ring_with_an_arc_closes() -> None:
    segment = "<gml:Arc><gml:posList>0 10 10 0 0 -10</gml:posList></gml:Arc>"
    half = f"<gml:Curve><gml:segments>{segment}</gml:segments></gml:Curve>"
    line = "<gml:LineString><gml:posList>0 -10 0 10</gml:posList></gml:LineString>"
    members = "".join(f"<gml:curveMember>{member}</gml:curveMember>" for member in (half, line))
    geometry, _ = read(f"<gml:Polygon><gml:exterior><gml:Ring>{members}</gml:Ring></gml:exterior></gml:Polygon>")
    assert geometry is not None and geometry.is_valid
    assert geometry.area == pytest.approx(50 * math.pi, rel=2e-3)


@pytest.mark.parametrize("xml", ["", "  \n "])
def test_an_empty_property_has_no_geometry(xml: str) -> None:
    assert read(xml) == (None, None)


def test_a_position_written_into_the_property_itself() -> None:
    geometry, srid = read("5616867.9 6481444.2", srs="urn:ogc:def:crs:EPSG::2177")
    assert shapely.to_wkt(geometry, trim=True) == "POINT (6481444.2 5616867.9)"
    assert srid == 2177


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<gml:Point><gml:pos>1 x</gml:pos></gml:Point>", "not a number"),
        ("<gml:Point><gml:pos>1 nan</gml:pos></gml:Point>", "not finite"),
        ("<gml:Point><gml:pos>1 2 3 4</gml:pos></gml:Point>", "two or three numbers"),
        ("<gml:Point/>", "one position, not 0"),
        ("<gml:LineString><gml:posList>1 2 3 4 5</gml:posList></gml:LineString>", "neither pairs nor triples"),
        ("<gml:LineString><gml:posList>1 2</gml:posList></gml:LineString>", "at least two positions"),
        (
            f"<gml:Polygon><gml:exterior>{RING.replace('4 0 0 0', '4 0 1 1')}</gml:exterior></gml:Polygon>",
            "last like the first",
        ),
        (
            f"<gml:Polygon><gml:exterior>{RING.replace('0 4 4 4 4 0 ', '')}</gml:exterior></gml:Polygon>",
            "at least four",
        ),
        (f"<gml:Polygon><gml:interior>{RING}</gml:interior></gml:Polygon>", "one exterior, not 0"),
        ("<gml:MultiSurface/>", "without members"),
        (
            f"<gml:MultiSurface><gml:surfaceMember>{LINE}</gml:surfaceMember></gml:MultiSurface>",
            "cannot hold LineString",
        ),
        ("<gml:Curve><gml:segments><gml:Clothoid/></gml:segments></gml:Curve>", "Clothoid is not a curve segment"),
        ("<gml:Tin/>", "Tin is not a geometry"),
        ('<gml:Point><gml:coordinates cs="">1,2</gml:coordinates></gml:Point>', "empty separator"),
        ("<gml:MultiGeometry><gml:geometryMember>" * 900 + "</gml:geometryMember></gml:MultiGeometry>" * 900, "deep"),
        ("<other/>", "is no GML"),
        (LINE + LINE, "2 geometries in one property"),
        ('<gml:MultiPoint><gml:pointMember xlink:href="#p1"/></gml:MultiPoint>', "a link to '#p1'"),
        ('<gml:Point srsName="nonsense"><gml:pos>1 2</gml:pos></gml:Point>', "'nonsense' is not understood"),
        ('<gml:Point srsDimension="9"><gml:pos>1 2</gml:pos></gml:Point>', "neither 2 nor 3"),
        (
            '<gml:MultiPoint><gml:pointMember><gml:Point srsName="EPSG:2177"><gml:pos>1 2</gml:pos></gml:Point>'
            "</gml:pointMember>"
            "<gml:pointMember><gml:Point><gml:pos>1 2</gml:pos></gml:Point></gml:pointMember></gml:MultiPoint>",
            "2 different CRSs",
        ),
        (
            f"<gml:CompositeCurve><gml:curveMember>{LINE}</gml:curveMember><gml:curveMember>{LINE}</gml:curveMember>"
            "</gml:CompositeCurve>",
            "do not meet",
        ),
    ],
)
def test_what_cannot_be_read_says_why(xml: str, reason: str) -> None:
    with pytest.raises(GeometryError, match=reason):
        read(xml)


def test_a_geometry_without_any_crs_is_refused() -> None:
    with pytest.raises(GeometryError, match="no srsName"):
        read(LINE, srs=None)
    geometry, srid = read(LINE, srs=None, default_srs="urn:ogc:def:crs:EPSG::2177")
    assert (geometry is not None, srid) == (True, 2177)


def test_one_bad_geometry_does_not_spoil_the_others() -> None:
    srs = parse_srs(N)
    plains = [
        Plain("point", ["1", "2"], srs),
        Plain("point", ["1", "x"], srs),
        Plain("line", ["1", "2", "3", "4"], srs),
    ]
    first, second, third = build(plains)
    assert isinstance(second, GeometryError)
    assert [shapely.to_wkt(g, trim=True) for g in (first, third)] == ["POINT (2 1)", "LINESTRING (2 1, 4 3)"]
