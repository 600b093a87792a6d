"""The documents in a delivered file: plain, gzip or zip, told by their first bytes; bombs are limited."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sdi.errors import SourceError
from sdi.model.text import Text

RATIO_FREE = 1 << 24
"""Bytes that may unpack from anything; the ratio counts above."""


class Limits:
    """How much one file may unpack to: bytes in all, and bytes per byte packed."""

    def __init__(self, max_bytes: int, max_ratio: float) -> None:
        self.max_bytes, self.max_ratio = max_bytes, max_ratio

    def most(self, packed: int) -> int:
        """How many bytes so many packed ones may unpack to."""
        return min(self.max_bytes, max(RATIO_FREE, int(packed * self.max_ratio)))


class _Limited(io.RawIOBase):
    """A stream that counts what comes out of it; damage and excess become SourceErrors."""

    def __init__(self, inner: IO[bytes], name: str, packed: int, limits: Limits) -> None:
        self._inner, self._name, self._count = inner, name, 0
        self._most = limits.most(packed)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises SourceError for a damaged archive and beyond the limits."""
        try:
            data = self._inner.read(size)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
            raise SourceError(Text(
                pl=f"uszkodzony lub ucięty: {error}; poproś o nową dostawę",
                en=f"damaged or cut off: {error}; ask for the delivery again").at(self._name)) from error
        self._count += len(data)
        if self._count > self._most:
            raise SourceError(Text(
                pl=f"po rozpakowaniu ma ponad {self._most >> 20} MB; jeśli tak ma być, podnieś max_unpacked_mb lub"
                   " max_ratio w pliku źródła",
                en=f"unpacks to more than {self._most >> 20} MB; if that is meant, raise max_unpacked_mb or max_ratio"
                   " in the source's file").at(self._name))
        return data


@contextmanager
def plain_or_gzip(path: Path, name: str, limits: Limits) -> Iterator[IO[bytes]]:
    """The one document of a file that is no zip."""
    packed = is_gzip(path)
    with path.open("rb") as file:
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield _Limited(unpacked, name, path.stat().st_size, limits)  # type: ignore[misc,arg-type]


def is_zip(path: Path) -> bool:
    """The file starts as a zip does."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def is_gzip(path: Path) -> bool:
    """The file starts as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def contents(path: Path, name: str) -> list[zipfile.ZipInfo]:
    """The files of a zip in name order. Raises SourceError for a damaged zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted((info for info in archive.infolist() if not info.is_dir()), key=lambda info: info.filename)
    except (zipfile.BadZipFile, OSError) as error:
        raise SourceError(Text(
            pl=f"to nie jest użyteczny zip: {error}; poproś o nową dostawę",
            en=f"not a usable zip: {error}; ask for the delivery again").at(name)) from error


def refuse_encrypted(chosen: Iterable[zipfile.ZipInfo], name: str) -> None:
    """Raises SourceError where one of the chosen files of the zip `name` needs a password."""
    locked = next((info.filename for info in chosen if info.flag_bits & 1), None)
    if locked is not None:
        raise SourceError(Text(
            pl="zaszyfrowany; poproś o dostawę bez hasła",
            en="encrypted; ask for the delivery without a password").at(f"{name}/{locked}"))


def members(path: Path, name: str) -> tuple[list[zipfile.ZipInfo], list[str]]:
    """The documents of a zip in name order, and the names of the files that are none.

    Documents are *.gml; *.xml only where there is no *.gml. Raises SourceError for a damaged or encrypted zip.
    """
    files = contents(path, name)
    for suffix in (".gml", ".xml"):
        chosen = [info for info in files if info.filename.lower().endswith(suffix)]
        if chosen:
            break
    else:
        held = ", ".join(info.filename for info in files[:5])
        raise SourceError(Text(
            pl=f"w tym zip nie ma pliku .gml ani .xml; jest w nim {held or 'pusto'}",
            en=f"no .gml or .xml file in this zip; it holds {held or 'nothing'}").at(name))
    refuse_encrypted(chosen, name)
    return chosen, [info.filename for info in files if info not in chosen]


@contextmanager
def member(path: Path, info: zipfile.ZipInfo, name: str, limits: Limits) -> Iterator[IO[bytes]]:
    """One document of a zip."""
    with zipfile.ZipFile(path) as archive, archive.open(info) as unpacked:
        yield _Limited(unpacked, name, info.compress_size, limits)  # type: ignore[misc]
