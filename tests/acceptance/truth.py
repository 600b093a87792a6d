"""What is true of the node that clients are driven against, read from its tables by plain SQL and PROJ alone."""

from __future__ import annotations

from typing import Any

import psycopg
import pyproj
import shapely

from sdi.db.database import Database
from sdi.model.region import Region

TENANT = "powiat-torunski"
COUNTY = "0415"

PARCELS, POINTS = "dzialki", "punkty_graniczne"

MANY = 10_000
"""More objects than a page holds."""

PROJECTED = ("EPSG:2177", "EPSG:3857", "EPSG:4326")
"""Where the known parcel is told as well, x first."""


def truth(node: str, database: Database, region: Region) -> dict[str, Any]:
    """Counts, a known parcel, two boxes and two conditions with the objects they hold; in EPSG:2180, easting first.

    Raises SystemExit where the region is too small to tell anything about pages.
    """
    with psycopg.connect(database.conninfo("owner")) as connection:
        counts = {
            ft.name: _one(connection, f"select count(*) from {ft.register_id}.{ft.name} where county = %s", COUNTY)
            for ft in region.tenants[TENANT].feature_types
        }
        if counts[POINTS] <= MANY:
            raise SystemExit(f"{POINTS}: {counts[POINTS]} objects, more than {MANY} are wanted; ask for more parcels")
        parcel = _parcel(connection)
        x, y = parcel["inside"]
        box = (x - 150.0, y - 100.0, x + 150.0, y + 100.0)
        degrees = pyproj.Transformer.from_crs(2180, 4326, always_xy=True).transform_bounds(*box)
        number = _one(connection, "select min(numer_obrebu) from egib.dzialki where county = %s", COUNTY)
        return {
            "base": f"{node}/{TENANT}", "node": node, "tenant": TENANT, "counts": counts, "parcel": parcel,
            "records": _one(connection, "select count(*) from sdi.record where tenant = %s", TENANT),
            "box": {"bounds": box, "ids": _within(connection, shapely.box(*box))},
            "degrees": {"bounds": degrees, "ids": _within(connection, _stored(degrees))},
            "equal": {"property": "numer_obrebu", "value": number,
                      "ids": _ids(connection, "numer_obrebu = %s", number)},
            "larger": {"property": "pole_ewidencyjne", "value": 0.5,
                       "ids": _ids(connection, "pole_ewidencyjne > %s", 0.5)},
        }


def _parcel(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """A parcel of middling size in the middle of the county, a polygon without holes; its neighbours' edges too."""
    row = connection.execute("""
        select id, id_dzialki, numer_dzialki, pole_ewidencyjne, ST_AsBinary(geom), ST_AsBinary(ST_PointOnSurface(geom))
        from egib.dzialki
        where county = %s and ST_NRings(geom) = 1 and ST_NumGeometries(geom) = 1 and ST_Area(geom) between 600 and 4000
          and ST_XMax(geom) - ST_XMin(geom) < 90 and ST_YMax(geom) - ST_YMin(geom) < 70
        order by geom <-> (
            select ST_SetSRID(ST_Centroid(ST_Extent(geom)), 2180) from egib.dzialki where county = %s
        ), id limit 1
    """, [COUNTY, COUNTY]).fetchone()
    assert row is not None
    identifier, cadastral, number, area, wkb, inside = row
    ring = [tuple(position) for position in shapely.get_coordinates(shapely.from_wkb(wkb)).tolist()]
    edges = connection.execute("select ST_AsBinary(ST_Boundary(geom)) from egib.dzialki"
                               " where ST_DWithin(geom, ST_GeomFromWKB(%s, 2180), 30)", [wkb])
    transformers = {crs: pyproj.Transformer.from_crs(2180, crs, always_xy=True) for crs in PROJECTED}
    around = [shapely.get_coordinates(shapely.from_wkb(edge)).tolist() for (edge,) in edges]
    return {
        "id": identifier, "id_dzialki": cadastral, "numer_dzialki": number, "pole_ewidencyjne": area, "ring": ring,
        "inside": shapely.get_coordinates(shapely.from_wkb(inside))[0].tolist(),
        "bounds": shapely.from_wkb(wkb).bounds,
        "edges": around,
        "elsewhere": {crs: [transformer.transform(x, y) for x, y in ring] for crs, transformer in transformers.items()},
        "around": {crs: [[transformer.transform(x, y) for x, y in edge] for edge in around]
                   for crs, transformer in transformers.items()},
    }


def _stored(degrees: tuple[float, float, float, float]) -> shapely.Polygon:
    """A box in longitude and latitude as a polygon of EPSG:2180; its edges follow parallels."""
    transformer = pyproj.Transformer.from_crs(4326, 2180, always_xy=True)
    edge = shapely.segmentize(shapely.box(*degrees), 1e-5)
    return shapely.transform(edge, transformer.transform, interleaved=False)


def _within(connection: psycopg.Connection[Any], area: shapely.Polygon) -> list[str]:
    return _ids(connection, "ST_Intersects(geom, ST_GeomFromWKB(%s, 2180))", shapely.to_wkb(area))


def _ids(connection: psycopg.Connection[Any], condition: str, value: object) -> list[str]:
    """The parcels of the county that meet a condition."""
    statement = f"select id from egib.dzialki where county = %s and {condition}"
    return sorted(identifier for (identifier,) in connection.execute(statement, [COUNTY, value]))  # type: ignore[arg-type]


def _one(connection: psycopg.Connection[Any], statement: str, value: str) -> Any:
    row = connection.execute(statement, [value]).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]
