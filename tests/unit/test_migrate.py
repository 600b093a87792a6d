"""A database whose user may do little: what an administrator is asked for, and that it is enough."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.errors import DatabaseError
from sdi.model.register import Register
from tests.conftest import new_database


@pytest.fixture
def unprivileged(server: Database) -> Iterator[tuple[Database, Database]]:
    """A database with PostGIS: as its owner, who may create no role, and as an administrator."""
    user = f"op-{uuid4().hex[:8]}"
    with new_database(server) as database, psycopg.connect(database.url, autocommit=True) as administrator:
        name = conninfo_to_dict(database.url)["dbname"]
        administrator.execute("create extension postgis")
        administrator.execute(sql.SQL("create role {} login password 'op'").format(sql.Identifier(user)))
        administrator.execute(sql.SQL("alter database {} owner to {}").format(
            sql.Identifier(str(name)), sql.Identifier(user)))
        try:
            yield Database(make_conninfo(database.url, user=user, password="op")), database
        finally:
            administrator.execute(sql.SQL("drop owned by {} cascade").format(sql.Identifier(user)))
            administrator.execute(sql.SQL("alter database {} owner to current_user").format(
                sql.Identifier(str(name))))
            administrator.execute(sql.SQL("drop role {}").format(sql.Identifier(user)))


def test_what_an_administrator_is_asked_for_is_enough(
    unprivileged: tuple[Database, Database], template: object, registers: dict[str, Register]
) -> None:
    """The roles are there, another database has made them; both messages say how to grant one."""
    own, administrator = unprivileged
    for role in ("sdi_harvest", "sdi_serve"):
        with pytest.raises(DatabaseError, match=f"not take the role {role}; let an administrator run: GRANT") as told:
            migrate(own, registers.values())
        with psycopg.connect(administrator.url) as connection:
            connection.execute(str(told.value).partition("run: ")[2].encode())
    assert migrate(own, registers.values())
    assert migrate(own, registers.values()) == []
    with own.connect("harvest") as connection:
        assert connection.execute("select current_user").fetchone() == ("sdi_harvest",)
        connection.execute("create temporary table t ()")
    with own.connect("serve") as connection:
        assert connection.execute("select count(*) from sdi.run").fetchone() == (0,)
