"""The map on a landing page: where the tenant's buildings stand closest together, drawn by its own WMS."""

from __future__ import annotations

from typing import Any

import psycopg
import shapely
from psycopg import sql

from sdi.db.feature_tables import current_table
from sdi.model.identity import Addresses
from sdi.model.region import Tenant
from sdi.store.statistics import Statistics

SAMPLE = 400
"""Objects looked at, the first by fid: an index scan of a few milliseconds."""

HALF_WIDTH_M, HALF_HEIGHT_M = 264, 99
"""Half the ground that the picture shows, in metres: at 880 × 330 pixels about 1:2,100."""


def picture(
    connection: psycopg.Connection[Any], tenant: Tenant, statistics: dict[str, Statistics], addresses: Addresses,
    language: str,
) -> str | None:
    """The address of a GetMap in EPSG:2180, or None where the tenant has no WMS or no data."""
    if "wms" not in tenant.services:
        return None
    centre = next(
        (found for name in ("budynki", "dzialki", *statistics) if name in statistics
         and (found := _densest(connection, tenant, name)) is not None), None)
    if centre is None:
        return None
    east, north = centre
    return (
        f"{addresses.service('wms')}?service=WMS&version=1.3.0&request=GetMap&layers={tenant.id}&styles="
        f"&crs=EPSG:2180&bbox={north - HALF_HEIGHT_M:.0f},{east - HALF_WIDTH_M:.0f},"
        f"{north + HALF_HEIGHT_M:.0f},{east + HALF_WIDTH_M:.0f}&width=880&height=330&format=image/png"
        f"&language={'eng' if language == 'en' else 'pol'}"
    )


def _densest(connection: psycopg.Connection[Any], tenant: Tenant, name: str) -> tuple[float, float] | None:
    """Easting and northing of the sampled object with the most others within 150 m."""
    feature_type = tenant.feature_type(name)
    if feature_type is None:
        return None
    column, value = tenant.filter or ("county", None)
    rows = connection.execute(
        sql.SQL(
            "select st_x(p), st_y(p) from (select st_centroid(geom) as p from {table}"
            " where (%(value)s::text is null or {column} = %(value)s) and geom is not null order by fid limit %(n)s) s"
        ).format(table=current_table(feature_type), column=sql.Identifier(column)),
        {"value": value, "n": SAMPLE},
    ).fetchall()
    if not rows:
        return None
    points = shapely.points(rows)
    near, _ = shapely.STRtree(points).query(points, predicate="dwithin", distance=150.0)
    best = max(range(len(rows)), key=lambda i: int((near == i).sum()))
    return float(rows[best][0]), float(rows[best][1])
