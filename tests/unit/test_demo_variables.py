"""`${NAME:-default}` in the parameters of a source."""

import shutil
from pathlib import Path

from sdi.model.load import load_region

HOME = Path(__file__).parents[2]


def test_parameters_take_variables_from_the_environment(monkeypatch):
    monkeypatch.delenv("SDI_VAR", raising=False)
    assert load_region(HOME, "demo").region.sources["0415-egib"].parameters["path"] == "var/demo/0415/egib.gml"
    monkeypatch.setenv("SDI_VAR", "/elsewhere")
    assert load_region(HOME, "demo").region.sources["0415-egib"].parameters["path"] == "/elsewhere/demo/0415/egib.gml"


def test_a_variable_that_is_not_set_is_a_finding_with_its_line(tmp_path, monkeypatch):
    monkeypatch.delenv("SDI_NOWHERE", raising=False)
    shutil.copytree(HOME / "configs", tmp_path / "configs")
    source = tmp_path / "configs" / "regions" / "demo" / "sources" / "0415-egib.yaml"
    source.write_text(source.read_text(encoding="utf-8").replace("${SDI_VAR:-var}", "${SDI_NOWHERE}"), encoding="utf-8")
    finding, = (f for f in load_region(tmp_path, "demo").findings if f.path.name == "0415-egib.yaml")
    assert finding.line == 6
    assert "SDI_NOWHERE" in finding.message
