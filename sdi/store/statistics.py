"""Exact counts, extents and dates of what a tenant publishes, as the commits left them: no COUNT(*)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from sdi.db.queries import query
from sdi.model.region import Tenant


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of one feature type within one tenant."""

    objects: int
    extent: tuple[float, float, float, float] | None
    """EPSG:2180: min easting, min northing, max easting, max northing, in metres; None without geometries."""
    newest: datetime | None
    """Latest start of a version among the objects (register time)."""
    committed_at: datetime
    """When the last harvest that touched it was committed."""
    version: int
    """The version of that commit."""


def tenant_statistics(connection: psycopg.Connection[Any], tenant: Tenant) -> dict[str, Statistics]:
    """Statistics by feature type name; a feature type that was never harvested is absent."""
    column, value = tenant.filter or ("", None)
    rows = connection.execute(
        query("statistics", "by_feature_type"),
        {"county": value if column == "county" else None, "commune": value if column == "commune" else None},
    )
    published = {feature_type.name for feature_type in tenant.feature_types}
    return {
        name: Statistics(objects, (west, south, east, north) if west is not None else None, newest, committed, version)
        for name, objects, west, south, east, north, newest, committed, version in rows
        if name in published
    }


def commit_times(connection: psycopg.Connection[Any], tenant: Tenant) -> tuple[datetime, datetime]:
    """When the first and the last commit of the tenant's county, or of the region, were made; before any: now."""
    county = tenant.teryt[:4] if tenant.teryt else None
    row = connection.execute(query("statistics", "commit_times"), {"county": county}).fetchone()
    now = datetime.now(UTC)
    return (row[0] or now, row[1] or now) if row else (now, now)


def last_version(connection: psycopg.Connection[Any]) -> int:
    """The newest version of the node, 0 before the first harvest."""
    row = connection.execute(query("statistics", "last_version")).fetchone()
    return int(row[0]) if row else 0
