"""Bring the stored records in line with the declaration and the commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from sdi.db.queries import query
from sdi.model.region import Region, Tenant
from sdi.model.register import Register
from sdi.records.build import DATE_STAMP, Origin, Record, dataset_record, service_record
from sdi.records.inputs import digests
from sdi.records.profile import Profile, profile
from sdi.records.validate import parse, words
from sdi.store.statistics import tenant_statistics


def refresh(connection: psycopg.Connection[Any], region: Region, public_url: str, home: Path) -> int:
    """Rebuild the records of all tenants, as they are published under `public_url`; returns how many changed.

    Only where something that they are made from has changed. Runs in the caller's transaction (read committed), on a
    connection of the `harvest` role. Records of what is no longer published are deleted; a record that says what it
    said keeps its text and its date. Raises PublicationError.
    """
    with connection.transaction():
        connection.execute(query("records", "lock"))
        connection.execute(query("records", "publish"), {"region": region.written(), "public_url": public_url})
        return _refresh(connection, region, public_url, home, list(region.tenants.values()), [*region.tenants])


def refresh_county(connection: psycopg.Connection[Any], home: Path, county: str) -> int:
    """The same after a commit, for the tenants that a county (4 digits) touches, as they were published last.

    Before the first publication there are no records. Raises PublicationError.
    """
    with connection.transaction():
        connection.execute(query("records", "lock"))
        published = connection.execute(query("records", "publication")).fetchone()
        if published is None:
            return 0
        try:
            region = Region.model_validate_json(published[0])
        except ValidationError:
            return 0  # of another release of sdi, whose next publication makes all records anew
        tenants = [tenant for tenant in region.tenants.values() if _touched(tenant, county)]
        return _refresh(connection, region, published[1], home, tenants, None)


def _refresh(
    connection: psycopg.Connection[Any], region: Region, public_url: str, home: Path, tenants: list[Tenant],
    known: list[str] | None,
) -> int:
    """`known`: all tenants that there are; those of others are deleted. None: it is not known."""
    content = profile(home)
    wanted = digests(connection, content, region, tenants, public_url)
    made = dict(connection.execute(query("records", "made")).fetchall())
    stale = [tenant for tenant in tenants if made.get(tenant.id) != wanted[tenant.id]]
    records = [r for tenant in stale for r in _records(connection, content, region, tenant, public_url)]
    at = datetime.now(UTC)
    changed = connection.execute(query("records", "prune"), {
        "known": known, "tenants": [tenant.id for tenant in stale],
        "identifiers": [r.identifier for r in records]}).rowcount
    connection.execute(query("records", "forget"), {"known": known})
    count = Counter(record.tenant for record in records)
    with connection.cursor() as cursor:
        cursor.executemany(query("records", "upsert"), [_row(record, at) for record in records])
        changed += cursor.rowcount if records else 0
        cursor.executemany(query("records", "note"), [
            {"tenant": t.id, "digest": wanted[t.id], "records": count[t.id]} for t in stale])
    return changed


def _touched(tenant: Tenant, county: str) -> bool:
    return tenant.teryt is None or tenant.teryt[:4] == county


def _records(
    connection: psycopg.Connection[Any], content: Profile, region: Region, tenant: Tenant, public_url: str
) -> Iterator[Record]:
    statistics = tenant_statistics(connection, tenant)
    datasets = []
    for name in tenant.register_ids:
        register = region.registers[name]
        record = dataset_record(content, region, tenant, register, statistics,
                                _origins(connection, tenant, register), public_url)
        if record is not None:
            datasets.append(record)
    yield from datasets
    for protocol in tenant.services:
        yield service_record(content, tenant, protocol, datasets, public_url)


def _origins(connection: psycopg.Connection[Any], tenant: Tenant, register: Register) -> list[Origin]:
    column, value = tenant.filter or ("", None)
    rows = connection.execute(
        query("records", "origins"),
        {"feature_types": [ft.name for ft in tenant.feature_types if ft.register_id == register.id],
         "county": value if column == "county" else None, "commune": value if column == "commune" else None},
    )
    return [Origin(*row) for row in rows]


def _row(record: Record, at: datetime) -> dict[str, Any]:
    root = parse(record.text, f"{record.kind} {record.subject} of {record.tenant}")
    west, south, east, north = record.bounds
    return {
        "identifier": record.identifier, "tenant": record.tenant, "kind": record.kind, "subject": record.subject,
        "content": record.content, "at": at, "title": record.title, "abstract": record.abstract,
        "anytext": words(root).replace(DATE_STAMP, ""), "queryables": Jsonb(record.queryables), "xml": record.xml(at),
        "west": west, "south": south, "east": east, "north": north,
    }
