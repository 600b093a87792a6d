"""Features as files of other programs: GeoPackage, zipped Shapefile. Axes are x, y; the CRS has its name.

GDAL writes them as the rows come, so memory does not grow with their number.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pyarrow as pa
from psycopg import sql

from sdi.services import gdal
from sdi.services.body import Body
from sdi.services.wfs.answers import parts_of
from sdi.services.wfs.collections import one_srid
from sdi.services.wfs.reading import Reading
from sdi.services.wfs.requests import FeatureRequest, Query, columns_of
from sdi.store.snapshot import ARROW_TYPES

_GEOMETRIES = {"polygon": "MultiPolygon", "line": "MultiLineString", "point": "Point", "any": "Unknown"}
_KINDS: tuple[tuple[str, str, str | None], ...] = (
    ("_powierzchnie", "st_dimension(shape) = 2", "MultiPolygon"),
    ("_linie", "st_dimension(shape) = 1", "MultiLineString"),
    ("_punkty", "st_dimension(shape) = 0", "MultiPoint"),
    ("_bez_geometrii", "shape is null", None),
)
"""A Shapefile holds one kind of geometry: suffix, condition and type of the files of a type of any geometry."""
_DBF_NAME = 10
_SHAPE = "geometry"


def write(reading: Reading, request: FeatureRequest) -> Body:
    """The file. Raises OwsError; psycopg errors where the database fails."""
    with tempfile.TemporaryDirectory(prefix="sdi-wfs-") as folder:
        made = (_geopackage if request.output.name == "gpkg" else _shapefiles)(reading, request, Path(folder))
        reading.close()
        return Body.of(made.open("rb"))  # it is there as long as it is open


def _layers(reading: Reading, request: FeatureRequest) -> Iterator[tuple[str, Query, int | None, int]]:
    """The parts of a request and their layers: named as the type, and of its second query on, with a number."""
    times: Counter[str] = Counter()
    for query, limit, start in parts_of(reading, request):
        name = query.feature_type.name
        times[name] += 1
        yield name if times[name] == 1 else f"{name}_{times[name]}", query, limit, start


def _geopackage(reading: Reading, request: FeatureRequest, folder: Path) -> Path:
    srid, path = one_srid(request), folder / "dane.gpkg"
    for name, query, limit, start in _layers(reading, request):
        multi = query.feature_type.geometry in ("polygon", "line")
        schema = _schema(query)
        gdal.write(schema, _batches(reading, query, limit, start, schema, multi=multi), path,
                   layer=name, driver="GPKG", geometry_name=_SHAPE,
                   geometry_type=_GEOMETRIES[query.feature_type.geometry], crs=f"EPSG:{srid}", append=path.exists())
    return path


def _shapefiles(reading: Reading, request: FeatureRequest, folder: Path) -> Path:
    srid = one_srid(request)
    for name, query, limit, start in _layers(reading, request):
        kind, written = query.feature_type.geometry, False
        kinds = _KINDS if kind == "any" else (("", "true", _GEOMETRIES[kind]),)
        for suffix, condition, geometry in kinds:
            schema = _schema(query, for_shapefile=True)
            batches = _batches(reading, query, limit, start, schema, multi=kind != "point", only=condition)
            first, last = next(batches, None), condition == kinds[-1][1]
            if first is not None or (last and not written):  # nothing at all is an empty file, not none
                written = True
                found = chain([] if first is None else [first], batches)
                _shapefile(schema, found, folder / f"{name}{suffix}.shp", geometry, srid)
    parts, packed = sorted(folder.iterdir()), folder / "dane.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # 6: five times as long
        for path in parts:
            archive.write(path, path.name)
            path.unlink()
    return packed


def _shapefile(
    schema: pa.Schema, batches: Iterator[pa.RecordBatch], path: Path, geometry: str | None, srid: int
) -> None:
    if geometry is None:
        without = schema.remove(len(schema) - 1)
        gdal.write(without, (batch.drop_columns([_SHAPE]) for batch in batches), path.with_suffix(".dbf"),
                   driver="ESRI Shapefile", encoding="UTF-8")
        return
    gdal.write(schema, batches, path, driver="ESRI Shapefile", geometry_name=_SHAPE, geometry_type=geometry,
               crs=f"EPSG:{srid}", encoding="UTF-8")


def _dbf_names(names: Sequence[str]) -> list[str]:
    """Names of at most ten characters, each different."""
    taken: list[str] = []
    for name in names:
        short, number = name[:_DBF_NAME], 1
        while short in taken:
            number += 1
            short = f"{name[: _DBF_NAME - 1 - len(str(number))]}_{number}"
        taken.append(short)
    return taken


def _schema(query: Query, *, for_shapefile: bool = False) -> pa.Schema:
    """The columns of a query, and the geometry as WKB last. A Shapefile has no times and short names."""
    columns = columns_of(query.feature_type)
    types = [ARROW_TYPES[columns[name].type] for name in query.columns]
    names: Sequence[str] = query.columns
    if for_shapefile:
        names, types = _dbf_names(names), [pa.string() if pa.types.is_timestamp(kind) else kind for kind in types]
    return pa.schema([*zip(names, types, strict=True), (_SHAPE, pa.binary())])


def _batches(
    reading: Reading, query: Query, limit: int | None, start: int, schema: pa.Schema, *, multi: bool,
    only: str = "true",
) -> Iterator[pa.RecordBatch]:
    """Rows by `schema`, those of them for which a condition on `shape` holds."""
    shape = sql.SQL("st_asbinary({})" if query.geometry else "null::bytea").format(
        sql.SQL("st_multi(shape)" if multi else "shape"))
    cells = [sql.SQL("to_json({}) #>> '{{}}'" if pa.types.is_string(field.type) and name in _times(query) else "{}")
             .format(sql.Identifier(name)) for name, field in zip(query.columns, schema, strict=False)]
    for rows in reading.rows(query, sql.SQL(", ").join([*cells, shape]), limit, start, only=sql.SQL(only)):
        values = zip(*rows, strict=True)
        yield pa.RecordBatch.from_arrays(
            [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)], schema=schema)


def _times(query: Query) -> set[str]:
    return {name for name, column in columns_of(query.feature_type).items() if column.type == "datetime"}
