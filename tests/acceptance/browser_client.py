"""Web maps in headless Chromium: OpenLayers in EPSG:2180, MapLibre with the style that the server gives."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyproj
from PIL import Image

from tests.acceptance.checks import UNAVAILABLE, Checks, same
from tests.acceptance.pictures import not_blank, parcel_is_drawn

HERE = Path(__file__).parent

CHROMIUM = "/usr/bin/chromium"

OPENLAYERS = {
    "wms": "WMS 1.3.0", "wfs-geojson": "WFS 2.0.0 as GeoJSON", "wfs-gml": "WFS 2.0.0 as GML 3.2",
    "ogcapi": "OGC API - Features", "tiles": "vector tiles in the grid PL1992",
}


class Pages(SimpleHTTPRequestHandler):
    """The pages, the truth and the libraries: another origin than the node, as on other people's sites."""

    def log_message(self, format: str, *values: object) -> None:
        """Nothing."""


def libraries(checks: Checks) -> Path:
    """A folder with the libraries of package.json, kept between runs. Ends the program where npm cannot have them."""
    folder = checks.folder.parent / "npm"
    folder.mkdir(exist_ok=True)
    wanted, present = HERE / "package.json", folder / "package.json"
    if not (present.exists() and present.read_bytes() == wanted.read_bytes() and (folder / "node_modules").exists()):
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        shutil.copy(wanted, present)
        done = subprocess.run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"],
                              cwd=folder, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            print(done.stderr, file=sys.stderr)
            sys.exit(UNAVAILABLE)
    return folder


def drive(checks: Checks, folder: Path) -> dict[str, Any]:
    """Open every page; what each told."""
    site = checks.folder / "site"
    shutil.copytree(HERE / "web", site)
    (site / "node_modules").symlink_to(folder / "node_modules")
    to_degrees = pyproj.Transformer.from_crs(2180, 4326, always_xy=True).transform
    truth = {**checks.truth, "parcel": {**checks.truth["parcel"],
                                        "centre": to_degrees(*checks.truth["parcel"]["inside"])}}
    (site / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    shutil.copy(HERE / "browser.mjs", folder / "browser.mjs")  # it imports what lies beside it
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        pages = {f"openlayers-{name}": f"{address}/openlayers.html?layer={name}" for name in OPENLAYERS}
        pages["maplibre-dzialki"] = f"{address}/maplibre.html?collection=dzialki"
        pages["maplibre-all"] = f"{address}/maplibre.html"
        done = subprocess.run(
            ["node", "browser.mjs", CHROMIUM, str(checks.folder), *(word for page in pages.items() for word in page)],
            cwd=folder, capture_output=True, text=True, timeout=600, env=os.environ | {"HOME": str(checks.folder)})
        server.shutdown()
    assert done.returncode == 0, done.stderr[-400:]
    told: dict[str, Any] = json.loads(done.stdout)
    (checks.folder / "told.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return told


def web_maps(checks: Checks) -> None:
    """All pages."""
    told = drive(checks, libraries(checks))
    parcel = checks.truth["parcel"]
    to_web = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform
    for name, page in told.items():
        with checks(f"{name}: no complaint, no failed request, no foreign host"):
            same((page["complaints"], page["failed"]), ([], []), "complaints")
            assert set(page["hosts"]) <= {"127.0.0.1", "localhost"}, page["hosts"]
    for name, title in OPENLAYERS.items():
        with checks(f"OpenLayers, {title}: the known parcel is drawn where it lies"):
            seen = told[f"openlayers-{name}"]["seen"]
            _drawn(checks, f"openlayers-{name}", tuple(seen["bounds"]), parcel)
            assert name == "wms" or seen["there"] == [parcel["id"]], f"there: {seen['there']}"
    with checks("MapLibre, parcels: the known parcel is drawn where it lies"):
        seen = told["maplibre-dzialki"]["seen"]
        west, south, east, north = seen["bounds"]
        bounds = (*to_web(west, south), *to_web(east, north))
        _drawn(checks, "maplibre-dzialki", bounds, {
            **parcel, "ring": parcel["elsewhere"]["EPSG:3857"], "edges": parcel["around"]["EPSG:3857"]})
        assert parcel["id"] in seen["there"], f"there: {seen['there']}"
    with checks("MapLibre, all collections: parcels, networks and labels are drawn"):
        seen = told["maplibre-all"]["seen"]
        assert parcel["id"] in seen["there"] and seen["labels"] and len(seen["layers"]) > 5, seen


def _drawn(checks: Checks, name: str, bounds: tuple[float, ...], parcel: dict[str, Any]) -> None:
    with Image.open(checks.folder / f"{name}.png") as image:
        grey = image.convert("L")
    not_blank(grey.getpixel, grey.size)
    west, south, east, north = bounds
    parcel_is_drawn(grey.getpixel, grey.size, (west, south, east, north), parcel)


if __name__ == "__main__":
    Checks().run(web_maps)
