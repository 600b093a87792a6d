"""Boxes in EPSG:2180 against pyproj, point by point."""

from __future__ import annotations

from functools import cache

import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sdi.store.crs import CRS84, PL1992, PUBLISHED_CRS, box_as_stored


@cache
def transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target)


@settings(max_examples=150, deadline=None)
@given(
    uri=st.sampled_from(sorted(PUBLISHED_CRS)),
    easting=st.floats(200_000, 800_000), northing=st.floats(200_000, 700_000),
    width=st.floats(1, 150_000), height=st.floats(1, 100_000), u=st.floats(-0.2, 1.2), v=st.floats(-0.2, 1.2),
)
def test_a_point_is_in_the_area_as_it_is_in_the_box(
    uri: str, easting: float, northing: float, width: float, height: float, u: float, v: float
) -> None:
    """Except within 20 cm of an edge, where the area's edges are strokes."""
    crs = PUBLISHED_CRS[uri]
    name = "OGC:CRS84" if crs is CRS84 else f"EPSG:{crs.srid}"
    there, back = transformer("EPSG:2180", name), transformer(name, "EPSG:2180")
    (a0, b0), (a1, b1) = there.transform(northing, easting), there.transform(northing + height, easting + width)
    low, high = (min(a0, a1), min(b0, b1)), (max(a0, a1), max(b0, b1))
    area = box_as_stored((*low, *high), crs)
    assert area is not None
    first, second = low[0] + u * (high[0] - low[0]), low[1] + v * (high[1] - low[1])
    point = shapely.Point(*reversed(back.transform(first, second)))
    if area.outline.boundary.distance(point) > 0.2:
        assert area.outline.covers(point) == (0 <= u <= 1 and 0 <= v <= 1)
    assert area.within is None or area.outline.covers(area.within)


def test_most_of_a_box_is_in_its_rectangle() -> None:
    for values in ((18.4, 52.8, 18.5, 52.9), (18, 52, 19, 53)):
        area = box_as_stored(values, CRS84)
        assert area is not None and area.within is not None
        assert area.within.area > 0.8 * area.outline.area


def test_a_box_in_the_stored_crs_stays_a_rectangle() -> None:
    area = box_as_stored((550_000, 470_000, 551_000, 472_000), PL1992)
    assert area is not None and area.outline.equals(shapely.box(470_000, 550_000, 472_000, 551_000))
    assert area.within is not None and area.within.equals(area.outline)


def test_a_box_around_the_world_leaves_out_its_gap_only() -> None:
    area, west, east = (box_as_stored(values, CRS84) for values in (
        (18.65, 52.0, 18.63, 54.0), (-180.0, 52.0, 18.63, 54.0), (18.65, 52.0, 180.0, 54.0)))
    assert area is not None and west is not None and east is not None
    assert area.outline.is_valid and area.outline.equals(west.outline.union(east.outline))
    # The bounding box of both would have the gap.
    assert area.within is not None and area.within.geom_type == "Polygon" and area.outline.covers(area.within)
    line = box_as_stored((18.65, 53.0, 18.63, 53.0), CRS84)
    assert line is not None and line.outline.geom_type == "MultiLineString" and line.within is None


@pytest.mark.parametrize("values", [
    (), (1.0,), (1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0, 5.0), (18.0, 54.0, 19.0, 53.0), (18.0, 52.0, 19.0, float("nan")),
])
def test_what_is_no_box_is_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError):
        box_as_stored(values, CRS84)
