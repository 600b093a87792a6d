"""Pages of past states: a list leads to what it shows, and a page of then offers nothing of now."""

from __future__ import annotations

from typing import Any

import pytest

from sdi.db.database import Database
from tests.services.ogcapi.conftest import Client, Table, page

ITEMS = "/0415/ogcapi/collections/dzialki/items"

HISTORY = """
insert into egib.dzialki_history
 (fid, id, county, version_id, valid_from, valid_to, known_from, known_to, why, numer_dzialki, source, version, content)
select 1, h.*, 't', 1, '00000000-0000-0000-0000-000000000000' from (values
 ('changed', '0415', 'v1', '2019-01-01Z'::timestamptz, null::timestamptz, '2023-01-01Z'::timestamptz,
  '2024-05-06T07:08:09Z'::timestamptz, 's', 'changed then'),
 ('gone/1', '0415', 'v1', '2019-01-01Z', null, '2023-01-01Z', '2024-05-06T07:08:09Z', 'g', 'gone then'),
 ('told', '0415', 'v0', '2018-01-01Z', '2021-01-01Z', '2024-05-06T07:08:09Z', null, 'd', 'told then'),
 ('told and gone', '0415', 'v0', '2018-01-01Z', '2021-01-01Z', '2023-01-01Z', null, 'd', 'told and gone then'),
 ('told and gone', '0415', 'v1', '2021-01-01Z', null, '2023-01-01Z', '2024-05-06T07:08:09Z', 'g', 'last of it'),
 ('never', '0415', 'v0', '2018-01-01Z', '2021-01-01Z', '2023-01-01Z', null, 'd', 'never then'),
 ('told', '0463', 'v1', '2010-01-01Z', null, '2025-01-01Z', '2026-01-01Z', 'g', 'of another tenant')
) h
"""


@pytest.fixture
def parcels(dzialki: Table, database: Database) -> Table:
    """Parcels that have stood all the time, changed, gone, and such as were delivered as past."""
    dzialki.insert([
        {"id": "same", "numer_dzialki": "same then", "valid_from": "2017-01-01Z"},
        {"id": "changed", "numer_dzialki": "changed now", "valid_from": "2022-01-01Z", "version_id": "v2"},
        {"id": "told", "numer_dzialki": "told now", "valid_from": "2021-01-01Z", "version_id": "v1"},
    ])
    with database.connect("owner") as connection:
        connection.execute(HISTORY.encode())
        for at in ("2023-01-01Z", "2024-05-06T07:08:09Z"):
            connection.execute(
                "with r as (insert into sdi.run (source, kind) values ('test', 'gml') returning run)"
                " insert into sdi.version (run, source, county, lineage, committed_at)"
                " select run, 'test', '0415', '{}', %s from r", (at,))
    return dzialki


def followed(client: Client, listed: Any) -> dict[str, str]:
    """The heading of the page that each row of a list leads to, by what the row shows; empty without a link."""
    return {row.text_content().strip(): "".join(
        page(client, link).xpath("//h1/small/following-sibling::text()")[0].strip() for link in row.xpath("a/@href"))
        for row in listed.xpath("//tr[@data-feature]/th")}


@pytest.mark.parametrize("more", [{}, {"properties": "pole_ewidencyjne,numer_dzialki"}, {"asOf": "2026-01-01"}])
def test_rows_lead_to_the_states_that_they_show(client: Client, parcels: Table, more: dict[str, str]) -> None:
    assert followed(client, page(client, ITEMS, datetime="2020-01-01", **more)) == {
        "same then": "same then", "changed then": "changed then", "gone then": "gone then",
        "told then": "told now", "told and gone then": "last of it", "never then": ""}


def test_rows_of_now_and_of_a_version_lead_to_it(client: Client, parcels: Table) -> None:
    now = page(client, ITEMS)
    assert followed(client, now) == {name: name for name in ("same then", "changed now", "told now")}
    assert not [link for link in now.xpath("//tr[@data-feature]//a/@href") if "asOf" in link]
    then = followed(client, page(client, ITEMS, asOf="2023-06-01"))
    assert then == {name: name for name in ("changed then", "gone then", "last of it")}


def test_what_was_delivered_as_past_leads_to_the_states_of_the_feature(client: Client, parcels: Table) -> None:
    listed = page(client, ITEMS, datetime="2020-01-01")
    for name in ("told", "told and gone"):
        [link] = listed.xpath(f"//tr[@data-feature='{name}']//a/@href")
        [_] = page(client, link.partition("#")[0]).xpath(f"//*[@id='{link.partition('#')[2]}']")


def test_a_feature_that_is_gone_leads_to_its_last_state(client: Client, parcels: Table) -> None:
    [link] = page(client, f"{ITEMS}/gone/1", 404).xpath("//p[@class='actions']/a[text()='Its last known state']/@href")
    assert "gone then" in page(client, link).xpath("string(//h1)")
    assert not page(client, f"{ITEMS}/nothing", 404).xpath("//a[text()='Its last known state']")


def test_the_wfs_of_now_is_not_offered_for_then(client: Client, parcels: Table) -> None:
    assert page(client, f"{ITEMS}/changed").xpath("//main//a[starts-with(text(), 'GML')]")
    assert not page(client, f"{ITEMS}/changed", asOf="2023-06-01").xpath("//main//a[starts-with(text(), 'GML')]")


def test_a_page_says_of_when_it_is(client: Client, parcels: Table, database: Database) -> None:
    with database.connect("serve") as connection:
        row = connection.execute("select min(version) from sdi.version").fetchone()
    assert row is not None
    for as_of, polish, english in (
        (str(row[0]), f"z wersji danych {row[0]}.", f"at dataset version {row[0]}."),
        ("2023-06-01", "z 2023-06-01.", "at 2023-06-01."),
        ("2023-06-01T00:00:00Z", "z 2023-06-01 02:00.", "at 2023-06-01 02:00."),
    ):
        for language, words in (("pl", polish), ("en", english)):
            note = page(client, f"{ITEMS}/changed", asOf=as_of, lang=language).xpath("string(//p[@role='note'])")
            assert words in note, note
    chips = page(client, ITEMS, asOf=str(row[0]), lang="pl").xpath("//section[@class='active']//li/span/text()")
    assert chips == [f"Według stanu wiedzy z: wersji danych {row[0]}"]
