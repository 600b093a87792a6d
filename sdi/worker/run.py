"""A worker: it queues what is due, harvests what is queued, and keeps the archive tidy."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from procrastinate import exceptions

from sdi.db.database import Database
from sdi.errors import SdiError
from sdi.harvest.archive import Archive
from sdi.harvest.retention import prune
from sdi.model.findings import Loaded
from sdi.model.load import load_region
from sdi.model.text import Text
from sdi.settings import Settings
from sdi.worker.agenda import ENDING, FIRST_WAIT_S, Agenda, Ending
from sdi.worker.child import INTERRUPTED
from sdi.worker.queue import lock, queue, queueing_lock

log = logging.getLogger("sdi.worker")

KILL_AFTER_S = 60.0
"""A harvest that does not stop when told to is killed."""
TIDY_EVERY_S = 24 * 3600.0
"""Between two looks through the archive."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quick a worker is; tests are in more of a hurry."""

    look_s: float = 30.0
    """Between two looks at what is due."""
    sign_of_life_s: float = 10.0
    """Between two signs of life."""
    given_up_s: float = 30.0
    """The jobs of a worker that has given none for so long are queued again."""
    again_s: float = 5.0
    """Before the queue is asked again where it could not be reached."""
    first_wait_s: float = FIRST_WAIT_S
    """After a first failure; see sdi.worker.agenda."""


class Worker:
    """One worker process; `jobs` harvests at once."""

    def __init__(self, settings: Settings, database: Database, jobs: int, pace: Pace | None = None) -> None:
        self.settings, self.database, self.jobs, self.pace = settings, database, jobs, pace or Pace()
        self.agenda = Agenda(database, self.pace.first_wait_s)
        self.queue = queue(database)
        self.task = self.queue.task(name="harvest")(self._harvest)
        self.harvests: set[asyncio.subprocess.Process] = set()
        self.stopping = asyncio.Event()
        self.done = self.failed = 0

    async def run(self, once: bool = False) -> int:
        """Work until SIGTERM or SIGINT, or (`once`) until nothing is due; returns how many harvests failed.

        A signal stops the harvests that run; another worker, or this one started again, goes on with them.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        async with self.queue.open_async():
            await (self._once() if once else self._always())
        return self.failed

    def stop(self) -> None:
        """Have the harvests stop, and `run` return."""
        self.stopping.set()
        self._interrupt()

    def _interrupt(self) -> None:
        """Have the harvests stop; they can be gone on with."""
        for process in self.harvests:
            process.terminate()
            asyncio.get_running_loop().call_later(KILL_AFTER_S, _kill, process)

    async def _always(self) -> None:
        await self._until_stopped(self._work_always(), self._look_always())

    async def _once(self) -> None:
        """Look and work until a round has brought nothing: what is left then waits, or is another worker's."""
        done = -1
        while done < self.done and not self.stopping.is_set():
            done = self.done
            await self._look()
            await self._until_stopped(self._work(wait=False))
        await asyncio.to_thread(self._tidy)

    async def _until_stopped(self, *parts: Coroutine[Any, Any, None]) -> None:
        """Run the parts until one has ended or a signal came. Raises what ended a part."""
        tasks = [asyncio.create_task(part) for part in parts]
        stop = asyncio.create_task(self.stopping.wait())
        done, _ = await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        if any(task.exception() for task in done):
            self.stop()
        for task in (*tasks, stop):
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _work_always(self) -> None:
        """Take jobs from the queue; where it is lost, stop the harvests that run, and begin anew until it is back."""
        while not self.stopping.is_set():
            reason = "no sign of life could be given"
            try:
                await self._work(wait=True)
            except exceptions.ConnectorException as error:
                reason = _reason(error)
            if not self.stopping.is_set():
                log.error("the queue cannot be reached, trying again: %s", reason)
                self._interrupt()
                await asyncio.sleep(self.pace.again_s)

    async def _work(self, wait: bool) -> None:
        """Take jobs from the queue. When cancelled: no more, and wait for those that run."""
        await self.queue.run_worker_async(
            concurrency=self.jobs, wait=wait, delete_jobs="always", install_signal_handlers=False,
            fetch_job_polling_interval=self.pace.look_s, update_heartbeat_interval=self.pace.sign_of_life_s,
            stalled_worker_timeout=self.pace.given_up_s, shutdown_graceful_timeout=KILL_AFTER_S,
        )

    async def _look_always(self) -> None:
        tidied = -TIDY_EVERY_S
        while True:
            try:
                await self._look()
            except exceptions.ConnectorException as error:
                log.error("what is due cannot be queued: %s", _reason(error))
            if time.monotonic() - tidied >= TIDY_EVERY_S:
                tidied = time.monotonic()
                await asyncio.to_thread(self._tidy)
            await asyncio.sleep(self.pace.look_s)

    async def _look(self) -> None:
        """Queue what is due, and once more what dead workers have left."""
        try:
            loaded = await asyncio.to_thread(self._loaded)
            due = await asyncio.to_thread(self.agenda.plan, loaded)
        except SdiError as error:
            log.error("%s", error)
            return
        for name in due:
            source = loaded.region.sources[name]
            job = self.task.configure(lock=lock(source, loaded.region), queueing_lock=queueing_lock(name))
            try:
                await job.defer_async(source=name)
            except exceptions.AlreadyEnqueued:
                continue  # another worker was quicker
            log.info("%s is due", name)
        for stalled in await self.queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=self.pace.given_up_s):
            try:
                await self.queue.job_manager.retry_job(stalled)
            except exceptions.ConnectorException:
                continue  # another worker was quicker
            log.warning("%s: its worker is gone; it is queued again", stalled.task_kwargs.get("source"))

    async def _harvest(self, source: str) -> None:
        """The job: one harvest, unless its time has not come any more.

        Where the agenda cannot be asked or told, the source stays due.
        """
        try:
            if self.stopping.is_set() or not await asyncio.to_thread(self.agenda.is_due, source):
                return
            ending = await self._process(source)
            if ending is None:
                log.info("%s was stopped; it will be gone on with", source)
                return
            log.info("%s: %s%s", source, ending.state, f": {ending.message.en}" if ending.message else "")
            self.done += ending.state not in ("interrupted", "busy")
            self.failed += ending.state in ("failed", "refused", "interrupted")
            await asyncio.to_thread(self._settle, source, ending)
        except SdiError as error:
            log.error("%s stays due: %s", source, error)

    async def _process(self, source: str) -> Ending | None:
        """Harvest in a process of its own; None where it was stopped."""
        settings = self.settings
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sdi.worker.child", source, stdout=asyncio.subprocess.PIPE,
            env=os.environ | {
                "SDI_HOME": str(settings.home), "SDI_VAR": str(settings.var), "SDI_REGION": settings.region,
                "SDI_DATABASE_URL": self.database.url, "SDI_SUPERVISOR": str(os.getpid()),
            },
        )
        self.harvests.add(process)
        try:
            if self.stopping.is_set():
                process.terminate()
            said, _ = await process.communicate()
        finally:
            self.harvests.discard(process)
            _kill(process)
        return _ending(process.returncode, said, self.stopping.is_set())

    def _settle(self, source: str, ending: Ending) -> None:
        if ending.state == "busy":
            return  # it stays due; whoever is at it may settle it
        if ending.state == "interrupted":
            self.agenda.postpone(source)  # the database may be at its limits: it is not asked again and again
            return
        self.agenda.settle(source, ending, self._loaded().region)

    def _loaded(self) -> Loaded:
        return load_region(self.settings.home, self.settings.region)

    def _tidy(self) -> None:
        """Delete from the archive of this machine what no version needs any more."""
        try:
            keep = self._loaded().region.file.harvest.keep_versions
            with self.database.connected("harvest", autocommit=True) as connection:
                files, size = prune(connection, Archive(self.settings.var), keep)
        except (SdiError, OSError) as error:
            log.error("the archive was not tidied: %s", error)
            return
        if files:
            log.info("%d old deliveries (%.1f MB) deleted from the archive", files, size / 1e6)


def _ending(code: int | None, said: bytes, stopping: bool) -> Ending | None:
    if code == 0:
        return ENDING.validate_json(said)
    if code == INTERRUPTED or stopping:
        return None
    how = Text(pl=f"skończył się kodem {code}", en=f"ended with exit code {code}")
    if code is not None and code < 0:
        how = Text(pl=f"przerwał sygnał {-code}", en=f"was ended by signal {-code}")
    return Ending("failed", Text(
        pl=f"proces pobierania {how.pl}; więcej mówi dziennik procesu `sdi worker`",
        en=f"the process of the harvest {how.en}; the worker's log says more"))


def _reason(error: exceptions.ConnectorException) -> str:
    """What the database said, on one line."""
    return " ".join(str(error.__cause__ or error).split())


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
