"""The search form as it comes back: after a mistake, with a box in another CRS, with what it did not write."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import pytest
import shapely

from tests.services.ogcapi.conftest import Client, Table, page

COLLECTION = "/0415/ogcapi/collections/dzialki"
ITEMS = f"{COLLECTION}/items"
PL1992 = "http://www.opengis.net/def/crs/EPSG/0/2180"


@pytest.fixture
def parcels(dzialki: Table) -> Table:
    """Thirty parcels beside each other, one of them with an asterisk for its number."""
    dzialki.insert([{"id": f"d{n:02}", "numer_dzialki": f"{n}/1", "pole_ewidencyjne": n + 0.25,
                     "geom": shapely.box(472_000 + 20 * n, 551_000, 472_020 + 20 * n, 551_010)} for n in range(30)])
    dzialki.insert([{"id": "star", "numer_dzialki": "1*"}])
    return dzialki


def submitted(client: Client, found: Any, **filled: str) -> Any:
    form = found.get_element_by_id("search")
    form.fields.update(filled)
    answer = client.get(form.action, params=list(form.form_values()))
    assert answer.status_code == 303, answer.text
    return page(client, urljoin(form.action, answer.headers["Location"]))


def rows(found: Any) -> list[str]:
    return found.xpath("//tr/@data-feature")  # type: ignore[no-any-return]


RIGHT = {"q": "d", "limit": "25", "numer_dzialki": "1*", "pole_ewidencyjne.max": "20.5", "valid_from.min": "2020-01-01",
         "dokladnosc_reprezentacji_pola": "1", "sortby": "-id", "lang": "en", "f": "html"}


@pytest.mark.parametrize(("wrong", "told"), [
    ({"pole_ewidencyjne.min": "much"}, "'much' is not a number"),
    ({"valid_from.max": "2020-02-30"}, "is not a date"),
    ({"bbox": "18,53"}, "bbox: expected 4 or 6 numbers"),
    ({"datetime": "yesterday"}, "datetime='yesterday'"),
    ({"asOf": "999999"}, "no dataset version 999999"),
    ({"filter": "nothing = 1"}, "nothing"),
    ({"filter": "pole_ewidencyjne >"}, "filter"),
    ({"bbox": "1,2,3,4", "bbox-crs": "EPSG:2180"}, "bbox-crs='EPSG:2180'"),
])
def test_a_mistake_loses_nothing(client: Client, parcels: Table, wrong: dict[str, str], told: str) -> None:
    given = RIGHT | wrong
    found = page(client, f"{COLLECTION}/search", 400, **given)
    assert told in found.xpath("string(//p[@role='alert'])") and found.xpath("//form/details/@open")
    assert dict(found.get_element_by_id("search").form_values()).items() >= {
        name: value for name, value in given.items() if name != "f"}.items()
    for name, value in wrong.items():
        for field in found.xpath(f"//input[@name='{name}']"):
            assert field.get("type", "text") == "text" or value == "2020-02-30", "browsers show it"
    assert page(client, f"{COLLECTION}/search", 400, **given | {"lang": "pl"}).xpath("//p[@role='alert']")


def test_what_was_wrong_can_be_set_right(client: Client, parcels: Table) -> None:
    found = page(client, f"{COLLECTION}/search", 400, **{"numer_dzialki": "1*", "pole_ewidencyjne.min": "much"})
    assert rows(submitted(client, found, **{"pole_ewidencyjne.min": "15"})) == ["d15", "d16", "d17", "d18", "d19"]


def test_a_box_in_another_crs_is_kept_changed_and_left(client: Client, parcels: Table) -> None:
    found = page(client, ITEMS, **{"bbox": "550990,472045,551020,472095", "bbox-crs": PL1992})
    assert rows(found) == ["d02", "d03", "d04"]
    assert "axis order" in found.xpath("string(//*[@id='bbox-hint'])")
    assert "EPSG:2180" in found.xpath("//select[@name='bbox-crs']/option[@selected]/text()")
    assert rows(submitted(client, found, **{"limit": "25"})) == rows(found)
    assert len(rows(submitted(client, found, **{"bbox": "", "limit": "100"}))) == 31
    degrees = submitted(client, found, **{"bbox": "18,52,19,54", "bbox-crs": "", "limit": "100"})
    assert len(rows(degrees)) == 30 and not degrees.xpath("//*[@name='bbox-crs']")
    assert "degrees" in degrees.xpath("string(//*[@id='bbox-hint'])")


def test_what_was_known_can_be_filled_in_as_the_hint_says(client: Client, parcels: Table) -> None:
    field, = page(client, ITEMS).xpath("//input[@name='asOf']")
    assert field.get("type", "text") == "text"
    known = submitted(client, page(client, ITEMS), asOf="2025-01-01T00:00:00Z")
    assert len(rows(known)) == 10 and known.xpath("//input[@name='asOf']/@value") == ["2025-01-01T00:00:00Z"]


def test_a_plain_value_with_an_asterisk_can_be_removed(client: Client, parcels: Table) -> None:
    found = page(client, ITEMS, **{"numer_dzialki": "1*", "filter": "pole_ewidencyjne >= 5"})
    assert rows(found) == []
    by_number, by_area, _ = found.xpath("//section[@class='active']//li/a/@href")
    assert len(rows(page(client, by_number))) == 10
    assert rows(page(client, by_area)) == ["star"]
