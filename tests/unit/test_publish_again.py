"""What is published again: nothing from the same inputs, and as it was what a mistake would take away."""

from __future__ import annotations

import fcntl
import resource
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sdi import publish as publishing
from sdi.db.database import Database
from sdi.errors import PublicationError
from sdi.model.load import load_region
from sdi.model.region import Tenant
from sdi.publish import Outcome, publish, summary
from sdi.services.contract import Publication
from sdi.services.publications import read_build
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

    def collections(self) -> dict[str, int]:
        """How many collections each tenant has that is published now."""
        build = read_build((self.settings.var / "build" / "current").resolve())
        return {name: len(published.tenant.feature_types) for name, published in build.tenants.items()}

    def append(self, path: str, text: str) -> None:
        """Add text to a file below configs/."""
        with (self.home / "configs" / path).open("a", encoding="utf-8") as file:
            file.write(text)


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


@pytest.mark.parametrize("path", ["regions/demo/sources/0404-egib.yaml", "registers/egib.yaml"])
def test_what_a_broken_file_declared_stays_as_it_was_published(node: Node, path: str) -> None:
    node.publish()
    before = node.collections()
    node.append(path, "delivers: [\n")
    outcome = node.publish()
    assert node.collections() == before
    assert "/".join(path.split("/")[-2:]) in outcome.carried
    assert "0404-egib" not in load_region(node.home, "demo").region.sources, "what is broken is not harvested"
    assert f"as published last, until mended (see sdi check): {outcome.carried[0]}" in summary(outcome)
    assert outcome.gone == {}


def test_a_mistake_in_the_units_takes_nobody_off_the_air(node: Node) -> None:
    node.publish()
    before = node.collections()
    units = node.region / "units.geojson"
    text = units.read_text(encoding="utf-8")
    assert text.count('"0404"') == 1
    units.write_text(text.replace('"0404"', '"40x"'), encoding="utf-8")
    outcome = node.publish()
    assert (node.collections(), outcome.gone) == (before, {})
    assert outcome.carried == ["units.geojson", *(f"sources/0404-{name}.yaml" for name in ("bdot500", "egib", "gesut"))]
    assert outcome.failed["powiat-chelminski"].endswith("(see sdi check); published as before")


def test_a_second_owner_takes_nothing_away(node: Node) -> None:
    """It sorts first, and would be the one that counts."""
    node.publish()
    before = node.collections()
    node.append("regions/demo/sources/0415-dzialki.yaml",
                "kind: gml\ncounty: 0415\ndelivers: [dzialki]\nparameters: {path: x}\n")
    outcome = node.publish()
    assert (node.collections(), outcome.carried) == (before, ["sources/0415-egib.yaml"])
    current = read_build((node.settings.var / "build" / "current").resolve())
    assert "0415-dzialki" not in current.region.sources


def test_a_second_register_with_the_same_feature_type_takes_nothing_away(node: Node) -> None:
    node.publish()
    before = node.collections()
    egib = (node.home / "configs" / "registers" / "egib.yaml").read_text(encoding="utf-8")
    node.append("registers/aaa.yaml", egib)
    node.append("regions/demo/partners/chelmza.yaml", "x: [")
    outcome = node.publish()
    assert (node.collections(), outcome.carried[0]) == (before, "registers/egib.yaml")
    assert outcome.failed.keys() == {"chelmza"}


def test_what_is_taken_away_is_named(node: Node) -> None:
    node.publish()
    (node.region / "sources" / "0404-egib.yaml").unlink()
    (node.region / "partners" / "chelmza.yaml").unlink()
    outcome = node.publish()
    assert (outcome.failed, outcome.carried) == ({}, [])
    assert outcome.gone["chelmza"] == []
    assert outcome.gone["powiat-chelminski"] == ["dzialki", "budynki"]
    assert "chelmza" not in node.collections()
    said = summary(outcome)
    assert "  chelmza: no longer published\n" in said
    assert "  powiat-chelminski: no longer publishes dzialki, budynki" in said


def test_what_does_not_compile_stays_as_it_was(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.publish()
    before = node.collections()
    service = publishing.classes()["ogcapi"]
    compile_ = service.compile

    def compiled(publication: Publication, tenant: Tenant) -> dict[str, str]:
        if tenant.id == "chelmza":
            raise ValueError("cannot")
        return compile_(publication, tenant)

    monkeypatch.setattr(service, "compile", compiled)
    node.append("regions/demo/partners/chelmza.yaml", "services: [ogcapi]\nregisters: [egib]\n")
    outcome = node.publish()
    assert outcome.failed == {"chelmza": "cannot be compiled: ValueError: cannot; published as before"}
    assert node.collections().keys() == before.keys()

    node.append("regions/demo/partners/nowy.yaml", "teryt: 0415\ntitle: {pl: a, en: a}\n")
    monkeypatch.setattr(service, "compile", lambda publication, tenant: 1 / 0)
    outcome = node.publish()
    assert outcome.failed["nowy"] == "cannot be compiled: ZeroDivisionError: division by zero; not published"
    assert node.collections().keys() == before.keys()


def test_one_publishes_at_a_time_and_drafts_of_the_dead_are_cleared(node: Node) -> None:
    node.publish()
    builds = node.settings.var / "build"
    (builds / ".draft-17" / "region").mkdir(parents=True)
    with (builds / publishing.LOCK_FILE).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(target=node.publish, daemon=True)
        other.start()
        other.join(1)
        assert other.is_alive() and (builds / ".draft-17").exists()
    other.join(60)
    assert not other.is_alive() and not [*builds.glob(".draft*")]


def test_a_build_that_cannot_be_written_is_said(node: Node) -> None:
    node.publish()
    before = node.collections()
    node.append("regions/demo/partners/chelmza.yaml", "services: [ogcapi]\n")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(PublicationError, match=r"File too large; is .*build writable, and has it room"):
            node.publish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert node.collections() == before
    assert not [*(node.settings.var / "build").glob(".draft*")]
