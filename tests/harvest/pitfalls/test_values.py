"""Pitfalls 15, 16, 23 and 24: what objects say of themselves."""

from __future__ import annotations

import pytest

from sdi.model.register import Register

from ..run.conftest import WEST
from .conftest import WfsNode
from .county import County, buildings, parcels
from .server import Answer, Asked


def test_15_objects_of_the_neighbours_and_two_counties_on_one_server(node: WfsNode) -> None:
    mine, theirs = County({"dzialki": parcels(30)}), County({"dzialki": parcels(30, WEST + 40_000)})

    def both(asked: Asked) -> Answer:
        return (theirs if asked.query.get("MAP") == "theirs" else mine)(asked)

    server = node.play(both)
    node.describe(server, extra={"map": "mine"})
    node.takes()
    node.describe(server, extra={"map": "theirs"})
    node.refuses("refused", "lie outside county 0415")
    mine.things = {"dzialki": [*parcels(30), *parcels(30)]}
    node.describe(server, extra={"map": "mine"})
    outcome = node.takes("unchanged")
    assert outcome.summary["feature_types"]["dzialki"]["duplicates"] == 30, "the same objects twice in one answer"


def test_16_null_and_duplicate_identifiers_and_white_space(node: WfsNode) -> None:
    things = parcels(30)
    things[3] = things[3].having(ID_DZIALKI=" \n ")
    things[4] = things[5].having(NUMER_DZIALKI="inny")
    things[6] = things[6].having(NUMER_DZIALKI="\n   6\n   ", NAZWA_OBREBU="Dwie\n  linie", POLE_EWIDENCYJNE="")
    things[7] = things[7].having(NAZWA_OBREBU="Chełmz\u0307a")  # a letter and its accent as two characters
    node.describe(node.play(County({"dzialki": things})))
    node.takes()
    served = {row["id"]: row for row in node.served()}
    assert len(served) == 28
    assert served["041501_1.0001.6"]["numer_dzialki"] == "6"
    assert served["041501_1.0001.6"]["nazwa_obrebu"] == "Dwie linie"
    assert served["041501_1.0001.7"]["nazwa_obrebu"] == "Chełm\u017ca"
    assert served["041501_1.0001.6"]["pole_ewidencyjne"] is None
    assert node.codes() == {"missing-id": 1, "duplicate-id": 1}


def test_16_no_permission_as_a_value_is_no_value(node: WfsNode) -> None:
    things = [thing.having(GRUPA_REJESTROWA="Brak uprawnień") for thing in parcels(3)]
    things[0] = things[0].having(GRUPA_REJESTROWA="7.1")
    node.describe(node.play(County({"dzialki": things})))
    node.takes()
    assert [row["grupa_rejestrowa"] for row in node.served()] == ["7.1", None, None]
    assert node.codes() == {}


LETTERS = "mgtkzbhpsi"


def test_16_kinds_of_buildings_in_four_encodings(node: WfsNode, registers: dict[str, Register]) -> None:
    codes = registers["egib"].code_lists["rodzaj_wg_kst"]
    assert set(codes) == set(LETTERS)
    expected, things = {}, []
    for letter, code in codes.items():
        camel = [alias for alias in code.aliases if alias.isalpha() and not alias.islower()]
        full = [alias for alias in code.aliases if alias.startswith(f"{letter} - ")]
        names = [alias for alias in code.aliases if " " in alias and alias not in full]
        assert camel or letter == "m", letter
        assert full and names, f"{letter}: not in all encodings"
        for value in (letter, *code.aliases, f" {letter}\n "):
            things.append(buildings(1)[0].having(ID_BUDYNKU=f"041501_1.0001.{len(things)}_BUD", RODZAJ=value))
            expected[f"041501_1.0001.{len(things) - 1}_BUD"] = letter
    things.append(buildings(1)[0].having(ID_BUDYNKU="041501_1.0001.x_BUD", RODZAJ="ognioodporny"))
    node.describe(node.play(County({"budynki": things})), ("budynki",))
    node.takes()
    kinds = {row["id"]: row["rodzaj"] for row in node.served("budynki")}
    assert kinds.pop("041501_1.0001.x_BUD") is None
    assert kinds == expected
    (issue,) = node.issues()
    assert (issue["code"], issue["object_id"], issue["field"]) == ("unknown-code", "041501_1.0001.x_BUD", "rodzaj")
    assert "ognioodporny" in issue["message"]


def test_23_gml_ids_and_dates_are_new_in_each_answer(node: WfsNode) -> None:
    county = County({"dzialki": parcels(30)})
    node.describe(node.play(county))
    node.takes()
    before = node.served()
    first = county.dialect.page("dzialki", county.things["dzialki"], request=1)
    county.things = {"dzialki": [thing.having(DATA="2026-02-02 10:00:00") for thing in parcels(30)]}
    assert county.dialect.page("dzialki", county.things["dzialki"], request=2) != first
    outcome = node.takes("unchanged")
    assert outcome.message.en == "other bytes, but the same objects as in the last good run"
    assert node.served() == before


SECRETS = {"KW": "TO1T/00012345/6", "WLASCICIEL": "Jan Kowalski", "PESEL": "44051401458",
           "ADRES_WLASCICIELA": "ul. Cicha"}


@pytest.mark.parametrize("broken", [False, True])
def test_24_personal_data_that_nobody_asked_for(node: WfsNode, broken: bool) -> None:
    things = [thing.having(**SECRETS) for thing in parcels(30)]
    if broken:
        things[5] = things[5].having(ID_DZIALKI="", POLE_EWIDENCYJNE="dużo")
        things[6] = things[6].having(POLE_EWIDENCYJNE="dużo")
    node.describe(node.play(County({"dzialki": things})))
    node.takes()
    assert ("missing-id" in node.codes()) == broken == ("bad-value" in node.codes())
    tables = node.rows("select schemaname || '.' || quote_ident(tablename) as name from pg_tables"
                       " where schemaname in ('sdi', 'stage', 'egib')")
    assert len(tables) > 10
    for table in tables:
        for row in node.rows(f"select t::text as everything from {table['name']} t"):
            assert not [value for value in SECRETS.values() if value in row["everything"]], table["name"]
