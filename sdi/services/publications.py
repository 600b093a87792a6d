"""The compiled tenants on disk (`var/build/`), and the set of them that a web worker serves.

`var/build/<digest>/` is immutable once it is named; `var/build/current` is a symlink, swapped in one rename.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdi.model.region import Region
from sdi.services.contract import Published

REGION_FILE = "region.json"
ADDRESS_FILE = "public_url"


@dataclass(frozen=True, slots=True)
class Build:
    """One publication: a region and its tenants, ready to answer."""

    digest: str
    region: Region
    public_url: str
    """No trailing slash."""
    tenants: Mapping[str, Published]


def read_build(folder: Path) -> Build:
    """Read a build folder. A tenant without a folder there is one that could not be compiled: not served."""
    region = Region.model_validate_json((folder / REGION_FILE).read_text(encoding="utf-8"))
    public_url = (folder / ADDRESS_FILE).read_text(encoding="utf-8")
    tenants = {
        name: Published(tenant, folder / name, region, public_url)
        for name, tenant in region.tenants.items()
        if (folder / name).is_dir()
    }
    return Build(folder.name, region, public_url, tenants)


class Publications:
    """The build that is served now; a swap of `current` is seen at the next request."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "current"
        self._build: Build | None = None
        self._lock = threading.Lock()

    def unless_moved(self) -> Build | None:
        """The current build where it is the one in memory: one readlink, so that no request waits for a thread."""
        build = self._build
        try:
            return build if build is not None and os.readlink(self.link) == build.digest else None
        except OSError:
            return build

    def current(self) -> Build | None:
        """The current build, read anew when the link has moved; None before the first publication."""
        try:
            target = os.readlink(self.link)
        except OSError:
            return self._build
        build = self._build
        if build is None or build.digest != Path(target).name:
            with self._lock:
                if self._build is None or self._build.digest != Path(target).name:
                    self._build = read_build(self.link.parent / target)
            build = self._build
        return build


class OneBuild(Publications):
    """A build that is not (yet) the current one: for the probe before a swap."""

    def __init__(self, build: Build) -> None:
        self._one = build

    def unless_moved(self) -> Build | None:
        """The build it was made with."""
        return self._one

    def current(self) -> Build | None:
        """The build it was made with."""
        return self._one
