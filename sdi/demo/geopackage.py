"""The database of a county that has no GML delivery of EGiB: a GeoPackage with parcels and buildings.

Tables and columns are those that county WFS services in use have; values vary as theirs do: kinds of buildings in
letters, words and full names, an empty land register group here and there.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sdi.demo.buildings import buildings
from sdi.demo.egib import land_classes, parcel_entity
from sdi.demo.gml import Point
from sdi.demo.land import RIVER, ROAD
from sdi.demo.survey import Survey, square_metres
from sdi.demo.units import SRID
from sdi.errors import SourceError
from sdi.model.text import Text

Row = Sequence[object]

PARCELS = ("ID_DZIALKI", "NUMER_DZIALKI", "NAZWA_OBREBU", "NUMER_OBREBU", "NUMER_JEDNOSTKI", "NAZWA_GMINY",
           "POLE_EWIDENCYJNE", "KLASOUZYTKI_EGIB", "GRUPA_REJESTROWA", "DATA")
BUILDINGS = ("ID_BUDYNKU", "RODZAJ", "KONDYGNACJE_NADZIEMNE", "KONDYGNACJE_PODZIEMNE")
TYPES = {"POLE_EWIDENCYJNE": "Real", "KONDYGNACJE_NADZIEMNE": "Integer", "KONDYGNACJE_PODZIEMNE": "Integer"}
"""Column types other than text."""

WORDS = {"m": "mieszkalny", "g": "produkcyjnyUslugowyIGospodarczy", "h": "handlowoUslugowy", "p": "przemyslowy",
         "i": "budynekNiemieszkalny"}
FULL_NAMES = {"m": "m - budynki mieszkalne (110)"}


def write_geopackage(survey: Survey, county: str, path: Path) -> dict[str, int]:
    """Write the tables `dzialki` and `budynki` with spatial indexes, geometry in EPSG:2177; rows by table.

    Raises SourceError where there is no `ogr2ogr`, or where it fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        counts = {}
        for table, columns, rows in (("dzialki", PARCELS, _parcels(survey, county)),
                                     ("budynki", BUILDINGS, _buildings(survey, county))):
            counts[table] = _write_csv(Path(folder) / f"{table}.csv", columns, rows)
            _import(Path(folder) / f"{table}.csv", table, part)
        part.replace(path)
    return counts


def _parcels(survey: Survey, county: str) -> Iterator[Row]:
    for division in survey.county(county):
        precinct = division.precinct
        rings = survey.rings([plot.area for plot in division.plots])
        for plot, numbers in zip(division.plots, rings, strict=True):
            ring = survey.ring(numbers)
            hectares = square_metres(ring) / 10_000
            facts = parcel_entity(survey, division, plot).facts
            classes = [use if soil is None else f"{kind}{soil}" if use == kind else f"{use}-{kind}{soil}"
                       for use, kind, soil, _ in land_classes(survey, division, plot, hectares)]
            group = {ROAD: "4", RIVER: "1"}.get(plot.use, "7") if facts.share(6) < 0.9 else ""
            yield (f"{precinct.id}.{plot.number}", plot.number, precinct.name, f"{precinct.number:04d}",
                   precinct.commune.unit_id, precinct.commune.name.partition(" (")[0], f"{hectares:.4f}",
                   ", ".join(classes), group, "2025-06-30", wkt(ring))


def _buildings(survey: Survey, county: str) -> Iterator[Row]:
    for division in survey.county(county):
        for plot in division.plots:
            for building in buildings(survey.scenario, division.precinct, plot):
                spelling = building.entity.facts.share(7)
                kind = (WORDS if spelling < 0.08 else FULL_NAMES if spelling < 0.09 else {}).get(
                    building.kind, building.kind)
                yield (f"{division.precinct.id}.{plot.number}.{building.number}_BUD", kind, building.storeys,
                       building.basements, wkt(building.ring))


def wkt(ring: Sequence[Point]) -> str:
    """A polygon as WKT in metres, x = easting."""
    return f"POLYGON (({', '.join(f'{e / 100:.2f} {n / 100:.2f}' for e, n in [*ring, ring[0]])}))"


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """A table for ogr2ogr with a file of column types beside it; the number of rows."""
    types = ",".join(f'"{TYPES.get(column, "String")}"' for column in columns)
    path.with_suffix(".csvt").write_text(f'{types},"WKT"\n', encoding="utf-8")
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*columns, "WKT"])
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def _import(table: Path, name: str, into: Path) -> None:
    program = shutil.which("ogr2ogr")
    if program is None:
        raise SourceError(Text(
            pl="nie ma tu programu `ogr2ogr`; zainstaluj go (Debian: apt-get install gdal-bin)",
            en="no program `ogr2ogr` here; install it (Debian: apt-get install gdal-bin)"))
    done = subprocess.run(
        [program, "-f", "GPKG", *(["-update"] if into.exists() else []), str(into), str(table), "-nln", name,
         "-nlt", "POLYGON", "-a_srs", f"EPSG:{SRID}", "-gt", "65536", "-lco", "GEOMETRY_NAME=geom"],
        capture_output=True, text=True, check=False, env=_environment(),
    )
    if done.returncode:
        raise SourceError(Text(
            pl=f"ogr2ogr nie zapisał {into.name}: {done.stderr.strip()[-500:]}",
            en=f"ogr2ogr could not write {into.name}: {done.stderr.strip()[-500:]}"))


def _environment() -> dict[str, str]:
    """Ours, without addresses of the data files that Python wheels bring for their own PROJ and GDAL."""
    return {key: value for key, value in os.environ.items() if key not in ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA")}
