"""Pitfalls 1 to 4: where objects lie."""

from __future__ import annotations

import json
from dataclasses import replace

import pyproj
import pytest
import shapely
from shapely.geometry import mapping

from sdi.harvest.geometry import poland

from ..run.conftest import SOUTH, WEST
from .conftest import WfsNode
from .county import County, Dialect, parcels

RIGHT = {f"041501_1.0001.{n}": (int(WEST) + 20 * n, int(SOUTH)) for n in range(30)}


def county(**dialect: object) -> County:
    return County({"dzialki": parcels(30)}, replace(Dialect(), **dialect))  # type: ignore[arg-type]


def move(node: WfsNode, west: float, south: float) -> None:
    """Give the county another place: 2 km by 1 km from this corner."""
    path = node.home / "configs" / "regions" / "proba" / "units.geojson"
    units = json.loads(path.read_text(encoding="utf-8"))
    to_crs84 = pyproj.Transformer.from_crs(2180, "OGC:CRS84", always_xy=True).transform
    units["features"] = [{**units["features"][0], "geometry": mapping(
        shapely.transform(shapely.box(west, south, west + 2_000, south + 1_000).segmentize(50), to_crs84,
                          interleaved=False))}]
    path.write_text(json.dumps(units), encoding="utf-8")


def test_01_axis_order_lies_in_the_srs_name(node: WfsNode) -> None:
    told = county(version="1.1.0", srs_name='srsName="EPSG:{crs}"')
    server = node.play(told)
    node.describe(server, version="1.1.0")
    node.takes()
    assert node.places() == RIGHT, "EPSG:n of a WFS 1.1.0 is read in the order of the authority"
    told.dialect = replace(told.dialect, north_first=False)
    node.refuses("refused", "lie outside county 0415", "the axes are swapped")
    node.describe(server, version="1.1.0", axis="xy")
    node.takes("unchanged")
    assert node.places() == RIGHT, "what is declared overrules what is promised"


def test_02_a_bounding_box_of_poland_cannot_tell_swapped_axes(node: WfsNode) -> None:
    west, south, east, north = poland()
    assert west < SOUTH < east and south < WEST < north, "swapped, the county lies in Poland all the same"
    wrong = node.play(county(north_first=False))
    node.describe(wrong)
    node.refuses("refused", "dzialki 30 of 30 lie outside county 0415")
    near = {"feature_type": "dzialki", "id": "041501_1.0001.7", "near": [WEST + 145, SOUTH + 5], "within_m": 20}
    node.describe(wrong, expect={"outside_max": 1.0, "known": [near]})
    node.refuses("refused", "dzialki 041501_1.0001.7 is", "with the axes swapped in EPSG:2180", "`axis`")
    assert node.places() == {}, "a diagnosis, never applied"
    node.describe(wrong, axis="xy", expect={"known": [near]})
    node.takes()
    assert node.places() == RIGHT


def test_03_axes_and_crs_change_any_day(node: WfsNode) -> None:
    told = county(crs=4326)
    server = node.play(told)
    node.describe(server, crs=4326)
    node.takes()
    assert node.places() == RIGHT
    told.dialect = replace(told.dialect, north_first=False)
    node.refuses("refused", "30 objects delivered can be served; most often: the object would lie outside of Poland")
    assert node.codes() == {"impossible-coordinates": 30}
    assert {issue["message"] for issue in node.issues()} == {
        "not in Poland when read as EPSG:4326: the order of the axes is wrong"}
    told.dialect = replace(told.dialect, crs=2177, north_first=True)
    assert node.harvest().good, "another CRS than asked for, and said so"
    assert node.places() == RIGHT


@pytest.mark.parametrize(("crs", "west", "south"), [
    (2176, 257_000.0, 409_000.0), (2177, 480_000.0, 580_000.0), (2178, 640_000.0, 480_000.0),
    (2179, 760_000.0, 400_000.0),
])
def test_04_pl_2000_zones_and_their_overlap(node: WfsNode, crs: int, west: float, south: float) -> None:
    move(node, west, south)
    told = County({"dzialki": parcels(30, west, south)}, Dialect(crs=crs, srs_name=""))
    server = node.play(told)
    node.describe(server, crs=crs)
    node.takes()
    right = node.places()
    assert right["041501_1.0001.3"] == (west + 60, south)
    node.describe(server, crs=crs + 1 if crs < 2179 else 2176)
    node.refuses("refused")
    node.describe(server, crs=crs)
    told.dialect = replace(told.dialect, north_first=False)
    node.refuses("refused")
    assert node.places() == right
