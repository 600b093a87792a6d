"""The FastCGI client and the pool, with real mapserv processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sdi.errors import SettingsError
from sdi.services.ows import fastcgi
from sdi.services.ows.mapfile import SRS
from sdi.services.ows.projections import write_projections
from sdi.services.ows.workers import MapservPool, write_config
from tests.waiting import until

MAP = """MAP NAME "one" EXTENT 0 0 1 1 SIZE 10 10 PROJECTION "init=epsg:2180" END
  WEB METADATA "ows_enable_request" "*" "wms_title" "Zażółć" "wms_srs" "EPSG:2180" "wms_onlineresource" "http://a/" END
  END END"""


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[MapservPool]:
    maps = tmp_path / "build+(1) x"
    (maps / "kowal").mkdir(parents=True)
    (maps / "kowal" / "map.map").write_text(MAP, encoding="utf-8")
    (tmp_path / "outside.map").write_text(MAP, encoding="utf-8")
    config = write_config(tmp_path / "mapserver.conf", maps)
    with MapservPool(tmp_path / "sock", 2, config, tmp_path / "log") as pool:
        until(lambda: len(pool.pids) == 2)
        yield pool


def capabilities(pool: MapservPool, mapfile: Path) -> bytes:
    async def get() -> bytes:
        query = urlencode({"map": mapfile, "SERVICE": "WMS", "REQUEST": "GetCapabilities"})
        answer = await fastcgi.request(pool.socket, fastcgi.environment("GET", query), b"", 20)
        return b"".join([piece async for piece in answer.body])

    return asyncio.run(get())


def test_only_maps_of_the_folder_open(pool: MapservPool, tmp_path: Path) -> None:
    inside = tmp_path / "build+(1) x" / "kowal" / "map.map"
    assert "Zażółć".encode() in capabilities(pool, inside)
    for other in (tmp_path / "outside.map", Path("/etc/passwd"), inside.parent / ".." / ".." / "outside.map"):
        assert b"Web application error" in capabilities(pool, other)


def test_projections_from_the_file_are_those_of_the_database(tmp_path: Path) -> None:
    """The boxes of a county in every published CRS; and the file is what they were made from."""
    (tmp_path / "m.map").write_text(
        f'''MAP NAME "m" EXTENT 466274 529988 495856 563139 SIZE 10 10 PROJECTION "init=epsg:2180" END
        WEB METADATA "ows_enable_request" "*" "wms_title" "m" "wms_srs" "{SRS} CRS:84" "wms_bbox_extended" "true"
        "wms_onlineresource" "http://a/" END END
        LAYER NAME "l" TYPE POINT STATUS OFF FEATURE POINTS 470000 530000 END END PROJECTION "init=epsg:2180" END
        METADATA "wms_title" "l" "wms_extent" "470000 530000 480000 540000" END END END''', encoding="utf-8")
    config = write_config(tmp_path / "mapserver.conf", tmp_path)

    def boxes() -> list[bytes]:
        with MapservPool(tmp_path / "sock", 1, config, tmp_path / "log") as pool:
            document = capabilities(pool, tmp_path / "m.map")
        return [line.strip() for line in document.splitlines() if b"BoundingBox" in line or b"minx=" in line]

    by_file = boxes()
    shutil.rmtree(tmp_path / "proj")
    assert boxes() == by_file
    assert sum(b"minx=" in line for line in by_file) == 2 * 10
    (write_projections(tmp_path / "proj", [2180]) or tmp_path).joinpath("epsg").write_text("<2180> +proj=longlat <>\n")
    assert boxes() != by_file


def test_without_the_data_of_proj_it_goes_its_own_way(tmp_path: Path) -> None:
    assert write_projections(tmp_path / "proj", [2180], installed=tmp_path) is None
    assert not (tmp_path / "proj").exists()


def test_a_killed_worker_is_replaced(pool: MapservPool, tmp_path: Path) -> None:
    before = set(pool.pids)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert b"WMS_Capabilities" in capabilities(pool, tmp_path / "build+(1) x" / "kowal" / "map.map")
    until(lambda: len(pool.pids) == 2)
    assert not before & set(pool.pids)


def test_stop_leaves_nothing(pool: MapservPool) -> None:
    pids = pool.pids
    pool.__exit__(None, None, None)
    assert not pool.socket.exists()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from sdi.services.ows.workers import *\n"
        "t = Path(sys.argv[1]); p = MapservPool(t / 's', 2, write_config(t / 'c', t), t / 'l').__enter__()\n"
        "while len(p.pids) < 2: time.sleep(0.02)\n"
        "print(*p.pids, flush=True); os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True, check=False)
    pids = run.stdout.split()
    assert run.returncode == -9 and len(pids) == 2

    def gone(pid: str) -> bool:
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"

    until(lambda: all(map(gone, pids)))


def test_a_folder_that_mapserver_cannot_open_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MapServer cannot open maps"):
        write_config(tmp_path / "c", tmp_path / 'a"b')
    with pytest.raises(SettingsError, match="unix socket may be"):
        MapservPool(tmp_path / ("x" * 120), 1, tmp_path / "c", tmp_path / "l").__enter__()
