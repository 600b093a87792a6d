"""The web workers: forked from one process that holds what they import, so that they start at once and share memory."""

from __future__ import annotations

import os
import threading
from functools import partial
from multiprocessing import forkserver, get_context
from pathlib import Path
from socket import socket

import uvicorn
from uvicorn import _subprocess
from uvicorn.supervisors import multiprocess

from sdi.gateway.app import create
from sdi.settings import Settings

_CONTEXT = get_context("forkserver")


class _Worker(multiprocess.Process):
    """A web worker that is known to have died when its end of the pipe is closed.

    uvicorn keeps a copy of that end: who dies while asked for a sign of life is waited for as if it hung.
    """

    def start(self) -> None:
        """Start it, and leave its end of the pipe to it alone."""
        super().start()
        self.child_conn.close()


def prepare() -> None:
    """Start the process that web workers are forked from, unless it runs; its imports go on beside the rest."""
    os.environ["SDI_SUPERVISOR"] = str(os.getpid())
    _CONTEXT.set_forkserver_preload(["sdi.gateway.preloaded"])
    forkserver.ensure_running()


def run(settings: Settings, database_url: str, mapserv_socket: Path, listener: socket) -> None:
    """Answer at `listener` until SIGINT or SIGTERM; a worker that dies or hangs is replaced."""
    config = uvicorn.Config(
        partial(create, settings, database_url, mapserv_socket), factory=True, workers=settings.web_workers,
        log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=10,
        timeout_keep_alive=30, timeout_worker_healthcheck=30,
    )
    assert threading.current_thread() is threading.main_thread()
    # BEWARE: uvicorn spawns fresh interpreters and offers no choice, of its workers' class neither.
    _subprocess.spawn = _CONTEXT  # type: ignore[assignment]
    multiprocess.Process = _Worker  # type: ignore[misc]
    multiprocess.Multiprocess(config, sockets=[listener]).run()
