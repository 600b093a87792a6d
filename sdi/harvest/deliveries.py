"""Deliveries that are whole files: where they lie, one unit each, copied or downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sdi.errors import SourceError
from sdi.harvest.archive import OF_WRITING
from sdi.harvest.contract import Unit
from sdi.harvest.unpack import Limits
from sdi.model.text import Text
from sdi.model.trust import Tls

if TYPE_CHECKING:
    from sdi.harvest.http import Client

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]


class FileParameters(BaseModel):
    """The `parameters` of every kind of source that reads files; exactly one of `path` and `url`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = None
    """A file, a folder (its files of the kind, in name order) or a pattern as in `*.zip`; from the SDI home."""
    url: Url | tuple[Url, ...] | None = None
    """One address or several, read in the order given."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further HTTP headers."""
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Longest silence of a server."""
    max_unpacked_mb: Annotated[int, Field(gt=0)] = 50_000
    """Most that one packed file may unpack to, in MB."""
    max_ratio: Annotated[float, Field(gt=1)] = 300.0
    """Most bytes that one byte of a packed file may unpack to."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (not self.url):
            raise ValueError("give either `path` or `url`")
        return self

    @property
    def limits(self) -> Limits:
        """How much a packed file may unpack to."""
        return Limits(self.max_unpacked_mb << 20, self.max_ratio)


class Deliveries:
    """The files that the parameters name; of a folder those that end in one of `suffixes`."""

    def __init__(
        self, parameters: FileParameters, home: Path, suffixes: tuple[str, ...], tls: Tls | None = None
    ) -> None:
        self._parameters, self._home, self._suffixes, self._tls = parameters, home, suffixes, tls

    @cached_property
    def _client(self) -> Client:
        from sdi.harvest.http import Client  # takes a while, and a process that only reads needs none
        from sdi.harvest.tls import context

        given = self._parameters
        return Client(given.headers, given.timeout_s, trust=context(self._tls, self._home), limits=given.limits)

    def units(self) -> Iterator[Unit]:
        """A unit per file or address. Raises SourceError where there is none."""
        if self._parameters.path is not None:
            for path, name in self._files(self._parameters.path):
                facts = path.stat()
                yield Unit(name, str(path), {"path": str(path)}, f"{facts.st_size} bytes of {facts.st_mtime_ns}", True)
            return
        given = self._parameters.url
        for number, url in enumerate((given,) if isinstance(given, str) else given or (), 1):
            from sdi.harvest.http import shown

            yield Unit(f"{number:06d}-{_last_part(url)}", shown(url), {"url": url}, self._client.validator(url), True)

    def fetch(self, unit: Unit, into: Path) -> None:
        """Copy or download one file. Raises SourceError."""
        if "url" in unit.request:
            self._client.save(unit.request["url"], into)
            return
        try:
            shutil.copyfile(unit.request["path"], into)
        except OSError as error:
            if error.errno in OF_WRITING:
                raise
            raise SourceError(Text(
                pl=f"nie da się odczytać: {error.strerror}",
                en=f"cannot be read: {error.strerror}").at(unit.origin)) from error

    def _files(self, given: str) -> list[tuple[Path, str]]:
        """Files and the names by which their units are known, in name order."""
        place = self._home / given
        if place.is_file():
            return [(place, place.name)]
        if place.is_dir():
            found = [file for file in place.iterdir() if file.is_file() and file.name.lower().endswith(self._suffixes)]
            base = place
        else:
            base = Path(place.anchor, *_plain_parts(place))
            if not base.is_dir() or base == place:
                raise SourceError(Text(
                    pl="nie ma takiego pliku ani folderu; popraw `path` albo umieść tam dostawę",
                    en="no such file or folder; correct `path` or put the delivery there").at(str(place)))
            found = [file for file in base.glob(str(place.relative_to(base))) if file.is_file()]
        if not found:
            raise SourceError(Text(
                pl=f"nie ma tam dostawy; oczekiwano plików o końcówkach {', '.join(self._suffixes)}",
                en=f"no delivery there; expected files ending in {', '.join(self._suffixes)}").at(str(place)))
        return sorted((file, str(file.relative_to(base))) for file in found)


def file_name(unit: Unit) -> str:
    """The name of a unit's file where it came from."""
    return _last_part(unit.request["url"]) if "url" in unit.request else Path(unit.request["path"]).name


def _last_part(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name or "delivery"


def _plain_parts(path: Path) -> list[str]:
    """The parts of a path below its anchor that stand before the first with a wildcard."""
    parts: list[str] = []
    for part in path.parts[1:] if path.anchor else path.parts:
        if any(sign in part for sign in "*?["):
            break
        parts.append(part)
    return parts
