"""The archive of raw deliveries: each file under the SHA-256 of its bytes, written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from sdi.errors import Told
from sdi.model.text import Text

OF_WRITING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors that only writing can meet."""


class NotKept(Told, OSError):
    """The archive cannot be written; says why and what to do."""


class Archive:
    """`<var>/archive/<first two digits>/<sha256>`, readable by the node's user only (mode 0600)."""

    def __init__(self, var: Path) -> None:
        self.folder = var / "archive"
        self.incoming = self.folder / "incoming"

    def path(self, sha256: str) -> Path:
        """Where the bytes with this hash lie, if the archive has them."""
        return self.folder / sha256[:2] / sha256

    def keep(self, source: str, write: Callable[[Path], None]) -> tuple[str, int]:
        """Let `write` fill a file, then keep it; returns the SHA-256 (hex) and the size in bytes.

        What was written is thrown away where `write` raises. Raises NotKept.
        """
        temporary = self.incoming / f"{source}.{uuid4().hex}"
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            write(temporary)
            temporary.chmod(0o600)
            with temporary.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                size = os.fstat(file.fileno()).st_size
                os.fsync(file.fileno())
            target = self.path(sha256)
            target.parent.mkdir(exist_ok=True, mode=0o700)
            temporary.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            if error.errno not in OF_WRITING:
                raise
            raise NotKept(Text(
                pl=f"nie da się zapisać dostawy ({error.strerror}); zrób miejsce na dysku i pobierz ponownie",
                en=f"the delivery cannot be written ({error.strerror}); make room on the disk and harvest again",
            ).at(str(self.folder))) from error
        finally:
            temporary.unlink(missing_ok=True)
        return sha256, size

    def sweep(self, source: str) -> None:
        """Remove what a killed run of the source left in `incoming`; only for the holder of the source's lock."""
        self.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in self.incoming.glob(f"{source}.*"):
            leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
