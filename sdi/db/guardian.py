"""The parent of a private PostgreSQL: keeps it running while anyone holds the lease, however they come to leave.

Started by `sdi.db.cluster` as `python guardian.py HOME UID GID COMMAND…`; it detaches, so that the caller's Ctrl-C and
death do not reach it. Two locks in HOME say all there is to know, and the kernel frees them when a process dies:

- `lease`: every user holds it shared. The guardian waits for it exclusively: having it means that nobody is left.
- `alive`: held by the guardian and, inherited, by every PostgreSQL process. Free means that all is down.

A PostgreSQL that dies is started again; one that dies before it was ready ends the guardian (its log says why).
Only the standard library here: it runs by its path, isolated, before anything else is there.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

STOP_S = 60.0
"""How long a fast shutdown may take before an immediate one."""
ATTEMPTS = 30
"""How often, a second apart, a server that crashed is started before we give up."""


class Guardian:
    """One PostgreSQL server, from its start to the end of the last lease."""

    def __init__(self, home: Path, uid: int, gid: int, command: list[str], alive: int) -> None:
        self.home, self.uid, self.gid, self.command, self.alive = home, uid, gid, command, alive
        self.deserted = threading.Event()

    def run(self) -> None:
        """Keep the server running until it is deserted or will not start."""
        threading.Thread(target=self._wait_for_lease, daemon=True).start()
        attempts_left = 1
        while attempts_left and not self.deserted.is_set():
            # After a crash, orphaned backends may hold the shared memory for a while: then it takes several attempts.
            attempts_left = ATTEMPTS if self._serve() else attempts_left - 1
            self.deserted.wait(1.0 if attempts_left else 0)

    def _wait_for_lease(self) -> None:
        # Kept open to the end: a new user waits for this lock until PostgreSQL has stopped.
        lease = os.open(self.home / "lease", os.O_RDWR)
        fcntl.flock(lease, fcntl.LOCK_EX)
        self.deserted.set()

    def _start(self) -> subprocess.Popen[bytes]:
        privileges = {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}
        # The server shuts down fast (SIGINT) when this process dies, by whatever. Its output goes where ours goes.
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            ["setpriv", "--pdeathsig", "INT", *self.command], cwd=self.home, pass_fds=[self.alive],
            env={"PATH": os.defpath, "LANG": "C"}, start_new_session=True, **privileges,
        )

    def _serve(self) -> bool:
        """Run the server to its end, bringing that about once deserted; returns whether it was ever ready."""
        server = self._start()
        was_ready = False
        while server.poll() is None:
            was_ready = was_ready or _ready(self.home, server.pid)
            if self.deserted.wait(1.0 if was_ready else 0.1):
                self._stop(server)
        return was_ready

    def _stop(self, server: subprocess.Popen[bytes]) -> None:
        for number, patience in ((signal.SIGINT, STOP_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, None)):
            server.send_signal(number)
            try:
                server.wait(patience)
                return
            except subprocess.TimeoutExpired:
                continue


def _ready(home: Path, pid: int) -> bool:
    """Whether the server's pid file says that it takes connections (line 1: its process, line 8: its status)."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def main(arguments: list[str]) -> int:
    """Take the `alive` lock, detach, guard. The caller's child ends at once: with 0, or 1 where another guards."""
    home, uid, gid, *command = arguments
    alive = os.open(Path(home) / "alive", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 1
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(Path(home) / "postgresql.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if os.geteuid() == 0:
        os.fchown(log, int(uid), int(gid))
    os.dup2(log, 1)
    os.dup2(log, 2)
    Guardian(Path(home), int(uid), int(gid), command, alive).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
