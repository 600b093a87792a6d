"""A kind of source for tests: a folder of files with one object a line, as JSON."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import shapely
from pydantic import BaseModel

from sdi.errors import SourceError
from sdi.harvest.contract import Delivery, Feature, Issue, Job, LeftOut, Read, Unit
from sdi.model.text import Text


class Parameters(BaseModel, extra="forbid"):
    path: str
    pause_s: float = 0.0


class Harvester:
    Parameters = Parameters
    version = "1"
    fetched: list[str] = []  # noqa: RUF012
    was_read: list[str] = []  # noqa: RUF012

    def __init__(self, job: Job, parameters: Parameters) -> None:
        self.folder = job.home / parameters.path
        self.pause_s = parameters.pause_s

    def gather(self) -> Generator[Unit, Delivery, None]:
        if not self.folder.is_dir():
            raise SourceError(Text(pl="nie ma takiego folderu", en="no such folder").at(str(self.folder)))
        for path in sorted(self.folder.glob("*.jsonl")):
            facts = path.stat()
            yield Unit(path.name, str(path), {"path": path}, stamp=f"{facts.st_size} {facts.st_mtime_ns}")

    def fetch(self, unit: Unit, into: Path) -> None:
        self.fetched.append(unit.id)
        time.sleep(self.pause_s)
        shutil.copyfile(unit.request["path"], into)

    def read(self, delivery: Delivery) -> Iterator[Read]:
        self.was_read.append(delivery.unit.id)
        with delivery.path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if number % 50 == 0:
                    time.sleep(self.pause_s)
                yield self._item(json.loads(line), f"{delivery.unit.id}:{number}")

    def _item(self, item: dict[str, Any], position: str) -> Read:
        if "broken" in item:
            raise SourceError(Text.verbatim(item["broken"]).at(position))
        if "left_out" in item:
            return LeftOut(item["left_out"])
        if "issue" in item:
            given = item["issue"]
            return Issue(**{**given, "message": Text.verbatim(given["message"])}, position=position)
        wkt = item.pop("wkt", None)
        shapes = {name: shapely.from_wkt(text) for name, text in item.pop("shapes", {}).items()}
        return Feature(
            **{"feature_type": "pola", "id": None, "srid": 2180, "attributes": {}} | item,
            geometry=None if wkt is None else shapely.from_wkt(wkt), geometries=shapes, position=position,
        )
