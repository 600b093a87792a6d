"""Locks of processes: the kernel frees them when the last process that has them open is gone, however it went."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[int | None]:
    """The open file of a lock that was free, None where another has it.

    A process that is started with the file inherits the lock and has it on when this block ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file
    finally:
        os.close(file)


@contextmanager
def first_free(paths: Iterable[Path]) -> Iterator[int | None]:
    """One of several locks, as `locked`; None where all are taken."""
    for path in paths:
        with locked(path) as file:
            if file is not None:
                yield file
                return
    yield None
