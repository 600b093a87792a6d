"""A process that reads parts of deliveries for another, see sdi.harvest.reading; `python -m sdi.harvest.worker FD`."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection

from sdi.harvest.reading import Reading, receive, send


def work(connection: Connection) -> None:
    """Do what comes in until the other side has gone: parts in, loads and the notes out."""
    reading = Reading(*receive(connection))
    while True:
        task = receive(connection)
        loads = reading.part(*task)
        try:
            while True:
                send(connection, ("load", next(loads)))
        except StopIteration as stop:
            send(connection, ("end", stop.value))
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            error.add_note(f"(while reading part {task[2] + 1} of {task[1].unit.id})")
            send(connection, ("error", error))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the other process decides
    try:
        work(Connection(int(sys.argv[1])))
    except (EOFError, ConnectionError):
        os._exit(0)  # nothing is left to do, and to take an interpreter apart takes a while
