"""A first harvest of one large file says how far it is: by bytes, slice by slice."""

from __future__ import annotations

import pytest

from sdi.db.migrate import migrate
from sdi.harvest.gml import slices
from sdi.harvest.progress import Progress
from sdi.harvest.run import harvest
from tests.harvest.gml.test_conditional import County, declare, delivery
from tests.harvest.run.conftest import Node, kinds, node

__all__ = ["kinds", "node"]


class Noted(Progress):
    """Notes how far it is."""

    def __init__(self) -> None:
        self.expected, self.at = 0, [0]

    def expect(self, size: int, objects: int | None) -> None:
        self.expected = size

    def done(self, size: int) -> None:
        self.at.append(self.at[-1] + size)


def test_bytes_are_told_slice_by_slice(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE", 2_000)
    declare(node, County())
    file = node.home / "egib.gml"
    file.write_bytes(delivery(*range(40)))
    node.declare(parameters={"path": str(file)})
    region, noted = node.region, Noted()
    migrate(node.database, region.registers.values())
    assert harvest(region.sources["0415-proba"], region, node.database, node.settings, noted).state == "committed"
    assert noted.expected == noted.at[-1] == file.stat().st_size
    assert len({at for at in noted.at if 0 < at < noted.expected}) >= 5
