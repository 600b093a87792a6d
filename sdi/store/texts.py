"""A feature as text, by SQL expressions over a row: what a page is made of, never parsed on the way to the client."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from sdi.store.columns import ID, Column
from sdi.store.crs import CRS84, STORED_SRID, Crs

WKT = "WKT"
"""The column of a CSV that holds the geometry; GDAL knows it by this name."""


def geojson(columns: Sequence[Column], crs: Crs, *, geometry: bool) -> sql.Composed:
    """A GeoJSON feature (RFC 7946), coordinates in `crs` in its axis order."""
    return sql.SQL(
        """'{{"type":"Feature","id":' || to_json(id)::text || ',"geometry":' || {geometry}
            || ',"properties":' || {properties} || '}}'"""
    ).format(geometry=_json_geometry(crs) if geometry else sql.SQL("'null'"), properties=_properties(columns))


def jsonfg(
    columns: Sequence[Column], crs: Crs, *, geometry: bool, began: str, ended: str | None, instant: bool
) -> sql.Composed:
    """A JSON-FG feature (OGC 21-045r1) by the profile jsonfg-plus: `place` in `crs`, `geometry` in CRS84.

    `place` is null where `crs` is CRS84 already. `time` is the interval from the column `began` to the column `ended`
    (None: still going on), or the instant `began`.
    """
    elsewhere = geometry and crs != CRS84
    start = _utc(began)
    end = sql.SQL("'..'") if ended is None else sql.SQL("coalesce({}, '..')").format(_utc(ended))
    time = sql.SQL("""'{{"timestamp":"' || {} || '"}}'""").format(start) if instant else sql.SQL(
        """'{{"interval":["' || {} || '","' || {} || '"]}}'""").format(start, end)
    return sql.SQL(
        """'{{"type":"Feature","id":' || to_json(id)::text || ',"time":' || coalesce({time}, 'null')
            || ',"place":' || {place} || ',"geometry":' || {geometry} || ',"properties":' || {properties} || '}}'"""
    ).format(
        time=time, place=_json_geometry(crs) if elsewhere else sql.SQL("'null'"),
        geometry=_json_geometry(CRS84) if geometry else sql.SQL("'null'"), properties=_properties(columns))


def csv(columns: Sequence[Column], crs: Crs, *, geometry: bool) -> sql.Composed:
    """A line of CSV (RFC 4180) without its end: id, columns, and the geometry as WKT with coordinates in `crs`.

    Texts are quoted and never altered; no value is an empty field without quotes.
    """
    fields = [_csv_field(column) for column in (ID, *columns)]
    if geometry:
        fields.append(sql.SQL("""coalesce('"' || st_astext({}, {}) || '"', '')""").format(_placed(crs), crs.digits))
    return sql.SQL(" || ',' || ").join(fields)


def csv_header(columns: Sequence[Column], *, geometry: bool) -> bytes:
    """The first line of a CSV of `csv` lines, without its end."""
    names = [ID.name, *(column.name for column in columns), *([WKT] if geometry else [])]
    return ",".join(names).encode()


def _csv_field(column: Column) -> sql.Composed:
    name = sql.Identifier(column.name)
    match column.type:
        case "text":
            return sql.SQL("""coalesce('"' || replace({}, '"', '""') || '"', '')""").format(name)
        case "datetime":
            return sql.SQL("coalesce(to_json({}) #>> '{{}}', '')").format(name)
        case _:
            return sql.SQL("coalesce({}::text, '')").format(name)


def _properties(columns: Sequence[Column]) -> sql.Composed:
    if not columns:  # row_to_json would have no record to take
        return sql.SQL("'{{}}'").format()
    return sql.SQL("(select row_to_json(p)::text from (select {}) p)").format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns))


def _utc(column: str) -> sql.Composed:
    """A time in RFC 3339 in UTC, with fractions of a second where it has some."""
    return sql.SQL(
        """trim(trailing '.' from trim(trailing '0' from
            to_char({} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))) || 'Z'"""
    ).format(sql.Identifier(column))


def _placed(crs: Crs) -> sql.Composed:
    geometry = (sql.SQL("geom") if crs.srid == STORED_SRID else sql.SQL("st_transform(geom, {})")).format(crs.srid)
    return sql.SQL("st_flipcoordinates({})").format(geometry) if crs.flipped else geometry


def _json_geometry(crs: Crs) -> sql.Composed:
    return sql.SQL("coalesce(st_asgeojson({}, {}, 0), 'null')").format(_placed(crs), crs.digits)
