"""Tables with geometries in files that are not GML: GeoPackage, GeoParquet, FlatGeobuf and Shapefile.

A file is taken for what its first bytes say, and opened as that only; nothing outside of it is read. GeoPackage,
FlatGeobuf and Shapefile go through GDAL, GeoParquet through Arrow. Both give x = easting or longitude, whatever order
the authority of the CRS has (GDAL's traditional order; GeoParquet 1.1 "Coordinate axis order").
"""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyogrio
import pyogrio.raw
import pyproj
import shapely
from numpy.typing import NDArray
from pyarrow import parquet
from shapely.geometry.base import BaseGeometry

from sdi.errors import SourceError
from sdi.model.text import Text

BATCH = 4_000
"""Objects in memory at once."""
_ARC_STEP_DEGREES = 0.5
"""Between the vertices of a stroked arc: within half a centimetre up to a radius of 500 m."""
_UNSTATED = {0x00, 0x57}
"""Language drivers of dBASE that name no code page: none, and whatever the writer's machine had."""
_PACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")
_ERRORS = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
           pyogrio.errors.GeometryError, pyogrio.errors.CRSError, pa.ArrowException, sqlite3.Error, OSError,
           UnicodeDecodeError)


class Row(NamedTuple):
    """One object of a table."""

    number: int
    """From 1, in the order of the file."""
    values: dict[str, Any]
    geometry: BaseGeometry | None
    fault: Text | None
    """Why there is no geometry where the file has one."""


class Layer(Protocol):
    """A table with geometries."""

    name: str
    columns: tuple[str, ...]
    cut: bool
    """Names of columns may be cut."""
    crs: pyproj.CRS | None
    objects: int
    warnings: set[str]
    """What the library warned of so far."""

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """All objects with the named columns. Raises SourceError where they cannot be read to the last."""
        ...


def sort_of(path: Path) -> str:
    """The suffix of a file by its first bytes: .gpkg, .parquet, .fgb, .shp or "" for any other."""
    with path.open("rb") as file:
        head = file.read(72)
    if head.startswith(b"SQLite format 3\0") and head[68:72] in _PACKAGE_IDS:
        return ".gpkg"
    if head.startswith(b"PAR1"):
        return ".parquet"
    if head.startswith(b"fgb\x03fgb"):
        return ".fgb"
    return ".shp" if head.startswith(b"\x00\x00\x27\x0a") else ""


def layers(path: Path, name: str, encoding: str | None, max_bytes: int) -> list[Layer]:
    """The tables in a file, which `name` stands for in messages; its suffix must be what it is (`sort_of`).

    `encoding` is that of a Shapefile's texts, `max_bytes` what a GeoParquet may unpack to. Raises SourceError.
    """
    suffix = sort_of(path)
    with _readable(name):
        if suffix == ".parquet":
            return [_Parquet(path, name, max_bytes)]
        if suffix == ".gpkg":
            return [_Gdal(path, name, table, "GPKG", count, IMMUTABLE="YES") for table, count in _tables(path)]
        if suffix == ".shp":
            return [_Gdal(path, name, path.stem, "ESRI Shapefile", encoding=_dbf_encoding(path, name, encoding))]
        return [_Gdal(path, name, layer, "FlatGeobuf") for layer in pyogrio.list_layers(path)[:, 0]]


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Make what the libraries complain of a SourceError."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(Text(
            pl=f"tekst nie jest w {error.encoding}; ustaw `encoding` albo poproś o plik w UTF-8",
            en=f"text that is not {error.encoding}; set `encoding`, or ask for the file in UTF-8").at(name)) from error
    except _ERRORS as error:
        said = " ".join(str(error).split())[:300]
        raise SourceError(Text(
            pl=f"uszkodzony lub ucięty: {said}; poproś o nową dostawę",
            en=f"damaged or cut off: {said}; ask for the delivery again").at(name)) from error


@contextmanager
def _noted(said: set[str]) -> Iterator[None]:
    """Add warnings to `said`; not to be held over a yield, as the filters are those of the whole process."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            said.update(" ".join(str(warning.message).split()) for warning in heard)


class _Gdal:
    """A layer that GDAL reads, by Arrow record batches."""

    def __init__(self, path: Path, name: str, layer: str, driver: str, objects: int | None = None,
                 encoding: str | None = None, **options: str) -> None:
        self.name, self.cut = layer, driver == "ESRI Shapefile"
        self._path, self._name, self._arguments = path, name, {"layer": layer, "encoding": encoding, **options}
        self.warnings: set[str] = set()
        with _noted(self.warnings):
            facts = pyogrio.read_info(path, **self._arguments)
        if facts["driver"] != driver:
            raise SourceError(Text(
                pl=f"odczytuje się jako {facts['driver']}, a to nie {driver}; poproś o nową dostawę",
                en=f"reads as {facts['driver']}, which is not {driver}; ask for the delivery again").at(name))
        self.columns = tuple(map(str, facts["fields"]))
        self.crs = None if not facts["crs"] else pyproj.CRS.from_user_input(facts["crs"])
        self.objects = objects if objects is not None else facts["features"]

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """See Layer; arcs come as strokes."""
        pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": _ARC_STEP_DEGREES})
        number = 0
        with _readable(self._name), ExitStack() as stack:
            with _noted(self.warnings):
                facts, batches = stack.enter_context(pyogrio.raw.open_arrow(
                    self._path, columns=list(columns), batch_size=BATCH, use_pyarrow=True, return_fids=True,
                    datetime_as_string=True, **self._arguments,
                ))
            while (batch := self._next(batches)) is not None:
                fids = batch.column(facts["fid_column"]).to_pylist()
                wkb = batch.column(facts["geometry_name"] or "wkb_geometry").to_pylist()
                shapes, faults = _geometries(wkb)
                for at in [at for at, fault in faults.items() if fault is _CURVED]:
                    shapes[at] = self._stroked(fids[at])
                    if shapes[at] is not None:
                        del faults[at]
                yield from _rows(batch.select(columns).to_pylist(), shapes, faults, number)
                number += len(fids)
        if 0 <= self.objects != number:
            raise SourceError(Text(
                pl=f"z {self.objects} obiektów w {self.name} przyszło {number}: uszkodzony lub ucięty; poproś o nową"
                   " dostawę",
                en=f"{number} objects came of {self.objects} in {self.name}: it is damaged or cut off; ask for the"
                   " delivery again").at(self._name))

    def _next(self, batches: Iterator[Any]) -> Any:
        with _noted(self.warnings):
            return next(batches, None)

    def _stroked(self, fid: int) -> BaseGeometry | None:
        """One geometry with its arcs as strokes, which GDAL makes only where it reads by object."""
        wkb = pyogrio.raw.read(self._path, columns=[], fids=[fid], **self._arguments)[2]
        return _geometries([wkb[0]])[0][0]


class _Parquet:
    """A GeoParquet file (1.0 and 1.1) with geometries in WKB."""

    def __init__(self, path: Path, name: str, max_bytes: int) -> None:
        self.name, self.cut, self._path, self._name = path.stem, False, path, name
        self.warnings: set[str] = set()
        with parquet.ParquetFile(path) as file:
            facts, schema = file.metadata, file.schema_arrow
        try:
            geo = json.loads((schema.metadata or {})[b"geo"])
            self._geometry = str(geo["primary_column"])
            column = geo["columns"][self._geometry]
            if column["encoding"] != "WKB":
                raise SourceError(Text(
                    pl=f"geometrie jako {column['encoding']}; poproś o GeoParquet z WKB",
                    en=f"geometries as {column['encoding']}; ask for GeoParquet with WKB").at(name))
            crs = column.get("crs", "OGC:CRS84")
            self.crs = None if crs is None else pyproj.CRS.from_user_input(crs)
        except (KeyError, TypeError, ValueError, pyproj.exceptions.CRSError) as error:
            raise SourceError(Text(
                pl=f"Parquet bez metadanych GeoParquet ({error!r}); poproś o GeoParquet",
                en=f"Parquet without the metadata of GeoParquet ({error!r}); ask for GeoParquet").at(name)) from error
        unpacked = sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
        if unpacked > max_bytes:
            raise SourceError(Text(
                pl=f"po rozpakowaniu ma {unpacked >> 20} MB; jeśli tak ma być, podnieś max_unpacked_mb",
                en=f"unpacks to {unpacked >> 20} MB; if that is meant, raise max_unpacked_mb").at(name))
        self.objects = facts.num_rows
        self.columns = tuple(field.name for field in schema if field.name != self._geometry
                             and not pa.types.is_struct(field.type) and not pa.types.is_map(field.type))

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """See Layer."""
        number = 0
        with _readable(self._name), parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(BATCH, columns=[*columns, self._geometry], use_threads=False):
                shapes, faults = _geometries(batch.column(self._geometry).to_pylist())
                values = pa.Table.from_batches([batch.select(columns)]).cast(_plain_times(batch.select(columns).schema))
                yield from _rows(values.to_pylist(), shapes, faults, number)
                number += batch.num_rows


_CURVED = Text(pl="krzywa, której nie da się przybliżyć odcinkami", en="a curve that cannot be stroked")
_NO_WKB = Text(pl="to nie geometria w WKB", en="not a geometry in WKB")


def _rows(values: list[dict[str, Any]], shapes: NDArray[np.object_], faults: dict[int, Text], before: int
          ) -> Iterator[Row]:
    for at, (row, shape) in enumerate(zip(values, shapes.tolist(), strict=True)):
        yield Row(before + at + 1, row, shape, faults.get(at))


def _geometries(wkb: list[bytes | None]) -> tuple[NDArray[np.object_], dict[int, Text]]:
    """Geometries from WKB, two-dimensional, and why some are missing, by index."""
    try:
        shapes = shapely.from_wkb(np.array(wkb, dtype=object), on_invalid="ignore")
        curved = set()
    except NotImplementedError:
        shapes = np.array([None] * len(wkb), dtype=object)
        curved = {at for at, one in enumerate(wkb) if not _fits(shapes, at, one)}
    faults = {at: _CURVED if at in curved else _NO_WKB
              for at, (one, shape) in enumerate(zip(wkb, shapes, strict=True)) if one is not None and shape is None}
    return shapely.force_2d(shapes), faults


def _fits(shapes: NDArray[np.object_], at: int, wkb: bytes | None) -> bool:
    try:
        shapes[at] = shapely.from_wkb(wkb, on_invalid="ignore")
    except NotImplementedError:
        return False
    return True


def _plain_times(schema: pa.Schema) -> pa.Schema:
    """The same columns with times in microseconds, as Python has them."""
    for at, column in enumerate(schema):
        if pa.types.is_timestamp(column.type):
            schema = schema.set(at, column.with_type(pa.timestamp("us", column.type.tz)))
    return schema


def _tables(path: Path) -> list[tuple[str, int]]:
    """Names and counts of a GeoPackage's feature tables (OGC 12-128r18, 1.1.3); views would run the file's own SQL."""
    found = ("select c.table_name from gpkg_contents c join sqlite_master m on m.name = c.table_name"
             " where c.data_type = 'features' and m.type = 'table' and m.sql not like 'create virtual%' order by 1")
    with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)) as package:
        names = [str(row[0]) for row in package.execute(found)]
        return [(name, package.execute(f'select count(*) from "{name.replace(chr(34), chr(34) * 2)}"').fetchone()[0])
                for name in names]


def _dbf_encoding(path: Path, name: str, given: str | None) -> str | None:
    """The encoding of a Shapefile's texts as declared in the source, else as the file says (None)."""
    table = path.with_suffix(".dbf")
    with table.open("rb") as file:
        head = file.read(32)
    if given is None and not path.with_suffix(".cpg").is_file() and (len(head) < 30 or head[29] in _UNSTATED):
        raise SourceError(Text(
            pl="nie podaje kodowania tekstów; ustaw `encoding`: cp1250, iso-8859-2, utf-8 …",
            en="names no encoding of its texts; set `encoding` to cp1250, iso-8859-2, utf-8 …").at(name))
    return given
