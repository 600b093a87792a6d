"""Real exchange files, harvested as the region `samples` declares them, against counts and places read elsewhere.

What is expected is read from the files by lxml and by GDAL, never by the code under test.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lxml import etree
from psycopg.rows import dict_row

from sdi.db.database import Database
from sdi.harvest.progress import Progress
from sdi.harvest.run import Outcome, harvest
from sdi.model.load import load_region
from sdi.model.region import Region
from sdi.settings import Settings
from tests.conftest import HOME, new_database

DELIVERIES = {
    "0613-egib": ["gml-2021/dane-EGiB.gml"],
    "0613-gesut": ["gml-2021/dane-GESUT.gml"],
    "0613-bdot500": ["gml-2021/aSzkoleniowy_2021.gml"],
    "2211-egib": ["gml-2015/221101_*.gml"],
    "1609-bdot500": ["gml-2015/bdot500-delivery-2021.gml.gz"],
}
PREFIX = {"egib": "EGB_", "gesut": "GES_", "bdot500": ("OT_", "BDZ_")}
HOMES = {
    "EGB_DzialkaEwidencyjna": "dzialki", "EGB_Budynek": "budynki", "EGB_KonturUzytkuGruntowego": "uzytki",
    "EGB_KonturKlasyfikacyjny": "kontury_klasyfikacyjne", "EGB_PunktGraniczny": "punkty_graniczne",
    "GES_PrzewodWodociagowy": "przewody_wodociagowe", "GES_PrzewodKanalizacyjny": "przewody_kanalizacyjne",
    "GES_PrzewodElektroenergetyczny": "przewody_elektroenergetyczne",
    "GES_PrzewodCieplowniczy": "przewody_cieplownicze",
    "GES_PrzewodTelekomunikacyjny": "przewody_telekomunikacyjne", "GES_Rzedna": "gesut_rzedne",
    "GES_UrzadzeniaSiecWodociagowa": "urzadzenia_wodociagowe",
    "GES_UrzadzeniaSiecKanalizacyjna": "urzadzenia_kanalizacyjne",
    "GES_UrzadzeniaSiecElektroenergetyczna": "urzadzenia_elektroenergetyczne",
    "GES_UrzadzeniaSiecTelekomunikacyjna": "urzadzenia_telekomunikacyjne",
    "GES_InneUrzadzeniaTowarzyszace": "urzadzenia_towarzyszace_inne",
    "OT_Budowle": "budowle", "OT_Komunikacja": "komunikacja", "OT_Ogrodzenia": "ogrodzenia", "OT_Rzedna": "bdot_rzedne",
    "OT_Skarpa": "skarpy", "OT_ZagospodarowanieTerenu": "zagospodarowanie_terenu",
    "BDZ_BudowlaSportowa": "sport_i_rekreacja", "BDZ_BudowlaZiemna skarpaNieumocniona": "skarpy",
    "BDZ_CiagRuchuPieszegoIRowerowego": "komunikacja", "BDZ_Jezdnia": "komunikacja", "BDZ_Kraweznik": "komunikacja",
    "BDZ_Plac": "komunikacja", "BDZ_InnaBudowla": "budowle", "BDZ_InnaBudowla przepust": "komunikacja",
    "BDZ_ObiektOZnaczeniuOrientacyjnymWTerenie": "budowle", "BDZ_ObiektPrzyrodniczy": "zagospodarowanie_terenu",
    "BDZ_ObiektZwiazanyZKomunikacja": "komunikacja", "BDZ_ObiektZwiazanyZKomunikacja ogrodzenieTrwale": "ogrodzenia",
    "BDZ_ObiektZwiazanyZKomunikacja brama": "ogrodzenia", "BDZ_ObiektZwiazanyZKomunikacja furtka": "ogrodzenia",
    "BDZ_PunktOOkreslonejWysokosci": "bdot_rzedne", "BDZ_Row rowMelioracyjny": "wody",
    "BDZ_Row rowPrzydrozny": "komunikacja", "BDZ_TerenLesnyZadrzewionyLubZakrzewiony": "zagospodarowanie_terenu",
    "BDZ_TerenUprawTrwalychITrawnik": "zagospodarowanie_terenu",
    "BDZ_UmocnienieDrogoweKolejoweLubWodne scianaOporowa": "budowle",
}
"""Where the objects of a class, or of a class with one kind of object, belong."""
ENDS = ("koniecWersjaObiekt", "koniecObiekt", "koniecWersjiObiektu")


@dataclass
class Harvested:
    """The region after all its sources were harvested once."""

    region: Region
    database: Database
    settings: Settings
    outcomes: dict[str, Outcome]

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.url, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def number(self, statement: str, *values: Any) -> int:
        return int(next(iter(self.rows(statement, *values)[0].values())))


@pytest.fixture(scope="module")
def harvested(
    template: tuple[Database, str], settings: Settings, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Harvested]:
    with pytest.MonkeyPatch.context() as patch, new_database(*template) as database:
        patch.setenv("SDI_SHARED", str(shared))
        loaded = load_region(HOME, "samples")
        assert not loaded.findings, [str(finding) for finding in loaded.findings]
        here = replace(settings, var=tmp_path_factory.mktemp("samples"), region="samples")
        outcomes = {
            name: harvest(source, loaded.region, database, here, Progress())
            for name, source in loaded.region.sources.items()
        }
        yield Harvested(loaded.region, database, here, outcomes)


def local(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def objects(shared: Path, source: str) -> list[etree._Element]:
    """The objects of the source's register in its files, as lxml finds them."""
    found: list[etree._Element] = []
    for pattern in DELIVERIES[source]:
        for path in sorted((shared / "data").glob(pattern)):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
            found += [o for member in root for o in member if isinstance(o.tag, str)]
    return [element for element in found if local(element).startswith(PREFIX[source.partition("-")[2]])]


def home_of(element: etree._Element) -> str:
    kinds = [f"{local(element)} {(child.text or '').strip()}" for child in element if local(child).startswith("rodzaj")]
    return HOMES[next((kind for kind in kinds if kind in HOMES), local(element))]


def ended(element: etree._Element) -> bool:
    return any(local(e) in ENDS and (e.text or "").strip() for e in element.iter() if isinstance(e.tag, str))


def lokalny_id(element: etree._Element) -> str:
    return next(e.text.strip() for e in element.iter() if isinstance(e.tag, str) and local(e) == "lokalnyId")


@pytest.mark.parametrize("source", DELIVERIES)
def test_every_object_is_in_the_database_or_in_the_issues(harvested: Harvested, shared: Path, source: str) -> None:
    """Per feature type: open objects are current, ended versions are history, and the rest has an issue."""
    outcome = harvested.outcomes[source]
    assert outcome.state == "committed", outcome.message
    delivered = objects(shared, source)
    aside = Counter(
        row["object_id"] for row in harvested.rows(
            "select object_id from sdi.issue where source = %s and severity = 'quarantined'", source)
    )
    expected: Counter[tuple[str, str]] = Counter()
    for element in sorted(delivered, key=ended, reverse=True):  # the one object set aside is an ended version
        if aside[lokalny_id(element)]:
            aside[lokalny_id(element)] -= 1
            continue
        expected[home_of(element), "past" if ended(element) else "current"] += 1
    assert aside.total() == 0
    found = Counter({
        (ft.name, when): count
        for ft in harvested.region.owned_by(harvested.region.sources[source])
        for when, suffix in (("current", ""), ("past", "_history"))
        if (count := harvested.number(
            f"select count(*) from {ft.register_id}.{ft.name}{suffix} where source = %s", source))
    })
    assert found == expected
    assert outcome.summary["read"] == len(delivered) + outcome.summary["left_out"]


def test_nothing_in_the_files_is_unknown(harvested: Harvested) -> None:
    """Every class, property and code of the real files is declared; two geometries are bad in the delivery itself."""
    issues = harvested.rows("select source, severity, code, feature_type, object_id from sdi.issue order by severity")
    assert issues == [
        {"source": "1609-bdot500", "severity": "quarantined", "code": "unreadable-geometry",
         "feature_type": "zagospodarowanie_terenu", "object_id": "57138344-2464-0875-1443-180583100277"},
        {"source": "1609-bdot500", "severity": "repaired", "code": "invalid-geometry",
         "feature_type": "komunikacja", "object_id": "54571617-3b16-4234-98bc-65369a6a04ba"},
    ]


def test_harvesting_again_changes_nothing(harvested: Harvested) -> None:
    before = harvested.number("select count(*) from sdi.version")
    for source in harvested.region.sources.values():
        outcome = harvest(source, harvested.region, harvested.database, harvested.settings, Progress())
        assert outcome.state == "unchanged"
    assert harvested.number("select count(*) from sdi.version") == before


def test_a_parcel_has_the_attributes_of_the_file(harvested: Harvested) -> None:
    (parcel,) = harvested.rows(
        "select *, valid_from at time zone 'Europe/Warsaw' as since from egib.dzialki where id_dzialki = %s",
        "061304_5.0012.809/1")
    assert {name: parcel[name] for name in ("numer_dzialki", "numer_obrebu", "numer_jednostki", "pole_ewidencyjne",
                                            "dokladnosc_reprezentacji_pola", "klasouzytki_egib", "county", "commune",
                                            "namespace", "id")} == {
        "numer_dzialki": "809/1", "numer_obrebu": "0012", "numer_jednostki": "061304_5", "pole_ewidencyjne": 0.242,
        "dokladnosc_reprezentacji_pola": "1", "klasouzytki_egib": "RVI", "county": "0613", "commune": "061304",
        "namespace": "PL.PZGiK.1004.EGiB", "id": "04022323-1610-8636-2530-321713075445",
    }
    assert parcel["since"].isoformat() == "2024-11-14T11:31:36"
    past = harvested.rows("select valid_from, valid_to from egib.dzialki_history where id = %s order by valid_from",
                          parcel["id"])
    assert past and past[-1]["valid_to"] == parcel["valid_from"]


def test_words_of_2015_became_the_codes_of_2021(harvested: Harvested) -> None:
    count = harvested.number
    county = "county = '1609'"
    assert count(f"select count(*) from bdot500.komunikacja where {county} and rodzaj_obiektu = 'j'") == 82
    assert count(f"select count(*) from bdot500.komunikacja where {county} and rodzaj_obiektu = 'z'") == 26
    assert count(f"select count(*) from bdot500.komunikacja where {county} and rodzaj_nawierzchni = 'mb'") == 36
    assert count(f"select count(*) from bdot500.ogrodzenia where {county} and rodzaj_ogrodzenia = 'b'") == 37
    assert count(f"select count(*) from bdot500.zagospodarowanie_terenu where {county} and rodzaj_obiektu = 'l'") == 391
    assert count(f"select count(*) from bdot500.bdot_rzedne where {county} and zrodlo = 'O' and rzedna > 150") > 3000
    assert count(f"select count(*) from bdot500.skarpy where {county} and rodzaj_skarpy = 'k' "
                 "and st_geometrytype(poczatek_gory_skarpy) = 'ST_Point' and koniec_gory_skarpy is not null") == 250


def test_both_ends_of_a_slope_are_kept(harvested: Harvested) -> None:
    """A second and third geometry of one object lie beside the first."""
    (slope,) = harvested.rows(
        "select st_distance(geom, poczatek_gory_skarpy) as start, st_distance(geom, koniec_gory_skarpy) as stop, "
        "st_geometrytype(geom) as kind from bdot500.skarpy where county = '0613'")
    assert slope["kind"] in ("ST_Polygon", "ST_MultiPolygon")
    assert slope["start"] < 0.01 and slope["stop"] < 0.01


@pytest.mark.parametrize(("file", "layer", "where", "table", "key"), [
    ("gml-2021/dane-EGiB.gml", "EGB_DzialkaEwidencyjna",
     "idDzialki = '061304_5.0012.809/1' and koniecWersjaObiekt is null", "egib.dzialki", "061304_5.0012.809/1"),
    ("gml-2015/221101_1.0001.741.gml", "EGB_DzialkaEwidencyjna", "idDzialki = '221101_1.0001.741'",
     "egib.dzialki", "221101_1.0001.741"),
])
def test_a_parcel_lies_where_gdal_puts_it(
    harvested: Harvested, shared: Path, tmp_path: Path, file: str, layer: str, where: str, table: str, key: str
) -> None:
    """Centroid in longitude and latitude, to a centimetre (1e-7 degrees)."""
    copy = Path(shutil.copy(shared / "data" / file, tmp_path / "delivery.gml"))
    copy.chmod(0o644)
    answer = subprocess.run(
        ["ogr2ogr", "-oo", "DOWNLOAD_SCHEMA=NO", "-t_srs", "EPSG:4326", "-where", where, "-f", "GeoJSON",
         "-lco", "COORDINATE_PRECISION=10", "/vsistdout/", str(copy), layer],
        capture_output=True, text=True, check=True)
    (feature,) = json.loads(answer.stdout)["features"]
    (place,) = harvested.rows(
        "select st_x(c) as lon, st_y(c) as lat, gdal.lon as gdal_lon, gdal.lat as gdal_lat from "
        f"(select st_transform(st_centroid(geom), 4326) as c from {table} where id_dzialki = %s) ours, "
        "(select st_x(g) as lon, st_y(g) as lat from st_centroid(st_geomfromgeojson(%s)) g) gdal",
        key, json.dumps(feature["geometry"]))
    assert place["lon"] == pytest.approx(place["gdal_lon"], abs=1e-7)
    assert place["lat"] == pytest.approx(place["gdal_lat"], abs=1e-7)


def test_all_samples_lie_on_their_places_on_the_earth(harvested: Harvested) -> None:
    """Parczew near 23.00 E 51.65 N, Hel near 18.81 E 54.60 N, Dąbrowa near 17.75 E 50.69 N."""
    for table, county, (lon, lat), reach in (
        ("egib.dzialki", "0613", (23.002, 51.646), 0.01),
        ("gesut.przewody_wodociagowe", "0613", (23.002, 51.646), 0.01),
        ("bdot500.ogrodzenia", "0613", (23.002, 51.646), 0.01),
        ("egib.dzialki", "2211", (18.808, 54.603), 0.02),
        ("bdot500.komunikacja", "1609", (17.745, 50.686), 0.05),
    ):
        (box,) = harvested.rows(
            "select st_xmin(e) as west, st_ymin(e) as south, st_xmax(e) as east, st_ymax(e) as north from "
            f"(select st_extent(st_transform(geom, 4326)) as e from {table} where county = %s) as extent", county)
        assert lon - reach < box["west"] < box["east"] < lon + reach, table
        assert lat - reach < box["south"] < box["north"] < lat + reach, table


def test_nothing_personal_came_in(harvested: Harvested) -> None:
    """The training set names land registers, deeds and holders; no column and no issue of the node does."""
    names = ("KZ1O", "akt. not.", "WŁAŚCICIEL", "Energa", "ORANGE", "152/2022", "gzrgdrg")
    tables = [(ft.register_id, f"{ft.name}{end}") for ft in harvested.region.feature_types.values()
              for end in ("", "_history")]
    for schema, table in [*tables, ("sdi", "issue"), ("sdi", "run")]:
        for name in names:
            assert harvested.number(f"select count(*) from {schema}.{table} t where t::text like %s", f"%{name}%") == 0
