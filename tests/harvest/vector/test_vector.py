"""Files of tables, harvested into PostGIS: every format, what they say and leave out, damage and malice."""

from __future__ import annotations

import io
import json
import sqlite3
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from pyarrow import parquet
from shapely.geometry import Point

from tests.harvest.run.conftest import SOUTH, WEST

from .conftest import EgibNode, Row, building, curves, ogr, parcel

ROWS = [parcel(number) for number in range(1, 6)]


def geoparquet(path: Path, rows: Sequence[Row], **geo: Any) -> Path:
    """Rows as GeoParquet 1.1; `geo` changes the metadata of the geometry column."""
    names = [name for name in rows[0] if name != "geometry"]
    table = pa.table({name: [row[name] for row in rows] for name in names}
                     | {"geometry": [shapely.to_wkb(row["geometry"]) for row in rows]})
    column = {"encoding": "WKB", "geometry_types": [], "crs": pyproj.CRS(2180).to_json_dict()} | geo
    facts = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(facts)}), path)
    return path


def shapefile(folder: Path, rows: Sequence[Row], name: str = "0415_dzialki", leave_out: Sequence[str] = (),
              **options: Any) -> Path:
    """Rows as a Shapefile in a zip, without the files with the suffixes `leave_out`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # GDAL tells which names it cuts
        ogr(folder / f"{name}.shp", rows, "ESRI Shapefile", name, **options)
    packed = folder / f"{name}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(folder.glob(f"{name}.*")):
            if part != packed:
                if part.suffix not in leave_out:
                    archive.write(part, part.name)
                part.unlink()
    return packed


def write(node: EgibNode, sort: str) -> None:
    if sort == "gpkg":
        ogr(node.folder / "0415.gpkg", ROWS, "GPKG", "dzialki")
    elif sort == "parquet":
        geoparquet(node.folder / "0415_dzialki.parquet", ROWS)
    elif sort == "fgb":
        ogr(node.folder / "dzialki.fgb", ROWS, "FlatGeobuf", "dzialki", SPATIAL_INDEX="NO")
    else:
        shapefile(node.folder, ROWS, encoding="cp1250")


@pytest.mark.parametrize("sort", ["gpkg", "parquet", "fgb", "shp"])
def test_every_format_gives_the_same_objects(node: EgibNode, sort: str) -> None:
    write(node, sort)
    node.source_of()
    outcome = node.harvest("0415-egib")
    assert outcome.state == "committed", outcome.message
    found = node.table()
    assert list(found) == [row["id_dzialki"] for row in ROWS]
    for row, given in zip(found.values(), ROWS, strict=True):
        assert {name: row[name] for name in (
            "id_dzialki", "numer_dzialki", "nazwa_obrebu", "numer_obrebu", "numer_jednostki", "nazwa_gminy",
            "pole_ewidencyjne", "klasouzytki_egib", "grupa_rejestrowa")} == {
            name: given[name] for name in given
            if name not in ("geometry", "data", "pozostale_atrybuty", "czas_pozyskania")}
        assert row["geom"].equals(given["geometry"]) and row["commune"] == "041501"
    assert found["041501_2.0003.1"]["geom"].contains(Point(WEST + 20, SOUTH + 10))
    assert [issue["message"] for issue in node.issues()] == []
    assert node.harvest("0415-egib").state == "unchanged"


@pytest.mark.parametrize(("srid", "sort"), [(2177, "gpkg"), (2177, "shp"), (4326, "gpkg"), (4326, "fgb"),
                                            (4258, "parquet"), (2178, "parquet")])
def test_easting_comes_first_whatever_the_authority_says(node: EgibNode, srid: int, sort: str) -> None:
    move = pyproj.Transformer.from_crs(2180, srid, always_xy=True).transform
    rows = [{**row, "geometry": shapely.transform(row["geometry"], move, interleaved=False)} for row in ROWS]
    match sort:
        case "gpkg":
            ogr(node.folder / "dzialki.gpkg", rows, "GPKG", "dzialki", crs=f"EPSG:{srid}")
        case "fgb":
            ogr(node.folder / "dzialki.fgb", rows, "FlatGeobuf", "dzialki", crs=f"EPSG:{srid}", SPATIAL_INDEX="NO")
        case "shp":
            shapefile(node.folder, rows, crs=f"EPSG:{srid}", encoding="utf-8")
        case _:
            geoparquet(node.folder / "dzialki.parquet", rows, crs=pyproj.CRS(srid).to_json_dict())
    node.source_of()
    assert node.harvest("0415-egib").state == "committed"
    found = node.table()["041501_2.0003.2"]["geom"]
    assert found.centroid.distance(Point(WEST + 35, SOUTH + 10)) < 0.01


def test_layers_of_one_file_and_of_one_zip_belong_to_feature_types(node: EgibNode) -> None:
    packed = io.BytesIO()
    one, other = node.folder / "0415.gpkg", node.folder / "0415_budynki.gpkg"
    ogr(one, ROWS, "GPKG", "0415_dzialki")
    ogr(one, [building(1)], "GPKG", "drzewa")
    ogr(other, [building(2), building(3, rodzaj="stodoła")], "GPKG", "export")
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (one, other):
            archive.write(path, f"paczka/{path.name}")
            path.unlink()
        archive.writestr("czytaj.txt", "hasło")
    (node.folder / "0415.zip").write_bytes(packed.getvalue())
    node.source_of()
    assert node.harvest("0415-egib").state == "committed"
    assert len(node.table()) == 5
    found = node.table("budynki")
    assert [row["rodzaj"] for row in found.values()] == ["m", None]
    assert [row["kondygnacje_nadziemne"] for row in found.values()] == [2, 2]
    issues = {issue["code"]: issue for issue in node.issues()}
    assert {issue["message"].partition(":")[0] for issue in node.issues() if issue["code"] == "unread-layer"} == {
        "czytaj.txt", "0415/drzewa"}
    assert issues["unknown-code"]["object_id"] == "041501_2.0003.3.1_BUD"
    assert len(node.issues()) == 3


def test_what_is_not_declared_is_neither_read_nor_shown(node: EgibNode) -> None:
    ogr(node.folder / "dzialki.gpkg", [parcel(1, wlasciciel="Jan Kowalski", pole_ewidencyjne="dużo", kw="TO1")], "GPKG",
        "dzialki")
    node.source_of()
    assert node.harvest("0415-egib").state == "committed"
    assert node.table()["041501_2.0003.1"]["pole_ewidencyjne"] is None
    issues = {issue["code"]: issue for issue in node.issues()}
    assert set(issues) == {"unknown-attribute", "bad-value"}
    assert issues["unknown-attribute"]["field"] == "wlasciciel"
    assert issues["bad-value"]["message"] == "pole_ewidencyjne: 'dużo' is not a number"
    assert not any("Kowalski" in str(issue) or "TO1" in str(issue) for issue in issues.values())
    assert json.loads(issues["bad-value"]["excerpt"])["numer_dzialki"] == "1"


def test_a_cut_name_that_may_mean_two_attributes_must_be_told(node: EgibNode) -> None:
    shapefile(node.folder, [building(1), building(2)], "budynki", encoding="utf-8")
    node.source_of()
    assert node.harvest("0415-egib").state == "committed"
    assert [row["kondygnacje_nadziemne"] for row in node.table("budynki").values()] == [None, None]
    unclear = [issue for issue in node.issues() if issue["code"] == "unclear-column"]
    assert "kondygnacje_nadziemne or kondygnacje_podziemne" in unclear[0]["message"]
    node.source_of(path="delivery", layers={"budynki": {"columns": {
        "kondygnacje_nadziemne": "kondygnacj", "kondygnacje_podziemne": "kondygna_1"}}})
    assert node.harvest("0415-egib").state == "committed"
    assert {(row["kondygnacje_nadziemne"], row["kondygnacje_podziemne"])
            for row in node.table("budynki").values()} == {(2, 1)}


def test_the_encoding_of_a_shapefile_is_said_by_it_or_by_the_source(node: EgibNode) -> None:
    packed = shapefile(node.folder, ROWS, encoding="cp1250", leave_out=(".cpg",))
    _without_language(packed)
    node.source_of()
    assert "names no encoding" in node.harvest("0415-egib").message.en
    node.source_of(path="delivery", encoding="cp1250")
    assert node.harvest("0415-egib").state == "committed"
    assert {row["nazwa_obrebu"] for row in node.table().values()} == {"Żółwin"}
    node.source_of(path="delivery", encoding="utf-8")
    assert "encoding" in node.harvest("0415-egib").message.en


def _without_language(packed: Path) -> None:
    """Take the code page out of the head of the table in a zipped Shapefile."""
    with zipfile.ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body[:29] + b"\0" + body[30:] if name.endswith(".dbf") else body)


def test_a_missing_crs_must_be_told_and_a_wrong_one_is_refused(node: EgibNode) -> None:
    shapefile(node.folder, ROWS, encoding="utf-8", leave_out=(".prj",))
    node.source_of()
    assert "names no CRS; set `crs`" in node.harvest("0415-egib").message.en
    node.source_of(path="delivery", crs=2180)
    assert node.harvest("0415-egib").state == "committed"
    assert node.table()["041501_2.0003.1"]["geom"].equals(ROWS[0]["geometry"])
    shapefile(node.folder, ROWS, encoding="utf-8")
    node.source_of(path="delivery", crs=2177)
    assert "EPSG:2180 by its own account, `crs` says 2177" in node.harvest("0415-egib").message.en


def test_geoparquet_with_a_null_crs_must_be_told(node: EgibNode) -> None:
    geoparquet(node.folder / "dzialki.parquet", ROWS, crs=None)
    node.source_of()
    assert "names no CRS" in node.harvest("0415-egib").message.en


def test_arcs_become_strokes_and_heights_are_dropped(node: EgibNode) -> None:
    x, y = WEST + 100, SOUTH + 100
    curves(node.folder / "budynki.gpkg", f"CURVEPOLYGON(CIRCULARSTRING({x - 50} {y},{x} {y + 50},{x + 50} {y},"
                                         f"{x} {y - 50},{x - 50} {y}))")
    ogr(node.folder / "dzialki.gpkg", [parcel(1, geometry=shapely.force_3d(ROWS[0]["geometry"], 90.0))], "GPKG",
        "dzialki", geometry_type="Polygon Z")
    node.source_of()
    assert node.harvest("0415-egib").state == "committed"
    shape = node.table("budynki")["041501_2.0003.1.1_BUD"]["geom"]
    assert all(abs(shapely.LineString(pair).distance(Point(x, y)) - 50) < 0.005
               for pair in zip(shape.exterior.coords, shape.exterior.coords[1:], strict=False))
    assert not node.table()["041501_2.0003.1"]["geom"].has_z


def test_objects_with_mistakes_are_set_aside_and_the_rest_goes_in(node: EgibNode) -> None:
    rows = [parcel(1), parcel(2, id_dzialki=None), parcel(3, geometry=None), *(parcel(n) for n in range(5, 30))]
    path = ogr(node.folder / "dzialki.gpkg", rows, "GPKG", "dzialki")
    with closing(sqlite3.connect(path)) as package, package:
        for trigger in package.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            package.execute(f'drop trigger "{trigger[0]}"')
        package.execute("insert into dzialki (id_dzialki, geom) values ('041501_2.0003.4',"
                        " X'47500001840800000102030405060708')")
    node.source_of()
    outcome = node.harvest("0415-egib")
    assert outcome.state == "committed", outcome.message
    assert set(node.table()) == {row["id_dzialki"] for row in rows} - {None}
    assert {issue["code"] for issue in node.issues()} == {"missing-id", "no-geometry", "unreadable-geometry"}


def test_batches_are_read_to_the_last(node: EgibNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdi.harvest.layers.BATCH", 2)
    for sort in ("gpkg", "parquet"):
        for old in node.folder.iterdir():
            old.unlink()
        write(node, sort)
        node.source_of(path="delivery", max_features=5)
        outcome = node.harvest("0415-egib")
        assert outcome.good and len(node.table()) == 5
    node.source_of(path="delivery", max_features=4)
    assert "raise max_features" in node.harvest("0415-egib").message.en


@pytest.mark.parametrize("sort", ["gpkg", "parquet", "fgb", "shp"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_file_cut_off_is_refused(node: EgibNode, sort: str, kept: float) -> None:
    write(node, sort)
    node.source_of()
    assert node.harvest("0415-egib").state == "committed"
    path = next(node.folder.iterdir())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    outcome = node.harvest("0415-egib")
    assert outcome.state in ("failed", "refused") and outcome.message
    assert len(node.table()) == 5


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sort", ["gpkg", "parquet", "fgb"])
def test_random_damage_never_gives_other_objects_in_silence(node: EgibNode, sort: str, seed: int) -> None:
    """Whatever is damaged: the run ends with a message, or all objects are there or accounted for."""
    write(node, sort)
    path = next(node.folder.iterdir())
    body = bytearray(path.read_bytes())
    dice = np.random.default_rng(seed)
    start = int(dice.integers(100, len(body) - 64))
    body[start : start + 64] = dice.bytes(64)
    path.write_bytes(body)
    node.source_of()
    outcome = node.harvest("0415-egib")
    if outcome.state == "committed":
        types = outcome.summary["feature_types"]["dzialki"]
        assert types["current"] + sum(1 for issue in node.issues() if issue["severity"] == "quarantined") == 5
    else:
        assert outcome.state in ("failed", "refused") and outcome.message


@pytest.mark.parametrize(("name", "body", "said"), [
    ("dzialki.gpkg", b"<OGRVRTDataSource><OGRVRTLayer name='dzialki'><SrcDataSource>/vsicurl/http://127.0.0.1:9/x"
                     b"</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>", "neither GeoPackage"),
    ("dzialki.gpkg", b'{"type":"FeatureCollection","features":[]}', "neither GeoPackage"),
    ("dzialki.gpkg", b"", "neither GeoPackage"),
    ("dzialki.gpkg", b"SQLite format 3\0" + bytes(200), "neither GeoPackage"),
    ("dzialki.parquet", b"PAR1" + bytes(50) + b"PAR1", "damaged"),
    ("dzialki.fgb", b"fgb\x03fgb\x00" + bytes(100), "it holds nothing"),
    ("dzialki.zip", b"PK\x03\x04" + bytes(50), "not a usable zip"),
    ("dzialki.gpkg", b"\x00\x00\x27\x0a" + bytes(100), "several files"),
])
def test_what_is_no_such_file_is_not_opened(node: EgibNode, name: str, body: bytes, said: str) -> None:
    (node.folder / name).write_bytes(body)
    node.source_of()
    outcome = node.harvest("0415-egib")
    assert outcome.state == "failed" and said in outcome.message.en


def test_a_view_in_a_geopackage_is_not_run(node: EgibNode) -> None:
    path = ogr(node.folder / "0415.gpkg", ROWS, "GPKG", "prawdziwe")
    with closing(sqlite3.connect(path)) as package, package:
        package.execute("create view dzialki as with recursive n(x) as (select 1 union all select x + 1 from n)"
                        " select x as fid, null as geom, 'a' || x as id_dzialki from n")
        package.execute("insert into gpkg_contents (table_name, data_type, identifier, srs_id)"
                        " values ('dzialki', 'features', 'dzialki', 2180)")
        package.execute("insert into gpkg_geometry_columns values ('dzialki', 'geom', 'POLYGON', 2180, 0, 0)")
    node.source_of()
    outcome = node.harvest("0415-egib")
    assert outcome.state == "failed" and "it holds 0415/prawdziwe" in outcome.message.en


@pytest.mark.parametrize(("files", "parameters", "said"), [
    ({"dzialki.gpkg": b"\0" * 50_000_000}, {}, "unpacks to more than"),
    ({"dzialki.gpkg": b"\0" * 3_000_000}, {"max_unpacked_mb": 2}, "raise max_unpacked_mb"),
    ({"dzialki.parquet": b"GPKG"}, {}, "not what its name says"),
    ({"dzialki.shp": b"\x00\x00\x27\x0a"}, {}, "without its .dbf"),
    ({"dzialki.vrt": b"<OGRVRTDataSource/>"}, {}, "it holds dzialki.vrt"),
    ({}, {}, "it holds nothing"),
])
def test_zips_that_are_bombs_or_hold_something_else(
    node: EgibNode, files: dict[str, bytes], parameters: dict[str, Any], said: str
) -> None:
    with zipfile.ZipFile(node.folder / "0415.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    node.source_of(path="delivery", **parameters)
    outcome = node.harvest("0415-egib")
    assert outcome.state == "failed" and said in outcome.message.en


def test_parquet_that_unpacks_to_too_much(node: EgibNode) -> None:
    geoparquet(node.folder / "dzialki.parquet", [parcel(n, nazwa_gminy=f"{n:01000}") for n in range(3000)])
    node.source_of(path="delivery", max_unpacked_mb=1)
    assert "raise max_unpacked_mb" in node.harvest("0415-egib").message.en


def test_names_that_fit_nothing_say_what_there_is(node: EgibNode) -> None:
    ogr(node.folder / "0415.gpkg", ROWS, "GPKG", "0415")
    node.source_of()
    assert "it holds 0415; say which is which under `layers`" in node.harvest("0415-egib").message.en
    node.source_of(path="delivery", layers={"dzialki": {"name": "0415"}})
    assert node.harvest("0415-egib").state == "committed"
    node.source_of(path="delivery", layers={"dzialki": {"name": "0415", "columns": {"numer_dzialki": "nr"}}})
    assert "no column 'nr'; there are: id_dzialki" in node.harvest("0415-egib").message.en
    node.source_of(path="delivery", layers={"uzytki": {}})
    assert "does not deliver" in node.harvest("0415-egib").message.en
