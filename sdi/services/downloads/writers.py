"""One writer per format: a snapshot into a file of its own folder. GDAL writes all but GeoParquet."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyogrio

from sdi.services import gdal
from sdi.services.downloads.geoparquet import write_geoparquet
from sdi.services.downloads.metadata import About, schema
from sdi.store.crs import STORED_SRID
from sdi.store.snapshot import GEOMETRY, Snapshot

Writer = Callable[[Snapshot, About, str, Path], None]
"""Takes the snapshot, its words, their language, and the path of the file that is not there yet."""

GML_NAMESPACE = "{landing}download/{collection}"
"""Of the application schema that goes with a GML file."""


def _gdal(
    taken: Snapshot, language: str, path: Path, driver: str, dataset: dict[str, Any], layer: dict[str, Any],
    dataset_metadata: dict[str, str] | None = None, layer_metadata: dict[str, str] | None = None,
) -> None:
    columns = schema(taken.columns, language)
    types = taken.layer.types
    # GDAL writes the time of its metadata into some formats; the same snapshot is to give the same bytes.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{taken.edition.committed_at:%Y-%m-%dT%H:%M:%S.000Z}"})
    gdal.write(
        columns, taken.batches(columns), path, layer=taken.table.name, driver=driver, geometry_name=GEOMETRY,
        geometry_type=types[0] if len(types) == 1 else "Unknown", crs=f"EPSG:{STORED_SRID}",
        dataset_options=dataset, layer_options=layer, dataset_metadata=dataset_metadata,
        layer_metadata=layer_metadata,
    )


def write_geopackage(taken: Snapshot, words: About, language: str, path: Path) -> None:
    """GeoPackage 1.3 with an R-tree, column titles (gpkg_data_columns) and metadata (gpkg_metadata)."""
    _gdal(taken, language, path, "GPKG", {"VERSION": "1.3"},
          {"IDENTIFIER": words.title, "DESCRIPTION": words.abstract, "GEOMETRY_NAME": GEOMETRY}, words.facts)
    if words.record is not None:
        _with_record(path, words.record, f"{taken.edition.committed_at:%Y-%m-%dT%H:%M:%S.000Z}")


def _with_record(path: Path, record: str, at: str) -> None:
    """Add an ISO 19139 record of the data set (GeoPackage 1.3, annex F.8)."""
    with closing(sqlite3.connect(path)) as connection, connection:
        number = connection.execute(
            "insert into gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)"
            " values ('dataset', 'http://www.isotc211.org/2005/gmd', 'text/xml', ?)", [record]).lastrowid
        connection.execute(
            "insert into gpkg_metadata_reference (reference_scope, timestamp, md_file_id)"
            " values ('geopackage', ?, ?)", [at, number])


def write_flatgeobuf(taken: Snapshot, words: About, language: str, path: Path) -> None:
    """FlatGeobuf; with its spatial index unless an object has no geometry, which the index cannot hold."""
    index = "NO" if taken.layer.without_geometry else "YES"
    _gdal(taken, language, path, "FlatGeobuf", {},
          {"SPATIAL_INDEX": index, "TITLE": words.title, "DESCRIPTION": words.abstract,
           "TEMPORARY_DIR": str(path.parent)}, layer_metadata=words.facts)


def write_gml(taken: Snapshot, words: About, language: str, path: Path) -> None:
    """GML 3.2.1 by a simple features application schema, with that schema and the metadata record, in a zip.

    Coordinates are northing, easting, as the URN of the CRS demands.
    """
    stem = path.with_name(f"{taken.table.name}.gml")
    _gdal(taken, language, stem, "GML",
          {"FORMAT": "GML3.2", "PREFIX": "sdi", "XSISCHEMA": "EXTERNAL", "NAME": words.title,
           "DESCRIPTION": words.description, "WRITE_FEATURE_BOUNDED_BY": "NO",
           "TARGET_NAMESPACE": GML_NAMESPACE.format(landing=words.facts["landing_page"], collection=taken.table.name)},
          {})
    _numbers_as_written(stem.with_suffix(".xsd"))
    # One GML file in the top folder, so that QGIS sees one layer in the zip.
    parts = {stem.name: stem, f"{stem.stem}.xsd": stem.with_suffix(".xsd")}
    if words.record is not None:
        parts["metadata/iso19139.xml"] = record = stem.with_name("iso19139.xml")
        record.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{words.record}', encoding="utf-8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, part in parts.items():
            entry = zipfile.ZipInfo(name, taken.edition.committed_at.timetuple()[:6])
            entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, part.stat().st_size
            with part.open("rb") as source, archive.open(entry, "w") as target:
                while block := source.read(1 << 20):
                    target.write(block)
            part.unlink()


def _numbers_as_written(schema_path: Path) -> None:
    """GDAL 3.12 declares numbers as xs:decimal, which has no exponent, and writes small and large ones with one."""
    text = schema_path.read_text(encoding="utf-8")
    schema_path.write_text(text.replace('base="xs:decimal"', 'base="xs:double"'), encoding="utf-8")


WRITERS: dict[str, Writer] = {
    "gpkg": write_geopackage,
    "fgb": write_flatgeobuf,
    "parquet": write_geoparquet,
    "gml.zip": write_gml,
}
"""By extension."""
