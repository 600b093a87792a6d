from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import psycopg
import pytest
from lxml import etree
from psycopg.rows import dict_row

from sdi.db.database import Database
from sdi.errors import PublicationError
from sdi.model.identity import dataset_record_id, service_record_id
from sdi.model.load import load_region
from sdi.model.region import PROTOCOLS, Region
from sdi.model.register import Register
from sdi.records.build import POLAND, Origin, lineage
from sdi.records.profile import profile
from sdi.records.refresh import refresh, refresh_county
from sdi.records.validate import NAMESPACES, parse
from tests.catalogue_region import HOSTILE, PUBLIC_URL, catalogue_region, changed, commit, commit_all

HOME = Path(__file__).parents[2]


@pytest.fixture
def region(registers: dict[str, Register]) -> Region:
    return catalogue_region({"egib": registers["egib"]}, HOSTILE)


def stored(connection: psycopg.Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """Every record by tenant and subject."""
    rows = connection.cursor(row_factory=dict_row).execute("select * from sdi.record").fetchall()
    return {(row["tenant"], row["subject"]): row for row in rows}


def test_a_register_without_data_has_no_record_and_one_with_data_has(database: Database, region: Region) -> None:
    with database.connect("harvest") as connection:
        assert refresh(connection, region, PUBLIC_URL, HOME) == 20
        assert {row["kind"] for row in stored(connection).values()} == {"service"}
        commit_all(connection)
        refresh(connection, region, PUBLIC_URL, HOME)
        records = stored(connection)
    assert records["lubicz", "egib"]["identifier"] == dataset_record_id(PUBLIC_URL, "lubicz", "egib")
    assert records["region", "csw"]["identifier"] == service_record_id(PUBLIC_URL, "region", "csw")
    assert len(records) == 25


def test_refreshing_twice_changes_nothing(database: Database, region: Region) -> None:
    with database.connect("harvest", autocommit=True) as connection:
        commit_all(connection)
        assert refresh(connection, region, PUBLIC_URL, HOME) == 25
        before = stored(connection)
        assert refresh(connection, region, PUBLIC_URL, HOME) == 0
        assert stored(connection) == before


def test_a_county_changes_only_the_tenants_it_touches(database: Database, region: Region) -> None:
    with database.connect("harvest", autocommit=True) as connection:
        commit_all(connection)
        refresh(connection, region, PUBLIC_URL, HOME)
        before = stored(connection)
        commit(connection, "0463-egib", {("dzialki", "046301"): 8}, at=datetime(2026, 4, 1, tzinfo=UTC))
        assert refresh_county(connection, HOME, "0463") == 2
        after = stored(connection)
    anew = {key for key in after if after[key]["modified_at"] != before[key]["modified_at"]}
    assert anew == {("region", "egib"), ("torun", "egib")}
    assert after["torun", "egib"]["inserted_at"] == before["torun", "egib"]["inserted_at"]


def test_a_commit_makes_records_of_what_is_published(database: Database, region: Region) -> None:
    """And of nothing else, whatever address and declaration the shell has that harvests."""
    fewer = changed(region, partners={name: p for name, p in region.partners.items() if name != "torun"})
    with database.connect("harvest", autocommit=True) as connection:
        commit_all(connection)
        assert refresh_county(connection, HOME, "0463") == 0, "nothing is published"
        refresh(connection, fewer, PUBLIC_URL, HOME)
        before = stored(connection)
        commit(connection, "0463-egib", {("dzialki", "046301"): 8}, at=datetime(2026, 4, 1, tzinfo=UTC))
        assert refresh_county(connection, HOME, "0463") == 1
        after = stored(connection)
    assert after.keys() == before.keys(), "torun is not published yet"
    assert after["region", "egib"]["identifier"] == before["region", "egib"]["identifier"]
    assert PUBLIC_URL in after["region", "egib"]["xml"] != before["region", "egib"]["xml"]


def test_two_commits_at_once_both_show_in_the_record_of_the_region(database: Database, region: Region) -> None:
    def second() -> None:
        with database.connect("harvest") as connection:
            commit(connection, "0463-egib", {("dzialki", "046301"): 7})
            refresh_county(connection, HOME, "0463")

    with database.connect("harvest", autocommit=True) as connection:
        refresh(connection, region, PUBLIC_URL, HOME)
    with database.connect("harvest") as first, database.connect("owner", autocommit=True) as watch:
        commit(first, "0415-egib", {("dzialki", "041501"): 10})
        refresh_county(first, HOME, "0415")
        thread = Thread(target=second)
        thread.start()
        while not watch.execute("select 1 from pg_locks where relation = 'sdi.record'::regclass and not granted"
                                ).fetchone():
            assert thread.is_alive()
            sleep(0.01)
        first.commit()
        thread.join()
    with database.connect("serve") as connection:
        statement = stored(connection)["region", "egib"]["queryables"]["lineage"]
    assert "obiektów: 10" in statement and "obiektów: 7" in statement


def test_records_go_with_what_they_describe(database: Database, region: Region) -> None:
    with database.connect("harvest", autocommit=True) as connection:
        commit_all(connection)
        refresh(connection, region, PUBLIC_URL, HOME)
        partners = {name: partner for name, partner in region.partners.items() if name != "lubicz"}
        partners["torun"] = partners["torun"].model_copy(update={"services": ("csw",)})
        refresh(connection, changed(region, partners=partners), PUBLIC_URL, HOME)
        records = stored(connection)
    assert {tenant for tenant, _ in records} == {"region", "chelmza", "powiat-torunski", "torun"}
    assert {subject for tenant, subject in records if tenant == "torun"} == {"egib", "csw"}


def test_a_new_public_address_replaces_every_record(database: Database, region: Region) -> None:
    with database.connect("harvest", autocommit=True) as connection:
        commit_all(connection)
        refresh(connection, region, PUBLIC_URL, HOME)
        refresh(connection, region, "https://new.example.pl", HOME)
        assert len(stored(connection)) == 25
        assert not [row for row in stored(connection).values() if PUBLIC_URL in row["xml"]]


def test_records_validate_against_iso_19139(database: Database, region: Region, shared: Path, tmp_path: Path) -> None:
    with database.connect("harvest") as connection:
        commit_all(connection)
        refresh(connection, region, PUBLIC_URL, HOME)
        for (tenant, subject), row in stored(connection).items():
            (tmp_path / f"{tenant}-{subject}.xml").write_text(row["xml"], encoding="utf-8")
    checked = subprocess.run(
        ["xmllint", "--nonet", "--noout", "--schema", shared / "schemas" / "drivers_iso.xsd", *tmp_path.iterdir()],
        capture_output=True, text=True, check=False,
    )
    assert checked.returncode == 0, checked.stderr[-2000:]
    assert checked.stderr.count(" validates") == 25


def test_a_record_says_what_was_declared_and_committed(database: Database, region: Region) -> None:
    with database.connect("harvest") as connection:
        commit_all(connection)
        refresh(connection, region, PUBLIC_URL, HOME)
        row = stored(connection)["lubicz", "egib"]
        record = etree.fromstring(row["xml"])

    def texts(path: str) -> list[str]:
        return [str(found) for found in record.xpath(path, namespaces=NAMESPACES)]

    assert HOSTILE in texts("//gmd:citation//gmd:title/gco:CharacterString/text()")[0]
    assert texts("//gmd:RS_Identifier[gmd:codeSpace]//gmd:code/gco:CharacterString/text()") == ["lubicz.egib"]
    assert {"Działki katastralne", "Budynki"} <= set(texts("//gmd:keyword/gmx:Anchor/text()"))
    assert texts("//gmd:dateStamp/gco:Date/text()") == [f"{row['modified_at'].astimezone(POLAND):%Y-%m-%d}"]
    west, south = (float(texts(f"//gmd:{side}/gco:Decimal/text()")[0])
                   for side in ("westBoundLongitude", "southBoundLatitude"))
    # gdaltransform -s_srs EPSG:2180 -t_srs OGC:CRS84 of 475000 565000; the box of a turned square is a little larger
    assert (west, south) == (pytest.approx(18.6278, abs=0.003), pytest.approx(52.9499, abs=0.003))
    statement = texts("//gmd:statement/gco:CharacterString/text()")[0]
    assert "https://wfs.example.pl/egib, stan z 2026-03-01, obiektów: 25" in statement
    assert "secret" not in row["xml"] and "token" not in row["xml"]


def test_a_region_in_polish_alone_has_no_english_texts(
    database: Database, region: Region, shared: Path
) -> None:
    schema = etree.XMLSchema(etree.parse(str(shared / "schemas" / "drivers_iso.xsd")))
    polish = region.model_copy(update={"file": region.file.model_copy(update={"languages": ("pl",)})})
    polish = Region.model_validate({name: getattr(polish, name) for name in Region.model_fields})
    with database.connect("harvest") as connection:
        commit_all(connection)
        refresh(connection, polish, PUBLIC_URL, HOME)
        for row in stored(connection).values():
            assert "LocalisedCharacterString" not in row["xml"] and "in English" not in row["xml"]
            assert schema.validate(etree.fromstring(row["xml"])), schema.error_log


def test_lineage_keeps_paths_and_credentials_to_itself(region: Region) -> None:
    day = datetime(2026, 1, 2, tzinfo=UTC)
    origins = ["/srv/in/a.gml", "ftp://u:p@h/b.gml", *(f"http://u:p@h:81/{n}?key=k" for n in range(3))]
    said = lineage(region, [Origin("x", "9999", 5, day, day, {"deliveries": [{"origin": o} for o in origins]})])
    assert said.en.endswith("9999: x, taken from a.gml, b.gml, http://h:81/0 (+2), as of 2026-01-02, objects: 5.")


def test_an_incomplete_record_is_refused_by_name() -> None:
    with pytest.raises(PublicationError, match="metadata record x has no file identifier, no metadata language"):
        parse('<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd"/>', "x")
    with pytest.raises(PublicationError, match="not well-formed"):
        parse("<a>\x01</a>", "x")


def test_an_unknown_theme_is_named_with_its_register(database: Database, region: Region) -> None:
    wrong = region.registers["egib"].model_copy(update={"inspire_theme": "XX"})
    with database.connect("harvest") as connection, pytest.raises(PublicationError, match=r"egib\.yaml: .*XX"):
        commit_all(connection)
        refresh(connection, region.model_copy(update={"registers": {"egib": wrong}}), PUBLIC_URL, HOME)


def test_every_protocol_has_a_profile() -> None:
    assert set(profile(HOME).services) == set(PROTOCOLS)


GOLDEN = Path(__file__).parents[1] / "golden" / "records"
REGISTER = Register.model_validate({
    "id": "egib",
    "title": {"pl": "Ewidencja <gruntów> & budynków", "en": "Land \"and\" building register"},
    "abstract": {"pl": "Działki i budynki.", "en": "Parcels and buildings."},
    "legal_basis": {"pl": "Dz.U. 2021 poz. 1390", "en": "Journal of Laws 2021 item 1390"},
    "namespaces": ["x"],
    "inspire_theme": "CP",
    "topic_category": "planningCadastre",
    "keywords": [{"pl": "działka", "en": "parcel"}],
    "feature_types": {
        name: {"title": {"pl": name, "en": name}, "abstract": {"pl": name, "en": name}, "geometry": "polygon",
               "inspire_theme": theme, "attributes": {}}
        for name, theme in (("dzialki", "CP"), ("budynki", "BU"))
    },
})


@pytest.mark.parametrize("subject", ["egib", "wms", "ogcapi", "csw"])
def test_records_are_written_as_agreed(database: Database, subject: str) -> None:
    """The golden files are what SDI_GOLDEN=write leaves; they validate against ISO 19139."""
    with database.connect("harvest") as connection:
        commit_all(connection)
        refresh(connection, catalogue_region({"egib": REGISTER}), PUBLIC_URL, HOME)
        row = stored(connection)["lubicz", subject]
    text = row["xml"].replace(f"{row['modified_at'].astimezone(POLAND):%Y-%m-%d}", "2026-03-02") + "\n"
    path = GOLDEN / f"{row['kind']}-{subject}.xml"
    if os.environ.get("SDI_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["demo", "kujawsko-pomorskie"])
def test_a_region_that_was_written_down_has_the_same_tenants(name: str) -> None:
    """Else a commit, which reads it, would make other records than the publication."""
    region = load_region(HOME, name).region
    again = Region.model_validate_json(region.written())
    assert again.tenants == region.tenants
    assert region.sources and not any(source.parameters for source in again.sources.values()), "they may be secret"
