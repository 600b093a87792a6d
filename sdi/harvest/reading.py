"""Reading a delivery: in this process, or its parts in several at once where its harvester can divide it.

The result is the same, row for row: parts are taken in their order, whoever has read them.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sdi.harvest import registry
from sdi.harvest.contract import Delivery, Divisible, Harvester, Job, Read
from sdi.harvest.load import Load, Loader
from sdi.harvest.memory import Memory
from sdi.model.region import Region, Source

MOST = 4
"""Processes at once: more than one connection to the database can take from."""
AHEAD = 2
"""Parts that a process has been given or has ready."""
PART = 1 << 32
"""Items of a part are numbered from its own number times this."""


class Reading(AbstractContextManager["Reading"]):
    """Reads the deliveries of one source, in processes that end with the context."""

    def __init__(
        self, source: Source, region: Region, home: Path, memory: Memory, harvester: Harvester[Any] | None = None
    ) -> None:
        if harvester is None:
            kind = registry.harvester(source.kind)
            harvester = kind(Job.of(source, region, home, memory), kind.Parameters.model_validate(source.parameters))
        self.source, self.region, self.home, self.memory = source, region, home, memory
        self.harvester = harvester
        self.loader = Loader(region, source, memory)
        self._workers: list[_Worker] = []

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, busy: int = 0) -> list[_Worker]:
        """Start the processes that read parts, if there are to be any; that takes them half a second.

        As many as there are processors, without those that are `busy` for now.
        """
        processes = min(MOST, len(os.sched_getaffinity(0))) if isinstance(self.harvester, Divisible) else 1
        if processes > 1:
            self._workers += [_Worker() for _ in range(processes - busy - len(self._workers))]
        return self._workers

    def end(self) -> None:
        """End those processes, whatever they do."""
        while self._workers:
            self._workers.pop().end()

    def loads(self, ordinal: int, delivery: Delivery) -> Generator[Load]:
        """All that the unit `ordinal` holds. Raises SourceError where it cannot be read to its end."""
        harvester = self.harvester
        if not isinstance(harvester, Divisible):
            yield from self.loader.loads(ordinal, harvester.read(delivery))
            return
        parts = harvester.parts(delivery)
        first = list(islice(parts, 2))
        if len(first) > 1 and (workers := self.start()):
            notes = yield from self._shared(ordinal, delivery, chain(first, parts), workers)
        else:
            notes = []
            for number, part in enumerate(chain(first, parts)):
                notes.append((yield from self.part(ordinal, delivery, number, part)))
        yield from self.loader.loads(ordinal, harvester.conclude(delivery, notes), (len(notes) + 1) * PART)

    def part(self, ordinal: int, delivery: Delivery, number: int, part: Any) -> Generator[Load, None, Any]:
        """One part of a delivery; returns the harvester's notes."""
        assert isinstance(self.harvester, Divisible)
        items = _Noting(self.harvester.read_part(delivery, part))
        yield from self.loader.loads(ordinal, items, number * PART)
        yield Load(bytes=self.harvester.size(part))
        return items.notes

    def _shared(
        self, ordinal: int, delivery: Delivery, parts: Iterator[Any], workers: list[_Worker]
    ) -> Generator[Load, None, list[Any]]:
        """All parts, dealt to processes in turn and taken back in order; returns the notes."""
        notes: list[Any] = []
        dealt: deque[_Worker] = deque()
        try:
            for number, part in enumerate(parts):
                worker = workers[number % len(workers)]
                worker.give(self, (ordinal, delivery, number, part))
                dealt.append(worker)
                if len(dealt) == len(workers) * AHEAD:
                    notes.append((yield from dealt.popleft().take()))
            while dealt:
                notes.append((yield from dealt.popleft().take()))
        except BaseException:
            self.end()  # they have parts that nobody will take
            raise
        return notes


def send(connection: Connection, value: object) -> None:
    """Send a pickle. BEWARE: Connection.send itself hands out a buffer of a BytesIO; where it fails, the traceback
    keeps that buffer, and CPython 3.12.1 crashes when it collects the two.
    """
    connection.send_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def receive(connection: Connection) -> Any:
    """Take what `send` has sent. Raises EOFError where the other side has gone."""
    return pickle.loads(connection.recv_bytes())


class _Noting:
    """What a generator yields, and then in `notes` what it returns."""

    def __init__(self, items: Generator[Read, None, Any]) -> None:
        self.items, self.notes = items, None

    def __iter__(self) -> Iterator[Read]:
        self.notes = yield from self.items


class _Worker:
    """A process that reads parts; it ends when this side of the socket is closed, be it by the end of this process."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sdi.harvest.worker", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self.connection = Connection(ours.detach())
        self._reads = False

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self.process.kill()
        self.process.wait()

    def give(self, reading: Reading, task: tuple[int, Delivery, int, Any]) -> None:
        """Have it read a part."""
        with self._alive():
            if not self._reads:
                send(self.connection, (reading.source, reading.region, reading.home, reading.memory))
                self._reads = True
            send(self.connection, task)

    def take(self) -> Generator[Load, None, Any]:
        """What it has made of the first part that was not taken yet; returns the notes. Raises what it raised."""
        while True:
            with self._alive():
                kind, value = receive(self.connection)
            if kind == "error":
                raise value
            if kind == "end":
                return value
            yield value

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, ConnectionError) as error:
            ended = self.process.wait()
            raise ChildProcessError(f"a process that read it has ended (exit code {ended}); harvest again") from error
