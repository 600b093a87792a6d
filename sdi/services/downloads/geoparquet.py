"""GeoParquet 1.1: Parquet with metadata of its geometries, and their boxes in a column of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from sdi.services.downloads.metadata import About, comment, schema
from sdi.store.columns import Column
from sdi.store.crs import STORED_SRID
from sdi.store.snapshot import GEOMETRY, Layer, Snapshot

BOX = f"{GEOMETRY}_bbox"
"""The column of boxes, named as GDAL does."""

EDGES = ("xmin", "ymin", "xmax", "ymax")

GROUP_ROWS = 25_000
"""Rows of a row group: what a reader of a box fetches at least."""


def write_geoparquet(taken: Snapshot, words: About, language: str, path: Path) -> None:
    """Parquet with zstd, in row groups of neighbours. Axes are easting, northing whatever the CRS says (1.1, "crs")."""
    columns = schema(taken.columns, language)
    box = pa.field(BOX, pa.struct([(edge, pa.float64()) for edge in EDGES]))
    # Without the extension's name, for which pyarrow would want its own classes; the metadata says what it is.
    fields = [*[*columns][:-1], pa.field(GEOMETRY, pa.binary()), box]
    whole = pa.schema(fields, metadata={
        "geo": json.dumps(_geo(taken.layer)),
        "gdal:schema": json.dumps(_gdal_schema(taken.columns, language), ensure_ascii=False),
        "title": words.title, "description": words.abstract, **words.facts,
        **({"iso19139": words.record} if words.record else {}),
    })
    with pq.ParquetWriter(path, whole, compression="zstd", compression_level=9, version="2.6") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in taken.batches(columns):
            waiting.append(pa.RecordBatch.from_arrays([*batch.columns, _boxes(batch[GEOMETRY])], schema=whole))
            if sum(map(len, waiting)) >= GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting.clear()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))


def _boxes(geometries: pa.Array) -> pa.StructArray:
    """The box of each WKB; null where there is no geometry."""
    bounds = shapely.bounds(shapely.from_wkb(geometries.to_numpy(zero_copy_only=False)))
    missing = pa.array(np.isnan(bounds[:, 0]))
    return pa.StructArray.from_arrays([pa.array(bounds[:, i]) for i in range(4)], names=[*EDGES], mask=missing)


def _geo(layer: Layer) -> dict[str, Any]:
    return {
        "version": "1.1.0",
        "primary_column": GEOMETRY,
        "columns": {GEOMETRY: {
            "encoding": "WKB",
            "geometry_types": list(layer.types),
            "crs": pyproj.CRS.from_epsg(STORED_SRID).to_json_dict(),
            "edges": "planar",
            **({"bbox": list(layer.bounds)} if layer.bounds else {}),
            "covering": {"bbox": {edge: [BOX, edge] for edge in EDGES}},
        }},
    }


def _gdal_schema(columns: list[Column], language: str) -> dict[str, Any]:
    """Titles of columns, where GDAL looks for them."""
    return {"columns": {column.name: {"alternative_name": column.title.get(language), "comment": comment(column)}
                        for column in columns}}
