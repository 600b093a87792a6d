"""What stands in the files: the same objects, attributes and places as in OGC API, whatever the format."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree
from pyogrio.raw import write_arrow
from shapely.geometry import shape

from sdi.services.downloads.formats import FORMATS
from tests.services.downloads.conftest import NORTH, PRIVATE, WEST, Site, items, square
from tests.services.downloads.reading import plain, read

COLUMNS = ["id", "nazwa", "pole", "liczba", "czynny", "dzien", "chwila", "namespace", "version_id", "valid_from",
           "known_from", "county", "commune"]
MILLIMETRE = 0.001


def assert_equal_to_items(path: Path, features: dict[str, Any]) -> None:
    """Objects, names and values of attributes, and coordinates to a millimetre."""
    rows = read(path)
    assert rows.keys() == features.keys()
    for identifier, (attributes, geometry) in rows.items():
        expected = features[identifier]
        assert list(attributes) == list(expected["properties"])
        for name, value in attributes.items():
            assert same(value, expected["properties"][name]), (identifier, name, value)
        if expected["geometry"] is None:
            assert geometry is None
            continue
        northing_first = shape(expected["geometry"])
        wanted = shapely.transform(northing_first, lambda c: c[:, ::-1])
        assert geometry is not None and geometry.geom_type.removeprefix("Multi") == (
            wanted.geom_type.removeprefix("Multi"))
        assert geometry.normalize().equals_exact(_like(wanted, geometry).normalize(), MILLIMETRE)


def _like(geometry: Any, other: Any) -> Any:
    """As a multi geometry of one part where the other is one."""
    parts = {"MultiPolygon": shapely.MultiPolygon, "MultiLineString": shapely.MultiLineString,
             "MultiPoint": shapely.MultiPoint}
    single = not geometry.geom_type.startswith("Multi")
    return parts[other.geom_type]([geometry]) if single and other.geom_type in parts else geometry


def same(value: Any, served: Any) -> bool:
    if isinstance(value, float):
        return served is not None and value == pytest.approx(served, rel=1e-14)
    if isinstance(value, datetime):
        moment = datetime.fromisoformat(served if len(served) > 10 else f"{served}T00:00:00+00:00")
        return bool(plain(value) == plain(moment))
    return bool(plain(value) == served)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("collection", ["mieszane", "powierzchnie"])
def test_a_file_says_what_items_say(site: Site, tmp_path: Path, extension: str, collection: str) -> None:
    features = items(site, WEST, collection)
    assert len(features) in (5, 202)
    assert_equal_to_items(site.file(f"/{WEST}/download/{collection}.{extension}", tmp_path), features)


@pytest.mark.parametrize("extension", FORMATS)
def test_a_tenant_gets_its_own_objects_only(site: Site, tmp_path: Path, extension: str) -> None:
    path = site.file(f"/{NORTH}/download/mieszane.{extension}", tmp_path)
    assert read(path).keys() == {"north"}
    assert PRIVATE.encode() not in path.read_bytes()
    assert read(site.file(f"/region/download/mieszane.{extension}", tmp_path)).keys() == items(
        site, "region", "mieszane").keys()


TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
OBJECTS = st.lists(st.fixed_dictionaries({
    "nazwa": st.none() | TEXTS,
    "pole": st.none() | st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda number: round(number, 4)),
    "liczba": st.none() | st.integers(-(10**15), 10**15),
    "czynny": st.none() | st.booleans(),
    "dzien": st.none() | st.dates(datetime(1900, 1, 1).date(), datetime(2100, 1, 1).date()),
    "geom": st.none() | st.builds(
        lambda x, y, kind: (shapely.Point(470_000 + x, 550_000 + y), square(x, y),
                            shapely.LineString([(470_000 + x, 550_000 + y), (470_500, 550_500.5)]),
                            shapely.MultiPolygon([square(x, y), square(x + 50, y)]))[kind],
        st.floats(0, 9_999).map(lambda n: round(n, 4)), st.floats(0, 9_999).map(lambda n: round(n, 4)),
        st.integers(0, 3)),
}), min_size=1, max_size=12)


@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=OBJECTS)
def test_any_objects_come_out_of_every_format_as_they_went_in(
    site: Site, tmp_path: Path, objects: list[dict[str, Any]]
) -> None:
    gone = tuple(items(site, WEST, "mieszane"))
    site.commit("mieszane", [{"id": f"o{n}", **row} for n, row in enumerate(objects)], gone)
    features = items(site, WEST, "mieszane")
    assert len(features) == len(objects)
    for extension in FORMATS:
        assert_equal_to_items(site.file(f"/{WEST}/download/mieszane.{extension}", tmp_path), features)


@pytest.mark.parametrize("extension", ["gpkg", "fgb", "gml.zip"])
def test_gdal_knows_crs_type_and_titles(site: Site, tmp_path: Path, extension: str) -> None:
    path = site.file(f"/{WEST}/download/powierzchnie.{extension}", tmp_path)
    source = str(path) if extension != "gml.zip" else f"/vsizip/{path}/powierzchnie.gml"
    info = pyogrio.read_info(source, force_feature_count=True, force_total_bounds=True)
    assert (info["crs"], info["geometry_type"], info["features"]) == ("EPSG:2180", "MultiPolygon", 202)
    assert [name for name in info["fields"] if name != "gml_id"] == COLUMNS
    west, south, east, north = info["total_bounds"]
    assert 470_000 <= west < east < 480_000 < 550_000 <= south < north < 560_000
    metadata = {**(info["dataset_metadata"] or {}), **(info["layer_metadata"] or {})}
    said = "\n".join(metadata.values())
    for word in ("Licencja po polsku", "https://example.org/licence", "Łąki powierzchnie — Gmina-041501 po polsku"):
        assert word in said
    listed = subprocess.run(["ogrinfo", "-ro", "-so", source, "powierzchnie"], capture_output=True, text=True)
    assert "ETRF2000-PL / CS92" in listed.stdout and listed.stderr.count("Warning") == 0


def test_a_file_of_mixed_geometries_declares_no_single_type(site: Site, tmp_path: Path) -> None:
    for extension in ("gpkg", "fgb"):
        assert pyogrio.read_info(site.file(f"/{WEST}/download/mieszane.{extension}", tmp_path))[
            "geometry_type"] == "Unknown"
    table = pq.read_schema(site.file(f"/{WEST}/download/mieszane.parquet", tmp_path))
    assert json.loads(table.metadata[b"geo"])["columns"]["geom"]["geometry_types"] == [
        "LineString", "MultiPolygon", "Point", "Polygon"]


def test_a_geopackage_has_an_index_titles_and_metadata(site: Site, tmp_path: Path) -> None:
    version = site.commit("powierzchnie", [{"id": "new", "geom": square(0, 100)}])
    with site.database.connect("owner") as connection:
        connection.execute(
            "insert into sdi.record values ('x', %s, 'dataset', 'proba', '00000000-0000-0000-0000-000000000000', now(),"
            " now(), 't', 'a', 'w', '{\"lineage\": \"Z powiatu.\"}', '<gmd:MD_Metadata/>',"
            " st_makeenvelope(18, 52, 19, 53, 4326))", [WEST])
    path = site.file(f"/{WEST}/download/powierzchnie.gpkg", tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        def rows(statement: str) -> list[Any]:
            return connection.execute(statement).fetchall()

        titles = dict(rows("select column_name, name || '|' || description from gpkg_data_columns"))
        assert titles["pole"] == "Pole|Pole / Area [m2]"
        assert rows("select count(*) from rtree_powierzchnie_geom") == [(203,)]
        assert rows("select identifier, description, srs_id from gpkg_contents") == [
            ("Łąki powierzchnie — Gmina-041501 po polsku", "Opis <ą>", 2180)]
        assert ("<gmd:MD_Metadata/>",) in rows(
            "select metadata from gpkg_metadata where md_standard_uri = 'http://www.isotc211.org/2005/gmd'")
        assert rows("pragma integrity_check") == [("ok",)] and rows("pragma foreign_key_check") == []
    metadata = pyogrio.read_info(path)["dataset_metadata"]
    assert metadata["version"] == str(version) and metadata["source"] == "Z powiatu."


def test_geoparquet_keeps_the_standard(site: Site, tmp_path: Path) -> None:
    """GeoParquet 1.1.0: `geo`, PROJJSON, covering; boxes of the column are those of the geometries."""
    file = pq.ParquetFile(site.file(f"/{WEST}/download/mieszane.parquet", tmp_path))
    geo = json.loads(file.schema_arrow.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], column["encoding"], column["crs"]["id"]) == (
        "1.1.0", "WKB", {"authority": "EPSG", "code": 2180})
    assert column["covering"]["bbox"]["xmin"] == ["geom_bbox", "xmin"]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    rows = file.read().to_pylist()
    for row in rows:
        if row["geom"] is None:
            assert row["geom_bbox"] is None
        else:
            assert tuple(row["geom_bbox"].values()) == shapely.from_wkb(row["geom"]).bounds
    boxes = [row["geom_bbox"] for row in rows if row["geom_bbox"]]
    assert column["bbox"] == [min(b["xmin"] for b in boxes), min(b["ymin"] for b in boxes),
                              max(b["xmax"] for b in boxes), max(b["ymax"] for b in boxes)]


class LocalSchemas(etree.Resolver):
    """Schemas of the web out of a folder; any other address is an error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resolve(self, url: str | None, pubid: str | None, context: Any) -> Any:
        if url and url.startswith("http"):
            return self.resolve_filename(str(self.folder / url.split("://")[1]), context)
        return None


@pytest.mark.parametrize("collection", ["mieszane", "powierzchnie"])
def test_gml_is_valid_and_northing_comes_first(site: Site, tmp_path: Path, shared: Path, collection: str) -> None:
    path = site.file(f"/{WEST}/download/{collection}.gml.zip", tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / collection)
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(LocalSchemas(shared / "schemas"))
    schema = etree.XMLSchema(etree.parse(tmp_path / collection / f"{collection}.xsd", parser))
    document = etree.parse(tmp_path / collection / f"{collection}.gml")
    schema.assertValid(document)
    positions = document.xpath("//*[local-name()='pos' or local-name()='posList']/text()")
    assert positions and all(550_000 <= float(n) < 560_000 for p in positions for n in p.split()[::2])
    assert {node.get("srsName") for node in document.xpath("//*[@srsName]")} == {"urn:ogc:def:crs:EPSG::2180"}


def test_gdal_still_declares_numbers_that_it_does_not_write(tmp_path: Path) -> None:
    """When this fails, upstream has mended its schema: drop `_numbers_as_written`."""
    table = pa.table({"n": [1e-7], "geom": [shapely.to_wkb(shapely.Point(1, 2))]})
    write_arrow(table, tmp_path / "x.gml", driver="GML", geometry_name="geom", geometry_type="Point", crs="EPSG:2180",
                dataset_options={"FORMAT": "GML3.2", "XSISCHEMA": "EXTERNAL"})
    assert "1e-07" in (tmp_path / "x.gml").read_text() and "xs:decimal" in (tmp_path / "x.xsd").read_text()


@pytest.mark.parametrize("extension", FORMATS)
def test_a_collection_whose_objects_are_all_gone_is_an_empty_file(
    site: Site, tmp_path: Path, extension: str
) -> None:
    site.commit("punkty", [{"id": "a", "geom": shapely.Point(470_000, 550_000)}])
    site.commit("punkty", [], gone=("a",))
    assert read(site.file(f"/{WEST}/download/punkty.{extension}", tmp_path)) == {}
