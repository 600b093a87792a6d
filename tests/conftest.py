"""Fixtures that every test may use: a real PostGIS, the declared registers, the samples of ../shared."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings as hypothesis
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sdi.db.cluster import OUTSIDE, Cluster, node_database
from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.model import yaml
from sdi.model.register import Register
from sdi.settings import Settings

HOME = Path(__file__).parents[1]

MEMORY, PREFIX, ROOM = Path("/dev/shm"), "sdi-tests-", 8 * 2**30
"""Where the tests' own database lies if there is so much room: every test copies and drops a database of a thousand
files, and that is what most of them took their time for.
"""

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # As a shell leaves it for what it starts in the background; the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# No test fails for being slow: by itself hypothesis gives an example 200 ms, which a busy machine does not keep.
hypothesis.register_profile("sdi", deadline=None)
hypothesis.load_profile("sdi")


@pytest.fixture(scope="session")
def registers() -> dict[str, Register]:
    """The registers as the project declares them."""
    paths = sorted((HOME / "configs" / "registers").glob("*.yaml"))
    return {path.stem: Register.model_validate({**yaml.read(path).data, "id": path.stem}) for path in paths}


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a node of its own: its `var` is a temporary folder."""
    return replace(Settings.from_environment(home=HOME), var=tmp_path_factory.mktemp("var"))


@pytest.fixture(scope="session", autouse=True)
def nothing_left_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove the clusters that lie outside of the temporary folders because root's tests made them."""
    yield
    for belongs_to in OUTSIDE.glob("*/belongs-to"):
        if Path(belongs_to.read_text(encoding="utf-8").strip()).is_relative_to(tmp_path_factory.getbasetemp()):
            shutil.rmtree(belongs_to.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def discard() -> Callable[[Settings], None]:
    """Remove the private cluster of some settings, which nobody is inside any more (it may lie outside `var`)."""

    def remove(settings: Settings) -> None:
        if not (settings.var / "pg").exists():
            return
        cluster = Cluster.below(settings.var, settings.region)
        deadline = time.monotonic() + 60
        while cluster.is_alive():
            assert time.monotonic() < deadline, f"{cluster.home}: the server does not stop"
            time.sleep(0.02)
        for folder in (cluster.socket, cluster.home):
            shutil.rmtree(folder, ignore_errors=True)

    return remove


@pytest.fixture(scope="session")
def server(settings: Settings, discard: Callable[[Settings], None]) -> Iterator[Database]:
    """A running PostGIS: SDI_DATABASE_URL, or a private cluster of this test session."""
    with ExitStack() as inside:
        if settings.database_url is None and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
            settings = replace(settings, var=inside.enter_context(_folder_in_memory()))
            inside.callback(discard, settings)
        with node_database(settings) as database:
            yield database
    discard(settings)


@contextmanager
def _folder_in_memory() -> Iterator[Path]:
    """A folder in memory, removed in the end. What sessions that were killed have left is removed as well."""
    for left in MEMORY.glob(f"{PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = MEMORY / f"{PREFIX}{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server: Database, registers: dict[str, Register]) -> Iterator[tuple[Database, str]]:
    """A migrated database to copy from."""
    with new_database(server) as database:
        migrate(database, registers.values())
        yield server, psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]  # type: ignore[misc]


@pytest.fixture
def database(template: tuple[Database, str]) -> Iterator[Database]:
    """An empty, migrated database of the test's own."""
    with new_database(*template) as database:
        yield database


class new_database:
    """A database that exists inside the `with`."""

    def __init__(self, server: Database, template: str = "template1") -> None:
        self.server, self.template, self.name = server, template, f"sdi_test_{uuid4().hex[:12]}"

    def __enter__(self) -> Database:
        self._execute("create database {} template {}" + self._strategy, self.name, self.template)
        return Database(make_conninfo(self.server.url, dbname=self.name))

    def __exit__(self, *_: object) -> None:
        self._execute("drop database {} with (force)", self.name)

    @property
    def _strategy(self) -> str:
        """PostgreSQL 15 can also log all blocks that it copies, which takes longer for so small ones."""
        with psycopg.connect(self.server.conninfo("owner")) as connection:
            return " strategy file_copy" if connection.info.server_version >= 150_000 else ""

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.server.conninfo("owner"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of samples and schemas; the test is skipped where it is absent."""
    folder = Path(os.environ.get("SDI_SHARED", HOME.parent / "shared"))
    if not folder.is_dir() or os.environ.get("CI"):
        pytest.skip("no ../shared here")
    return folder
