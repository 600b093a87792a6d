"""A kind of source for tests: JSON lines over HTTP, `<url>/1`, `<url>/2` …"""

from collections.abc import Generator
from pathlib import Path

from harvesters.jsonlines import Harvester as Lines  # type: ignore[import-not-found]
from pydantic import BaseModel

from sdi.harvest.contract import Delivery, Job, Unit
from sdi.harvest.http import Client


class Parameters(BaseModel, extra="forbid"):
    url: str
    pages: int = 3


class Harvester(Lines):  # type: ignore[misc]
    Parameters = Parameters
    version = "1"

    def __init__(self, job: Job, parameters: Parameters) -> None:
        self.parameters = parameters
        self.pause_s = 0.0
        self.client = Client(attempts=1)

    def gather(self) -> Generator[Unit, Delivery, None]:
        for number in range(1, self.parameters.pages + 1):
            yield Unit(str(number), f"{self.parameters.url}/{number}")

    def fetch(self, unit: Unit, into: Path) -> None:
        self.client.save(unit.origin, into)
