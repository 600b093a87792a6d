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
from contextlib import ExitStack, contextmanager
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


class Reading:
    """Reads the deliveries of one source."""

    def __init__(
        self, source: Source, region: Region, home: Path, memory: Memory, harvester: Harvester[Any] | None = None
    ) -> None:
        if harvester is None:
            kind = registry.harvester(source.kind)
            harvester = kind(Job.of(source, region, home, memory), kind.Parameters.model_validate(source.parameters))
        self.source, self.region, self.home, self.memory = source, region, home, memory
        self.harvester = harvester
        self.loader = Loader(region, source, memory)

    def loads(self, ordinal: int, delivery: Delivery) -> Generator[Load]:
        """All that the unit `ordinal` holds. Raises SourceError where it cannot be read to its end."""
        harvester = self.harvester
        if not isinstance(harvester, Divisible):
            yield from self.loader.loads(ordinal, harvester.read(delivery))
            return
        parts = harvester.parts(delivery)
        first = list(islice(parts, 2))
        processes = min(MOST, len(os.sched_getaffinity(0))) if len(first) > 1 else 1
        if processes > 1:
            notes = yield from self._shared(ordinal, delivery, chain(first, parts), processes)
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
        self, ordinal: int, delivery: Delivery, parts: Iterator[Any], processes: int
    ) -> Generator[Load, None, list[Any]]:
        """All parts, dealt to processes in turn and taken back in order; returns the notes."""
        notes: list[Any] = []
        with ExitStack() as stack:
            workers = [stack.enter_context(_Worker(self)) for _ in range(processes)]
            dealt: deque[_Worker] = deque()
            for number, part in enumerate(parts):
                worker = workers[number % processes]
                worker.give((ordinal, delivery, number, part))
                dealt.append(worker)
                if len(dealt) == processes * AHEAD:
                    notes.append((yield from dealt.popleft().take()))
            for worker in dealt:
                notes.append((yield from worker.take()))
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

    def __init__(self, reading: Reading) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sdi.harvest.worker", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self.connection = Connection(ours.detach())
        send(self.connection, (reading.source, reading.region, reading.home, reading.memory))

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.process.wait()

    def give(self, task: tuple[int, Delivery, int, Any]) -> None:
        """Have it read a part."""
        with self._alive():
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
