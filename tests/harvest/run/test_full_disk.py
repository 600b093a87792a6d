"""A disk that is full while a delivery comes in: the run says so, and nothing that is served changes."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .conftest import Node, field_at


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writing more to a file fails, as it does on a full disk (RLIMIT_FSIZE; Python ignores the signal)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def left_over(archive: Path) -> list[Path]:
    return [path for path in archive.rglob("*") if path.is_file() and len(path.name) != 64]


def test_a_full_disk_loses_nothing(node: Node) -> None:
    node.deliver([{"id": f"p{n}", "wkt": field_at(20 * n, 0)} for n in range(3)])
    node.harvest()
    served = node.rows("select xmin::text, * from proba.pola order by id")

    node.deliver([{"id": f"p{n}", "wkt": field_at(20 * n, 0), "attributes": {"nazwa": "x" * 100}} for n in range(40)])
    with files_of_at_most(2000):
        outcome = node.harvest()
    assert outcome.state == "failed" and "the delivery cannot be written (File too large)" in outcome.message.en
    assert "zrób miejsce na dysku" in outcome.message.pl
    assert node.rows("select xmin::text, * from proba.pola order by id") == served

    assert node.harvest().state == "committed"
    assert len(node.rows("select 1 from proba.pola")) == 40
    assert left_over(node.settings.var / "archive") == []
