"""Asking in turns: what is compared is asked by one client in turns, so that a busy machine hits all alike."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

WARM = 3
"""Rounds before the first that counts."""

CLIENTS = 8
"""Connections at once where throughput is measured."""

SECONDS = 3.0
"""Length of one round of throughput."""

THROUGHPUT_ROUNDS = 3


class NoAnswer(Exception):
    """Why a contender could not be measured, in words for the table."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Repeated measurements of one thing."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Sample:
        """Their median and their range; `values` must not be empty."""
        return cls(statistics.median(values), min(values), max(values))


type Outcome = Sample | NoAnswer


class Contender(Protocol):
    """What can be asked the n-th question."""

    def ask(self, number: int) -> float:
        """Milliseconds until the whole answer was there. Raises NoAnswer where it is not the answer expected."""


class Absent:
    """A peer that cannot be had here."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def ask(self, number: int) -> float:
        """Raise NoAnswer with the reason."""
        raise NoAnswer(self.reason)


@dataclass(slots=True)
class Web:
    """A service asked over HTTP/1.1 on a connection that is kept."""

    url: str
    """Scheme, host and port."""
    path: Callable[[int], str]
    """Path and query of the n-th question."""
    valid: Callable[[bytes], bool]
    """Whether an answer is the one expected."""
    _connection: http.client.HTTPConnection | None = None

    def ask(self, number: int) -> float:
        """Milliseconds for one request. Raises NoAnswer."""
        path = self.path(number)
        since = time.perf_counter()
        try:
            status, body = self._get(path)
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        taken = (time.perf_counter() - since) * 1_000
        if status not in (200, 204) or not self.valid(body):
            said = " ".join(body[:200].decode(errors="replace").split())
            raise NoAnswer(f"{path.partition('?')[0]} answered {status}: {said}")
        return taken

    def another(self) -> Web:
        """The same service on another connection."""
        return Web(self.url, self.path, self.valid)

    def _get(self, path: str) -> tuple[int, bytes]:
        """Status and body; a connection that the server closed while others were asked is opened again, once."""
        if self._connection is not None:
            try:
                return self._on(self._connection, path)
            except ConnectionError:
                self._hang_up()
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=120)
        return self._on(self._connection, path)

    def _on(self, connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
        connection.request("GET", path, headers={"Accept-Encoding": "identity"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def latencies(contenders: Sequence[Contender], rounds: int, warm: int = WARM) -> list[Outcome]:
    """Milliseconds per question; each round asks all the same question, each time another one first.

    A contender that fails once is out: it is told by its NoAnswer.
    """
    taken: list[list[float]] = [[] for _ in contenders]
    out: dict[int, NoAnswer] = {}
    for number in range(-warm, rounds):
        for turn in range(len(contenders)):
            which = (turn + number) % len(contenders)
            if which in out:
                continue
            try:
                ms = contenders[which].ask(number % rounds)
            except NoAnswer as reason:
                out[which] = reason
                continue
            if number >= 0:
                taken[which].append(ms)
    return [out[which] if which in out else Sample.of(values) for which, values in enumerate(taken)]


def throughputs(contenders: Sequence[Web | Absent]) -> list[Outcome]:
    """Answers per second to CLIENTS connections at once, in turns."""
    rates: list[list[float]] = [[] for _ in contenders]
    out: dict[int, NoAnswer] = {}
    for _ in range(THROUGHPUT_ROUNDS):
        for which, contender in enumerate(contenders):
            if which not in out:
                try:
                    rates[which].append(_rate(contender))
                except NoAnswer as reason:
                    out[which] = reason
    return [out[which] if which in out else Sample.of(values) for which, values in enumerate(rates)]


def _rate(contender: Web | Absent) -> float:
    if isinstance(contender, Absent):
        raise NoAnswer(contender.reason)
    answered: list[int] = []
    failures: list[NoAnswer] = []
    until = time.perf_counter() + SECONDS

    def work(first: int) -> None:
        client, count = contender.another(), 0
        try:
            while time.perf_counter() < until:
                client.ask(first + count * CLIENTS)
                count += 1
        except NoAnswer as reason:
            failures.append(reason)
        answered.append(count)

    since = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(answered) / (time.perf_counter() - since)
