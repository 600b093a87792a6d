"""The one door from `sdi` to `harvesters`: a kind is the name of a module there."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from sdi.errors import SourceError
from sdi.harvest.contract import Harvester
from sdi.model.text import Text


def kinds() -> list[str]:
    """The kinds of source there are."""
    package = importlib.import_module("harvesters")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def harvester(kind: str) -> type[Harvester[Any]]:
    """The harvester of a kind. Raises SourceError that lists the kinds there are."""
    if kind not in kinds():
        raise SourceError(Text(
            pl=f"nie ma źródeł rodzaju {kind!r}; są: {', '.join(kinds())}",
            en=f"no such kind of source: {kind!r}; there are: {', '.join(kinds())}"))
    found: type[Harvester[Any]] = importlib.import_module(f"harvesters.{kind}").Harvester
    return found
