"""What a node starts, it stops: by Ctrl-C and after a crash; the next start recovers."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

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
