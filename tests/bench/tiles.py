"""Vector tiles of the parcels in WebMercatorQuad, never asked for before and asked for again, against tipg."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from pyproj import Transformer

from tests.bench.data import places
from tests.bench.rows import Row, compared
from tests.bench.services import Bench
from tests.bench.timing import latencies

ZOOMS = (10, 14, 16)
MOST = 40
"""Tiles asked for at one zoom; a small region has fewer."""

CACHED_AIM = 5.0
COLD_AIM = 1.0


def tile_rows(bench: Bench) -> Iterator[Row]:
    """Latency per zoom, first without and then with what the first round left in the cache; tipg keeps none."""
    degrees = _degrees(places(bench.database, 2_000))
    for zoom in ZOOMS:
        tiles = list(dict.fromkeys(tile(longitude, latitude, zoom) for longitude, latitude in degrees))[:MOST]
        contenders = [bench.ours.web(_ours(bench.tenant.id, zoom, tiles), _some),
                      bench.tipg.web(_tipg(zoom, tiles), _some)]
        # No round to warm up: it would fill the cache that the first rows do without.
        ours, peer = latencies(contenders, len(tiles), warm=0)
        name = f"Vector tile, z{zoom} ({len(tiles)} tiles)"
        yield compared(f"{name}, cold", ours, peer, bench.tipg.name, bench.tipg.version, aim=COLD_AIM)
        ours, peer = latencies(contenders, len(tiles), warm=0)
        yield compared(f"{name}, cached", ours, peer, bench.tipg.name, bench.tipg.version, aim=CACHED_AIM)


def tile(longitude: float, latitude: float, zoom: int) -> tuple[int, int]:
    """Row and column of the WebMercatorQuad tile that a place lies in (OGC 17-083r4, annex D.1)."""
    size = 2**zoom
    column = (longitude + 180) / 360 * size
    row = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * size
    return int(row), int(column)


def _degrees(metres: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """EPSG:2180 (easting, northing) as longitude and latitude."""
    transformer = Transformer.from_crs(2180, 4326, always_xy=True)
    return [transformer.transform(*point) for point in metres]


def _ours(tenant: str, zoom: int, tiles: list[tuple[int, int]]) -> Callable[[int], str]:
    base = f"/{tenant}/ogcapi/collections/dzialki/tiles/WebMercatorQuad/{zoom}"
    return lambda number: "{}/{}/{}".format(base, *tiles[number % len(tiles)])


def _tipg(zoom: int, tiles: list[tuple[int, int]]) -> Callable[[int], str]:
    """tipg's path ends in column and row."""
    base = f"/collections/bench.dzialki/tiles/WebMercatorQuad/{zoom}"
    return lambda number: "{0}/{2}/{1}".format(base, *tiles[number % len(tiles)])


def _some(body: bytes) -> bool:
    return len(body) > 0
