"""The fixed land of the sample region and the file that declares it."""

from pathlib import Path

import numpy as np
import shapely

from sdi.demo import units
from sdi.model.load import load_region

HOME = Path(__file__).parents[2]


def test_committed_units_are_what_the_generator_makes():
    committed = HOME / "configs" / "regions" / "demo" / "units.geojson"
    assert committed.read_text(encoding="utf-8") == units.geojson()


def test_communes_tile_their_county():
    loaded = load_region(HOME, "demo").region.units
    for county in units.COUNTIES:
        parts = [unit.geometry for teryt, unit in loaded.items() if teryt.startswith(county) and teryt != county]
        assert len(parts) == 2
        assert abs(shapely.union_all(parts).symmetric_difference(loaded[county].geometry).area) < 1
        assert shapely.intersection(*parts).area < 1
        assert all(30e6 < part.area < 42e6 for part in parts)


def test_place_keeps_a_line_of_the_plane_straight_within_a_cell():
    easting, northing = units.place(np.linspace(50_000, 100_000, 11).astype(int), 61_234)
    across = np.abs((easting - easting[0]) * (northing[-1] - northing[0])
                    - (northing - northing[0]) * (easting[-1] - easting[0]))
    assert (across / np.hypot(easting[-1] - easting[0], northing[-1] - northing[0])).max() < 1.5
