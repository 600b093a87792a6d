"""QGIS without a screen: WMS drawn and identified, WFS, OGC API - Features, vector tiles, a downloaded file.

Runs under the Python that QGIS is built for, with nothing of this project but `checks` and `pictures`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from urllib.parse import quote

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureRequest,
    QgsFillSymbol,
    QgsMapLayer,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsPointXY,
    QgsRaster,
    QgsRasterLayer,
    QgsRectangle,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QEventLoop, QSize
from qgis.PyQt.QtGui import QColor, QImage

from tests.acceptance.checks import MILLIMETRE, Checks, Position, same, same_ids, same_ring
from tests.acceptance.pictures import not_blank, parcel_is_drawn

CENTIMETRE_IN_DEGREES = 1.5e-7

ROUND = {"EPSG:2180": 60.0, "EPSG:3857": 100.0}
"""How much is drawn around the known parcel, in units of the CRS."""


def maps(checks: Checks) -> None:
    """WMS drawn to pictures."""
    for version in ("1.3.0", "1.1.1"):
        for crs in ("EPSG:2180", "EPSG:3857"):
            with checks(f"WMS {version} in {crs}: the known parcel is drawn where it lies"):
                image, bounds = _drawn(checks, _wms(checks, version, crs, "dzialki"), crs, f"wms-{version}-{crs[5:]}")
                not_blank(*_pixels(image))
                parcel_is_drawn(*_pixels(image), bounds, _known(checks, crs))
    with checks("WMS 1.3.0: all registers in one picture"):
        layer = _wms(checks, "1.3.0", "EPSG:2180", "egib", "gesut", "bdot500")
        image, _ = _drawn(checks, layer, "EPSG:2180", "wms-all")
        not_blank(*_pixels(image))


def identify(checks: Checks) -> None:
    """GetFeatureInfo as the identify tool asks for it."""
    x, y = checks.truth["parcel"]["inside"]
    layer = _wms(checks, "1.3.0", "EPSG:2180", "dzialki")
    extent = QgsRectangle(x - 40, y - 30, x + 40, y + 30)
    for name, form in (("features", QgsRaster.IdentifyFormatFeature), ("HTML", QgsRaster.IdentifyFormatHtml)):
        with checks(f"WMS: identify a parcel as {name}"):
            answer = layer.dataProvider().identify(QgsPointXY(x, y), form, extent, 800, 600)
            assert answer.isValid(), answer.error().summary()
            (found,) = answer.results().values()
            if form == QgsRaster.IdentifyFormatHtml:
                assert checks.truth["parcel"]["numer_dzialki"] in found, found[:300]
            else:
                features = [feature for store in found for feature in store.features()]
                same([feature["id"] for feature in features], [checks.truth["parcel"]["id"]], "objects")


def wfs(checks: Checks) -> None:
    """WFS with conditions, extents and pages."""
    for version in ("2.0.0", "1.1.0"):
        source = (f"pagingEnabled='true' pageSize='2000' srsname='EPSG:2180' url='{checks.base}/wfs' "
                  f"version='{version}' typename='sdi:%s'")
        title = f"WFS {version}"
        _features(checks, title, "WFS", source + " restrictToRequestBBOX='1'", checks.truth["box"])
        if version == "2.0.0":
            with checks(f"{title}: all boundary points in pages, none twice"):
                _all_points(checks, _layer(source % "punkty_graniczne", "WFS"))
        with checks(f"{title}: the known parcel to the millimetre"):
            layer = _layer(source % "dzialki", "WFS", _parcel(checks))
            same_ring(_ring(layer.getFeatures()), checks.truth["parcel"]["ring"], MILLIMETRE)


def ogcapi(checks: Checks) -> None:
    """OGC API - Features with conditions, extents and pages."""
    source = f"pageSize='2000' url='{checks.base}/ogcapi' typename='%s'"
    _features(checks, "OGC API", "OAPIF", source + " restrictToRequestBBOX='1'", checks.truth["degrees"])
    with checks("OGC API: all boundary points in pages, none twice"):
        _all_points(checks, _layer(source % "punkty_graniczne", "OAPIF"))
    with checks("OGC API: the known parcel to the centimetre, in degrees"):
        layer = _layer(source % "dzialki", "OAPIF", _parcel(checks))
        same_ring(_ring(layer.getFeatures()), checks.truth["parcel"]["elsewhere"]["EPSG:4326"], CENTIMETRE_IN_DEGREES)
    with checks("OGC API: drawn in EPSG:2180"):
        layer = _layer(source % "dzialki", "OAPIF")
        layer.setRenderer(QgsSingleSymbolRenderer(QgsFillSymbol.createSimple({"color": "white"})))
        image, bounds = _drawn(checks, layer, "EPSG:2180", "ogcapi")
        parcel_is_drawn(*_pixels(image), bounds, checks.truth["parcel"])


def tiles(checks: Checks) -> None:
    """Vector tiles with the style that the server gives."""
    address = f"{checks.base}/ogcapi/collections/dzialki/tiles/WebMercatorQuad"
    with checks("vector tiles: the known parcel is drawn where it lies"):
        tiles = quote(address + "/{z}/{y}/{x}?f=mvt", safe="")
        source = f"type=xyz&zmin=0&zmax=20&url={tiles}&styleUrl={quote(address + '/style', safe='')}"
        layer = QgsVectorTileLayer(source, "tiles")
        assert layer.isValid(), layer.error().summary()
        message, good = layer.loadDefaultStyle()
        assert good, message
        image, bounds = _drawn(checks, layer, "EPSG:3857", "tiles")
        not_blank(*_pixels(image))
        parcel_is_drawn(*_pixels(image), bounds, _known(checks, "EPSG:3857"))


def files(checks: Checks) -> None:
    """Downloaded files, read from where they lie."""
    for extension in ("gpkg", "fgb"):
        with checks(f"download dzialki.{extension}: count, a box, the known parcel, CRS"):
            layer = _layer(f"/vsicurl/{checks.base}/download/dzialki.{extension}", "ogr")
            same(layer.crs().authid(), "EPSG:2180", "CRS")
            same(layer.featureCount(), checks.truth["counts"]["dzialki"], "objects")
            box = checks.truth["box"]
            same_ids(_ids(layer.getFeatures(QgsRectangle(*box["bounds"]))), box["ids"])
            layer.setSubsetString(_parcel(checks))
            same_ring(_ring(layer.getFeatures()), checks.truth["parcel"]["ring"], MILLIMETRE)


def _features(checks: Checks, title: str, provider: str, source: str, box: dict) -> None:
    """A condition on a text, one on a number, and a box."""
    for condition in (checks.truth["equal"], checks.truth["larger"]):
        value, operator = condition["value"], "=" if isinstance(condition["value"], str) else ">"
        text = f'"{condition["property"]}" {operator} {value!r}'
        with checks(f"{title}: {text}"):
            same_ids(_ids(_layer(source % "dzialki", provider, text).getFeatures()), condition["ids"])
    with checks(f"{title}: a box"):
        request = QgsFeatureRequest(QgsRectangle(*box["bounds"])).setFlags(QgsFeatureRequest.ExactIntersect)
        same_ids(_ids(_layer(source % "dzialki", provider).getFeatures(request)), box["ids"])


def _parcel(checks: Checks) -> str:
    return f"id_dzialki = '{checks.truth['parcel']['id_dzialki']}'"


def _layer(source: str, provider: str, condition: str = "") -> QgsVectorLayer:
    layer = QgsVectorLayer(source, "layer", provider)
    assert layer.isValid(), layer.dataProvider().error().summary() if layer.dataProvider() else source
    assert not condition or layer.setSubsetString(condition), f"refused: {condition}"
    return layer


def _wms(checks: Checks, version: str, crs: str, *names: str) -> QgsRasterLayer:
    address = quote(f"{checks.base}/wms?VERSION={version}", safe="")
    layers = "".join(f"&layers={name}&styles=" for name in names)
    layer = QgsRasterLayer(f"crs={crs}&format=image/png&url={address}{layers}", "map", "wms")
    assert layer.isValid(), layer.error().summary()
    return layer


def _drawn(
    checks: Checks, layer: QgsMapLayer, crs: str, name: str
) -> tuple[QImage, tuple[float, float, float, float]]:
    """A picture of 800 × 600 around the known parcel, kept as PNG, and its bounds."""
    ring = _known(checks, crs)["ring"]
    x, y = (sum(position[axis] for position in ring) / len(ring) for axis in (0, 1))
    half = ROUND[crs]
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(crs))
    settings.setExtent(QgsRectangle(x - half * 4 / 3, y - half, x + half * 4 / 3, y + half))
    settings.setOutputSize(QSize(800, 600))
    settings.setBackgroundColor(QColor("white"))
    job, loop = QgsMapRendererSequentialJob(settings), QEventLoop()
    job.finished.connect(loop.quit)
    job.start()
    loop.exec_()
    assert not job.errors(), [error.message for error in job.errors()]
    image = job.renderedImage()
    image.save(str(checks.folder / f"{name}.png"))
    extent = settings.visibleExtent()
    return image, (extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum())


def _known(checks: Checks, crs: str) -> dict:
    """The known parcel with its positions in another CRS."""
    parcel = checks.truth["parcel"]
    if crs == "EPSG:2180":
        return parcel
    return {**parcel, "ring": parcel["elsewhere"][crs], "edges": parcel["around"][crs]}


def _pixels(image: QImage) -> tuple:
    return (lambda position: QColor(image.pixel(*position)).lightness()), (image.width(), image.height())


def _all_points(checks: Checks, layer: QgsVectorLayer) -> None:
    ids = _ids(layer.getFeatures())
    same(len(ids), checks.truth["counts"]["punkty_graniczne"], "objects")
    same(len(set(ids)), len(ids), "different objects")


def _ids(features: Iterable[QgsFeature]) -> list[str]:
    return [feature["id"] for feature in features]


def _ring(features: Iterable[QgsFeature]) -> list[Position]:
    found = list(features)
    same(len(found), 1, "objects")
    geometry = found[0].geometry()
    polygon = geometry.asMultiPolygon()[0] if geometry.isMultipart() else geometry.asPolygon()
    return [(point.x(), point.y()) for point in polygon[0]]


def main() -> None:
    """Run all checks."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    checks = Checks()
    print(f"QGIS {Qgis.version()}", file=sys.stderr)
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False, str(checks.folder / "profile"))
    application.initQgis()
    checks.run(maps, identify, wfs, ogcapi, tiles, files)
    sys.stderr.flush()
    os._exit(0)  # QGIS 3.22 may crash when Python takes its objects down in an order of its own


if __name__ == "__main__":
    main()
