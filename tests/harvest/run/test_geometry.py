"""Geometries that JSON and WKT cannot carry."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sdi.harvest.geometry import prepare


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("srid", [2180, 2177])
def test_a_coordinate_that_is_no_number_sets_only_its_own_object_aside(value: float, srid: int) -> None:
    easting = 480_000.0 if srid == 2180 else 6_540_000.0
    northing = 580_000.0 if srid == 2180 else 5_877_000.0
    good = shapely.box(easting, northing, easting + 10, northing + 10)
    with np.errstate(invalid="ignore"):
        bad = shapely.Polygon([(easting, northing), (easting + 10, value), (easting + 10, northing + 10)])
    prepared = prepare(np.array([good, bad, None], dtype=object), np.full(3, srid), "polygon")
    assert {index: fault.code for index, fault in prepared.faults.items()} == {1: "impossible-coordinates"}
    assert prepared.geometries[0].area == pytest.approx(100, rel=2e-3)
    assert prepared.geometries[1] is None and prepared.geometries[2] is None


def test_neighbours_keep_their_common_corners() -> None:
    corner = (6_540_010.37, 5_877_010.81)
    a = shapely.Polygon([(6_540_000.12, 5_877_000.4), (6_540_010.5, 5_877_000.9), corner])
    b = shapely.Polygon([corner, (6_540_020.5, 5_877_000.9), (6_540_030.3, 5_877_030.3)])
    prepared = prepare(np.array([a, b], dtype=object), np.full(2, 2177), "polygon")
    assert len({tuple(c) for g in prepared.geometries for c in g.exterior.coords}) == 5
    assert prepared.faults == {}


def test_a_collection_left_by_a_repair_keeps_polygons_only() -> None:
    """A square with a spike: make_valid gives a polygon and a line."""
    spiked = shapely.Polygon([(480_000, 580_000), (480_010, 580_000), (480_010, 580_010), (480_010, 580_030),
                              (480_010, 580_010), (480_000, 580_010)])
    prepared = prepare(np.array([spiked], dtype=object), np.array([2180]), "polygon")
    assert prepared.faults[0].repaired
    assert prepared.geometries[0].geom_type == "Polygon" and prepared.geometries[0].area == 100
