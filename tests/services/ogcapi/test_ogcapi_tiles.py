"""Vector tiles: where things lie, what tiles hold, whose they are, and that none is older than the data."""

from __future__ import annotations

import asyncio
import gzip
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from psycopg_pool import ConnectionPool

from sdi.db.database import Database
from sdi.model.region import Region
from sdi.services.contract import Engines
from sdi.services.ogcapi.app import OgcApi
from sdi.services.ogcapi.tiles import cache
from sdi.services.ogcapi.tiles.grids import DEEPEST, Place, grids
from sdi.services.ows.styles import style_of
from sdi.store import companion, mvt
from sdi.store.columns import ID
from sdi.store.crs import PL1992
from sdi.store.reader import Reader
from tests.services.ogcapi.conftest import PUBLIC_URL, Client, Table, application
from tests.services.ogcapi.parcels import CORNER, put, square
from tests.waiting import until

HOME = Path(__file__).parents[3]

MVT = "application/vnd.mapbox-vector-tile"


def place_of(grid_id: str, matrix: int, point: tuple[float, float] = CORNER) -> Place:
    limits = grids(HOME)[grid_id].limits((*point, *point), matrix)
    return Place(matrix, limits.rows[0], limits.columns[0])


def address(grid: str, place: Place, tenant: str = "0415", collection: str = "dzialki") -> str:
    below = f"/collections/{collection}" if collection else ""
    return f"/{tenant}/ogcapi{below}/tiles/{grid}/{place.matrix}/{place.row}/{place.column}"


def decoded(content: bytes, grid: str, place: Place, layer: str = "dzialki") -> tuple[list[Any], dict[str, list[Any]]]:
    """Geometries of a layer in EPSG:2180 (x = easting) and its fields, by GDAL and PROJ."""
    meta, _, shapes, fields = pyogrio.raw.read(content, layer=layer, CLIP="NO")
    # GDAL counts y from the lower edge where it is not told which tile of the web's grid it is.
    place_ = grids(HOME)[grid].square(place)
    unit = (place_.east - place_.west) / mvt.EXTENT

    def real(xy: np.ndarray[Any, Any]) -> Any:
        x, y = place_.west + xy[:, 0] * unit, place_.south + xy[:, 1] * unit
        if grid == "PL1992":
            return np.column_stack([x, y])
        return np.column_stack(pyproj.Transformer.from_crs(3857, 2180, always_xy=True).transform(x, y))

    named = dict(zip(meta["fields"], (list(values) for values in fields), strict=True))
    return [shapely.transform(shapely.from_wkb(shape), real) for shape in shapes], named


@pytest.mark.parametrize(("grid", "matrix"), [("WebMercatorQuad", 16), ("PL1992", 13), ("PL1992", 16)])
def test_a_corner_lies_where_it_is_within_a_unit_of_the_tile(
    tiled: Client, database: Database, dzialki: Table, grid: str, matrix: int
) -> None:
    put(database, dzialki, square(*CORNER), numer_dzialki="7/2")
    place = place_of(grid, matrix, (CORNER[0] + 0.5, CORNER[1] + 0.5))
    answer = tiled.get(address(grid, place))
    assert (answer.status_code, answer.headers["content-type"]) == (200, MVT)
    shapes, fields = decoded(answer.content, grid, place)
    unit = (grids(HOME)[grid].square(place).east - grids(HOME)[grid].square(place).west) / mvt.EXTENT
    assert shapes[0].distance(shapely.Point(CORNER)) < unit
    assert min(np.hypot(*(np.array(xy) - CORNER)) for xy in shapes[0].exterior.coords) < 1.5 * unit
    assert fields["id"] == ["p0"]
    assert fields["numer_dzialki"] == ["7/2"]


def test_the_national_grid_counts_from_its_north_west_corner() -> None:
    grid = grids(HOME)["PL1992"]
    first = grid.square(Place(7, 0, 0))
    assert (first.west, first.north) == (100_000, 850_000)
    # The geoportal's pixel at 1 : 236235.59 is 66.145965625 m wide.
    assert grid.square(Place(7, 3, 5)).west == pytest.approx(100_000 + 5 * 512 * 66.145965625)
    assert grid.square(Place(7, 3, 5)).north == pytest.approx(850_000 - 3 * 512 * 66.145965625)
    assert grid.document["tileMatrices"][7]["pointOfOrigin"] == [850_000, 100_000]
    assert grid.crs == PL1992


@pytest.mark.parametrize("grid", list(DEEPEST))
def test_grids_are_whole_and_cover_poland(grid: str) -> None:
    document = grids(HOME)[grid].document
    for matrix in document["tileMatrices"]:
        assert matrix["cellSize"] == pytest.approx(matrix["scaleDenominator"] * 0.00028, rel=1e-9)
        assert matrix["id"] == str(document["tileMatrices"].index(matrix))
    limits = grids(HOME)[grid].limits((171_677, 133_223, 861_895, 775_019), DEEPEST[grid])
    last = document["tileMatrices"][DEEPEST[grid]]
    assert 0 < limits.rows[0] < limits.rows[1] < last["matrixHeight"]
    assert 0 < limits.columns[0] < limits.columns[1] < last["matrixWidth"]


def test_outside_is_404_and_empty_is_204(tiled: Client, database: Database, dzialki: Table) -> None:
    put(database, dzialki, square(*CORNER), square(CORNER[0] + 3000, CORNER[1] + 3000))
    inside = place_of("WebMercatorQuad", 16)
    for wrong in (Place(16, 0, 0), Place(19, 0, 0), Place(16, inside.row, 2**16), Place(16, inside.row + 50, 0)):
        answer = tiled.get(address("WebMercatorQuad", wrong))
        assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
    between = place_of("WebMercatorQuad", 17, (CORNER[0] + 1500, CORNER[1] + 1500))
    empty = tiled.get(address("WebMercatorQuad", between))
    assert (empty.status_code, empty.content) == (204, b"")
    base = address("WebMercatorQuad", inside)
    assert tiled.get(base.replace("WebMercatorQuad", "Nowhere")).status_code == 404
    assert tiled.get(base.replace("dzialki", "uwagi")).status_code == 404
    assert tiled.get(base.replace("/16/", "/x/")).status_code == 404
    assert tiled.get(base + "?f=json").status_code == 400
    assert tiled.get(base + "?bbox=1").status_code == 400
    assert tiled.request("DELETE", base).status_code == 405
    assert tiled.request("HEAD", base).content == b""


def test_a_commit_between_two_requests_changes_the_tile(tiled: Client, database: Database, dzialki: Table) -> None:
    put(database, dzialki, square(*CORNER))
    place = place_of("WebMercatorQuad", 16, (CORNER[0] + 50, CORNER[1] + 20))
    before = tiled.get(address("WebMercatorQuad", place))
    same = tiled.get(address("WebMercatorQuad", place), headers={"If-None-Match": before.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    any_ = tiled.get(address("WebMercatorQuad", place), headers={"If-None-Match": "*"})
    assert (any_.status_code, any_.content) == (304, b"")
    wanted = tiled.get(address("WebMercatorQuad", place), headers={"If-Match": '"zzz"'})
    assert (wanted.status_code, wanted.json()["code"]) == (412, "PreconditionFailed")
    put(database, dzialki, square(CORNER[0] + 60, CORNER[1]))
    after = tiled.get(address("WebMercatorQuad", place), headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert len(decoded(before.content, "WebMercatorQuad", place)[0]) == 1
    assert len(decoded(after.content, "WebMercatorQuad", place)[0]) == 2


def test_a_commit_elsewhere_keeps_the_tiles(
    tiled: Client, database: Database, dzialki: Table, tmp_path: Path
) -> None:
    put(database, dzialki, square(*CORNER))
    url = address("WebMercatorQuad", place_of("WebMercatorQuad", 16))
    tag = tiled.get(url).headers["ETag"]
    put(database, dzialki, square(475_000, 575_000), county="0463")
    assert tiled.get(url).headers["ETag"] == tag


def test_a_database_set_back_makes_other_editions(tiled: Client, database: Database, dzialki: Table) -> None:
    put(database, dzialki, square(*CORNER))
    url = address("WebMercatorQuad", place_of("WebMercatorQuad", 16))
    tag = tiled.get(url).headers["ETag"]
    with database.connect("owner") as connection:
        connection.execute("update sdi.feed set feed = gen_random_uuid()")
    assert tiled.get(url).headers["ETag"] != tag


def test_tiles_are_served_from_disk_and_old_editions_go(
    tiled: Client, database: Database, dzialki: Table, tmp_path: Path
) -> None:
    put(database, dzialki, square(*CORNER))
    url = address("WebMercatorQuad", place_of("WebMercatorQuad", 16))
    content = tiled.get(url).content

    def files() -> list[Path]:
        return [path for path in (tmp_path / "var" / "tiles" / "0415").rglob("*") if path.is_file()]

    until(lambda: [path for path in files() if not path.name.startswith(".")])  # a tile is kept after it was sent
    kept = files()
    assert [gzip.decompress(path.read_bytes()) for path in kept] == [content]
    kept[0].write_bytes(gzip.compress(b"from disk"))
    assert tiled.get(url).content == b"from disk"
    for coding in ("identity", "gzip;q=0", "br"):
        plain = tiled.get(url, headers={"Accept-Encoding": coding})
        assert (plain.content, plain.headers.get("Content-Encoding")) == (b"from disk", None)
    put(database, dzialki, square(CORNER[0] + 60, CORNER[1]))
    assert tiled.get(url).status_code == 200
    until(lambda: not kept[0].exists())


def test_tenants_have_their_own_tiles(tiled: Client, database: Database, dzialki: Table) -> None:
    put(database, dzialki, square(*CORNER), namespace="mine")
    put(database, dzialki, square(CORNER[0] + 60, CORNER[1]), county="0463", namespace="theirs")
    place = place_of("WebMercatorQuad", 16, (CORNER[0] + 50, CORNER[1] + 20))
    found = {}
    for tenant in ("0415", "0463", "region"):
        answer = tiled.get(address("WebMercatorQuad", place, tenant))
        found[tenant] = sorted(decoded(answer.content, "WebMercatorQuad", place)[1]["namespace"])
    assert found == {"0415": ["mine"], "0463": ["theirs"], "region": ["mine", "theirs"]}


def test_neighbours_agree_at_their_edge(tiled: Client, database: Database, dzialki: Table) -> None:
    grid = grids(HOME)["PL1992"]
    left = place_of("PL1992", 14)
    right = Place(left.matrix, left.row, left.column + 1)
    edge = grid.square(left)
    across = square(edge.east - 10, edge.south + 20, 20)
    put(database, dzialki, across)
    parts = [decoded(tiled.get(address("PL1992", place)).content, "PL1992", place)[0][0] for place in (left, right)]
    unit = (edge.east - edge.west) / mvt.EXTENT
    assert shapely.union_all(parts).symmetric_difference(across).area < 8 * 20 * unit
    # Each goes on into the other by the buffer, so the line of the edge is never seen.
    assert parts[0].bounds[2] > edge.east > parts[1].bounds[0]


def test_too_many_objects_are_sampled(
    tiled: Client, database: Database, dzialki: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mvt, "FULL", 50)
    put(database, dzialki, *(square(CORNER[0] + 50 * x, CORNER[1] + 50 * y) for x in range(30) for y in range(30)))
    place = place_of("WebMercatorQuad", 14, (CORNER[0] + 700, CORNER[1] + 700))
    crowded = tiled.get(address("WebMercatorQuad", place)).content
    # In an overview, one of each cell.
    far = place_of("WebMercatorQuad", 9, (CORNER[0] + 700, CORNER[1] + 700))
    few = decoded(tiled.get(address("WebMercatorQuad", far)).content, "WebMercatorQuad", far)
    assert 0 < len(few[0]) < 30
    assert set(few[1]) == {"mvt_id", "id"}
    assert len(decoded(crowded, "WebMercatorQuad", place)[0]) > 500


def test_a_crowded_layer_leaves_the_others_whole(
    tiled: Client, database: Database, dzialki: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parcels and buildings on a few square metres, so some cells have many."""
    monkeypatch.setattr(mvt, "FULL", 50)
    dense = [square(CORNER[0] + x, CORNER[1] + y, 0.9) for x in range(8) for y in range(8)]
    put(database, dzialki, *dense)
    put(database, Table(database, "budynki"), *dense[:40])
    place = place_of("WebMercatorQuad", 14)
    content = tiled.get(address("WebMercatorQuad", place, collection="")).content
    found = {layer: len(decoded(content, "WebMercatorQuad", place, layer)[0]) for layer in ("budynki", "dzialki")}
    assert found["budynki"] == 40 and 0 < found["dzialki"] < 10


def test_an_overview_finds_each_object_by_the_index(database: Database, dzialki: Table, region: Region) -> None:
    put(database, dzialki, *(square(CORNER[0] + 50 * x, CORNER[1] + 50 * y) for x in range(40) for y in range(40)))
    tenant = region.tenants["041501"]
    with database.pool("serve", 1) as pool, pool.connection() as connection:
        table = Reader(pool, tenant).table("dzialki")
        recipe = mvt.Recipe.of([mvt.Layer("dzialki", table, (ID,))], PL1992, overview=True)
        statement = recipe.statement(recipe.whole, recipe.tables)
        plans = []

        class Explained:
            """Asks for the plan in place of the tile."""

            transaction = connection.transaction

            def execute(self, query: bytes | str, *values: Any, **_: Any) -> Any:
                if query == statement:
                    plans.extend(row[0] for row in connection.execute(b"explain " + statement, *values))
                    return connection.execute("select ''::bytea")
                return connection.execute(query)  # type: ignore[arg-type]

        bound = mvt._bound(table.values, grids(HOME)["PL1992"].square(place_of("PL1992", 7)), tenant.bounds)
        assert bound is not None
        mvt._crowded(Explained(), recipe, recipe.tables, bound)  # type: ignore[arg-type]
    assert any("Order By: (geom <-> cell.middle)" in line for line in plans)


def test_two_connections_make_the_tile_that_one_makes(
    database: Database, dzialki: Table, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, dzialki, *(square(CORNER[0] + 50 * x, CORNER[1] + 50 * y) for x in range(5) for y in range(5)))
    tenant = region.tenants["041501"]
    with database.pool("serve", 2) as pool:
        table = Reader(pool, tenant).table("dzialki")
        layers = [mvt.Layer("dzialki", table, (ID,)), mvt.Layer("labels", table, (ID,), middle=True)]
        made = partial(mvt.encode, pool, mvt.Recipe.of(layers, PL1992, overview=False), table.values,
                       grids(HOME)["PL1992"].square(place_of("PL1992", 12)), tenant.bounds)
        monkeypatch.setattr(companion, "PATIENCE_S", 5.0)
        by_two = made()
        assert pool.get_stats()["pool_size"] == 2 and by_two
        monkeypatch.setattr(mvt, "is_free", lambda pool: False)
        assert made() == by_two


def test_the_smallest_objects_go_where_a_tile_has_too_many_bytes(
    tiled: Client, database: Database, dzialki: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mvt, "BYTES_MAX", 10_000)
    put(database, dzialki, *(square(CORNER[0] + 50 * x, CORNER[1] + 50 * y) for x in range(20) for y in range(20)),
        square(CORNER[0] + 300, CORNER[1] + 300, 200))
    place = place_of("WebMercatorQuad", 14, (CORNER[0] + 400, CORNER[1] + 400))
    bounded = tiled.get(address("WebMercatorQuad", place)).content
    assert 2_000 < len(bounded) < 10_000
    largest = max(shape.area for shape in decoded(bounded, "WebMercatorQuad", place)[0])
    assert largest == pytest.approx(200**2, rel=0.05)


def test_points_that_a_tile_does_not_show_take_no_room(
    tiled: Client, database: Database, dzialki: Table
) -> None:
    """Ponds of 3,000 points in an overview: by their points as they are stored, most would have no room."""
    rings = [shapely.Point(CORNER[0] + 37 * n % 3_000, CORNER[1] + 91 * n % 3_000).buffer(300 + 5 * n, quad_segs=750)
             for n in range(150)]
    put(database, dzialki, *rings)
    place = place_of("WebMercatorQuad", 11, (CORNER[0] + 1_500, CORNER[1] + 1_500))
    shapes, _ = decoded(tiled.get(address("WebMercatorQuad", place)).content, "WebMercatorQuad", place)
    assert len(shapes) > 100


def test_everything_in_one_tile_by_scale(
    tiled: Client, database: Database, dzialki: Table, region: Region
) -> None:
    put(database, dzialki, square(*CORNER), numer_dzialki="1")
    put(database, Table(database, "budynki"), square(CORNER[0] + 5, CORNER[1] + 5, 10), rodzaj="m")
    near = place_of("WebMercatorQuad", 16, (CORNER[0] + 20, CORNER[1] + 20))
    layers = pyogrio.list_layers(tiled.get(address("WebMercatorQuad", near, collection="")).content)[:, 0]
    assert sorted(layers) == ["budynki", "budynki_etykiety", "dzialki", "dzialki_etykiety"]
    far = place_of("WebMercatorQuad", 12)
    assert tiled.get(address("WebMercatorQuad", far, collection="")).status_code == 204
    tilejson = tiled.get("/0415/ogcapi/tiles/WebMercatorQuad/tilejson").json()
    first = {layer["id"]: layer["minzoom"] for layer in tilejson["vector_layers"]}
    assert list(first) == ["budynki", "budynki_etykiety", "dzialki", "dzialki_etykiety"]
    grid = grids(HOME)["WebMercatorQuad"]
    for name in ("budynki", "dzialki"):
        style = style_of(region.feature_types[name])
        assert style.max_scale and style.label
        assert grid.scale(first[name]) <= style.max_scale < grid.scale(first[name] - 1)
        assert grid.scale(first[f"{name}_etykiety"]) <= 2 * style.label.max_scale
    assert (tilejson["minzoom"], tilejson["maxzoom"], tilejson["tilejson"]) == (13, 18, "3.0.0")


def test_labels_stand_in_one_tile_only(tiled: Client, database: Database, dzialki: Table) -> None:
    edge = grids(HOME)["WebMercatorQuad"].square(place_of("WebMercatorQuad", 17))
    x, y = pyproj.Transformer.from_crs(3857, 2180, always_xy=True).transform(edge.east, (edge.north + edge.south) / 2)
    put(database, dzialki, shapely.box(x - 150, y - 20, x + 40, y + 20), numer_dzialki="9")
    at = place_of("WebMercatorQuad", 17, (x - 100, y))
    found = []
    for place in (at, Place(17, at.row, at.column + 1)):
        content = tiled.get(address("WebMercatorQuad", place)).content
        found.append("dzialki_etykiety" in pyogrio.list_layers(content)[:, 0])
    assert found == [True, False]


def test_gone_partners_and_old_tiles_leave_the_disk(tmp_path: Path) -> None:
    for number, tenant in enumerate(("gone", "here")):
        path = tmp_path / tenant / "dzialki" / "PL1992" / "edition" / "1" / "2" / "3"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 5000)
        cache.os.utime(path, (number, number))
    cache.sweep(tmp_path, at_most=10_000)
    assert [path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("3")] == ["here"]
    cache.forget_others(tmp_path, ["other"])
    assert not any(tmp_path.iterdir())


def test_a_lock_that_is_held_is_not_swept(tmp_path: Path) -> None:
    """Who opened the file anew would hold a lock of its own."""
    with cache.TileCache(tmp_path).making("tile"):
        cache.sweep(tmp_path, at_most=0)
        (lock,) = tmp_path.iterdir()
        with lock.open("ab") as again, pytest.raises(BlockingIOError):
            cache.fcntl.flock(again, cache.fcntl.LOCK_EX | cache.fcntl.LOCK_NB)


def test_one_query_serves_all_that_wait(database: Database, dzialki: Table, region: Region, tmp_path: Path) -> None:
    put(database, dzialki, square(*CORNER))
    made: list[int] = []
    with database.pool("serve", 4) as pool:
        service = OgcApi(Engines(pool, Path("/nowhere"), HOME, tmp_path / "var"))
        app = application(service, region, tmp_path / "build", PUBLIC_URL)
        read = service.tiles.stamps.read
        service.tiles.stamps.read = lambda: (made.append(1), read())[1]  # type: ignore[method-assign,func-returns-value]

        async def ask() -> list[httpx.Response]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL) as client:
                url = address("WebMercatorQuad", place_of("WebMercatorQuad", 16))
                return await asyncio.gather(*(client.get(url) for _ in range(30)))

        answers = asyncio.run(ask())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(made) < 15


def test_a_database_that_is_gone_is_503(region: Region, tmp_path: Path) -> None:
    with ConnectionPool("host=/nowhere", min_size=0, max_size=1, open=False, timeout=0.2) as pool:
        service = OgcApi(Engines(pool, Path("/nowhere"), HOME, tmp_path / "var"))
        client = Client(application(service, region, tmp_path / "build", PUBLIC_URL))
        answer = client.get(address("WebMercatorQuad", Place(1, 0, 1)))
    assert answer.status_code == 503
    assert answer.json()["code"] == "NoApplicableCode"
