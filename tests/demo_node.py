"""A demo node for programs that drive it from outside: other people's test suites and clients."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from sdi.db.cluster import node_database
from sdi.db.database import Database
from sdi.settings import Settings
from tests.conftest import HOME, new_database

START_S = 600


@dataclass(frozen=True)
class DemoNode:
    """A running node: its address without a slash at the end, and its database."""

    url: str
    database: Database


@contextmanager
def demo_node(settings: Settings, folder: Path, parcels: int) -> Iterator[DemoNode]:
    """A node of the sample region on ports of its own, with a database of its own, and `var` and log in a folder.

    Exits the program where the node does not start.
    """
    own = replace(settings, var=folder / "node")
    shutil.rmtree(own.var, ignore_errors=True)
    own.var.mkdir(parents=True)
    port, wfs_port = _free_ports(2)
    address = f"http://localhost:{port}"
    with node_database(own) as server, new_database(server) as database:
        environment = os.environ | {
            "SDI_DATABASE_URL": database.url, "SDI_VAR": str(own.var), "SDI_HOME": str(HOME), "SDI_PORT": str(port),
            "SDI_PUBLIC_URL": address, "SDI_DEMO_WFS_PORT": str(wfs_port),
        }
        with (folder / "node.log").open("w", encoding="utf-8") as log:
            node = subprocess.Popen([sys.executable, "-m", "sdi", "demo", "--parcels", str(parcels)], env=environment,
                                    stdout=log, stderr=subprocess.STDOUT)
        try:
            print(f"Starting a node of {parcels} parcels at {address} …", flush=True)
            _wait(node, address, folder)
            yield DemoNode(address, database)
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(60)


def _wait(node: subprocess.Popen[bytes], address: str, folder: Path) -> None:
    """Until the node answers. Exits where it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and node.poll() is None:
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise SystemExit(f"The node did not start; see {folder / 'node.log'}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
