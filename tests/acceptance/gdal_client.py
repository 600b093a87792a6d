"""GDAL/OGR, that of the system by its programs and that in pyogrio: WFS, OGC API, WMS, CSW, vector tiles, downloads."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pyogrio
import shapely
from PIL import Image

from tests.acceptance.checks import MILLIMETRE, Checks, Position, same, same_ids, same_ring
from tests.acceptance.pictures import not_blank, parcel_is_drawn

CRS84 = ("CRS=OGC:CRS84",)
"""GDAL from 3.7 on asks for the CRS in which the server stores, unless told otherwise."""

CENTIMETRE = 0.01
"""What seven decimals of a degree keep."""

DEGREE_M = 60_000
"""Metres of the shortest degree here, that of longitude; a little too few."""


@dataclass(frozen=True)
class Question:
    """What is read of a source: one layer, an attribute condition, a box in the layer's CRS, x first."""

    source: str
    layer: str | None = None
    where: str | None = None
    box: tuple[float, float, float, float] | None = None
    options: tuple[str, ...] = ()
    """Open options, NAME=VALUE."""


@dataclass(frozen=True)
class Object:
    """A feature as GDAL gives it, x first."""

    properties: dict[str, Any]
    geometry: shapely.Geometry | None


Read = Callable[[Question], list[Object]]


def by_program(folder: Path, question: Question) -> list[Object]:
    """Read with the system's ogr2ogr. Raises AssertionError with what it complains of."""
    target = folder / "answer.geojson"
    target.unlink(missing_ok=True)
    command = ["ogr2ogr", "-f", "GeoJSON", "-lco", "COORDINATE_PRECISION=9", str(target), question.source]
    command += [question.layer] if question.layer else []
    command += ["-where", question.where] if question.where else []
    command += ["-spat", *map(str, question.box)] if question.box else []
    command += [word for option in question.options for word in ("-oo", option)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr
    features = json.loads(target.read_text(encoding="utf-8"))["features"]
    return [Object(feature["properties"], feature["geometry"] and shapely.from_geojson(json.dumps(feature["geometry"])))
            for feature in features]


def by_library(question: Question) -> list[Object]:
    """Read with the GDAL that pyogrio brings."""
    options = dict(option.split("=", 1) for option in question.options)
    meta, _, shapes, columns = pyogrio.raw.read(
        question.source, layer=question.layer, where=question.where, bbox=question.box, **options)
    names = list(meta["fields"])
    rows = zip(*columns, strict=True) if names else iter([()] * len(shapes))
    return [Object(dict(zip(names, row, strict=True)), wkb and shapely.from_wkb(wkb))
            for wkb, row in zip(shapes, rows, strict=True)]


def features(checks: Checks, reader: str, read: Read) -> None:
    """WFS and OGC API - Features."""
    truth = checks.truth
    equal, larger, box, degrees = (truth[name] for name in ("equal", "larger", "box", "degrees"))
    parcel = f"id_dzialki = '{truth['parcel']['id_dzialki']}'"
    wfs = f"WFS:{checks.base}/wfs?version="
    api = f"OAPIF:{checks.base}/ogcapi"
    for version in ("2.0.0", "1.1.0"):
        ask = partial(Question, f"{wfs}{version}", "sdi:dzialki")
        _conditions(checks, f"{reader}: WFS {version}", read, ask, equal, larger, box)
        with checks(f"{reader}: WFS {version}: the known parcel to the millimetre"):
            same_ring(_ring(read(ask(where=parcel))), truth["parcel"]["ring"], MILLIMETRE)
        with checks(f"{reader}: WFS {version}: all boundary points, none twice"):
            _all_points(checks, read(Question(f"{wfs}{version}", "sdi:punkty_graniczne")))
    with checks(f"{reader}: WFS 1.0.0: all boundary points, none twice"):
        _all_points(checks, read(Question(f"{wfs}1.0.0", "punkty_graniczne")))
    ask = partial(Question, api, "dzialki", options=CRS84 if reader == "pyogrio" else ())
    _conditions(checks, f"{reader}: OGC API", read, ask, equal, larger, degrees)
    with checks(f"{reader}: OGC API: the known parcel to the centimetre, in degrees"):
        ring, wanted = _ring(read(ask(where=parcel))), truth["parcel"]["elsewhere"]["EPSG:4326"]
        same_ring(ring, wanted, CENTIMETRE / DEGREE_M)
    with checks(f"{reader}: OGC API: the known parcel by its identifier"):
        same_ids(_ids(read(ask(where=f"id = '{truth['parcel']['id']}'"))), [truth["parcel"]["id"]])
    with checks(f"{reader}: OGC API: all boundary points, none twice"):
        _all_points(checks, read(Question(api, "punkty_graniczne")))


def stored_crs(checks: Checks) -> None:
    """OGC API in the CRS of the store, EPSG:2180, which GDAL asks for by itself from 3.7 on."""
    box, parcel = checks.truth["box"], checks.truth["parcel"]
    ask = partial(Question, f"OAPIF:{checks.base}/ogcapi", "dzialki")
    with checks("pyogrio: OGC API in EPSG:2180: the known parcel to the millimetre"):
        same_ring(_ring(by_library(ask(where=f"id_dzialki = '{parcel['id_dzialki']}'"))), parcel["ring"], MILLIMETRE)
    with checks("pyogrio: OGC API in EPSG:2180: a box"):
        same_ids(_ids(by_library(ask(box=tuple(box["bounds"])))), box["ids"])


def counts(checks: Checks) -> None:
    """Every layer's count as ogrinfo tells it."""
    for title, source in (("WFS", f"WFS:{checks.base}/wfs"), ("OGC API", f"OAPIF:{checks.base}/ogcapi")):
        with checks(f"ogrinfo: {title}: how many objects each of {len(checks.truth['counts'])} layers has"):
            found, name = {}, ""
            for line in _run("ogrinfo", "-ro", "-so", "-al", source).splitlines():
                if line.startswith("Layer name: "):
                    name = line.rpartition(" ")[2].rpartition(":")[2]
                elif line.startswith("Feature Count: "):
                    found[name] = int(line.rpartition(" ")[2])
            same({name: found.get(name) for name in checks.truth["counts"]}, checks.truth["counts"], "counts")


def downloads(checks: Checks, reader: str, read: Read) -> None:
    """Whole collections out of remote files."""
    truth = checks.truth
    for extension, source in (
        ("gpkg", "/vsicurl/{base}/download/dzialki.gpkg"), ("fgb", "/vsicurl/{base}/download/dzialki.fgb"),
        ("gml.zip", "/vsizip//vsicurl/{edition}/dzialki.gml"),  # GDAL makes no directory of an address that redirects
    ):
        with checks(f"{reader}: download dzialki.{extension}: count, a condition, a box, the known parcel"):
            address = f"{checks.base}/download/dzialki.{extension}"
            edition = str(httpx.get(address, follow_redirects=True, timeout=120).raise_for_status().url)
            ask = partial(Question, source.format(base=checks.base, edition=edition))
            same(len(read(ask())), truth["counts"]["dzialki"], "objects")
            larger = truth["larger"]
            same_ids(_ids(read(ask(where=f"{larger['property']} > {larger['value']}"))), larger["ids"], "condition")
            same_ids(_ids(read(ask(box=tuple(truth["box"]["bounds"])))), truth["box"]["ids"], "box")
            found = read(ask(where=f"id_dzialki = '{truth['parcel']['id_dzialki']}'"))
            same_ring(_ring(found), truth["parcel"]["ring"], MILLIMETRE)


def maps(checks: Checks) -> None:
    """WMS through GDAL's raster driver."""
    x, y = checks.truth["parcel"]["inside"]
    bounds = (x - 80, y - 60, x + 80, y + 60)
    for version in ("1.3.0", "1.1.1"):
        with checks(f"gdal_translate: WMS {version}: the known parcel is drawn where it lies"):
            target = checks.folder / f"wms-{version}.png"
            crs = "CRS" if version == "1.3.0" else "SRS"
            box = bounds if version == "1.1.1" else (bounds[1], bounds[0], bounds[3], bounds[2])
            source = (f"WMS:{checks.base}/wms?SERVICE=WMS&VERSION={version}&REQUEST=GetMap&LAYERS=dzialki&STYLES="
                      f"&{crs}=EPSG:2180&BBOX={','.join(map(str, box))}&FORMAT=image/png")
            _run("gdal_translate", "-q", "-of", "PNG", "-outsize", "800", "600",
                 "-projwin", *map(str, (bounds[0], bounds[3], bounds[2], bounds[1])), source, str(target))
            with Image.open(target) as image:
                grey = image.convert("L")
                not_blank(grey.getpixel, grey.size)
                parcel_is_drawn(grey.getpixel, grey.size, bounds, checks.truth["parcel"])


def catalogue(checks: Checks) -> None:
    """CSW."""
    with checks("ogrinfo: CSW: as many records as the database has"):
        text = _run("ogrinfo", "-ro", "-so", f"CSW:{checks.base}/csw", "-al")
        count = next(int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("Feature Count"))
        same(count, checks.truth["records"], "records")


def tiles(checks: Checks, reader: str, read: Read) -> None:
    """A vector tile by its address."""
    zoom, half = 17, math.pi * 6378137
    ring = checks.truth["parcel"]["elsewhere"]["EPSG:3857"]
    x, y = ring[0]
    side = 2 * half / 2**zoom
    column, row = int((x + half) // side), int((half - y) // side)
    with checks(f"{reader}: vector tile {zoom}/{row}/{column}: the known parcel's corner"):
        source = f"MVT:{checks.base}/ogcapi/collections/dzialki/tiles/WebMercatorQuad/{zoom}/{row}/{column}?f=mvt"
        found = read(Question(source, "dzialki", options=(f"Z={zoom}", f"X={column}", f"Y={row}")))
        parcel = next(item for item in found if item.properties["id"] == checks.truth["parcel"]["id"])
        off = shapely.get_parts(parcel.geometry)[0].boundary.distance(shapely.Point(x, y))
        assert off < side / 4096, f"{off:.3f} m off, the tile's resolution is {side / 4096:.3f}"


def _conditions(checks: Checks, title: str, read: Read, ask: Callable[..., Question], equal: dict[str, Any],
                larger: dict[str, Any], box: dict[str, Any]) -> None:
    """A condition on a text, one on a number, and a box."""
    with checks(f"{title}: {equal['property']} = '{equal['value']}'"):
        same_ids(_ids(read(ask(where=f"{equal['property']} = '{equal['value']}'"))), equal["ids"])
    with checks(f"{title}: {larger['property']} > {larger['value']}"):
        same_ids(_ids(read(ask(where=f"{larger['property']} > {larger['value']}"))), larger["ids"])
    with checks(f"{title}: a box"):
        same_ids(_ids(read(ask(box=tuple(box["bounds"])))), box["ids"])


def _all_points(checks: Checks, found: Iterable[Object]) -> None:
    ids = _ids(found)
    same(len(ids), checks.truth["counts"]["punkty_graniczne"], "objects")
    same(len(set(ids)), len(ids), "different objects")


def _ids(found: Iterable[Object]) -> list[str]:
    return [item.properties["id"] for item in found]


def _ring(found: list[Object]) -> list[Position]:
    """The positions of the outer ring of the one polygon found."""
    same(len(found), 1, "objects")
    (polygon,) = shapely.get_parts(found[0].geometry)
    return [(x, y) for x, y in shapely.get_coordinates(polygon.exterior)]


def _run(*command: str) -> str:
    """The output of one of GDAL's programs. Raises AssertionError with its complaint."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr or done.stdout[-400:]
    return done.stdout


def main() -> None:
    """Run all checks, the features of both libraries."""
    checks = Checks()
    program = partial(by_program, checks.folder)
    checks.run(counts, stored_crs, maps, catalogue)
    readers: tuple[tuple[str, Read], ...] = (("ogr2ogr", program), ("pyogrio", by_library))
    for reader, read in readers:
        for group in (features, downloads, tiles):
            group(checks, reader, read)


if __name__ == "__main__":
    main()
