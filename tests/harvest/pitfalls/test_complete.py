"""The list of pitfalls in docs/sources.md and the tests here are the same list."""

from __future__ import annotations

import re
from pathlib import Path

from harvesters.gml import GmlParameters
from harvesters.wfs import WfsParameters, WfsType
from sdi.model.expectations import Expectations, Known
from sdi.model.region import Source
from sdi.model.trust import Tls

FOLDER = Path(__file__).parent
DOCUMENT = Path(__file__).parents[3] / "docs" / "sources.md"


def test_every_pitfall_has_a_test_and_is_described() -> None:
    tested = {int(number) for path in FOLDER.glob("test_*.py")
              for number in re.findall(r"^def test_(\d\d)_", path.read_text(encoding="utf-8"), re.MULTILINE)}
    described = {int(number) for number in re.findall(
        r"^\| (\d+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)}
    assert tested == described == set(range(1, 26))


def test_every_field_of_a_source_is_described() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    fields = {
        name for model in (Source, WfsParameters, WfsType, GmlParameters, Expectations, Known, Tls)
        for name in model.model_fields
    }
    assert [name for name in sorted(fields - {"id"}) if f"`{name}`" not in text] == []
