"""What was published from the same inputs is neither compiled nor tried again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sdi import publish as publishing
from sdi.db.database import Database
from sdi.model.load import load_region
from sdi.publish import Outcome, publish
from sdi.settings import Settings
from tests.features.conftest import copy_home


class Node:
    """A home whose tenants have OGC API only, so that nothing but Python is needed to try them."""

    def __init__(self, folder: Path, database: Database, settings: Settings) -> None:
        self.home = copy_home(folder / "home")
        self.region = self.home / "configs" / "regions" / "demo"
        with (self.region / "region.yaml").open("a", encoding="utf-8") as file:
            file.write("services: [ogcapi]\n")
        self.database = database
        self.settings = replace(settings, home=self.home, var=folder / "var", region="demo")

    def publish(self) -> Outcome:
        return publish(load_region(self.home, "demo"), self.database, self.settings)


@pytest.fixture
def node(tmp_path: Path, database: Database, settings: Settings) -> Node:
    return Node(tmp_path, database, settings)


def test_the_same_is_not_compiled_again_and_what_differs_is(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    first = node.publish()
    compile_ = publishing._compile
    compiled = []

    def counted(*arguments: object) -> Path:
        compiled.append(arguments)
        return compile_(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "_compile", counted)
    again = node.publish()
    assert (again.changed, again.tenants, again.failed, compiled) == (False, first.tenants, {}, [])

    partner = node.region / "partners" / "chelmza.yaml"
    partner.write_text(partner.read_text(encoding="utf-8").replace("pl: ", "pl: Nowa ", 1), encoding="utf-8")
    assert node.publish().changed
    assert len(compiled) == 1


def test_what_failed_is_tried_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(publishing, "_probe", lambda *_: {"chelmza": "does not answer"})
        assert node.publish().failed
    assert not node.publish().failed
    assert "chelmza" in node.publish().tenants
