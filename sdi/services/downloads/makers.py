"""Has files made: one process per file, a few at once on this machine, and nobody makes what another is making."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sdi.services.downloads.files import Name
from sdi.services.downloads.job import Job
from sdi.services.downloads.locks import first_free, locked

SLOTS = ("slot-0", "slot-1")
"""Locks of the files that are made at once because somebody waits, by all web workers together."""

RETRY_FAILED_S = 60
"""How long a failure is believed to last."""

LOOK_AGAIN_S = 0.2
"""How often one who waits for another's file looks whether it is there."""

LOGGER = logging.getLogger(__name__)

Turn = Name | Literal["busy", "late", "failed"]
"""The file that is there now; another makes it, or too many are being made; it takes longer; it cannot be made now."""


class Makers:
    """The processes that this one has started."""

    def __init__(self, downloads: Path, slots: Sequence[str] = SLOTS) -> None:
        self.downloads = downloads
        self.slots = slots
        self._running: set[asyncio.Task[Turn]] = set()

    async def turn(self, job: Job, name: Name, until: float) -> Turn:
        """Have a file made, unless another does so; waits no longer than the time `until` of the monotonic clock.

        What has been started goes on though nobody waits for it, as long as this process lives.
        """
        if _failed_lately(job.folder / _note(name)):
            return "failed"
        slots = (self.downloads / f".{slot}.lock" for slot in self.slots)
        with locked(job.folder / name.lock) as lock, first_free(slots) as slot:
            if lock is None or slot is None:
                making = None
            else:
                process = await _started(job, lock, slot)
                making = asyncio.create_task(_ended(process, job, name))
                self._running.add(making)
                making.add_done_callback(self._running.discard)
        if making is None:
            await asyncio.sleep(LOOK_AGAIN_S)
            return "busy"
        done, _ = await asyncio.wait([making], timeout=max(0.0, until - time.monotonic()))
        return making.result() if done else "late"


async def _started(job: Job, *locks: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sdi.services.downloads.make", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, pass_fds=locks,
        env={**os.environ, "SDI_SUPERVISOR": str(os.getpid())},
    )
    return process


async def _ended(process: asyncio.subprocess.Process, job: Job, name: Name) -> Turn:
    try:
        out, errors = await process.communicate(job.model_dump_json().encode())
    except asyncio.CancelledError:
        process.kill()
        await process.communicate()
        raise
    made = Name.parsed(out.decode().strip())
    if process.returncode == 0 and made is not None:
        return made
    LOGGER.error("%s/%s was not made (exit code %s): %s", job.declaration.tenant.id, name, process.returncode,
                 errors.decode(errors="replace").strip()[-4000:])
    # One that was killed may well succeed the next time.
    if process.returncode is not None and process.returncode > 0:
        (job.folder / _note(name)).touch()
    return "failed"


def _note(name: Name) -> str:
    return f".{name.collection}.{name.extension}.failed"


def _failed_lately(note: Path) -> bool:
    try:
        return note.stat().st_mtime > time.time() - RETRY_FAILED_S
    except OSError:
        return False
