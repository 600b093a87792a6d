"""Parcels in a table, with what a harvest leaves beside them: for tests of what is made per edition."""

from __future__ import annotations

from typing import Any

import shapely

from sdi.db.database import Database
from tests.services.ogcapi.conftest import Table

CORNER = (471_000.0, 550_000.0)
"""Easting and northing of the lower left corner of the first parcel."""


def square(west: float, south: float, side: float = 40.0) -> shapely.Polygon:
    return shapely.box(west, south, west + side, south + side)


def commit(database: Database, table: str, county: str, extent: shapely.Polygon, objects: int = 1) -> None:
    """What a harvest leaves in the same transaction as its rows: version, counts, changes."""
    with database.connect("owner") as connection:
        run = connection.execute("insert into sdi.run (source, kind) values ('test', 'gml') returning run").fetchone()
        assert run is not None
        version = connection.execute(
            "insert into sdi.version (run, source, county, lineage) values (%s, 'test', %s, '{}') returning version",
            (run[0], county)).fetchone()
        assert version is not None
        connection.execute("delete from sdi.count where feature_type = %s and county = %s", (table, county))
        connection.execute(
            "insert into sdi.count (feature_type, source, county, commune, objects, extent, version)"
            " values (%s, %s, %s, '041501', %s, st_geomfromtext(%s, 2180), %s)",
            (table, f"test-{county}", county, objects, extent.wkt, version[0]))
        connection.execute(
            "insert into sdi.change (version, feature_type, fid, id, county, commune, op)"
            " values (%s, %s, 1, 'x', %s, '041501', 'u')", (version[0], table, county))


def put(database: Database, table: Table, *shapes: shapely.Polygon, county: str = "0415", **columns: Any) -> None:
    """Parcels, one after the other, and the commit that brings them."""
    first = len(rows(database, table.name))
    table.insert([{"id": f"p{first + n}", "county": county, "commune": "041501", "geom": shape, **columns}
                  for n, shape in enumerate(shapes)])
    west, south, east, north = shapely.total_bounds(list(rows(database, table.name, county)))
    commit(database, table.name, county, shapely.box(west, south, east, north))


def rows(database: Database, table: str, county: str | None = None) -> list[Any]:
    with database.connect("owner") as connection:
        found = connection.execute(
            f"select county, st_asbinary(geom) from egib.{table}")  # type: ignore[arg-type]
        return [shapely.from_wkb(bytes(geom)) for its, geom in found if county in (None, its)]
