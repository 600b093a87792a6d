"""A node with EGiB over the county 0415, and files of tables as the national exports have them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import box

from sdi.db.database import Database
from sdi.settings import Settings
from tests.conftest import HOME
from tests.harvest.run.conftest import SOUTH, WEST, Node, write_home

Row = dict[str, Any]


class EgibNode(Node):
    """A node whose source `0415-egib` delivers parcels and buildings from the folder `delivery`."""

    def source_of(self, kind: str = "vector", delivers: Sequence[str] = ("dzialki", "budynki"), **parameters: Any
                  ) -> None:
        """Declare the source."""
        self.declare("0415-egib", kind=kind, county="0415", delivers=list(delivers),
                     parameters=parameters or {"path": "delivery"})

    def table(self, name: str = "dzialki") -> dict[str, dict[str, Any]]:
        """The current objects by id, geometry as shapely."""
        rows = self.rows(f"select *, st_asbinary(geom) as wkb from egib.{name} order by id")
        return {row["id"]: {**row, "geom": row["wkb"] and shapely.from_wkb(row["wkb"])} for row in rows}


@pytest.fixture
def node(tmp_path: Path, database: Database, settings: Settings) -> EgibNode:
    """A node without a source yet."""
    return make_node(tmp_path / "home", database, settings)


def make_node(home: Path, database: Database, settings: Settings) -> EgibNode:
    """A node in a folder and a database of its own."""
    home.mkdir()
    write_home(home)
    (home / "configs" / "registers" / "egib.yaml").symlink_to(HOME / "configs" / "registers" / "egib.yaml")
    (home / "delivery").mkdir()
    return EgibNode(home, database, replace(settings, home=home, var=home.parent / f"{home.name}-var", region="proba"))


def parcel(number: int, **changes: Any) -> Row:
    """A parcel with the columns of the national export, 10 m wide and 20 m high, in EPSG:2180 with x = easting."""
    west = WEST + 15 * number
    return {
        "id_dzialki": f"041501_2.0003.{number}", "numer_dzialki": str(number), "nazwa_obrebu": "Żółwin",
        "numer_obrebu": "0003", "numer_jednostki": "041501_2", "nazwa_gminy": "Łęg", "data": "2026-01-01",
        "pole_ewidencyjne": 0.02, "klasouzytki_egib": "RIIIa, Ps", "grupa_rejestrowa": "7",
        "pozostale_atrybuty": "{}", "czas_pozyskania": "2026-02-03",
        "geometry": box(west, SOUTH, west + 10, SOUTH + 20), **changes,
    }


def building(number: int, **changes: Any) -> Row:
    """A building in the parcel of that number."""
    west = WEST + 15 * number
    return {"id_budynku": f"041501_2.0003.{number}.1_BUD", "rodzaj": "mieszkalny", "kondygnacje_nadziemne": 2,
            "kondygnacje_podziemne": 1, "geometry": box(west + 1, SOUTH + 1, west + 5, SOUTH + 5), **changes}


Write = Callable[..., Path]


def ogr(path: Path, rows: Sequence[Row], driver: str, layer: str, *arguments: str, crs: str | None = "EPSG:2180",
        geometry_type: str = "Polygon", **options: Any) -> Path:
    """Write rows by pyogrio's GDAL; further `options` are the driver's."""
    import numpy as np
    import pyogrio.raw

    names = [name for name in rows[0] if name != "geometry"]
    columns = [np.array([row[name] for row in rows], dtype=_dtype(rows, name)) for name in names]
    wkb = np.array([None if row["geometry"] is None else shapely.to_wkb(row["geometry"]) for row in rows], dtype=object)
    pyogrio.raw.write(path, wkb, columns, names, layer=layer, driver=driver, crs=crs, geometry_type=geometry_type,
                      append=path.exists(), **options)
    return path


def _dtype(rows: Sequence[Row], name: str) -> Any:
    kinds = {type(row[name]) for row in rows}
    return {int: "int64", float: "float64"}.get(kinds.pop(), object) if len(kinds) == 1 else object


def curves(path: Path, wkt: str) -> Path:
    """A GeoPackage with one building of that shape, as ogr2ogr writes it."""
    table = path.with_suffix(".csv")
    table.write_text(f'id_budynku,wkt\n041501_2.0003.1.1_BUD,"{wkt}"\n', encoding="utf-8")
    subprocess.run(["ogr2ogr", "-f", "GPKG", path, table, "-a_srs", "EPSG:2180", "-oo", "GEOM_POSSIBLE_NAMES=wkt",
                    "-oo", "KEEP_GEOM_COLUMNS=NO", "-nln", "budynki", "-nlt", "CURVEPOLYGON"], check=True, timeout=60)
    table.unlink()
    return path
