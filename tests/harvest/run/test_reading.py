"""A delivery that several processes read is staged as if one had; processes that die are noticed, and die with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely

from sdi.demo.chance import Scenario
from sdi.demo.egib import write_egib
from sdi.demo.survey import Survey
from sdi.errors import SourceError
from sdi.harvest.contract import Delivery, Unit
from sdi.harvest.gml import slices
from sdi.harvest.load import Load
from sdi.harvest.memory import Memory
from sdi.harvest.reading import Reading
from sdi.model.load import load_region
from tests.conftest import HOME

from .conftest import Node, field_at


@pytest.fixture(scope="module")
def egib(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery with objects of all kinds, one of them of a class and a namespace that nobody knows."""
    path = tmp_path_factory.mktemp("delivery") / "egib.gml"
    write_egib(Survey(Scenario(parcels=600)), "0415", path)
    odd = b'<gml:featureMember><x:EGB_Nowa xmlns:x="urn:x"/></gml:featureMember>\n'
    path.write_bytes(path.read_bytes().replace(b"</gml:FeatureCollection>", odd + b"</gml:FeatureCollection>"))
    return path


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    monkeypatch.setattr(slices, "SLICE", 100_000)
    region = load_region(HOME, "demo").region
    with Reading(region.sources["0415-egib"], region, HOME, Memory()) as reading:
        yield reading


def loads(ours: Reading, path: Path, monkeypatch: pytest.MonkeyPatch, processes: int) -> Iterator[Load]:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processes)))
    return ours.loads(0, Delivery(Unit("egib.gml", "egib.gml"), path, "", path.stat().st_size, True))


def facts(made: Iterator[Load]) -> list[object]:
    return [(load.rows, [(issue, None if shape is None else shapely.to_wkb(shape)) for issue, shape in load.issues],
             load.tally) for load in made]


def test_three_processes_make_what_one_makes(ours: Reading, egib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = facts(loads(ours, egib, monkeypatch, 1))
    assert len(alone) > 10
    assert facts(loads(ours, egib, monkeypatch, 3)) == alone
    assert sum(load.tally.quarantined for load in loads(ours, egib, monkeypatch, 3)) == 1


def test_an_error_of_a_process_is_raised_here(ours: Reading, egib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = egib.with_name("cut.gml")
    cut.write_bytes(egib.read_bytes()[:-100])
    with pytest.raises(SourceError, match=r"egib\.gml:\d+: not well-formed XML, or cut off"):
        list(loads(ours, cut, monkeypatch, 2))


def test_a_process_that_is_killed_ends_the_reading(ours: Reading, egib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(real(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    made = loads(ours, egib, monkeypatch, 2)
    next(made)
    started[1].kill()
    with pytest.raises(OSError, match=r"has ended \(exit code -9\); harvest again"):
        list(made)
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize("said", ["a\tb", "a\\b", "a\nb", "a\r\nb", "\\N", "\\.", "", "ż"])
def test_text_goes_through_copy_as_it_is(node: Node, said: str) -> None:
    plain = {"id": "plain", "attributes": {"nazwa": "plain", "liczba": 1, "miara": 0.1}, "wkt": field_at(0, 0)}
    node.deliver([plain, {"id": "odd", "attributes": {"nazwa": said}, "wkt": field_at(50, 0)}])
    assert node.harvest().good
    current = node.current()
    assert (current["odd"]["nazwa"], current["odd"]["liczba"]) == (said, None)
    assert (current["plain"]["nazwa"], current["plain"]["liczba"], current["plain"]["miara"]) == ("plain", 1, 0.1)


def test_no_process_outlives_ours(egib: Path, tmp_path: Path) -> None:
    script = f"""
import pathlib, time
from sdi.harvest.memory import Memory
from sdi.harvest.reading import Reading
from sdi.model.load import load_region
home = pathlib.Path({str(HOME)!r})
region = load_region(home, "demo").region
reading = Reading(region.sources["0415-egib"], region, home, Memory())
print(reading.start()[0].process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while _lives(child):
        assert time.monotonic() < deadline, "the reading process is still there"
        time.sleep(0.05)


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
