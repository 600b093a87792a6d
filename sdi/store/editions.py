"""Which version of each feature type a tenant serves now: what is derived from it is made once for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from sdi.db.queries import query
from sdi.model.region import Tenant


@dataclass(frozen=True, slots=True)
class Edition:
    """What a tenant serves of one feature type between two changes of it."""

    version: int
    """The dataset version that brought the last change."""
    committed_at: datetime
    """When that was committed, UTC."""
    feed: UUID
    """The database that counts the versions: one that is made anew begins at 1 again."""


def current_editions(
    connection: psycopg.Connection[Any], tenant: Tenant, feature_types: Sequence[str]
) -> dict[str, Edition]:
    """Editions by feature type name; one of which the tenant never had an object is absent."""
    column, value = tenant.filter or ("", None)
    rows = connection.execute(query("editions", "current"), {
        "feature_types": list(feature_types), "county": value if column == "county" else None,
        "commune": value if column == "commune" else None})
    return {name: Edition(version, committed_at.astimezone(UTC), feed)
            for name, version, committed_at, feed in rows}
