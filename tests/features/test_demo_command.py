"""`sdi demo`: what it writes and harvests, and that a second run does neither."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdi.db.database import Database
from tests.conftest import new_database
from tests.features.conftest import free_port

HOME = Path(__file__).parents[2]


def demo(database: Database, var: Path, *arguments: str, status: int = 0) -> str:
    variables = os.environ | {"SDI_HOME": str(HOME), "SDI_VAR": str(var), "SDI_DATABASE_URL": database.url,
                              "SDI_DEMO_WFS_PORT": str(free_port())}
    done = subprocess.run([sys.executable, "-m", "sdi", "demo", *arguments], env=variables, capture_output=True,
                          text=True, check=False, timeout=300)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(database: Database, statement: str) -> list[tuple[object, ...]]:
    with database.connect("harvest") as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def harvested(template, tmp_path_factory):
    """A database with the sample region in it, and the `var` it came from."""
    var = tmp_path_factory.mktemp("demo")
    with new_database(*template) as database:
        demo(database, var, "--no-serve", "--parcels", "600")
        yield database, var


def test_both_kinds_of_source_are_harvested_once(harvested, registers):
    database, var = harvested
    runs = rows(database, "select source, state from sdi.run order by source")
    assert [state for _, state in runs] == ["committed"] * 6
    filled = {name for name, in rows(database, "select distinct feature_type from sdi.count where objects > 0")}
    assert filled == {name for register in registers.values() for name in register.feature_types}
    assert rows(database, "select count(*) from egib.dzialki where source = '0404-egib'")[0][0] > 200

    said = demo(database, var, "--no-serve", "--parcels", "600")
    assert "written before" in said
    assert rows(database, "select source, state from sdi.run order by source") == runs


def test_no_personal_data_enters_the_database(harvested):
    database, var = harvested
    delivery = (var / "demo" / "0415" / "egib.gml").read_text(encoding="utf-8")
    assert "TO1T/" in delivery and "Przykładowski" in delivery
    tables = rows(database, "select table_schema, table_name from information_schema.tables where table_type = "
                            "'BASE TABLE' and table_schema in ('sdi', 'egib', 'gesut', 'bdot500')")
    for schema, table in tables:
        found = rows(database, f"select count(*) from {schema}.{table} t "  # names from the catalogue
                               "where t::text ~ 'TO1T/|Przykładowski|Testowicz|pesel'")
        assert found == [(0,)], f"{schema}.{table}"


@pytest.mark.parametrize(("option", "value", "said"), [("--parcels", "99", "100 to 500,000"),
                                                       ("--revision", "101", "0 to 100 per cent")])
def test_a_size_that_cannot_be_made_is_said(database, tmp_path, option, value, said):
    assert said in demo(database, tmp_path, "--write-only", option, value, status=1)
