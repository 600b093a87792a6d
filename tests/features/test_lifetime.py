"""What a node starts, it stops: by Ctrl-C and after a crash; the next start recovers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from uvicorn import Config
from uvicorn.supervisors.multiprocess import Process

from tests.features.conftest import Node, copy_home, environment, processes_below, start


def wait_for_silence(home: Path) -> list[str]:
    """Processes of a home that are still there after at most 20 seconds."""
    for _ in range(200):
        if not (left := processes_below(home)):
            return []
        time.sleep(0.1)
    return left


def test_crash_and_interrupt_leave_nothing_running(tmp_path: Path) -> None:
    home = copy_home(tmp_path / "home")
    variables = environment(home)
    crashed = start(home, variables, "demo", "--parcels", "200")
    assert len(processes_below(home)) > 4
    os.kill(crashed.process.pid, signal.SIGKILL)
    crashed.process.wait()
    assert wait_for_silence(home) == []

    again = start(home, variables, "demo", "--parcels", "200")
    assert again.get("region/ogcapi/collections/dzialki/items", f="json", limit="1").json()["features"]
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(30) in (0, 130)
    assert wait_for_silence(home) == []


def test_a_broken_region_says_so(tmp_path: Path) -> None:
    home = copy_home(tmp_path / "home")
    shutil.rmtree(home / "configs" / "regions" / "demo")
    lost = Node(home, environment(home), None, "")  # type: ignore[arg-type]
    assert "no such region" in lost.sdi("publish", status=1)


def test_why_it_cannot_listen_is_said(tmp_path: Path) -> None:
    home = copy_home(tmp_path / "home")
    variables = environment(home)
    for host in ("192.0.2.1", "nosuch.invalid"):
        lost = Node(home, variables | {"SDI_HOST": host}, None, "")  # type: ignore[arg-type]
        said = lost.sdi("serve", status=1)
        assert f"cannot listen on {host}:" in said and "SDI_HOST must be an address of this machine" in said
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(variables["SDI_PORT"])))
        other.listen()
        lost = Node(home, variables, None, "")  # type: ignore[arg-type]
        assert "stop what listens there or choose another port with SDI_PORT" in lost.sdi("serve", status=1)


def test_a_web_worker_that_dies_is_replaced(node: Node) -> None:
    """Also where it dies while it is asked for a sign of life: its end is not reported yet when the question comes.

    A worker that hangs is given 30 s.
    """
    # Workers have a process between them and `sdi serve`, which they are forked from and which reports their end.
    forker = next(pid for pid in _children(node.process.pid) if "forkserver" in _command(pid))
    before = _children(forker)
    assert len(before) == 2
    os.kill(forker, signal.SIGSTOP)
    try:
        os.kill(before[0], signal.SIGKILL)
        time.sleep(2)
    finally:
        os.kill(forker, signal.SIGCONT)
    deadline = time.monotonic() + 20
    while len(after := _children(forker)) < 2 or before[0] in after:
        assert time.monotonic() < deadline, "waited 20 s"
        time.sleep(0.1)
    assert before[1] in after
    for _ in range(8):
        node.get("health")


def test_uvicorn_still_offers_no_choice_of_how_workers_start() -> None:
    """When it does, sdi.gateway.web shall take it."""
    fresh = "from uvicorn import _subprocess as s; print(type(s.spawn).__name__)"
    done = subprocess.run([sys.executable, "-c", fresh], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "SpawnContext"


def test_uvicorn_still_keeps_its_workers_end_of_the_pipe() -> None:
    """When it does not, `_Worker` shall go."""
    worker = Process(Config("nothing:app"), [])
    worker.process = SimpleNamespace(start=lambda: None)  # type: ignore[assignment]
    worker.start()
    assert not worker.child_conn.closed


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
