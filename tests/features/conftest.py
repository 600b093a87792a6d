"""A whole node for acceptance: `sdi demo` of a small region, with a home and a `var` of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

HOME = Path(__file__).parents[2]
PARCELS = 600


@dataclass
class Node:
    """A running node and how to talk to it."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    url: str

    def get(self, path: str, status: int = 200, **params: str) -> httpx.Response:
        """GET below the node's address; the status must be the one expected."""
        answer = httpx.get(f"{self.url}/{path}", params=params or None, timeout=60)
        assert answer.status_code == status, f"{answer.request.url}: {answer.status_code} {answer.text[:500]}"
        return answer

    def sdi(self, *arguments: str, status: int = 0) -> str:
        """Run a verb beside the node; its output."""
        done = subprocess.run([sys.executable, "-m", "sdi", *arguments], env=self.environment, cwd=self.home,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """The environment of a node whose home is `home`: a private cluster, ports of its own."""
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SDI_") or k == "SDI_SHARED"}
    return kept | {"SDI_HOME": str(home), "SDI_PORT": str(port), "SDI_DEMO_WFS_PORT": str(free_port()),
                   "SDI_PUBLIC_URL": f"http://127.0.0.1:{port}", "PYTHONPATH": str(HOME)}


def copy_home(target: Path) -> Path:
    """A home of its own: content only, the code stays where it is."""
    for name in ("configs", "metadata", "tiles"):
        shutil.copytree(HOME / name, target / name)
    return target


def start(home: Path, variables: dict[str, str], *arguments: str) -> Node:
    """Start `sdi …` and wait until /health says ok."""
    with (home / "node.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "sdi", *arguments], env=variables, cwd=home,
                                   stdout=log, stderr=subprocess.STDOUT)
    node = Node(home, variables, process, variables["SDI_PUBLIC_URL"])
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{node.url}/health", timeout=5).status_code == 200:
                return node
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    process.kill()
    raise AssertionError(f"no node: {(home / 'node.log').read_text()[-4000:]}")


def processes_below(folder: Path) -> list[str]:
    """Command lines of processes that name `folder` or have it as their SDI_HOME."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in text:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The demo region, harvested and served."""
    home = copy_home(tmp_path_factory.mktemp("node"))
    running = start(home, environment(home), "demo", "--parcels", str(PARCELS))
    yield running
    running.process.send_signal(signal.SIGINT)
    running.process.wait(60)
