"""All deliveries of the sample region as files below `<var>/demo`, written once per scenario."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from sdi.demo.bdot500 import write_bdot500
from sdi.demo.chance import Scenario
from sdi.demo.egib import write_egib
from sdi.demo.geopackage import write_geopackage
from sdi.demo.gesut import write_gesut
from sdi.demo.survey import Survey

FORMAT = 1
"""Raised when the same scenario would be written differently."""

FILES: tuple[tuple[str, str, Callable[[Survey, str, Path], dict[str, int]]], ...] = (
    ("0415", "egib.gml", write_egib),
    ("0415", "gesut.gml", write_gesut),
    ("0415", "bdot500.gml", write_bdot500),
    ("0404", "egib.gpkg", write_geopackage),
    ("0404", "gesut.gml", write_gesut),
    ("0404", "bdot500.gml", write_bdot500),
)
"""County, file, and what writes it."""


def write_deliveries(scenario: Scenario, folder: Path, say: Callable[[str], None] = print) -> bool:
    """Write every file below `folder`, unless they are there from the same scenario; whether anything was written.

    A marker names the scenario. It goes first and comes last, so an interrupted writing is begun again.
    """
    marker = folder / "scenario.json"
    text = json.dumps({"format": FORMAT, **asdict(scenario)}, indent=2) + "\n"
    if marker.is_file() and marker.read_text(encoding="utf-8") == text:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    survey = Survey(scenario)
    for county, name, write in FILES:
        counts = write(survey, county, folder / county / name)
        say(f"  {county}/{name}: {sum(counts.values()):,} objects")
    marker.write_text(text, encoding="utf-8")
    return True
