"""Files read back by GDAL and pyarrow, as other people's programs see them."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyogrio
import shapely

Row = tuple[dict[str, Any], shapely.Geometry | None]


def read(path: Path) -> dict[str, Row]:
    """Attributes without `id`, and geometry as easting, northing, of each object by id."""
    if path.name.endswith(".parquet"):
        table = pq.read_table(path)
        table, geometry = table.drop_columns(["geom_bbox"]), "geom"
    else:
        source = str(path)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                inner = next(name for name in archive.namelist() if name.endswith(".gml"))
            source = f"/vsizip/{path}/{inner}"
        # GDAL's Arrow reader of FlatGeobuf trips over objects without geometry; its plain one does not.
        pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": True})
        # Of GML, that takes an empty text for none unless it is told otherwise.
        options = {"EMPTY_AS_NULL": "NO"} if path.suffix == ".zip" else {}
        meta, table = pyogrio.read_arrow(source, **options)
        geometry = meta["geometry_name"] or "wkb_geometry"
    rows = {}
    for row in table.to_pylist():
        identifier, wkb = row.pop("id"), row.pop(geometry)
        attributes = {name: value for name, value in row.items() if name not in ("fid", "gml_id")}
        rows[identifier] = (attributes, wkb and shapely.from_wkb(wkb))
    return rows


def plain(value: Any) -> Any:
    """A value as every format can hold it: moments to the millisecond, days as their text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).replace(
            microsecond=value.microsecond // 1000 * 1000)
    return value.isoformat() if isinstance(value, date) else value
