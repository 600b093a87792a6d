"""Records are made again when anything that they are made from has changed, and only then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sdi.db.database import Database
from sdi.model.region import Region
from sdi.model.register import Register
from sdi.model.text import Text
from sdi.records import inputs
from sdi.records.profile import Profile
from sdi.records.refresh import refresh, refresh_county
from tests.catalogue_region import PUBLIC_URL, catalogue_region, changed, commit, commit_all

HOME = Path(__file__).parents[2]
NEW = Text(pl="Nowy tekst", en="New text")

Rendered = list[tuple[str, str]]


@pytest.fixture
def region(registers: dict[str, Register]) -> Region:
    return catalogue_region({"egib": registers["egib"]})


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """What has been rendered, by kind and identifier."""
    seen: Rendered = []
    render = Profile.render

    def noted(self: Profile, kind: str, record: Any) -> str:
        seen.append((kind, record["identifier"]))
        return render(self, kind, record)

    monkeypatch.setattr(Profile, "render", noted)
    return seen


@pytest.fixture
def connection(database: Database, region: Region, rendered: Rendered) -> Any:
    """To a database with the records of all tenants."""
    with database.connect("harvest", autocommit=True) as connection:
        commit_all(connection)
        assert refresh(connection, region, PUBLIC_URL, HOME) == 25
        rendered.clear()
        yield connection


def with_file(region: Region, **parts: Any) -> Region:
    return changed(region, file=region.file.model_copy(update=parts))


def with_torun(region: Region, **parts: Any) -> Region:
    partner = region.partners["torun"].model_copy(update=parts)
    return changed(region, partners={**region.partners, "torun": partner})


def with_unit(region: Region, **parts: Any) -> Region:
    return changed(region, units={**region.units, "0463": region.units["0463"].model_copy(update=parts)})


def with_register(region: Region, **parts: Any) -> Region:
    return changed(region, registers={"egib": region.registers["egib"].model_copy(update=parts)})


def with_source(region: Region, **parts: Any) -> Region:
    return changed(region, sources={**region.sources, "0463-egib": region.sources["0463-egib"].model_copy(
        update=parts)})


def with_feature_type(region: Region) -> Region:
    types = region.registers["egib"].feature_types
    return with_register(region, feature_types={
        **types, "dzialki": types["dzialki"].model_copy(update={"title": NEW})})


DECLARED: dict[str, tuple[Callable[[Region], Region], str]] = {
    "title of a partner": (lambda region: with_torun(region, title=NEW), "title"),
    "contact": (lambda region: with_file(region, contact=region.file.contact.model_copy(
        update={"email": "new@example.pl"})), "xml"),
    "licence": (lambda region: with_file(region, licence=region.file.licence.model_copy(update={"title": NEW})), "xml"),
    "services": (lambda region: with_torun(region, services=("ogcapi",)), "xml"),
    "languages": (lambda region: with_file(region, languages=("pl",)), "xml"),
    "polygon of a unit": (lambda region: with_unit(
        region, geometry=region.units["0415"].geometry), "xml"),
    "name of a unit": (lambda region: with_unit(region, name="Miasto"), "queryables"),
    "title of a register": (lambda region: with_register(region, title=NEW), "title"),
    "title of a feature type": (with_feature_type, "queryables"),
    "title of a source": (lambda region: with_source(region, title=NEW), "queryables"),
}


def of_torun(connection: psycopg.Connection, column: str) -> list[Any]:
    return connection.execute(
        f"select {column}::text from sdi.record where tenant = 'torun' order by kind, subject").fetchall()


def test_nothing_is_rendered_of_the_same(connection: psycopg.Connection, region: Region, rendered: Rendered) -> None:
    assert refresh(connection, changed(region), PUBLIC_URL, HOME) == 0
    assert refresh_county(connection, HOME, "0463") == 0
    assert rendered == []


@pytest.mark.parametrize("what", DECLARED)
def test_what_is_declared(connection: psycopg.Connection, region: Region, rendered: Rendered, what: str) -> None:
    change, column = DECLARED[what]
    before = of_torun(connection, column)
    assert refresh(connection, change(region), PUBLIC_URL, HOME) > 0
    assert of_torun(connection, column) != before
    rendered.clear()
    assert refresh(connection, change(region), PUBLIC_URL, HOME) == 0
    assert rendered == []


def test_one_partner_is_rendered_alone(connection: psycopg.Connection, region: Region, rendered: Rendered) -> None:
    refresh(connection, with_torun(region, title=NEW), PUBLIC_URL, HOME)
    assert len(rendered) == len(of_torun(connection, "identifier"))


def test_counts_of_a_harvest(connection: psycopg.Connection, region: Region) -> None:
    before = of_torun(connection, "queryables")
    commit(connection, "0463-egib", {("dzialki", "046301"): 8}, at=datetime(2026, 4, 1, tzinfo=UTC))
    assert refresh(connection, region, PUBLIC_URL, HOME) == 2  # of the city and of the region
    assert of_torun(connection, "queryables") != before


def test_objects_that_go(connection: psycopg.Connection, region: Region) -> None:
    connection.execute("delete from sdi.count where county = '0463'")
    assert refresh(connection, region, PUBLIC_URL, HOME) > 0
    assert of_torun(connection, "kind") == [("service",)] * 4


def test_the_day_of_the_first_commit(connection: psycopg.Connection, region: Region) -> None:
    connection.execute("update sdi.version set committed_at = '2020-01-01' where source = '0463-egib'")
    assert refresh(connection, region, PUBLIC_URL, HOME) == 2


def test_a_template(connection: psycopg.Connection, region: Region, tmp_path: Path) -> None:
    shutil.copytree(HOME / "metadata", tmp_path / "metadata")
    template = tmp_path / "metadata" / "iso19139" / "service.xml.j2"
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("</gmd:MD_Metadata>", "<!-- -->\n</gmd:MD_Metadata>"), encoding="utf-8")
    assert refresh(connection, region, PUBLIC_URL, tmp_path) == 20
    assert "<!-- -->" in str(of_torun(connection, "xml"))


def test_our_code(
    connection: psycopg.Connection, region: Region, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "code", lambda: "of another release")
    assert refresh(connection, region, PUBLIC_URL, HOME) == 0
    assert len(rendered) == 25


def test_records_that_somebody_deleted(connection: psycopg.Connection, region: Region) -> None:
    connection.execute("delete from sdi.record where tenant = 'torun' and kind = 'dataset'")
    assert refresh(connection, region, PUBLIC_URL, HOME) == 1
