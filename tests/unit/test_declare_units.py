"""units.geojson from files of boundaries."""

import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import mapping, shape

from sdi.declare.units import units_geojson
from sdi.errors import ConfigurationError
from sdi.model.units import read_units

SQUARE = shapely.box(18.0, 53.0, 18.1, 53.1)


def feature(geometry: Any, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry and mapping(geometry)}


def write(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_counties_come_before_their_communes_with_types_and_kept_english_names(tmp_path: Path) -> None:
    communes = write(tmp_path / "gminy.geojson", feature(SQUARE, terc="0415062", name="Łysomice"),
                     feature(SQUARE, JPT_KOD_JE="0415011", JPT_NAZWA_="Chełmża"))
    counties = write(tmp_path / "powiaty.geojson", feature(SQUARE, terc="0463", name="Toruń"),
                     feature(SQUARE, terc="0415", name="toruński"))
    kept = write(tmp_path / "units.geojson", feature(None, teryt="0415", name="x", name_en="Toruń"))
    text = units_geojson([communes, counties], kept)
    assert [json.loads(line.strip(" ,\n"))["properties"] for line in text.splitlines()[1:-1]] == [
        {"teryt": "0415", "name": "powiat toruński", "name_en": "Toruń"},
        {"teryt": "041501", "name": "Chełmża", "commune_type": "1"},
        {"teryt": "041506", "name": "Łysomice", "commune_type": "2"},
        {"teryt": "0463", "name": "Toruń"},
    ]
    kept.write_text(text, encoding="utf-8")
    units, findings = read_units(kept)
    assert findings == [] and units["041506"].commune_type == "2" and units["0415"].name_en == "Toruń"
    assert units_geojson([counties, communes], kept) == text


def test_an_invalid_polygon_is_repaired_and_rounded(tmp_path: Path) -> None:
    ear = shapely.Polygon([(18, 53), (18.2, 53), (18.2, 53.2), (18.1, 53.1), (18.2, 53), (18, 53.2)])
    assert not ear.is_valid
    path = write(tmp_path / "a.geojson", feature(ear, terc="0415", name="a"))
    found = json.loads(units_geojson([path], tmp_path / "none.geojson"))["features"][0]
    repaired = shape(found["geometry"])
    assert repaired.is_valid
    assert repaired.area == pytest.approx(shapely.make_valid(ear, method="structure").area, rel=1e-4)
    assert all(round(value, 6) == value for value in shapely.get_coordinates(repaired).ravel())


def test_outer_rings_run_anticlockwise_and_one_part_is_a_polygon(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", feature(shapely.MultiPolygon([SQUARE.reverse()]), terc="0415", name="a"))
    found = shape(json.loads(units_geojson([path], tmp_path / "none"))["features"][0]["geometry"])
    assert found.geom_type == "Polygon" and found.exterior.is_ccw


def test_every_mistake_is_named_with_its_file_and_feature(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", feature(SQUARE, name="a"), feature(SQUARE, terc="0415", name="b"),
                 feature(SQUARE, terc="0415", name="b"), feature(shapely.Point(18, 53), terc="0416", name="c"))
    with pytest.raises(ConfigurationError) as caught:
        units_geojson([path], tmp_path / "none")
    assert [finding.partition("a.geojson: ")[2][:30] for finding in caught.value.findings] == [
        "feature 1: expected a TERYT co", "feature 3: TERYT 0415 stands h", "feature 4: expected a polygon,",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": null}', '{"features": [1]}'])
def test_what_is_no_feature_collection_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(ConfigurationError, match=r"a\.geojson"):
        units_geojson([tmp_path / "a.geojson"], tmp_path / "none")


def test_what_is_wrong_in_the_file_so_far_does_not_keep_it_from_being_made_again(tmp_path: Path) -> None:
    new = write(tmp_path / "a.geojson", feature(SQUARE, terc="0415", name="toruński"))
    kept = write(tmp_path / "units.geojson", {"type": "Feature", "properties": None, "geometry": None}, feature(None),
                 feature(None, name="a", name_en="Nowhere"), feature(None, teryt="0415", name="x", name_en="Toruń"))
    made = json.loads(units_geojson([new], kept))["features"]
    assert [unit["properties"] for unit in made] == [{"teryt": "0415", "name": "powiat toruński", "name_en": "Toruń"}]


def test_no_units_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.geojson: no county or commune in it"):
        units_geojson([write(tmp_path / "a.geojson")], tmp_path / "none")
