"""Features: places in every CRS, pages, filters, isolation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyproj
import pytest
import shapely

from sdi.model.region import Region
from sdi.services.ogcapi.app import OgcApi
from sdi.store.crs import CRS84, PL1992, PUBLISHED_CRS
from sdi.store.reader import Reader
from sdi.store.selection import InvalidQuery, Page, Selection, UnknownFeatureType
from tests.reading import read_page
from tests.services.ogcapi.conftest import Client, Table

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
ITEMS = "/0415/ogcapi/collections/dzialki/items"
EASTING, NORTHING = 472_345.678, 551_234.567
"""A place near Chełmża in EPSG:2180."""


def authority(uri: str) -> pyproj.Transformer:
    """EPSG:2180 as northing, easting to the CRS of a URI, axes as the authority has them."""
    name = "OGC:CRS84" if uri == CRS84.uri else f"EPSG:{uri.rsplit('/', 1)[1]}"
    return pyproj.Transformer.from_crs("EPSG:2180", name)


@pytest.mark.parametrize("uri", PUBLISHED_CRS)
def test_a_known_point_lies_where_pyproj_puts_it(client: Client, dzialki: Table, uri: str) -> None:
    dzialki.insert([{"id": "a", "geom": shapely.Point(EASTING, NORTHING)}])
    expected = authority(uri).transform(NORTHING, EASTING)
    response = client.get(ITEMS, params={"crs": uri})
    [feature] = response.json()["features"]
    tolerance = 10 ** -PUBLISHED_CRS[uri].digits
    assert feature["geometry"]["coordinates"] == pytest.approx(expected, abs=tolerance)
    assert response.headers["Content-Crs"] == f"<{uri}>"
    single = client.get(f"{ITEMS}/a", params={"crs": uri})
    assert single.json()["geometry"] == feature["geometry"]
    assert single.headers["Content-Crs"] == f"<{uri}>"


def test_without_crs_the_answer_is_in_crs84(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a", "geom": shapely.Point(EASTING, NORTHING)}])
    response = client.get(ITEMS)
    longitude, latitude = response.json()["features"][0]["geometry"]["coordinates"]
    assert 18 < longitude < 19 and 52 < latitude < 53
    assert response.headers["Content-Crs"] == f"<{CRS84.uri}>"
    assert response.headers["Content-Type"] == "application/geo+json"


@pytest.mark.parametrize("uri", PUBLISHED_CRS)
def test_a_box_finds_what_lies_in_it_whatever_its_crs(client: Client, dzialki: Table, uri: str) -> None:
    dzialki.insert([
        {"id": "inside", "geom": shapely.Point(EASTING, NORTHING)},
        {"id": "east", "geom": shapely.Point(EASTING + 300, NORTHING)},
        {"id": "north", "geom": shapely.Point(EASTING, NORTHING + 300)},
        {"id": "nowhere"},
    ])
    first, second = authority(uri).transform(NORTHING, EASTING)
    reach_first, reach_second = (0.001, 0.001) if PUBLISHED_CRS[uri].digits == 7 else (120, 120)
    box = f"{first - reach_first},{second - reach_second},{first + reach_first},{second + reach_second}"
    found = client.items("0415", bbox=box, bbox_crs=uri)
    assert [feature["id"] for feature in found["features"]] == ["inside"]
    assert found["numberMatched"] == 1


def test_a_wide_box_keeps_what_its_bent_edges_enclose(client: Client, dzialki: Table) -> None:
    """The parallel 53.0 between 17.5 and 20.5 E bends by kilometres in EPSG:2180."""
    inside = pyproj.Transformer.from_crs("OGC:CRS84", 2180, always_xy=True).transform(19.0, 53.0001)
    outside = pyproj.Transformer.from_crs("OGC:CRS84", 2180, always_xy=True).transform(17.6, 52.9999)
    dzialki.insert([{"id": "inside", "geom": shapely.Point(inside)}, {"id": "outside", "geom": shapely.Point(outside)}])
    assert ids(client.items("0415", bbox="17.5,53,20.5,53.2")) == ["inside"]


@pytest.mark.parametrize(("bbox", "uri", "found"), [
    ("-180,-90,180,90", CRS84.uri, True),
    ("-180,-90,-1000,180,90,1000", CRS84.uri, True),
    ("170,-90,100,90", CRS84.uri, True),
    ("170,-90,-100,90", CRS84.uri, False),
    ("-90,-180,90,180", EPSG + "4326", True),
    ("0,0,1000000,1000000", EPSG + "2180", True),
    ("-20037508,-20037508,20037508,20037508", EPSG + "3857", True),
    ("0,0,1,1", CRS84.uri, False),
])
def test_boxes_larger_than_poland(client: Client, dzialki: Table, bbox: str, uri: str, found: bool) -> None:
    dzialki.insert([{"id": "a", "geom": shapely.Point(EASTING, NORTHING)}])
    assert ids(client.items("0415", bbox=bbox, bbox_crs=uri)) == (["a"] if found else [])


def test_a_box_around_the_world_finds_what_is_on_both_sides_of_its_gap(client: Client, dzialki: Table) -> None:
    at = pyproj.Transformer.from_crs("OGC:CRS84", 2180, always_xy=True).transform
    dzialki.insert([{"id": str(place), "geom": shapely.Point(at(place, 53))} for place in (18.62, 18.64, 18.66)])
    assert ids(client.items("0415", bbox="18.65,52,18.63,54")) == ["18.62", "18.66"]
    assert ids(client.items("0415", bbox="52,18.65,54,18.63", bbox_crs=EPSG + "4326")) == ["18.62", "18.66"]
    for operator, found in (("S_INTERSECTS", ["18.62", "18.66"]), ("S_DISJOINT", ["18.64"])):
        assert ids(client.items("0415", filter=f"{operator}(geometry, BBOX(18.65,52,18.63,54))")) == found


def test_a_box_without_breadth_is_a_point(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a", "geom": shapely.box(EASTING, NORTHING, EASTING + 100, NORTHING + 100)}])
    corner = f"{NORTHING + 50},{EASTING + 50}"
    assert ids(client.items("0415", bbox=f"{corner},{corner}", bbox_crs=PL1992.uri)) == ["a"]
    row = f"{NORTHING + 50},{EASTING - 50},{NORTHING + 50},{EASTING + 50}"
    assert ids(client.items("0415", bbox=row, bbox_crs=PL1992.uri)) == ["a"]


def ids(collection: Any) -> list[str]:
    return [feature["id"] for feature in collection["features"]]


def link(collection: Any, relation: str) -> str | None:
    return next((found["href"] for found in collection["links"] if found["rel"] == relation), None)


def walk(client: Client, url: str) -> Iterator[Any]:
    following: str | None = url
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.text
        yield response.json()
        following = link(response.json(), "next")


@pytest.mark.parametrize("number", [20, 21, 23])
def test_pages_hold_every_feature_once(client: Client, dzialki: Table, number: int) -> None:
    dzialki.insert([{"id": f"p{n}", "numer_dzialki": "same", "geom": shapely.Point(EASTING, NORTHING)}
                    for n in range(number)])
    pages = list(walk(client, f"{ITEMS}?limit=7&numer_dzialki=same&sortby=-numer_dzialki&crs={EPSG}2180"))
    assert [id_ for page in pages for id_ in ids(page)] == [f"p{n}" for n in range(number)]
    assert len(pages) == -(-number // 7)
    assert all(page["numberMatched"] == number for page in pages)
    assert [page["numberReturned"] for page in pages] == [len(page["features"]) for page in pages]
    assert all(page["features"][0]["geometry"]["coordinates"][0] == pytest.approx(NORTHING) for page in pages)
    assert link(pages[0], "prev") is None
    second = pages[1]
    assert client.get(link(second, "prev") or "").json()["features"] == pages[0]["features"]
    assert client.get(link(second, "self") or "").json()["features"] == second["features"]
    query = parse_qs(urlsplit(link(pages[0], "next") or "").query)
    assert query.pop("cursor")
    assert query == {"limit": ["7"], "numer_dzialki": ["same"], "sortby": ["-numer_dzialki"], "crs": [EPSG + "2180"]}


def test_ten_thousand_features_in_one_answer(client: Client, dzialki: Table) -> None:
    with dzialki.database.connect("owner") as connection:
        connection.execute("""insert into egib.dzialki (id, county, source, known_from, version, content, geom)
            select 'n' || n, '0415', 'test', now(), 1, gen_random_uuid(), st_setsrid(st_point(470000 + n, 550000), 2180)
            from generate_series(1, 10005) n""")
    page = client.items("0415", limit=20000)
    assert (page["numberReturned"], page["numberMatched"]) == (10_000, 10_005)
    assert len(set(ids(page))) == 10_000
    assert len(client.items("0415", limit=10000, offset=10000)["features"]) == 5


def test_counts_come_from_the_commits(client: Client, dzialki: Table) -> None:
    """An unfiltered page says what the commits counted; a filtered one counts for itself."""
    dzialki.insert([{"id": f"p{n}", "geom": shapely.Point(EASTING, NORTHING)} for n in range(3)])
    with dzialki.database.connect("owner") as connection:
        connection.execute("insert into sdi.run (source, kind) values ('s', 'gml')")
        connection.execute("insert into sdi.version (run, source, county, lineage) values (1, 's', '0415', '{}')")
        connection.execute("""insert into sdi.count (feature_type, source, county, commune, objects, extent, version)
            values ('dzialki', 's', '0415', '041501', 77, st_makeenvelope(470000, 550000, 471000, 551000, 2180), 1)""")
    assert client.items("0415", limit=1)["numberMatched"] == 77
    assert client.items("0415", limit=1, county="0415")["numberMatched"] == 3
    assert client.items("0415", resulttype="hits")["numberMatched"] == 77
    assert client.items("0415", resulttype="hits")["features"] == []
    west, south, east, north = client.get("/0415/ogcapi/collections/dzialki").json()["extent"]["spatial"]["bbox"][0]
    assert (west, south) == pytest.approx((18.5554, 52.8148), abs=0.001)
    assert 0 < east - west < 0.02 and 0 < north - south < 0.02


def test_an_id_may_hold_slashes_dots_and_anything(client: Client, dzialki: Table) -> None:
    names = ["042501_1.0001.12/3", "a b?c=d&e#f%2F", "zażółć", "..", "x,y"]
    dzialki.insert([{"id": name} for name in names])
    for name in names:
        page = client.items("0415", id=name)
        assert ids(page) == [name]
    for name in names[:3]:
        encoded = "".join(f"%{byte:02X}" for byte in name.encode())
        response = client.get(f"{ITEMS}/{encoded}")
        assert response.json()["id"] == name
        itself = link(response.json(), "self")
        assert itself is not None and client.get(itself).json()["id"] == name
    assert client.get(f"{ITEMS}/042501_1.0001.12/3").json()["geometry"] is None
    assert ids(client.items("0415", ids="042501_1.0001.12/3,zażółć,gone")) == ["042501_1.0001.12/3", "zażółć"]


def test_properties_are_filtered_chosen_and_sorted(client: Client, dzialki: Table) -> None:
    dzialki.insert([
        {"id": "a", "numer_dzialki": "1/2", "pole_ewidencyjne": 0.5, "valid_from": "2020-01-01T00:00:00Z"},
        {"id": "b", "numer_dzialki": "<3 & \"4\"", "pole_ewidencyjne": 2, "valid_from": "2021-01-01T00:00:00Z"},
        {"id": "c", "pole_ewidencyjne": 1},
    ])
    assert ids(client.items("0415", numer_dzialki="1/2")) == ["a"]
    assert ids(client.items("0415", pole_ewidencyjne="2.0")) == ["b"]
    assert ids(client.items("0415", valid_from="2021-01-01T01:00:00+01:00")) == ["b"]
    assert ids(client.items("0415", numer_dzialki="1/2", pole_ewidencyjne="2")) == []
    assert ids(client.items("0415", sortby="-pole_ewidencyjne")) == ["b", "c", "a"]
    assert ids(client.items("0415", sortby="county,-id")) == ["c", "b", "a"]
    [chosen] = client.items("0415", id="b", properties="numer_dzialki,county")["features"]
    assert chosen["properties"] == {"numer_dzialki": '<3 & "4"', "county": "0415"}
    assert client.items("0415", id="b", properties="id")["features"][0]["properties"] == {}
    [whole] = client.items("0415", id="b")["features"]
    assert whole["properties"]["valid_from"] == "2021-01-01T00:00:00+00:00"
    assert not {"geom", "fid", "content", "source", "version"} & whole["properties"].keys()
    [bare] = client.items("0415", id="a", skipGeometry="true")["features"]
    assert bare["geometry"] is None


@pytest.mark.parametrize(("interval", "found"), [
    ("2020-01-01T00:00:00Z", ["a"]),
    ("2019-12-31", []),
    ("2020-01-01", ["a"]),
    ("../2020-06-01", ["a"]),
    ("2022-01-01/..", ["a", "b"]),
    ("2020-05-05/2030-01-01T00:00:00+01:00", ["a", "b"]),
])
def test_datetime_finds_states_that_were_valid(
    client: Client, dzialki: Table, interval: str, found: list[str]
) -> None:
    dzialki.insert([{"id": "a", "valid_from": "2020-01-01T00:00:00Z"},
                    {"id": "b", "valid_from": "2021-01-01T00:00:00Z"}])
    assert ids(client.items("0415", datetime=interval)) == found


def test_a_tenant_reads_its_own_rows_only(client: Client, dzialki: Table) -> None:
    dzialki.insert([
        {"id": "north", "county": "0415", "commune": "041501"},
        {"id": "south", "county": "0415", "commune": "041502"},
        {"id": "town", "county": "0463", "commune": "046301"},
    ])
    everything = {"region": ["north", "south", "town"], "0415": ["north", "south"], "0463": ["town"],
                  "041501": ["north"]}
    for tenant, own in everything.items():
        assert ids(client.items(tenant)) == own
        assert client.items(tenant, resulttype="hits")["numberMatched"] == len(own)
        assert ids(client.items(tenant, ids="north,south,town")) == own
        assert ids(client.items(tenant, county="0463")) == [name for name in own if name == "town"]
        for name in ("north", "south", "town"):
            status = client.get(f"/{tenant}/ogcapi/collections/dzialki/items/{name}").status_code
            assert status == (200 if name in own else 404)


def test_many_matches_are_not_counted(client: Client, dzialki: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound numberMatched is left out, `next` is not, and `hits` counts all the same."""
    monkeypatch.setattr("sdi.store.reader.COUNTED_UP_TO", 5)
    dzialki.insert([{"id": f"p{n}", "numer_dzialki": "x" if n < 7 else "y"} for n in range(12)])
    assert client.items("0415", limit=2, numer_dzialki="y")["numberMatched"] == 5
    page = client.items("0415", limit=2, numer_dzialki="x")
    assert "numberMatched" not in page and link(page, "next")
    assert client.items("0415", limit=2, offset=6, numer_dzialki="x")["numberMatched"] == 7
    assert client.items("0415", resulttype="hits", numer_dzialki="x")["numberMatched"] == 7
    html = client.get(ITEMS, params={"limit": 2, "numer_dzialki": "x", "f": "html"})
    assert html.status_code == 200


def test_the_reader_gives_nothing_that_the_tenant_does_not_publish(service: OgcApi, region: Region) -> None:
    tenant = region.tenants["0415"]
    narrow = tenant.model_copy(update={"feature_types": tenant.feature_types[:1]})
    reader = Reader(service.engines.pool, narrow)
    assert read_page(reader, "dzialki", Selection(), Page(limit=1))[0] == []
    for name in ("budynki", "version", "nothing"):
        with pytest.raises(UnknownFeatureType, match=name):
            read_page(reader, name, Selection(), Page(limit=1))
    for order in ("geom", "fid", "id; drop table egib.dzialki"):
        with pytest.raises(InvalidQuery, match="unknown property"):
            read_page(reader, "dzialki", Selection(), Page(limit=1, order=((order, False),)))
