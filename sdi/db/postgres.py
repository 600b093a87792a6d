"""The PostgreSQL of this machine: its programs, and a new cluster with settings that fit the memory there is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sdi.errors import DatabaseError

OLDEST = 14
"""The oldest major version that will do."""

SUPERUSER = "sdi"
"""The database user that owns the cluster."""

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")

_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server programs of one major version."""

    bin: Path
    major: int
    postgis: bool
    """Whether PostGIS lies where the usual packages put it."""


def find_postgres(major: int | None = None) -> Postgres:
    """The newest PostgreSQL with PostGIS, or the one of version `major`, which an existing cluster needs.

    Raises DatabaseError naming the packages that are missing.
    """
    folders = [folder for place in _PLACES for folder in Path("/").glob(place.lstrip("/"))]
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    found = [postgres for folder in folders if (postgres := _examine(folder)) and postgres.major >= OLDEST]
    if major is not None:
        found = [postgres for postgres in found if postgres.major == major]
    if not found:
        wanted = f"PostgreSQL {major}, which made this cluster," if major else f"PostgreSQL {OLDEST} or later"
        packages = f"postgresql-{major} postgresql-{major}-postgis-3" if major else "postgresql postgresql-postgis"
        raise DatabaseError(
            f"{wanted} is not on this machine; install it (Debian, Ubuntu: apt-get install {packages}), "
            "or set SDI_DATABASE_URL to a PostGIS elsewhere"
        )
    return max(found, key=lambda postgres: (postgres.postgis, postgres.major))


def _examine(folder: Path) -> Postgres | None:
    if not (os.access(folder / "initdb", os.X_OK) and os.access(folder / "postgres", os.X_OK)):
        return None
    shown = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", shown)
    if version is None:
        return None
    number = version[1]
    shares = (Path("/usr/share/postgresql") / number, folder.parent / "share", folder.parent / "share" / "postgresql")
    return Postgres(folder, int(number), any((share / "extension" / "postgis.control").is_file() for share in shares))


def create_cluster(postgres: Postgres, data: Path, privileges: dict[str, object]) -> None:
    """Make the cluster `data` (UTF-8, data checksums, only local connections), whole or not at all.

    `privileges`: `user`, `group` and `extra_groups` of subprocess.run where it must not run as the caller.
    Raises DatabaseError with what initdb said.
    """
    new = data.with_name("data.new")
    shutil.rmtree(new, ignore_errors=True)
    said = ""
    # C.UTF-8 knows the case of Polish letters; where the system does not have it, C has at least a stable order.
    for locale in ("C.UTF-8", "C"):
        done = subprocess.run(  # type: ignore[call-overload]
            [postgres.bin / "initdb", "-D", new, "-U", SUPERUSER, "--encoding=UTF8", f"--locale={locale}",
             "--auth=trust", "--data-checksums", "--no-instructions"],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=data.parent,
            env={"PATH": os.defpath, "LANG": "C"}, **privileges,
        )
        if done.returncode == 0:
            _configure(new)
            new.rename(data)
            return
        said = said or (done.stderr or done.stdout).strip()
    raise DatabaseError(f"{data}: no database cluster could be made here: {said}")


def _configure(data: Path) -> None:
    settings = "\n".join(f"{name} = {value}" for name, value in tuning(memory_bytes()).items())
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"\n# Written by sdi when it made this cluster; change what you like.\n{settings}\n")
    # The folder of the socket is the guard: only the cluster's own system user (and root) may enter it.
    (data / "pg_hba.conf").write_text("# TYPE DATABASE USER METHOD\nlocal all all trust\n", encoding="ascii")


def tuning(memory: int) -> dict[str, str]:
    """Settings of a new cluster on a machine with `memory` bytes that it shares with the rest of the node."""

    def share(part: int, least: int, most: int) -> str:
        return f"{min(max(memory // part // _MB, least), most)}MB"

    return {
        "shared_buffers": share(8, 64, 1024),
        "effective_cache_size": share(2, 256, 65536),
        "work_mem": share(256, 8, 64),
        "maintenance_work_mem": share(32, 64, 512),
        "max_connections": "100",
        "max_parallel_workers_per_gather": "1",
        "random_page_cost": "1.1",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        # No replicas here: loading a new table then writes its rows once, not twice.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
    }


def memory_bytes() -> int:
    """The memory of this machine, or of the container that we are in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return machine


def socket_folder(home: Path, uid: int) -> Path:
    """A folder for the socket of the cluster in `home`: below it, or a short one where that is too long or odd.

    The address of a unix socket has at most 107 bytes, and libpq takes a comma for a list of hosts.
    Raises DatabaseError where another user took the name.
    """
    folder = home / "socket"
    if len(os.fsencode(folder)) > 80 or not re.fullmatch(r"[\w./-]+", str(folder), re.ASCII):
        status = home.stat()
        # Not by TMPDIR: every process must find the same folder.
        folder = Path("/tmp") / f"sdi-{uid}-{status.st_dev:x}-{status.st_ino:x}"
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, -1)
    except FileExistsError:
        pass
    status = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or status.st_uid != uid or status.st_mode & 0o077:
        raise DatabaseError(f"{folder}: must be a folder that only user {uid} may enter; remove it and start again")
    return folder
