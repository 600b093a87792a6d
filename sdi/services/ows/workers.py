"""`mapserv` as FastCGI workers that share one listening unix socket, started, watched and stopped here.

    config = write_config(var / "mapserver.conf", maps=var / "build")
    with MapservPool(var / "mapserv.sock", workers=4, config=config, log=var / "mapserv.log"):
        ...   # fastcgi.request(var / "mapserv.sock", …) answers

Requests wait in the socket's queue while a worker that died is replaced, so only the request it held is lost.
"""

from __future__ import annotations

import os
import re
import shutil
import socket as sockets
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from sdi.errors import PublicationError, SettingsError
from sdi.services.ows.mapfile import SRS
from sdi.services.ows.projections import write_projections

BACKLOG = 4096
"""Requests that may wait for a worker; the kernel's somaxconn may lower it."""

GRACE_S = 5.0
"""How long a busy worker may finish its answer at stop, before it is killed."""

_WATCH_S = 0.1
_BACKOFF_S = (0.0, 0.2, 1.0, 5.0)
"""Pause before the 1st, 2nd, 3rd and each later start of a worker that keeps dying young."""
_YOUNG_S = 5.0

_SOCKET_MOST = 107
"""Bytes of a unix socket's path (sun_path)."""


def write_config(config: Path, maps: Path) -> Path:
    """Write a `mapserver.conf` that lets the workers open the `.map` files below `maps`, and no other; returns it.

    Beside it goes what their PROJ reads. Workers read both once, when they start; mapfiles are read on each request.
    """
    folder = str(maps.resolve())
    if forbidden := sorted(set(folder) & set('",\\^\n')) or [f"{part}/" for part in re.findall(r"\.+(?=/)", folder)]:
        raise SettingsError(f"{folder}: MapServer cannot open maps in a folder with {forbidden[0]!r} in its path")
    pattern = re.sub(r"[.$*+?()\[\]{}|]", r"[\g<0>]", folder)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        "CONFIG\n  ENV\n"
        f'    MS_MAP_PATTERN "^{pattern}/([^/]+/)*[^/]+[.]map$"\n'
        '    MS_ERRORFILE "stderr"\n'
        "  END\nEND\n",
        encoding="utf-8",
    )
    write_projections(_projections(config), (int(name.removeprefix("EPSG:")) for name in SRS.split()))
    return config


def _projections(config: Path) -> Path:
    return config.resolve().parent / "proj"


def mapserv() -> str:
    """Where the program is. Raises PublicationError saying what to install."""
    return _program("mapserv", "cgi-mapserver")


def _program(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/lib/cgi-bin:/usr/libexec")
    if found is None:
        raise PublicationError(f"no program `{name}` here; install it (Debian: apt-get install {package})")
    return found


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    """In a row, each within `_YOUNG_S` of its start."""


class MapservPool:
    """`workers` processes behind `socket` for as long as one is inside the `with`.

    `config` is a mapserver.conf (see `write_config`), `log` takes what the workers write to stderr.
    The workers die with this process, however it ends (PR_SET_PDEATHSIG, through util-linux's `setpriv`).
    """

    def __init__(self, socket: Path, workers: int, config: Path, log: Path) -> None:
        self.socket, self.config, self.log = socket, config, log
        self._workers = [_Worker() for _ in range(workers)]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mapserv-pool", daemon=True)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run now."""
        return [w.process.pid for w in self._workers if w.process is not None and w.process.poll() is None]

    def __enter__(self) -> Self:
        if len(os.fsencode(self.socket)) > _SOCKET_MOST:
            raise SettingsError(
                f"{self.socket}: longer than a unix socket may be ({_SOCKET_MOST} bytes); shorten SDI_VAR"
            )
        self._command = [_program("setpriv", "util-linux"), "--pdeathsig", "KILL", "--", mapserv()]
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._listener = sockets.socket(sockets.AF_UNIX)
        self._listener.bind(os.fspath(self.socket))
        self.socket.chmod(0o600)
        self._listener.listen(BACKLOG)
        self._stderr: IO[bytes] = self.log.open("ab")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._listener.close()
        self._stderr.close()
        self.socket.unlink(missing_ok=True)

    def _watch(self) -> None:
        """Keep every worker running. BEWARE: PDEATHSIG follows the thread that started a worker, so this one does."""
        while True:
            for worker in self._workers:
                self._keep(worker)
            if self._stopping.wait(_WATCH_S):
                break
        self._stop()

    def _keep(self, worker: _Worker) -> None:
        now = time.monotonic()
        if worker.process is not None:
            if worker.process.poll() is None:
                return
            worker.deaths = worker.deaths + 1 if now - worker.started < _YOUNG_S else 0
            self._note(f"worker {worker.process.pid} ended with {worker.process.returncode}")
            worker.process, worker.started = None, now
        if now - worker.started >= _BACKOFF_S[min(worker.deaths, len(_BACKOFF_S) - 1)]:
            try:
                worker.process = subprocess.Popen(
                    self._command, stdin=self._listener.fileno(), stdout=subprocess.DEVNULL, stderr=self._stderr,
                    env=self._environment(), cwd="/", start_new_session=True,
                )
            except OSError as error:
                self._note(f"cannot start a worker: {error}")
                worker.deaths += 1
            worker.started = now

    def _environment(self) -> dict[str, str]:
        """Ours, without addresses of the data files that Python wheels bring for their own PROJ and GDAL."""
        alien = {"PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH", "MS_MAPFILE", "MS_MAP_PATTERN"}
        kept = {name: value for name, value in os.environ.items() if name not in alien}
        projections = _projections(self.config)
        return kept | {"MAPSERVER_CONFIG_FILE": str(self.config.resolve()), "LC_ALL": "C.UTF-8"} | (
            {"PROJ_DATA": str(projections)} if projections.is_dir() else {})

    def _note(self, message: str) -> None:
        self._stderr.write(f"{time.strftime('%FT%T%z')} sdi: {message}\n".encode())
        self._stderr.flush()

    def _stop(self) -> None:
        """Shut the shared socket: idle workers leave at once, busy ones after their answer. (TERM wakes neither.)"""
        self._listener.shutdown(sockets.SHUT_RDWR)
        running = [w.process for w in self._workers if w.process is not None]
        deadline = time.monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
