"""The private PostgreSQL: real clusters, real processes, real kills."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sdi.db import cluster, postgres
from sdi.db.cluster import Cluster, node_database
from sdi.db.database import Database
from sdi.errors import DatabaseError
from sdi.settings import Settings

HOLD = """
import sys
from dataclasses import replace
from pathlib import Path
from sdi.db.cluster import node_database
from sdi.settings import Settings
settings = Settings.from_environment(home=sys.argv[1], region=sys.argv[3])
with node_database(replace(settings, var=Path(sys.argv[2]), database_url=None)) as database:
    print(database.connect("owner").execute("select 'inside'").fetchone()[0], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def own(settings: Settings, tmp_path: Path, discard: Callable[[Settings], None]) -> Iterator[Settings]:
    """Settings of a private cluster of the test's own."""
    mine = replace(settings, var=tmp_path / "var", region="an-own", database_url=None)
    yield mine
    discard(mine)


def of(settings: Settings) -> Cluster:
    return Cluster.below(settings.var, settings.region)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it is so; the limit only keeps a failing test from hanging."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def holder(settings: Settings) -> subprocess.Popen[str]:
    """Another process inside `node_database`, in a session of its own; it leaves when its input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, settings.home, settings.var, settings.region],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )


@contextmanager
def inside(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    with holder(settings) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "inside\n"
            yield process
        finally:
            process.kill()


def postmaster(settings: Settings) -> int:
    return int((of(settings).home / "data" / "postmaster.pid").read_text().splitlines()[0])


def parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("PPid:")).split()[1])


def answer(database: Database, statement: str) -> object:
    with database.connect("owner", autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_a_cluster_starts_stops_and_keeps_its_data(own: Settings) -> None:
    with node_database(own) as database:
        assert answer(database, "select current_database()") == "an-own"
        assert str(answer(database, "select postgis_version()")).startswith("3")
        assert answer(database, "show listen_addresses") == ""
        assert answer(database, "show data_checksums") == "on"
        assert answer(database, "select upper('łąka')") == "ŁĄKA"
        assert answer(database, "create table kept (a) as select 7") is None
    wait_for(lambda: not of(own).is_alive())
    with pytest.raises(DatabaseError, match="no connection"):
        database.connect("owner")
    with node_database(own) as database:
        assert answer(database, "select a from kept") == 7


def test_only_its_own_user_may_enter(own: Settings) -> None:
    with node_database(own):
        for folder in (of(own).home, of(own).socket):
            assert folder.stat().st_mode & 0o777 == 0o700
            assert folder.stat().st_uid != 0


def test_it_lies_in_var_where_its_user_may_enter_and_behind_a_link_where_not(
    own: Settings, discard: Callable[[Settings], None]
) -> None:
    with node_database(own):
        assert (own.var / "pg").is_symlink() == (os.geteuid() == 0)  # pytest's folders are for their user only
    with tempfile.TemporaryDirectory(prefix="sdi-test-") as folder:
        os.chmod(folder, 0o755)
        open_to_all = replace(own, var=Path(folder))
        with node_database(open_to_all):
            assert not (Path(folder) / "pg").is_symlink()
        discard(open_to_all)


def test_the_last_to_leave_stops_it_and_a_ctrl_c_hits_only_who_was_meant(own: Settings) -> None:
    with inside(own) as first, node_database(own) as database:
        os.killpg(first.pid, signal.SIGINT)
        first.wait()
        time.sleep(0.3)
        assert answer(database, "select 1") == 1
    wait_for(lambda: not of(own).is_alive())


def test_it_stops_when_its_users_are_killed(own: Settings) -> None:
    with inside(own) as user:
        pid = postmaster(own)
        user.kill()
        wait_for(lambda: not of(own).is_alive())
    assert not Path(f"/proc/{pid}").exists()


def test_a_killed_guardian_takes_the_server_with_it_and_the_next_start_works(own: Settings) -> None:
    with node_database(own):
        os.kill(parent(postmaster(own)), signal.SIGKILL)
        wait_for(lambda: not of(own).is_alive())
        with node_database(own) as database:
            assert answer(database, "select 1") == 1


def test_a_killed_server_is_started_again_with_all_that_was_committed(own: Settings) -> None:
    with node_database(own) as database:
        answer(database, "create table kept (a) as select 7")
        killed = postmaster(own)
        os.kill(killed, signal.SIGKILL)
        with node_database(own) as database:
            assert postmaster(own) != killed
            assert answer(database, "select a from kept") == 7


def test_it_recovers_when_everything_was_killed(own: Settings) -> None:
    with node_database(own) as database:
        answer(database, "create table kept (a) as select 7")
        server = postmaster(own)
        os.kill(parent(server), signal.SIGKILL)
        os.kill(server, signal.SIGKILL)
    with node_database(own) as database:
        assert answer(database, "select a from kept") == 7


def test_many_processes_may_start_at_once_and_share_one_server(own: Settings) -> None:
    users = [holder(own) for _ in range(5)]
    try:
        for user in users:
            assert user.stdout is not None
            assert user.stdout.readline() == "inside\n"
        log = (of(own).home / "postgresql.log").read_text()
        assert log.count("starting PostgreSQL") == 1
    finally:
        for user in users:
            user.communicate("")
    assert [user.returncode for user in users] == [0] * 5


def test_coming_and_going_never_meets_a_stopping_server(own: Settings) -> None:
    for _ in range(8):
        with node_database(own) as database:
            assert answer(database, "select 1") == 1


def test_an_error_inside_is_not_mistaken_for_one_of_the_database(own: Settings) -> None:
    with pytest.raises(OSError, match="mine"), node_database(own):
        raise OSError("mine")


def test_a_server_that_will_not_start_says_why(own: Settings) -> None:
    with node_database(own):
        pass
    wait_for(lambda: not of(own).is_alive())
    with (of(own).home / "data" / "postgresql.conf").open("a") as file:
        file.write("nonsense = 1\n")
    with pytest.raises(DatabaseError, match=r"postgresql\.log, and ends:\n(.*\n)*.*\"nonsense\""), node_database(own):
        pass


def test_a_deleted_var_is_an_empty_database(own: Settings) -> None:
    with node_database(own) as database:
        answer(database, "create table kept (a) as select 7")
    wait_for(lambda: not of(own).is_alive())
    old = of(own).home
    shutil.rmtree(own.var)
    with node_database(own) as database:
        assert answer(database, "select to_regclass('kept')::text") is None
    shutil.rmtree(old, ignore_errors=True)


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 20)
    home.mkdir()
    folder = postgres.socket_folder(home, os.geteuid())
    try:
        assert len(str(folder / ".s.PGSQL.5432")) < 100
        assert postgres.socket_folder(home, os.geteuid()) == folder
        folder.chmod(0o755)
        with pytest.raises(DatabaseError, match="only user"):
            postgres.socket_folder(home, os.geteuid())
    finally:
        folder.rmdir()


def test_a_path_that_libpq_would_split_gets_another_socket(own: Settings, tmp_path: Path) -> None:
    home = tmp_path / "a,b c"
    home.mkdir()
    folder = postgres.socket_folder(home, os.geteuid())
    folder.rmdir()
    assert "," not in str(folder)


def test_missing_programs_are_named_as_packages(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_PLACES", ())
    monkeypatch.setenv("PATH", str(own.home))
    with pytest.raises(DatabaseError, match="apt-get install postgresql postgresql-postgis"):
        postgres.find_postgres()
    with pytest.raises(DatabaseError, match="apt-get install postgresql-14 postgresql-14-postgis-3"):
        postgres.find_postgres(14)


def test_a_cluster_of_another_user_is_refused(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with node_database(own):
        pass
    monkeypatch.setattr(cluster.os, "geteuid", lambda: 12345)
    with pytest.raises(DatabaseError, match=r"belongs to .*, and you are user 12345"):
        of(own)


def test_an_own_server_is_used_as_it_is_named(own: Settings) -> None:
    with node_database(replace(own, database_url="postgresql://db.example.org/sdi")) as database:
        assert database.url == "postgresql://db.example.org/sdi"
    assert not own.var.exists()


@pytest.mark.parametrize(("memory_gb", "buffers"), [(0.25, "64MB"), (4, "512MB"), (256, "1024MB")])
def test_memory_is_used_modestly(memory_gb: float, buffers: str) -> None:
    assert postgres.tuning(int(memory_gb * 2**30))["shared_buffers"] == buffers
