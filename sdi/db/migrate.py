"""Bring a database to the schema of this release: roles, numbered migrations, tables of the feature types, grants.

Safe to run at every start and from several processes at once; a database of a later release is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
from psycopg import sql

from sdi.db.database import Database
from sdi.db.feature_tables import ensure_feature_table
from sdi.errors import DatabaseError
from sdi.model.register import Register

_LOCK = 0x5D1
"""Key of the advisory lock that serialises migrations."""


COLLATIONS = {"pl-x-icu", "und-x-icu"}
"""What sdi.store sorts texts by, and folds their case."""


def migrations() -> list[tuple[str, str]]:
    """Name and text of every migration, in order: ours, then those of the queue (procrastinate's own)."""
    ours = resources.files("sdi.db").joinpath("migrations")
    theirs = resources.files("procrastinate.sql").joinpath("migrations")
    return _scripts(ours) + [
        (f"queue/{name}", f"set local search_path to queue;\n{text}") for name, text in _scripts(theirs)
    ]


def _scripts(folder: Traversable) -> list[tuple[str, str]]:
    return sorted((f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))


def migrate(database: Database, registers: Iterable[Register]) -> list[str]:
    """Apply what is missing; returns the names of the migrations applied now.

    Each migration is one transaction. Raises DatabaseError, naming the migration that failed.
    """
    applied: list[str] = []
    with database.connected("owner", autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        _collations(connection)
        _roles(connection)
        connection.execute(
            "create table if not exists public.sdi_migration"
            " (name text primary key, applied_at timestamptz not null default now())"
        )
        done = {row[0] for row in connection.execute("select name from public.sdi_migration")}
        known = migrations()
        if ahead := done - {name for name, _ in known}:
            raise DatabaseError(f"the database is of a later release of sdi (it has {', '.join(sorted(ahead))})")
        for name, text in known:
            if name in done:
                continue
            try:
                with connection.transaction():
                    connection.execute(text.encode())
                    connection.execute("insert into public.sdi_migration (name) values (%s)", [name])
            except psycopg.Error as error:
                raise DatabaseError(f"migration {name} failed: {error}") from error
            applied.append(name)
        with connection.transaction():
            for register in registers:
                for feature_type in register.feature_types.values():
                    ensure_feature_table(connection, feature_type)
            _grants(connection, [register.id for register in registers])
    return applied


def _collations(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    there = {row[0] for row in connection.execute("select collname from pg_collation where collprovider = 'i'")}
    if missing := COLLATIONS - there:
        raise DatabaseError(
            f"the database has no collation {', '.join(sorted(missing))}, by which texts are sorted and searched; "
            "it needs a PostgreSQL with ICU, as all usual packages have it")


def _roles(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for role in ("sdi_harvest", "sdi_serve"):
        if _may_be(connection, role):
            continue
        name = sql.Identifier(role)
        known = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
        try:
            if not known:
                with suppress(psycopg.errors.DuplicateObject):
                    connection.execute(sql.SQL("create role {} nologin").format(name))
            connection.execute(sql.SQL("grant {} to current_user").format(name))
        except psycopg.errors.InsufficientPrivilege as error:
            user, create = connection.info.user, "" if known else f"CREATE ROLE {role} NOLOGIN; "
            raise DatabaseError(
                f"the database user {user} may not {'take' if known else 'create'} the role {role}; "
                f'let an administrator run: {create}GRANT {role} TO "{user}";') from error


def _may_be(connection: psycopg.Connection[tuple[object, ...]], role: str) -> bool:
    """Whether the user can take the role. Tried: from PostgreSQL 16 on, a member may still be without that right."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue):  # the latter: no such role
        return False
    return True


def _grants(connection: psycopg.Connection[tuple[object, ...]], schemas: list[str]) -> None:
    for schema in schemas:
        name = sql.Identifier(schema)
        connection.execute(sql.SQL("grant usage on schema {} to sdi_harvest, sdi_serve").format(name))
        connection.execute(sql.SQL("grant select on all tables in schema {} to sdi_serve").format(name))
        connection.execute(sql.SQL("grant all on all tables in schema {} to sdi_harvest").format(name))
        connection.execute(sql.SQL("grant all on all sequences in schema {} to sdi_harvest").format(name))
    connection.execute("grant usage on schema sdi to sdi_harvest, sdi_serve")
    connection.execute("grant select on all tables in schema sdi to sdi_serve")
    connection.execute("grant all on all tables in schema sdi to sdi_harvest")
    connection.execute("grant all on all sequences in schema sdi to sdi_harvest")
    connection.execute("grant all on schema stage to sdi_harvest")
    connection.execute("grant usage on schema queue to sdi_harvest")
    connection.execute("grant all on all tables in schema queue to sdi_harvest")
    connection.execute("grant all on all sequences in schema queue to sdi_harvest")
