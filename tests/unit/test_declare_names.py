"""Ids and titles of partners from the names and codes of units."""

import pytest

from sdi.declare.names import named, slug
from sdi.declare.partners import known, place
from sdi.errors import ConfigurationError
from sdi.model.region import Unit

UNITS = {
    unit.teryt: unit
    for unit in (
        Unit(teryt="0411", name="powiat radziejowski", name_en="Radziejów"),
        Unit(teryt="041101", name="Radziejów", commune_type="1"),
        Unit(teryt="041106", name="Radziejów", commune_type="2"),
        Unit(teryt="0412", name="powiat rypiński", name_en="Rypin"),
        Unit(teryt="041203", name="Rogowo", commune_type="2"),
        Unit(teryt="0419", name="powiat żniński"),
        Unit(teryt="041905", name="Rogowo", commune_type="2"),
        Unit(teryt="0403", name="powiat bydgoski"),
        Unit(teryt="040304", name="Koronowo", commune_type="3"),
        Unit(teryt="0463", name="Toruń"),
        Unit(teryt="046301", name="Toruń", commune_type="1"),
    )
}


@pytest.mark.parametrize(("teryt", "name", "pl", "en"), [
    ("0411", "powiat-radziejowski", "Powiat radziejowski", "Radziejów county"),
    ("0419", "powiat-zninski", "Powiat żniński", "żniński county"),
    ("0463", "powiat-torun", "Miasto na prawach powiatu Toruń", "Toruń, city with county rights"),
    ("046301", "torun", "Miasto Toruń", "City of Toruń"),
    ("040304", "koronowo", "Gmina Koronowo", "Koronowo commune"),
    ("041101", "radziejow-miasto", "Miasto Radziejów", "Town of Radziejów"),
    ("041106", "radziejow-gmina", "Gmina Radziejów", "Radziejów commune"),
    ("041203", "rogowo-rypinski", "Gmina Rogowo (powiat rypiński)", "Rogowo commune (Rypin county)"),
    ("041905", "rogowo-zninski", "Gmina Rogowo (powiat żniński)", "Rogowo commune (żniński county)"),
])
def test_units_are_called_as_in_poland(teryt: str, name: str, pl: str, en: str) -> None:
    found = named(UNITS)[teryt]
    assert (found.id, found.title.pl, found.title.en) == (name, pl, en)


def test_every_unit_has_an_id_of_its_own() -> None:
    ids = [found.id for found in named(UNITS).values()]
    assert len(set(ids)) == len(ids) == len(UNITS)


@pytest.mark.parametrize(("name", "expected"), [
    ("Świecie nad Osą", "swiecie-nad-osa"), ("Łódź", "lodz"), ("Golub-Dobrzyń", "golub-dobrzyn"),
    ("  Żółć (ćma) ", "zolc-cma"), ("x" * 80, "x" * 50),
])
def test_slugs_are_plain(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_code_is_known_with_its_type_and_without() -> None:
    assert known(UNITS, "0411062") == known(UNITS, "041106") == "041106"
    assert known(UNITS, "0411", digits=(4,)) == "0411"


@pytest.mark.parametrize(("given", "hint"), [
    ("041102", r"041101 \(Radziejów\)"),
    ("Rogowo", r"041203 \(Rogowo\), 041905 \(Rogowo\)"),
    ("torun", r"0463 \(Toruń\)"),
    ("9999999", "add it to units.geojson first"),
])
def test_an_unknown_unit_names_those_like_it(given: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        known(UNITS, given)


def test_a_commune_is_no_county() -> None:
    with pytest.raises(ConfigurationError, match="no TERYT code of a county of this region"):
        known(UNITS, "041106", digits=(4,))


def test_a_place_names_the_county_once() -> None:
    assert place(UNITS, "041106") == "TERYT 041106: Radziejów, powiat radziejowski"
    assert place(UNITS, "046301") == "TERYT 046301: Toruń"
    assert place(UNITS, "0411") == "TERYT 0411: powiat radziejowski"
