"""The node's database: an own server named by SDI_DATABASE_URL, or a private PostgreSQL cluster under `var/`.

The private one lies in `<var>/pg`, listens on a unix socket only, and runs while any process is inside `node_database`:
each holds a shared lock on `lease`, and a guardian (see `sdi.db.guardian`) stops the server when nobody holds it any
more, be it that all have left or that they were killed. The next start recovers whatever happened to the last.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sdi.db import guardian
from sdi.db.database import Database
from sdi.db.postgres import SUPERUSER, create_cluster, find_postgres, socket_folder
from sdi.errors import DatabaseError
from sdi.settings import Settings

START_S = 120.0
"""How long a start may take; recovery after a crash replays what was not yet written out."""

LOG_BYTES = 10_000_000
"""A longer log is set aside at the next start."""

OUTSIDE = Path("/var/lib/sdi")
"""Where root puts a cluster whose own user may not enter `var`."""


@contextmanager
def node_database(settings: Settings) -> Iterator[Database]:
    """The database of the node's region, running for as long as anyone is inside the `with`.

    Raises DatabaseError: no PostgreSQL or PostGIS here, no right to the folder, a server that does not start.
    """
    if settings.database_url is not None:
        yield Database(settings.database_url)
        return
    with ExitStack() as inside:
        try:
            settings.var.mkdir(parents=True, exist_ok=True)
            with _lock(settings.var / "pg.lock", fcntl.LOCK_EX):
                cluster = Cluster.below(settings.var, settings.region)
                inside.enter_context(cluster.lease())
                cluster.start()
                database = cluster.database(settings.region)
        except (OSError, psycopg.Error) as error:
            raise DatabaseError(f"no private database below {settings.var}: {error}") from error
        yield database


@contextmanager
def _lock(path: Path, kind: int, owner: tuple[int, int] | None = None) -> Iterator[None]:
    """Hold a lock on a file, which is made (for `owner`) where it is missing. Raises BlockingIOError for LOCK_NB."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if owner is not None and os.geteuid() == 0:
            os.fchown(descriptor, *owner)
        fcntl.flock(descriptor, kind)
        yield
    finally:
        # Closed, not unlocked: a forked child that still has it keeps the lock.
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A private cluster: `data/`, `postgresql.log`, the locks `lease` and `alive`, all of one system user."""

    home: Path
    uid: int
    gid: int
    socket: Path

    @classmethod
    def below(cls, var: Path, name: str) -> Cluster:
        """The cluster of `var`, its folder made where it is missing; only one process at a time may call this."""
        home = _existing_home(var / "pg") or _new_home(var, name)
        status = home.stat()
        if status.st_uid == 0 or os.geteuid() not in (0, status.st_uid):
            raise DatabaseError(
                f"{home} belongs to {_user_name(status.st_uid)}, and you are {_user_name(os.geteuid())}: run sdi as "
                "the user who made it, or set SDI_VAR to a folder of your own"
            )
        return cls(home, status.st_uid, status.st_gid, socket_folder(home, status.st_uid))

    def lease(self) -> AbstractContextManager[None]:
        """Keep the server from being stopped; waits where the last one is just stopping."""
        return _lock(self.home / "lease", fcntl.LOCK_SH, (self.uid, self.gid))

    def is_alive(self) -> bool:
        """Whether a guardian or any process of the server is left."""
        try:
            with _lock(self.home / "alive", fcntl.LOCK_EX | fcntl.LOCK_NB, (self.uid, self.gid)):
                return False
        except BlockingIOError:
            return True

    def start(self) -> None:
        """Return when the server takes connections, started if need be; the caller holds a lease and the start lock."""
        deadline = time.monotonic() + START_S
        started = False
        while not self._takes_connections():
            if not self.is_alive():
                if started:
                    raise DatabaseError(self._will_not_start("the database does not start"))
                self._spawn()
                started = True
            if time.monotonic() > deadline:
                raise DatabaseError(self._will_not_start(f"the database takes no connections after {START_S:.0f} s"))
            time.sleep(0.05)

    def database(self, name: str) -> Database:
        """The database `name` with PostGIS, made where it is missing."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(self.conninfo(name), autocommit=True) as connection:
                connection.execute("create extension if not exists postgis")
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
            raise DatabaseError(
                "PostgreSQL is here, PostGIS is not; install it (Debian, Ubuntu: apt-get install postgresql-postgis)"
            ) from error
        return Database(self.conninfo(name))

    def conninfo(self, name: str) -> str:
        """How to reach a database of this cluster."""
        return make_conninfo(host=str(self.socket), port=5432, user=SUPERUSER, dbname=name)

    def _takes_connections(self) -> bool:
        try:
            psycopg.connect(self.conninfo("postgres"), connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _spawn(self) -> None:
        data, log = self.home / "data", self.home / "postgresql.log"
        if not data.exists():
            create_cluster(find_postgres(), data, privileges(self.uid, self.gid))
        # Nobody holds `alive`, so these are left from a crash. PostgreSQL would see that for itself, except where the
        # dead server is a zombie still (as when we are process 1 of a container), or its number another process.
        for stale in (data / "postmaster.pid", self.socket / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        postgres = find_postgres(int((data / "PG_VERSION").read_text(encoding="ascii")))
        subprocess.run(
            [sys.executable, "-I", guardian.__file__, self.home, str(self.uid), str(self.gid),
             postgres.bin / "postgres", "-D", data, "-k", self.socket, "-p", "5432",
             "-c", "listen_addresses=", "-c", "logging_collector=off", "-c", "log_destination=stderr"],
            check=True, stdin=subprocess.DEVNULL, timeout=START_S,
        )

    def _will_not_start(self, what: str) -> str:
        log = self.home / "postgresql.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
        return "\n".join([f"{what}; its log is {log}, and ends:", *(f"  {line}" for line in lines)])


def privileges(uid: int, gid: int) -> dict[str, Any]:
    """Arguments of subprocess.run that make root's child an unprivileged process; nothing where we are not root."""
    return {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}


def _existing_home(pg: Path) -> Path | None:
    if pg.is_symlink() and not pg.exists():
        pg.unlink()  # what it named is gone
    return pg.resolve() if pg.exists() else None


def _new_home(var: Path, name: str) -> Path:
    """Make the folder of a cluster: `<var>/pg`, or where its user may not enter `var`, a folder that `pg` links to."""
    pg = var / "pg"
    if os.geteuid() != 0:
        pg.mkdir(mode=0o700)
        return pg.resolve()
    user = _unprivileged()
    entering = subprocess.run(["test", "-x", var], cwd="/", check=False, **privileges(user.pw_uid, user.pw_gid))
    if entering.returncode == 0:
        home = pg
        home.mkdir(mode=0o700)
    else:
        if not OUTSIDE.exists():
            OUTSIDE.mkdir(parents=True)
            OUTSIDE.chmod(0o755)
        # A new name each time: who deletes `var` wants an empty database, not the old one back.
        home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=OUTSIDE))
        (home / "belongs-to").write_text(f"{var}\n", encoding="utf-8")
        pg.symlink_to(home)
    os.chown(home, user.pw_uid, user.pw_gid)
    return home.resolve()


def _unprivileged() -> pwd.struct_passwd:
    """The user for whom root runs PostgreSQL, which refuses to be root."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DatabaseError("PostgreSQL cannot run as root, and there is neither a user `postgres` nor `nobody`; add one")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
