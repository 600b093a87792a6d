"""Makes one file, in a process of its own: `python -m sdi.services.downloads.make`, a job as JSON on standard input.

Whoever starts it holds the lock of the file and hands it over. The name of the file that is there afterwards is the
one line on standard output; what went wrong is the last line on standard error.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

import psycopg

from sdi.errors import SdiError
from sdi.services.downloads.files import Description, Name, beside, described, remove_superfluous
from sdi.services.downloads.formats import CRS_URI
from sdi.services.downloads.job import Job
from sdi.services.downloads.metadata import about
from sdi.services.downloads.writers import WRITERS
from sdi.store.snapshot import NothingHarvested, Snapshot, snapshot
from sdi.supervised import die_with_parent

RESERVE_BYTES = 1 << 30
"""What must be free on the disk before a file is begun."""


class CannotBeMade(SdiError):
    """The file cannot be made here and now."""


def make(job: Job) -> Name:
    """Make the file of the edition that is current now, unless it is there. Raises SdiError, psycopg and other errors.

    The caller holds the lock of the file.
    """
    free = shutil.disk_usage(job.folder).free
    if free < RESERVE_BYTES:
        raise CannotBeMade(f"{job.downloads}: only {free >> 20} MB are free; make room or lower SDI_DOWNLOADS_GB")
    declaration = job.declaration
    with snapshot(job.conninfo, declaration.tenant, declaration.feature_type.name) as taken:
        name = Name.of(taken.table.name, taken.edition, job.digest, job.extension)
        if described(job.folder, name) is not None:
            return name
        workshop = job.folder / name.workshop
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir()
        try:
            draft = workshop / f"draft.{name.extension}"
            WRITERS[job.extension](taken, about(declaration, taken), declaration.tenant.languages[0], draft)
            _place(draft, job, name, taken)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    remove_superfluous(job.downloads, job.folder / str(name), job.max_bytes)
    return name


def _place(draft: Path, job: Job, name: Name, taken: Snapshot) -> None:
    """Describe what was made, on disk for good, and give it its name."""
    path = job.folder / str(name)
    with draft.open("rb") as made:
        digest = file_digest(made, "sha256").hexdigest()
        os.fsync(made.fileno())
    description = Description(
        name=path.name, media_type=name.format.media_type, bytes=draft.stat().st_size, sha256=digest,
        objects=taken.layer.objects, crs=CRS_URI, bounds=taken.layer.bounds, version=taken.edition.version,
        committed_at=taken.edition.committed_at, made_at=datetime.now(UTC),
    )
    beside(draft).write_text(description.text(), encoding="utf-8")
    if job.last_use is not None:
        os.utime(draft, (job.last_use,) * 2)
    beside(draft).rename(beside(path))
    draft.rename(path)


def main() -> int:
    """Make what standard input asks for; 1 where that failed, the reason on standard error."""
    die_with_parent()
    os.nice(10)
    job = Job.model_validate_json(sys.stdin.read())
    if job.last_use is not None:
        os.nice(9)
    # A file beyond the bound of all is not written to its end.
    resource.setrlimit(resource.RLIMIT_FSIZE, (job.max_bytes, job.max_bytes))
    try:
        print(make(job))
    except NothingHarvested as error:
        print(error, file=sys.stderr)
        return 2
    except (SdiError, psycopg.Error, OSError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
