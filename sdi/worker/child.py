"""One harvest in a process of its own: `python -m sdi.worker.child <source>`, started by a worker.

Progress goes to standard error; how it ended is one JSON object on standard output. It goes on where an earlier
process was stopped, and it stops when its worker dies.
"""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.errors import DatabaseError, SdiError, SourceBusy, SourceError
from sdi.harvest.progress import Lines
from sdi.harvest.run import harvest
from sdi.model.load import load_region
from sdi.model.text import Text
from sdi.settings import Settings
from sdi.supervised import die_with_parent
from sdi.worker.agenda import ENDING, Ending

INTERRUPTED = 130
"""The exit code of a harvest that was stopped and can be gone on with."""
SIGNALS = signal.SIGTERM, signal.SIGINT


def main(source: str) -> int:
    """Harvest one source; the declaration is read anew."""
    stop_by_signals()
    try:
        die_with_parent()
        print(ENDING.dump_json(_ending(source, Settings.from_environment())).decode())
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _ending(source: str, settings: Settings) -> Ending:
    try:
        loaded = load_region(settings.home, settings.region)
        declared = loaded.region.sources.get(source)
        if declared is None:
            raise SourceError(Text(
                pl=f"pliku sources/{source}.yaml już nie ma albo jest w nim błąd; zobacz `sdi check`",
                en=f"sources/{source}.yaml is gone or has a mistake; see `sdi check`"))
        with node_database(settings) as database, Lines(sys.stderr) as progress:
            migrate(database, loaded.region.registers.values())
            outcome = harvest(declared, loaded.region, database, settings, progress)
    except DatabaseError as error:
        return Ending("interrupted", error.text)
    except SourceBusy as error:
        return Ending("busy", error.text)
    except SdiError as error:
        return Ending("failed", error.text)
    assert outcome.state != "running"
    return Ending(outcome.state, outcome.message)


def stop_by_signals() -> None:
    """Have the first SIGTERM or SIGINT raise KeyboardInterrupt, and others after it do nothing.

    A terminal and systemd send one to us and one to the worker, which sends another: clearing up goes on all the same.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # In the middle of a command psycopg warns that it cannot roll back; closing the connection does.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
