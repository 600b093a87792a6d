"""Waiting for what other processes and threads do."""

from __future__ import annotations

import time
from collections.abc import Callable


def until[T](found: Callable[[], T], seconds: float = 240.0) -> T:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return result
