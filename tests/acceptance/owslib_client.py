"""OWSLib: WMS, WFS, CSW and OGC API - Features with CQL, Tiles."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import shapely
from lxml import etree
from PIL import Image

from tests.acceptance.checks import MILLIMETRE, Checks, same, same_ids, same_ring
from tests.acceptance.pictures import not_blank, parcel_is_drawn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # OWSLib 0.28 imports `cgi`
    from owslib.csw import CatalogueServiceWeb
    from owslib.fes import PropertyIsEqualTo as Equal1
    from owslib.fes import PropertyIsLike
    from owslib.fes2 import PropertyIsEqualTo as Equal2
    from owslib.ogcapi.features import Features
    from owslib.wfs import WebFeatureService
    from owslib.wms import WebMapService

GEOJSON = "application/json"

PAGE = 2_000


def maps(checks: Checks) -> None:
    """WMS in both versions: layers, a picture, what lies at a point."""
    x, y = checks.truth["parcel"]["inside"]
    bounds = (x - 80, y - 60, x + 80, y + 60)
    for version in ("1.3.0", "1.1.1"):
        with checks(f"WMS {version}: a layer for every feature type"):
            service = WebMapService(f"{checks.base}/wms", version=version)
            missing = set(checks.truth["counts"]) - set(service.contents)
            assert not missing, f"no layers {sorted(missing)}"
        question = {"layers": ["dzialki"], "srs": "EPSG:2180", "bbox": bounds, "size": (800, 600),
                    "format": "image/png"}
        with checks(f"WMS {version}: the known parcel is drawn where it lies"):
            content = service.getmap(**question).read()
            (checks.folder / f"wms-{version}.png").write_bytes(content)
            with Image.open(io.BytesIO(content)) as image:
                grey = image.convert("L")
                not_blank(grey.getpixel, grey.size)
                parcel_is_drawn(grey.getpixel, grey.size, bounds, checks.truth["parcel"])
        with checks(f"WMS {version}: GetFeatureInfo tells the known parcel"):
            answer = service.getfeatureinfo(**question, query_layers=["dzialki"], xy=(400, 300),
                                            info_format="application/geo+json")
            same([feature["id"] for feature in json.loads(answer.read())["features"]], [checks.truth["parcel"]["id"]],
                 "objects")


def features(checks: Checks) -> None:
    """WFS in both versions: types, boxes, conditions, pages, positions."""
    truth = checks.truth
    urn = "urn:ogc:def:crs:EPSG::2180"
    for version in ("2.0.0", "1.1.0"):
        service = WebFeatureService(f"{checks.base}/wfs", version=version)
        with checks(f"WFS {version}: a type for every collection"):
            same({name.rpartition(":")[2] for name in service.contents}, set(truth["counts"]), "types")
        with checks(f"WFS {version}: a box, which OWSLib sends northing first, as the URN says"):
            answer = service.getfeature(typename=["sdi:dzialki"], bbox=(*truth["box"]["bounds"], urn),
                                        outputFormat=GEOJSON)
            same_ids(_ids(json.loads(answer.read())), truth["box"]["ids"])
        with checks(f"WFS {version}: a filter"):
            answer = _filtered(service, truth["equal"]["property"], truth["equal"]["value"])
            same_ids(_texts(answer, "id"), truth["equal"]["ids"])
        with checks(f"WFS {version}: GML of the known parcel to the millimetre, northing first"):
            answer = _filtered(service, "id_dzialki", truth["parcel"]["id_dzialki"])
            numbers = [float(number) for text in _texts(answer, "posList") for number in text.split()]
            same_ring(zip(numbers[1::2], numbers[::2], strict=True), truth["parcel"]["ring"], MILLIMETRE)
    with checks("WFS 1.1.0: all boundary points in one answer, none twice"):
        service = WebFeatureService(f"{checks.base}/wfs", version="1.1.0")
        ids = _texts(service.getfeature(typename=["sdi:punkty_graniczne"]).read(), "id")
        same(len(ids), truth["counts"]["punkty_graniczne"], "objects")
        same(len(set(ids)), len(ids), "different objects")
    with checks("WFS 2.0.0: all boundary points in pages, none twice"):
        service = WebFeatureService(f"{checks.base}/wfs", version="2.0.0")
        count, ids = truth["counts"]["punkty_graniczne"], []
        for start in range(0, count, PAGE):
            answer = service.getfeature(typename=["sdi:punkty_graniczne"], startindex=start, maxfeatures=PAGE,
                                        outputFormat=GEOJSON)
            ids += _ids(json.loads(answer.read()))
        same(len(ids), count, "objects")
        same(len(set(ids)), count, "different objects")


def catalogue(checks: Checks) -> None:
    """CSW: all records, words, one by its identifier."""
    with checks("CSW: as many records as the database has"):
        service = CatalogueServiceWeb(f"{checks.base}/csw")
        service.getrecords2(maxrecords=100, esn="full")
        same(len(service.records), checks.truth["records"], "records")
    with checks("CSW: a search for words, and the record of what it finds"):
        service.getrecords2(constraints=[PropertyIsLike("csw:AnyText", "%ewidencj%")], maxrecords=100)
        assert service.records, "nothing found"
        identifier = next(iter(service.records))
        service.getrecordbyid([identifier], outputschema="http://www.isotc211.org/2005/gmd")
        same(service.records[identifier].identifier, identifier, "identifier")


def ogcapi(checks: Checks) -> None:
    """OGC API - Features: collections, boxes, properties, CQL, pages."""
    truth = checks.truth
    service = Features(f"{checks.base}/ogcapi")
    with checks("OGC API: the feature collections, and what can be asked of one"):
        missing = set(truth["counts"]) - set(service.feature_collections())
        assert not missing, f"no collections {sorted(missing)}"
        assert truth["equal"]["property"] in service.collection_queryables("dzialki")["properties"]
    with checks("OGC API: a box in degrees"):
        same_ids(_ids(service.collection_items("dzialki", bbox=truth["degrees"]["bounds"], limit=PAGE)),
                 truth["degrees"]["ids"])
    with checks("OGC API: a property"):
        asked = {truth["equal"]["property"]: truth["equal"]["value"]}
        same_ids(_ids(service.collection_items("dzialki", limit=10_000, **asked)), truth["equal"]["ids"])
    with checks("OGC API: CQL2 text"):
        text = f"{truth['larger']['property']} > {truth['larger']['value']}"
        same_ids(_ids(service.collection_items("dzialki", filter=text, limit=10_000)), truth["larger"]["ids"])
    with checks("OGC API: CQL2 JSON"):
        cql = {"op": ">", "args": [{"property": truth["larger"]["property"]}, truth["larger"]["value"]]}
        asked = {"filter": json.dumps(cql), "filter-lang": "cql2-json", "limit": 10_000}
        same_ids(_ids(service.collection_items("dzialki", **asked)), truth["larger"]["ids"])
    with checks("OGC API: the known parcel by its identifier"):
        found = service.collection_item("dzialki", truth["parcel"]["id"])
        same(found["properties"]["id_dzialki"], truth["parcel"]["id_dzialki"], "id_dzialki")
        ring = shapely.get_coordinates(shapely.from_geojson(json.dumps(found["geometry"]))).tolist()
        same_ring(ring, truth["parcel"]["elsewhere"]["EPSG:4326"], 1.5e-7)
    with checks("OGC API: all boundary points in pages by offset, none twice"):
        count, ids = truth["counts"]["punkty_graniczne"], []
        for start in range(0, count, PAGE):
            ids += _ids(service.collection_items("punkty_graniczne", limit=PAGE, offset=start))
        same(len(ids), count, "objects")
        same(len(set(ids)), count, "different objects")


def _ids(collection: dict[str, Any]) -> list[str]:
    return [feature["properties"].get("id", feature["id"]) for feature in collection["features"]]


def _filtered(service: Any, name: str, value: str) -> bytes:
    """GML of the parcels of which a property has a value, asked for as the version has it."""
    if service.version == "2.0.0":  # by GET, OWSLib would send the filter under a name that no server knows
        condition = etree.tostring(Equal2(name, value).toXML(), encoding="unicode")
        text = f'<Filter xmlns="http://www.opengis.net/fes/2.0">{condition}</Filter>'
        return service.getfeature(typename=["sdi:dzialki"], filter=text, method="Post").read()  # type: ignore[no-any-return]
    condition = etree.tostring(Equal1(name, value).toXML(), encoding="unicode")
    text = f'<Filter xmlns="http://www.opengis.net/ogc">{condition}</Filter>'
    return service.getfeature(typename=["sdi:dzialki"], filter=text).read()  # type: ignore[no-any-return]


def _texts(content: bytes, name: str) -> list[str]:
    """The texts of all elements of a name, whatever their namespace."""
    tree = etree.fromstring(content, etree.XMLParser(no_network=True, resolve_entities=False))
    return [element.text or "" for element in tree.iter(f"{{*}}{name}")]


if __name__ == "__main__":
    Checks().run(maps, features, catalogue, ogcapi)
