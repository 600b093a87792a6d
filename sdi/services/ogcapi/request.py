"""What is being asked, for the code that pygeoapi calls without telling it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sdi.model.register import Register
from sdi.model.text import Language
from sdi.store.crs import Crs
from sdi.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a tenant's API."""

    reader: Reader
    collection: str
    """The feature type asked for; empty where none is."""
    language: Language
    format: str
    """json, html or jsonld; of features one of `formats.FORMATS`."""
    crs: Crs
    """Of the coordinates in the answer."""
    query: Mapping[str, str]
    """The parameters as they were given."""
    registers: Mapping[str, Register] = field(default_factory=dict)
    """What the region declares, by id: titles of codes are there."""
    enclosures: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Links to whole collections as files, by collection; given where collections are described."""

    last_known: str = ""
    """Of a feature that turns out to be gone: the `asOf` of its last known state."""


ASKED: ContextVar[Asked] = ContextVar("ASKED")
"""Set for the length of a request; pygeoapi builds a provider per request from plain configuration only."""
