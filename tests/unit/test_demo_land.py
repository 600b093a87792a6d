"""The land of the sample region: parcels that tile their commune, buildings that lie inside their parcel."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import shapely

from sdi.demo import units
from sdi.demo.buildings import buildings
from sdi.demo.chance import Scenario
from sdi.demo.egib import land_classes
from sdi.demo.survey import Survey, spot, square_metres
from sdi.errors import SettingsError


@pytest.fixture(scope="module", params=[Scenario(parcels=1_500), Scenario(parcels=6_000, seed=7, revision=10)],
                ids=["base", "revised"])
def survey(request):
    return Survey(request.param)


def polygons(survey, divisions):
    """The parcels of some precincts as shapely polygons in metres."""
    rings = survey.rings([plot.area for division in divisions for plot in division.plots])
    return np.array([shapely.Polygon(np.array(survey.ring(ring)) / 100) for ring in rings])


def test_parcels_tile_every_commune(survey):
    for commune in units.COMMUNES:
        divisions = [division for division in survey.divisions if division.precinct.commune is commune]
        parcels = polygons(survey, divisions)
        assert shapely.is_valid(parcels).all()
        assert shapely.coverage_is_valid(parcels)
        outline = units.outline(commune)
        assert shapely.area(parcels).sum() == pytest.approx(outline.area, abs=20)
        # corners are whole centimetres, so one on the border may be half a centimetre off it
        assert shapely.coverage_union_all(parcels).symmetric_difference(outline).area < 0.005 * outline.length


def test_neighbours_share_their_corners(survey):
    parcels = polygons(survey, survey.divisions)
    assert shapely.coverage_is_valid(parcels)
    assert shapely.coverage_union_all(parcels).geom_type == "Polygon"


def test_about_as_many_parcels_as_asked_for(survey):
    made = sum(len(division.plots) for division in survey.divisions)
    assert made == pytest.approx(survey.scenario.parcels, rel=0.02 + survey.scenario.revision / 100)


def test_numbers_are_unique_in_a_precinct(survey):
    numbers = Counter((division.precinct.id, plot.number) for division in survey.divisions for plot in division.plots)
    assert max(numbers.values()) == 1


def test_uses_of_a_parcel_add_up_to_its_area(survey):
    division = survey.divisions[0]
    parts_seen = 0
    for plot, ring in zip(division.plots, survey.rings([plot.area for plot in division.plots]), strict=True):
        hectares = square_metres(survey.ring(ring)) / 10_000
        parts = list(land_classes(survey, division, plot, hectares))
        parts_seen = max(parts_seen, len(parts))
        assert sum(round(float(area) * 10_000) for *_, area in parts) == round(hectares * 10_000)
    assert parts_seen == 2


def test_buildings_lie_inside_their_parcel_and_apart(survey):
    checked = 0
    for division in survey.divisions:
        for plot, parcel in zip(division.plots, polygons(survey, [division]), strict=True):
            houses = [shapely.Polygon(np.array(house.ring) / 100)
                      for house in buildings(survey.scenario, division.precinct, plot)]
            assert all(house.is_valid and parcel.contains(house) for house in houses)
            assert not (len(houses) == 2 and houses[0].intersects(houses[1]))
            checked += len(houses)
    assert checked > 100


def test_spot_is_place_for_one_point():
    x, y = np.random.Generator(np.random.PCG64(1)).integers(0, 2 * units.SIDE + 1, (2, 500))
    easting, northing = units.place(x, y)
    assert [spot(*point) for point in zip(x.tolist(), y.tolist(), strict=True)] == list(
        zip(easting.tolist(), northing.tolist(), strict=True))


def test_a_revision_keeps_most_parcels_and_divides_some():
    def parcels(revision):
        return {f"{division.precinct.id}.{plot.number}": plot.area for division in
                Survey(replace(Scenario(parcels=1_500), revision=revision)).divisions for plot in division.plots}

    before, after = parcels(0), parcels(6)
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    assert len(new) == 2 * len(gone)
    assert 0.005 < len(gone) / len(before) < 0.04
    assert all(after[name] == area for name, area in before.items() if name in after)


@pytest.mark.parametrize("wrong", [{"parcels": 99}, {"parcels": 500_001}, {"revision": -1}, {"seed": -1}])
def test_a_scenario_that_cannot_be_made_is_refused(wrong):
    with pytest.raises(SettingsError):
        Scenario(**wrong)
