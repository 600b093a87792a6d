"""`sdi check` as a user runs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdi.model.load import region_ids

HOME = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An SDI home of the test's own with the project's regions."""
    shutil.copytree(HOME / "configs", tmp_path / "configs")
    return tmp_path


def check(home: Path, *options: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "sdi", *options], cwd=home, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("SDI_")},
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_regions_of_the_project_have_no_mistakes(home: Path) -> None:
    code, lines = check(home, "check", "--all")
    assert code == 0, lines
    assert [line.partition(":")[0] for line in lines] == region_ids(home)
    assert all(line.endswith("; no mistakes") for line in lines)


def test_mistakes_are_printed_by_file_and_line_with_relative_paths(home: Path) -> None:
    demo = home / "configs" / "regions" / "demo"
    change(demo / "sources" / "0415-gesut.yaml", "kind: gml", "kind: carrier-pigeon")
    change(demo / "sources" / "0404-egib.yaml", "  version: 2.0.0\n", "  version: 2.0.0\n  colour: red\n")
    (demo / "partners" / "aaa.yaml").write_text("teryt: 9999\ntitle: {pl: a, en: a}\n", encoding="utf-8")
    code, lines = check(home, "check")
    assert code == 1
    assert [line.split(" ")[0] for line in lines[:-1]] == [
        "configs/regions/demo/partners/aaa.yaml:1:",
        "configs/regions/demo/sources/0404-egib.yaml:8:",
        "configs/regions/demo/sources/0415-gesut.yaml:2:",
    ]
    assert "unknown TERYT 9999" in lines[0]
    assert "unknown field `parameters.colour`" in lines[1]
    assert "unknown kind of source `carrier-pigeon`; there are: gml, ogcapi, vector, wfs" in lines[2]
    assert lines[-1].startswith("demo: ") and lines[-1].endswith("; 3 mistakes")


def test_a_region_without_a_usable_head_is_checked_all_the_same(home: Path) -> None:
    demo = home / "configs" / "regions" / "demo"
    (demo / "region.yaml").write_text("title: a\n", encoding="utf-8")
    change(demo / "sources" / "0415-gesut.yaml", "kind: gml", "kind: carrier-pigeon")
    code, lines = check(home, "check", "--all")
    assert code == 1
    assert any("demo/region.yaml:1: `title`" in line for line in lines)
    assert any("carrier-pigeon" in line for line in lines)
    assert lines[-1].startswith("samples: ") and lines[-1].endswith("; no mistakes")


def test_what_is_left_out_because_of_another_file_is_said(home: Path) -> None:
    change(home / "configs" / "registers" / "gesut.yaml", "feature_types:", "feature_kinds:")
    code, lines = check(home, "check")
    assert code == 1
    assert any("0415-gesut.yaml:1: is left out as well" in line and "(no mistake of its own)" in line for line in lines)


def test_an_unknown_region_names_those_there_are(home: Path) -> None:
    code, lines = check(home, "--region", "nowhere", "check")
    assert code == 1
    assert f"no such region; there are: {', '.join(region_ids(home))}" in lines[-1]
