"""A node of its own: a small register, one county with two communes, and a source of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pyproj
import pytest
import shapely
import yaml
from psycopg.rows import dict_row
from shapely.geometry import box, mapping

import harvesters
from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.harvest import registry
from sdi.harvest.progress import Progress
from sdi.harvest.run import Outcome, harvest
from sdi.model.load import load_region
from sdi.model.region import Region
from sdi.settings import Settings

HOME = Path(__file__).parents[3]
KINDS = Path(__file__).parent / "kinds"
WEST, SOUTH = 480_000.0, 580_000.0
"""The south-western corner of the county in EPSG:2180; it is 2 km by 1 km, each commune 1 km by 1 km."""


def text(value: str) -> dict[str, str]:
    return {"pl": value, "en": value}


REGISTER: dict[str, Any] = {
    "title": text("Próba"), "abstract": text("Próba"), "legal_basis": text("brak"), "namespaces": ["urn:proba"],
    "inspire_theme": "CP", "topic_category": "planningCadastre",
    "feature_types": {
        "pola": {
            "title": text("Pola"), "abstract": text("Pola"), "geometry": "polygon", "key": "id_pola",
            "commune_from": "id_pola", "geometries": {"os": "line"},
            "attributes": {
                "id_pola": {"title": text("id")}, "nazwa": {"title": text("nazwa")},
                "liczba": {"title": text("liczba"), "type": "integer"},
                "miara": {"title": text("miara"), "type": "number"},
                "dzien": {"title": text("dzień"), "type": "date"},
            },
        },
        "slupy": {
            "title": text("Słupy"), "abstract": text("Słupy"), "geometry": "point", "attributes": {
                "nazwa": {"title": text("nazwa")}},
        },
    },
}


def field_at(x: float, y: float, size: float = 10.0) -> str:
    """WKT of a square field, its corner x, y metres from the county's."""
    return str(box(WEST + x, SOUTH + y, WEST + x + size, SOUTH + y + size).wkt)


@dataclass
class Node:
    """A node to try things on."""

    home: Path
    database: Database
    settings: Settings
    source: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.home / "delivery"

    @property
    def region(self) -> Region:
        loaded = load_region(self.home, "proba")
        assert not loaded.findings, [str(f) for f in loaded.findings]
        return loaded.region

    @property
    def kind(self) -> Any:
        """The kind of source as the registry finds it; it notes what it fetches and reads."""
        return registry.harvester("jsonlines")

    def declare(self, name: str = "0415-proba", **changes: Any) -> None:
        """Write the source's YAML; `changes` to what it said before."""
        if name == "0415-proba":
            self.source |= changes
            changes = self.source
        path = self.home / "configs" / "regions" / "proba" / "sources" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(changes), encoding="utf-8")

    def deliver(self, *files: list[dict[str, Any]]) -> None:
        """Replace the delivery by these files."""
        self.folder.mkdir(exist_ok=True)
        for old in self.folder.glob("*.jsonl"):
            old.unlink()
        for number, items in enumerate(files, 1):
            lines = "".join(json.dumps(item) + "\n" for item in items)
            (self.folder / f"{number:03}.jsonl").write_text(lines, encoding="utf-8")

    def harvest(self, name: str = "0415-proba") -> Outcome:
        region = self.region
        migrate(self.database, region.registers.values())
        return harvest(region.sources[name], region, self.database, self.settings, Progress())

    def harvest_nothing(self) -> None:
        """Empty the node: as if it had never harvested."""
        migrate(self.database, self.region.registers.values())
        with psycopg.connect(self.database.url) as connection:
            connection.execute("truncate sdi.run, sdi.version, sdi.count, sdi.change, sdi.issue, sdi.record,"
                               " proba.pola, proba.pola_history, proba.slupy, proba.slupy_history cascade")
            connection.execute("drop schema stage cascade; create schema stage;"
                               " grant all on schema stage to sdi_harvest")

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.url, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def current(self, table: str = "proba.pola") -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.rows(f"select * from {table} order by id")}

    def issues(self) -> list[dict[str, Any]]:
        return self.rows("select * from sdi.issue order by run, code, object_id")


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kinds of source that only tests have."""
    monkeypatch.setattr(harvesters, "__path__", [*harvesters.__path__, str(KINDS)])
    kind: Any = registry.harvester("jsonlines")
    for noted in (kind.fetched, kind.was_read):
        noted.clear()
    yield


def write_home(home: Path) -> None:
    """The declaration of a region for tests."""
    region = home / "configs" / "regions" / "proba"
    (region / "sources").mkdir(parents=True)
    (home / "configs" / "registers").mkdir()
    (home / "metadata").symlink_to(HOME / "metadata")
    (home / "configs" / "registers" / "proba.yaml").write_text(yaml.safe_dump(REGISTER), encoding="utf-8")
    (region / "region.yaml").write_text(yaml.safe_dump({
        "title": text("Próba"), "abstract": text("Próba"),
        "contact": {"organisation": text("Urząd"), "email": "gis@example.org"},
        "licence": {"title": text("bez opłat"), "url": "https://example.org/licence"},
    }), encoding="utf-8")
    to_crs84 = pyproj.Transformer.from_crs("EPSG:2180", "OGC:CRS84", always_xy=True).transform
    units = {
        "0415": box(WEST, SOUTH, WEST + 2_000, SOUTH + 1_000),
        "041501": box(WEST, SOUTH, WEST + 1_000, SOUTH + 1_000),
        "041502": box(WEST + 1_000, SOUTH, WEST + 2_000, SOUTH + 1_000),
    }
    (region / "units.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"teryt": teryt, "name": teryt},
         "geometry": mapping(shapely.transform(shapely.segmentize(polygon, 50), to_crs84, interleaved=False))}
        for teryt, polygon in units.items()
    ]}), encoding="utf-8")


@pytest.fixture
def node(tmp_path: Path, database: Database, settings: Settings, kinds: None) -> Node:
    """An empty node with one source declared."""
    home = tmp_path / "home"
    home.mkdir()
    write_home(home)
    node = Node(home, database, replace(settings, home=home, var=tmp_path / "var", region="proba"))
    node.declare(kind="jsonlines", county="0415", delivers=["proba"], parameters={"path": "delivery"})
    return node
