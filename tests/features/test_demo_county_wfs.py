"""The county's own WFS, read by an independent client (GDAL) and by plain requests."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import httpx
import pyproj
import pytest

from sdi.demo.chance import Scenario
from sdi.demo.county_wfs import county_wfs
from sdi.demo.geopackage import write_geopackage
from sdi.demo.survey import Survey
from sdi.errors import SourceError

COUNTY = "0404"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("county") / "egib.gpkg"
    counts = write_geopackage(Survey(Scenario(parcels=2_600)), COUNTY, path)
    assert counts["dzialki"] > 1_000
    return path


@pytest.fixture(scope="module")
def url(data):
    with county_wfs(data) as address:
        yield address


def rows(data, statement):
    with closing(sqlite3.connect(data)) as database:
        return database.execute(statement).fetchall()


def feature(url, version="2.0.0", crs="urn:ogc:def:crs:EPSG::2177", **more):
    names = {"typeNames": "ms:dzialki"} if version == "2.0.0" else {"typeName": "ms:dzialki"}
    answer = httpx.get(url, timeout=60, params={"service": "WFS", "version": version, "request": "GetFeature",
                                                "srsName": crs, **names, **more})
    assert answer.status_code == 200
    return answer.text


def test_paging_reaches_every_parcel_once(url, data):
    expected = [row[0] for row in rows(data, "select ID_DZIALKI from dzialki order by fid")]
    found = []
    for start in range(0, len(expected), 400):
        page = feature(url, startIndex=str(start), count="400")
        found += re.findall(r"<ms:ID_DZIALKI>([^<]+)<", page)
    assert found == expected


def test_an_answer_holds_at_most_a_thousand(url):
    assert len(re.findall(r"<ms:dzialki ", feature(url))) == 1_000


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0"])
def test_coordinates_are_northing_first_in_both_systems(url, version):
    first = {}
    for epsg in (2177, 2180):
        crs = f"urn:ogc:def:crs:EPSG::{epsg}"
        text = feature(url, version, crs, **({"count": "1"} if version == "2.0.0" else {"maxFeatures": "1"}))
        first[epsg] = [float(n) for n in re.search(r"<gml:posList[^>]*>([^<]+)<", text)[1].split()[:2]]
        assert "<ms:msGeometry>" in text
    assert 5_872_000 < first[2177][0] < 5_888_000
    moved = pyproj.Transformer.from_crs(2177, 2180).transform(*first[2177])  # both northing, easting by authority
    assert moved == pytest.approx(first[2180], abs=0.001)


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="no ogrinfo here")
def test_gdal_reads_it(url, data):
    done = subprocess.run(["ogrinfo", "-ro", "-so", f"WFS:{url}", "ms:budynki"], capture_output=True, text=True,
                          check=True)
    count = rows(data, "select count(*) from budynki")[0][0]
    assert f"Feature Count: {count}" in done.stdout
    assert "RODZAJ: String" in done.stdout


def test_it_dies_with_its_parent(data):
    program = ("import os, sys; from pathlib import Path; from sdi.demo.county_wfs import county_wfs\n"
               "with county_wfs(Path(sys.argv[1])) as url: print(url, flush=True); os.kill(os.getpid(), 9)")
    done = subprocess.run([sys.executable, "-c", program, str(data)], capture_output=True, text=True, check=False)
    address = done.stdout.strip()
    for _ in range(100):
        try:
            httpx.get(address, timeout=5)
        except httpx.TransportError:
            break
    else:
        pytest.fail(f"still answers at {address}")


def test_missing_data_is_said(tmp_path):
    with pytest.raises(SourceError, match=r"no such file: .*none\.gpkg"), county_wfs(tmp_path / "none.gpkg"):
        pass


def test_another_service_on_its_port_does_not_pass_for_it(url, data):
    """Nor does it where what answers there is just such a WFS."""
    port = int(url.split(":")[2].removesuffix("/wfs"))
    with pytest.raises(SourceError, match=f"port {port} cannot be had .*; SDI_DEMO_WFS_PORT"), county_wfs(data, port):
        pass
