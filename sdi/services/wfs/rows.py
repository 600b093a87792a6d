"""Rows of a feature table as text: members of a GML collection, or features of GeoJSON, written by PostgreSQL.

The text goes to the client without being parsed. Nulls are absent in GML; times are in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from sdi.model.register import FeatureType
from sdi.services.wfs.versions import GEOMETRY, PREFIX, Version
from sdi.store.columns import Column
from sdi.store.crs import CRS84, STORED_SRID, Crs
from sdi.store.keyset import sortable

_ROWS = """
select {text} from (
    select t.*, {shape} as shape from (
        select * from {relation} where {where} order by {order} limit %(limit)s offset %(offset)s
    ) t order by {order} offset 0
) t where {only} order by {order}
"""
"""Each level names the order, so that the planner sees that nothing is left to sort: rows come as they are read."""

_MULTI = {"polygon": ("MultiSurface", "surfaceMember"), "line": ("MultiCurve", "curveMember")}
_LONG_CRS, _NO_DIMENSION, _LINE_STRING, _FLIPPED = 1, 2, 4, 16
"""Options of ST_AsGML; BEWARE: 16 writes the second coordinate first, whatever the CRS is."""


def statement(
    text: sql.Composable, relation: sql.Composable, where: sql.Composable, order: Sequence[tuple[Column, bool]],
    crs: Crs, only: sql.Composable,
) -> sql.Composed:
    """Rows of a page, each as `text`, which sees the columns and `shape`, the geometry in `crs` (x first).

    Of the rows of the page, those for which `only` holds. Binds `limit` and `offset` beside what `where` binds.
    """
    keys = sql.SQL(", ").join([
        *(sql.SQL("{} {}").format(sortable(column), sql.SQL("desc nulls last" if down else "asc"))
          for column, down in order),
        sql.SQL("fid"),
    ])
    shape = sql.SQL(GEOMETRY) if crs.srid == STORED_SRID else sql.SQL("st_transform(geom, {})").format(crs.srid)
    return sql.SQL(_ROWS).format(text=text, shape=shape, relation=relation, where=where, order=keys,
                                only=only)


def gml_feature(
    feature_type: FeatureType, columns: Sequence[str], version: Version, crs: Crs, *, geometry: bool, head: str = ""
) -> sql.Composed:
    """A feature as an element; `head` are further attributes of it, such as namespaces."""
    identifier = "fid" if version.number == "1.0.0" else "gml:id"
    name = feature_type.name
    return sql.SQL("'<{p}:{n}{head} {i}=\"{n}.' || fid || '\">' || {geometry}{properties} || '</{p}:{n}>'").format(
        p=sql.SQL(PREFIX), n=sql.SQL(name), i=sql.SQL(identifier), head=sql.SQL(head.replace("'", "''")),
        geometry=gml_geometry(feature_type, version, crs) if geometry else sql.SQL("''"),
        properties=sql.SQL(" || {}").format(gml_properties(columns)) if columns else sql.SQL(""),
    )


def gml_properties(columns: Sequence[str]) -> sql.Composed:
    """Simple properties as elements."""
    return sql.SQL("coalesce(xmlforest({})::text, '')").format(sql.SQL(", ").join(
        sql.SQL("{} as {}").format(sql.Identifier(name), sql.Identifier(f"{PREFIX}:{name}")) for name in columns))


def gml_geometry(feature_type: FeatureType, version: Version, crs: Crs) -> sql.Composed:
    """The geometry property as an element, or nothing where there is none."""
    write = _gml2 if version.number == "1.0.0" else _gml3
    return sql.SQL("coalesce('<{p}:{g}>' || {gml} || '</{p}:{g}>', '')").format(
        p=sql.SQL(PREFIX), g=sql.SQL(GEOMETRY), gml=write(feature_type, version, crs))


def _gml2(feature_type: FeatureType, version: Version, crs: Crs) -> sql.Composed:
    shape = "shape" if feature_type.geometry in ("point", "any") else "st_multi(shape)"
    return sql.SQL("st_asgml(2, {}, {}, 0)").format(sql.SQL(shape), crs.digits)


def _gml3(feature_type: FeatureType, version: Version, crs: Crs) -> sql.Composed:
    """Areas and lines as multi geometries, whose members have identifiers too; of any geometry whatever it is."""
    if feature_type.geometry in _MULTI:
        return _multi(feature_type, version, crs, *_MULTI[feature_type.geometry])
    single = sql.SQL("st_asgml(3, shape, {}, {}, 'gml', '{}.' || fid || '.g')").format(
        crs.digits, _options(crs) | _LONG_CRS, sql.SQL(feature_type.name))
    if crs.uri == CRS84.uri:  # PostGIS knows EPSG:4326 only, whose name promises latitude first
        single = sql.SQL("replace({}, 'urn:ogc:def:crs:EPSG::4326', '{}')").format(
            single, sql.SQL(version.srs_name(crs)))
    if feature_type.geometry == "point":
        return single
    cases = [sql.SQL(" when {} then {}").format(kind, _multi(feature_type, version, crs, *names)) for kind, names in (
        ("MULTIPOLYGON", _MULTI["polygon"]), ("MULTILINESTRING", _MULTI["line"]),
        ("MULTIPOINT", ("MultiPoint", "pointMember")), ("GEOMETRYCOLLECTION", ("MultiGeometry", "geometryMember")))]
    return sql.SQL("case geometrytype(shape){} else {} end").format(sql.SQL("").join(cases), single)


def _multi(feature_type: FeatureType, version: Version, crs: Crs, element: str, member: str) -> sql.Composed:
    return sql.SQL(
        """'<gml:{element} gml:id="{name}.' || fid || '.g" srsName="{srs}">' || (
            select string_agg('<gml:{member}>' || st_asgml(3, part.geom, {digits}, {options}, 'gml',
                '{name}.' || fid || '.g.' || coalesce(part.path[1], 1)) || '</gml:{member}>', '')
            from st_dump(st_setsrid(shape, 0)) part) || '</gml:{element}>'"""
    ).format(element=sql.SQL(element), member=sql.SQL(member), name=sql.SQL(feature_type.name),
             srs=sql.SQL(version.srs_name(crs)), digits=crs.digits, options=_options(crs))


def _options(crs: Crs) -> int:
    return _NO_DIMENSION | _LINE_STRING | (_FLIPPED if crs.flipped else 0)


def geojson_feature(feature_type: FeatureType, columns: Sequence[str], crs: Crs, *, geometry: bool) -> sql.Composed:
    """A GeoJSON feature; coordinates are x, y."""
    shape = sql.SQL("coalesce(st_asgeojson(shape, {}, 0), 'null')").format(crs.digits)
    properties = sql.SQL("(select row_to_json(p)::text from (select {}) p)").format(
        sql.SQL(", ").join(map(sql.Identifier, columns))) if columns else sql.SQL("'{}'")
    return sql.SQL(
        """'{{"type":"Feature","id":"{name}.' || fid || '","geometry":' || {geometry}
            || ',"properties":' || {properties} || '}}'"""
    ).format(name=sql.SQL(feature_type.name), geometry=shape if geometry else sql.SQL("'null'"), properties=properties)
