"""Features as files of other programs: GeoPackage, zipped Shapefile, CSV. Axes are x, y; the CRS has its name."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
from psycopg import sql

from sdi.model.register import AttributeType
from sdi.services.wfs import rows
from sdi.services.wfs.collections import conditions, one_srid
from sdi.services.wfs.requests import FeatureRequest, Query, columns_of
from sdi.store.reader import Reader

_ARROW: dict[AttributeType, pa.DataType] = {
    "text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
    "datetime": pa.timestamp("ms", "UTC"),
}
_GEOMETRIES = {"polygon": "MultiPolygon", "line": "MultiLineString", "point": "Point", "any": "Unknown"}
_KINDS: tuple[tuple[str, int | None, str | None], ...] = (
    ("_powierzchnie", 2, "MultiPolygon"), ("_linie", 1, "MultiLineString"), ("_punkty", 0, "MultiPoint"),
    ("_bez_geometrii", None, None),
)
"""A Shapefile holds one kind of geometry: suffix, dimension and type of the files of a type of any geometry."""
_DBF_NAME = 10
_SHAPE = "geometry"


def write(reader: Reader, request: FeatureRequest) -> bytes:
    """The file. Raises OwsError; psycopg errors where the database fails."""
    with tempfile.TemporaryDirectory(prefix="sdi-wfs-") as folder:
        if request.output.name == "gpkg":
            return _geopackage(reader, request, Path(folder) / "dane.gpkg")
        return _shapefiles(reader, request, Path(folder))


def _geopackage(reader: Reader, request: FeatureRequest, path: Path) -> bytes:
    srid = one_srid(request)
    for query, table in _tables(reader, request):
        pyogrio.write_arrow(
            table, path, layer=query.feature_type.name, driver="GPKG", geometry_name=_SHAPE,
            geometry_type=_GEOMETRIES[query.feature_type.geometry], crs=f"EPSG:{srid}", append=path.exists())
    return path.read_bytes()


def _shapefiles(reader: Reader, request: FeatureRequest, folder: Path) -> bytes:
    srid = one_srid(request)
    for query, table in _tables(reader, request, for_shapefile=True):
        name, kind = query.feature_type.name, query.feature_type.geometry
        table = table.rename_columns(_dbf_names(table.column_names))
        if kind != "any":
            _shapefile(table, folder / f"{name}.shp", _GEOMETRIES[kind], srid)
            continue
        dimensions = [_dimension(shape) for shape in table.column(_SHAPE).to_pylist()]
        for suffix, dimension, geometry in _KINDS:
            part = table.filter(pa.array([found == dimension for found in dimensions], pa.bool_()))
            if part.num_rows:
                _shapefile(part, folder / f"{name}{suffix}.shp", geometry, srid)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return packed.getvalue()


def _shapefile(table: pa.Table, path: Path, geometry: str | None, srid: int) -> None:
    if geometry is None:
        pyogrio.write_arrow(table.drop_columns([_SHAPE]), path.with_suffix(".dbf"), driver="ESRI Shapefile",
                            encoding="UTF-8")
        return
    pyogrio.write_arrow(table, path, driver="ESRI Shapefile", geometry_name=_SHAPE, geometry_type=geometry,
                        crs=f"EPSG:{srid}", encoding="UTF-8")


def _dimension(wkb: bytes | None) -> int | None:
    """0, 1 or 2 by the type code of little-endian WKB: 1 to 6 are point, line, polygon and their multi forms."""
    return None if wkb is None else (int.from_bytes(wkb[1:5], "little") - 1) % 3


def _dbf_names(names: Sequence[str]) -> list[str]:
    """Names of at most ten characters, each different."""
    taken: list[str] = []
    for name in names:
        short, number = name[:_DBF_NAME] if name != _SHAPE else name, 1
        while short in taken:
            number += 1
            short = f"{name[: _DBF_NAME - 1 - len(str(number))]}_{number}"
        taken.append(short)
    return taken


def _tables(
    reader: Reader, request: FeatureRequest, *, for_shapefile: bool = False
) -> Iterator[tuple[Query, pa.Table]]:
    """An Arrow table for each query: its columns, and the geometry as WKB.

    A Shapefile has no times, and of any geometry its points stand with those that are several.
    """
    start, left = request.start, request.count
    for query in request.queries:
        multi = query.feature_type.geometry in ("polygon", "line", *(("any",) if for_shapefile else ()))
        shape = sql.SQL("st_asbinary({})" if query.geometry else "null::bytea").format(
            sql.SQL("st_multi(shape)" if multi else "shape"))
        found = _values(reader, query, shape, left, start)
        left -= len(found)
        start = 0
        columns = columns_of(query.feature_type)
        data: dict[str, pa.Array] = {}
        for number, name in enumerate(query.columns, 1):
            kind = columns[name].type
            cells = [row[number] for row in found]
            if for_shapefile and kind == "datetime":
                data[name] = pa.array([cell.isoformat() if cell else None for cell in cells], pa.string())
            else:
                data[name] = pa.array(cells, _ARROW[kind])
        data[_SHAPE] = pa.array([row[0] for row in found], pa.binary())
        yield query, pa.table(data)


def _values(
    reader: Reader, query: Query, shape: sql.Composable, limit: int, start: int
) -> list[tuple[Any, ...]]:
    where, bound = conditions(reader, query)
    columns = sql.SQL(", ").join([shape, *map(sql.Identifier, query.columns)])
    relation = reader.table(query.feature_type.name).relation
    statement = rows.statement(columns, relation, where, query.order, query.crs)
    values: Mapping[str, Any] = {**bound, "limit": limit, "offset": start}
    with reader.pool.connection() as connection:
        return connection.execute(statement, values).fetchall()


def comma_separated(reader: Reader, request: FeatureRequest) -> bytes:
    """CSV in UTF-8: the geometry as WKT, then the columns; times in ISO 8601."""
    query = request.queries[0]
    shape = sql.SQL("st_astext(shape, {})").format(query.crs.digits) if query.geometry else sql.SQL("null")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["WKT", *query.columns])
    for row in _values(reader, query, shape, request.count, request.start):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else value
