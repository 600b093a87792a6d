"""A digest of all that the records of a tenant are made from: equal digests mean equal records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg

from sdi.db.queries import query
from sdi.fingerprint import code
from sdi.model.region import Region, Tenant
from sdi.records.profile import Profile


def digests(
    connection: psycopg.Connection[Any], content: Profile, region: Region, tenants: Iterable[Tenant], public_url: str
) -> dict[str, UUID]:
    """By tenant, as the transaction sees the commits."""
    shared = _digest(
        code(), content.digest, public_url,
        {name: register.model_dump_json() for name, register in region.registers.items()},
        {name: source.title for name, source in region.sources.items()},
        {teryt: unit.name for teryt, unit in region.units.items()},
    )
    states = connection.execute(query("records", "states")).fetchall()
    return {
        tenant.id: _digest(
            shared, tenant.model_dump_json(exclude={"feature_types"}), [ft.name for ft in tenant.feature_types],
            [state for state in states if _within(tenant, *state[:2])])
        for tenant in tenants
    }


def _within(tenant: Tenant, county: str, commune: str) -> bool:
    column, value = tenant.filter or ("", "")
    return {"county": county, "commune": commune, "": ""}[column] == value


def _digest(*parts: object) -> UUID:
    return UUID(bytes=hashlib.sha256(repr(parts).encode()).digest()[:16])
