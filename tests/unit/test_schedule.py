"""Cron lines in Polish civil time, what follows a failure, and the locks of hosts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sdi.model.load import load_region
from sdi.model.region import Region, RegionFile, Source
from sdi.model.schedule import WARSAW, HarvestRules, Schedule, next_run
from sdi.model.text import Text
from sdi.worker.agenda import ATTEMPTS, Ending, following
from sdi.worker.queue import host, lock
from tests.harvest.run.conftest import write_home

schedule = TypeAdapter(Schedule)


def civil(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WARSAW, fold=fold)


@pytest.mark.parametrize("line", ["30 2 * * *", "*/15 6-20 * * mon-fri", "0 3 1,15 * *", "never", " 0 3 * * 0 "])
def test_cron_lines_are_taken(line: str) -> None:
    assert schedule.validate_python(line) == line.strip()


@pytest.mark.parametrize("line", [
    "", "* * * *", "* * * * * *", "@daily", "61 * * * *", "0 24 * * *", "0 0 30 2 *", "R R * * *", "0 3 * * 8", "daily",
    "0 3 * * 1#2", "0 3 * * 1; drop",
])
def test_what_is_no_cron_line_is_explained(line: str) -> None:
    with pytest.raises(ValidationError, match="expected `never` or a cron line of five fields"):
        schedule.validate_python(line)


@pytest.mark.parametrize(("after", "expected"), [
    ("2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00"),  # 2:30 does not exist: an hour later
    ("2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"),
    ("2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"),  # 2:30 comes twice: the first
    ("2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"),
    ("2026-10-25T02:29:00+01:00", "2026-10-26T02:30:00+01:00"),  # a run of 59 minutes: not again the same night
    ("2026-07-01T00:29:59+00:00", "2026-07-01T02:30:00+02:00"),  # in summer two hours from UTC
    ("2026-01-01T01:29:59+00:00", "2026-01-01T02:30:00+01:00"),  # in winter one
])
def test_a_nightly_source_runs_once_every_night(after: str, expected: str) -> None:
    assert next_run("30 2 * * *", datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
       st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 2,3 * * 0"]))
@example(datetime(2020, 3, 28, 2), "30 2 * * *")
@example(datetime(2020, 3, 29, 1, 10), "30 2 * * *")
def test_the_next_run_lies_ahead_and_is_the_same_from_just_before_it(moment: datetime, line: str) -> None:
    after = moment.replace(tzinfo=UTC)
    found = next_run(line, after)
    assert found > after
    assert next_run(line, found - timedelta(seconds=1)) == found


def test_a_line_every_few_minutes_rests_in_the_hour_that_comes_twice() -> None:
    assert next_run("*/15 * * * *", civil("2026-10-25T02:45", fold=0)) == civil("2026-10-25T03:00")


NOW = civil("2026-06-10T12:00")
NIGHT = civil("2026-06-11T02:30")


def test_failures_are_tried_again_and_wait_longer_each_time() -> None:
    failures, waits = 0, []
    for _ in range(ATTEMPTS):
        failures, next_at = following(Ending("failed", Text.verbatim("no answer")), failures, "30 2 * * *", NOW, 300.0)
        waits.append((next_at - NOW).total_seconds() / 60)
    assert waits[:-1] == [5, 20, 80, 320]
    assert failures == 0 and NOW + timedelta(minutes=waits[-1]) == NIGHT


@pytest.mark.parametrize("state", ["committed", "unchanged", "refused"])
def test_all_else_waits_for_its_turn(state: Any) -> None:
    assert following(Ending(state, None), 3, "30 2 * * *", NOW) == (0, NIGHT)


def test_a_retry_is_never_later_than_the_regular_run() -> None:
    assert following(Ending("failed", Text.verbatim("")), 3, "0 13 * * *", NOW) == (4, civil("2026-06-10T13:00"))


def source(name: str, **parameters: Any) -> Source:
    return Source(id=name, kind="wfs", county="0415", delivers=("egib",), parameters=parameters)


@pytest.mark.parametrize(("parameters", "expected"), [
    ({"url": "https://User:Secret@WMS.Powiat.PL:8443/iip/ows?x=1"}, "wms.powiat.pl"),
    ({"url": ["https://a.pl/1", "https://b.pl/2"]}, "a.pl"),
    ({"path": "var/demo"}, None), ({"url": "http://[broken"}, None), ({"url": 7}, None),
])
def test_the_host_of_a_source(parameters: dict[str, Any], expected: str | None) -> None:
    assert host(source("x", **parameters)) == expected


def region(per_host: int, *sources: Source) -> Region:
    file = RegionFile.model_construct(harvest=HarvestRules(per_host=per_host))
    return Region.model_construct(id="r", file=file, registers={}, units={}, partners={},
                                  sources={s.id: s for s in sources})


def test_sources_of_a_host_share_its_places() -> None:
    sources = [source(name, url=f"https://powiat.pl/{name}") for name in "abc"]
    files = source("f", path="x")
    assert {lock(s, region(1, *sources, files)) for s in sources} == {"host powiat.pl 0"}
    assert [lock(s, region(2, *sources)) for s in sources] == [
        "host powiat.pl 0", "host powiat.pl 1", "host powiat.pl 0"]
    assert lock(files, region(1, *sources, files)) == "source f"


def test_sources_inherit_and_mistakes_have_a_line(tmp_path: Path) -> None:
    write_home(tmp_path)
    folder = tmp_path / "configs" / "regions" / "proba"
    with (folder / "region.yaml").open("a", encoding="utf-8") as file:
        file.write("harvest:\n  schedule: 30 2 * * *\n  promise_h: 36\n")
    head = "kind: gml\ncounty: 0415\nparameters: {path: x}\n"
    for name, more in {
        "a": "delivers: [pola]\n", "b": "delivers: [slupy]\nschedule: 0 5 * * 1\npromise_h: 200\n",
        "wrong": "delivers: [pola]\nschedule: 0 25 * * *\n",
    }.items():
        (folder / "sources" / f"{name}.yaml").write_text(head + more, encoding="utf-8")
    loaded = load_region(tmp_path, "proba")
    (finding,) = loaded.findings
    assert (finding.path.name, finding.line) == ("wrong.yaml", 5) and "`schedule`: '0 25 * * *'" in str(finding)
    found = loaded.region
    assert [(found.schedule_of(s), found.promise_of(s)) for s in found.sources.values()] == [
        ("30 2 * * *", 36), ("0 5 * * 1", 200)]
    never = found.sources["a"].model_copy(update={"schedule": "never"})
    assert found.schedule_of(never) is None
