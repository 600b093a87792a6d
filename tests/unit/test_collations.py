"""The collations that a database must have before it is brought to the schema."""

from __future__ import annotations

import pytest

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.errors import DatabaseError
from tests.conftest import new_database


def test_a_database_without_the_polish_collation_is_refused(server: Database) -> None:
    with new_database(server) as database:
        with database.connect("owner") as connection:
            connection.execute('alter collation pg_catalog."pl-x-icu" rename to "pl-x-lost"')
        with pytest.raises(DatabaseError, match=r"no collation pl-x-icu, .* PostgreSQL with ICU"):
            migrate(database, [])
