"""WFS and WMS through the gateway, against bare MapServer (maps by the same mapfile) and QGIS Server behind nginx."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tests.bench.data import places
from tests.bench.rows import Row, compared
from tests.bench.services import Bench
from tests.bench.timing import Absent, Web, latencies, throughputs

WFS_COUNT = 1_000
WFS_ROUNDS = 20
WFS_FORMATS = (
    ("GML 3.2", "application/gml%2Bxml;%20version=3.2", b"<wfs:member>", 1.0),
    ("GeoJSON", "geojson", b'"Feature"', 2.0),
)
"""What is asked for, what each feature of the answer holds, and how many times faster we want to be."""

WMS_PX = {256: 60, 1_024: 30}
"""Width and height of a map, and how many rounds it is asked for."""

SCALE = 2_000
METRES_PER_PX = SCALE * 0.00028
"""The OGC's pixel of 0.28 mm."""

LAYERS = "dzialki,budynki"
LATENCY_AIM = 1 / 1.15
THROUGHPUT_AIM = 1.0


def wfs_rows(bench: Bench) -> Iterator[Row]:
    """Latency of a page of 1,000 parcels in each format."""
    for label, form, mark, aim in WFS_FORMATS:
        query = (f"service=WFS&version=2.0.0&request=GetFeature&typeNames=sdi:dzialki&count={WFS_COUNT}"
                 f"&outputFormat={form}")
        valid = _holds(mark)
        ours, peer = latencies([
            bench.ours.web(_always(f"/{bench.tenant.id}/wfs?{query}"), valid),
            bench.mapserver.web(_always(f"/wfs?{query}"), valid),
        ], WFS_ROUNDS)
        yield compared(f"WFS 2.0 GetFeature, {WFS_COUNT:,} parcels, {label}", ours, peer, bench.mapserver.name,
                       bench.mapserver.version, aim=aim)


def wms_rows(bench: Bench) -> Iterator[Row]:
    """Latency and throughput of maps of parcels with numbers and buildings at 1:2,000, each of another place."""
    centres = places(bench.database, 200)
    for px, rounds in WMS_PX.items():
        contenders = [peer.web(_map(at, px, centres), _png) for peer, at in (
            (bench.ours, f"/{bench.tenant.id}/wms"), (bench.mapserver, "/wms"), (bench.qgis, "/wms"))]
        name = f"WMS GetMap, {px:,} px, 1:{SCALE:,}"
        yield from _latency(bench, name, contenders, rounds)
        ours, mapserver, qgis = throughputs(contenders)
        yield compared(f"{name}, 8 clients", ours, mapserver, bench.mapserver.name, bench.mapserver.version,
                       unit="1/s", better="higher")
        yield compared(f"{name}, 8 clients", ours, qgis, bench.qgis.name, bench.qgis.version, unit="1/s",
                       better="higher", aim=THROUGHPUT_AIM)


def _latency(bench: Bench, name: str, contenders: Sequence[Web | Absent], rounds: int) -> Iterator[Row]:
    ours, mapserver, qgis = latencies(contenders, rounds)
    yield compared(name, ours, mapserver, bench.mapserver.name, bench.mapserver.version, aim=LATENCY_AIM)
    yield compared(name, ours, qgis, bench.qgis.name, bench.qgis.version)


def _map(path: str, px: int, centres: list[tuple[float, float]]) -> Callable[[int], str]:
    """The n-th GetMap: WMS 1.3.0, whose EPSG:2180 is northing, easting."""
    half = px * METRES_PER_PX / 2

    def request(number: int) -> str:
        east, north = centres[number % len(centres)]
        box = f"{north - half:.2f},{east - half:.2f},{north + half:.2f},{east + half:.2f}"
        return (f"{path}?service=WMS&version=1.3.0&request=GetMap&layers={LAYERS}&styles=,&crs=EPSG:2180&bbox={box}"
                f"&width={px}&height={px}&format=image/png&transparent=false")

    return request


def _always(path: str) -> Callable[[int], str]:
    return lambda _: path


def _holds(mark: bytes) -> Callable[[bytes], bool]:
    return lambda body: body.count(mark) == WFS_COUNT


def _png(body: bytes) -> bool:
    return body.startswith(b"\x89PNG")
