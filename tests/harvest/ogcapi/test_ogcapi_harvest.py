"""The ogcapi kind: a second node that harvests the real services of a first one, and servers that misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyproj
import pytest
import shapely
import uvicorn
import yaml
from shapely.geometry import mapping

from sdi.db.database import Database
from sdi.gateway.app import Gateway
from sdi.harvest import http
from sdi.model.load import load_region
from sdi.publish import publish
from sdi.services.contract import Engines
from sdi.services.publications import Publications
from sdi.settings import Settings
from tests.conftest import new_database
from tests.harvest.vector.conftest import EgibNode, building, make_node, ogr, parcel
from tests.harvest.wfs.conftest import Answer, serving

EQUAL = ("id", "namespace", "county", "commune", "version_id", "started_at", "valid_from")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waits between attempts."""
    monkeypatch.setattr(http.time, "sleep", lambda _: None)


@pytest.fixture
def node(tmp_path: Path, database: Database, settings: Settings) -> EgibNode:
    """The node that harvests."""
    return make_node(tmp_path / "home", database, settings)


@pytest.fixture
def origin(tmp_path: Path, template: tuple[Database, str], settings: Settings) -> Iterator[EgibNode]:
    """The node that is harvested: GML with identities and a county's GeoPackage without."""
    with new_database(*template) as database:
        yield make_node(tmp_path / "origin", database, settings)


@contextmanager
def serving_node(node: EgibNode) -> Iterator[str]:
    """The address of the real gateway over what the node publishes as OGC API."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = replace(node.settings, public_url=url)
        publish(load_region(node.home, "proba"), node.database, settings)
        engines = Engines(node.database.pool("serve", 2), Path("/nowhere"), node.home)
        app = Gateway(engines, Publications(settings.var / "build")).app()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=10))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.started:
                assert time.monotonic() < deadline and thread.is_alive()
                time.sleep(0.01)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def only_ogcapi(node: EgibNode) -> None:
    path = node.home / "configs" / "regions" / "proba" / "region.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"services": ["ogcapi"]}), encoding="utf-8")


def gml(*numbers: int) -> str:
    """Parcels by the schema of 2021, with IIP identifiers and versions."""
    members = ""
    for number in numbers:
        x, y, right, top = parcel(number)["geometry"].bounds
        ring = f"{y} {x} {top} {x} {top} {right} {y} {right} {y} {x}"
        members += f"""<gml:featureMember><egb:EGB_DzialkaEwidencyjna><egb:idIIP><egb:EGB_IdentyfikatorIIP>
        <egb:lokalnyId>a-{number}</egb:lokalnyId><egb:przestrzenNazw>PL.PZGiK.1.EGiB</egb:przestrzenNazw>
        <egb:wersjaId>2024-05-06T07:08:09</egb:wersjaId></egb:EGB_IdentyfikatorIIP></egb:idIIP>
        <egb:startWersjaObiekt>2024-05-0{1 + number % 9}T07:08:09</egb:startWersjaObiekt>
        <egb:idDzialki>041501_2.0003.AR_7.{number}</egb:idDzialki>
        <egb:poleEwidencyjne uom="ha">0.{number:04d}</egb:poleEwidencyjne>
        <egb:geometria><gml:Polygon srsName="urn:ogc:def:crs:EPSG::2180"><gml:exterior><gml:LinearRing><gml:posList>
        {ring}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></egb:geometria>
        </egb:EGB_DzialkaEwidencyjna></gml:featureMember>"""
    return ('<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2"'
            f' xmlns:egb="ewidencjaGruntowIBudynkow:1.0">{members}</gml:FeatureCollection>')


def tables(node: EgibNode, columns: str) -> list[list[dict[str, Any]]]:
    rest = "to_jsonb(t) - '{fid,known_from,version,source,content}'::text[] as rest"
    return [node.rows(f"select {columns}, {rest} from egib.{name} t order by id") for name in ("dzialki", "budynki")]


def test_a_copy_of_a_node_equals_it(origin: EgibNode, node: EgibNode) -> None:
    only_ogcapi(origin)
    (origin.folder / "dzialki.gml").write_text(gml(*range(1, 26)), encoding="utf-8")
    origin.source_of("gml", ("dzialki",), path="delivery/*.gml")
    ogr(origin.folder / "budynki.gpkg", [building(n) for n in range(1, 8)], "GPKG", "budynki")
    origin.declare("0415-budynki", kind="vector", county="0415", delivers=["budynki"],
                   parameters={"path": "delivery/budynki.gpkg"})
    assert {origin.harvest(name).state for name in ("0415-egib", "0415-budynki")} == {"committed"}
    with serving_node(origin) as url:
        node.source_of("ogcapi", url=f"{url}/region/ogcapi/", limit=10, extra={"county": "0415"})
        outcome = node.harvest("0415-egib")
        assert outcome.state == "committed", outcome.message
        assert outcome.summary["units"] == 4
        here, there = (tables(one, ", ".join(EQUAL)) for one in (node, origin))
        assert here == there and [len(rows) for rows in here] == [25, 7]
        assert here[0][0]["namespace"] == "PL.PZGiK.1.EGiB" and here[0][0]["rest"]["numer_arkusza"] == "7"
        assert here[1][0]["namespace"] is None and here[1][0]["rest"]["rodzaj"] == "m"
        assert node.issues() == []
        assert node.harvest("0415-egib").state == "unchanged"

        (origin.folder / "dzialki.gml").write_text(gml(*range(2, 25), 26, 27), encoding="utf-8")
        assert origin.harvest("0415-egib").state == "committed"
        node.source_of("ogcapi", url=f"{url}/region/ogcapi/collections", limit=10_000)
        outcome = node.harvest("0415-egib")
        part = outcome.summary["feature_types"]["dzialki"]
        assert (part["new"], part["gone"], part["unchanged"], part["changed"]) == (2, 2, 23, 0)
        assert tables(node, ", ".join(EQUAL)) == tables(origin, ", ".join(EQUAL))


PL1992 = "http://www.opengis.net/def/crs/EPSG/0/2180"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
Change = Callable[[dict[str, Any]], Any]


class Server:
    """An OGC API with `total` parcels as another vendor publishes them, and the given habits."""

    def __init__(self, total: int = 5, crs: tuple[str, ...] = (CRS84, PL1992), counted: bool = True,
                 change: Change = lambda page: page) -> None:
        self.total, self.crs, self.counted, self.change = total, crs, counted, change
        self.asked: list[dict[str, str]] = []

    def __call__(self, query: dict[str, str]) -> Answer:
        """`?PATH=` stands for the path, as every address of `serving` has the same."""
        body = {"": self.landing, "collections": self.collections, "items": self.items}[query.get("PATH", "")](query)
        return 200, {"Content-Type": "application/geo+json"}, body if isinstance(body, bytes) else json.dumps(
            body).encode()

    def landing(self, query: dict[str, str]) -> Any:
        return {"links": [{"rel": "data", "type": "text/html", "href": "/html"},
                          {"rel": "data", "type": "application/json", "href": "?path=collections"}]}

    def collections(self, query: dict[str, str]) -> Any:
        return {"crs": list(self.crs), "collections": [{"id": "parcels", "crs": ["#/crs"], "links": [
            {"rel": "items", "type": "application/geo+json", "href": "?path=items"}]}]}

    def items(self, query: dict[str, str]) -> Any:
        self.asked.append(query)
        start, limit = int(query.get("START", 0)), int(query["LIMIT"])
        page: dict[str, Any] = {"type": "FeatureCollection", "links": [], "features": [
            self.feature(number, query.get("CRS", CRS84))
            for number in range(start + 1, min(start + limit, self.total) + 1)]}
        if self.counted:
            page["numberMatched"] = self.total
        if start + limit < self.total:
            crs = f"&crs={query['CRS']}" if "CRS" in query else ""
            page["links"].append({"rel": "next", "href": f"?path=items&limit={limit}&start={start + limit}{crs}"})
        return self.change(page)

    def feature(self, number: int, crs: str) -> dict[str, Any]:
        given = parcel(number)
        shape = given.pop("geometry")
        if crs == PL1992:
            shape = shapely.transform(shape, lambda xy: xy[:, ::-1])
        else:
            move = pyproj.Transformer.from_crs(2180, "OGC:CRS84", always_xy=True).transform
            shape = shapely.transform(shape, move, interleaved=False)
        return {"type": "Feature", "id": number, "properties": given, "geometry": mapping(shape)}


def harvested(node: EgibNode, server: Server, **parameters: Any) -> Any:
    with serving(server) as url:
        node.source_of("ogcapi", ("dzialki",), **{"url": url, "collections": {"dzialki": "parcels"}} | parameters)
        return node.harvest("0415-egib")


@pytest.mark.parametrize("crs", [(CRS84, PL1992), (CRS84,), ()])
@pytest.mark.parametrize("counted", [True, False])
def test_another_vendors_collection(node: EgibNode, crs: tuple[str, ...], counted: bool) -> None:
    server = Server(crs=crs, counted=counted)
    outcome = harvested(node, server, limit=2)
    assert outcome.state == "committed", outcome.message
    assert outcome.summary["units"] == 3
    assert all(query.get("CRS") == (PL1992 if PL1992 in crs else None) for query in server.asked)
    found = node.table()
    assert list(found) == [parcel(number)["id_dzialki"] for number in range(1, 6)]
    for number, row in enumerate(found.values(), 1):
        assert row["geom"].centroid.distance(parcel(number)["geometry"].centroid) < 0.01
        assert (row["nazwa_gminy"], row["pole_ewidencyjne"], row["namespace"]) == ("Łęg", 0.02, None)
    assert node.issues() == []


def _links(**link: str) -> Change:
    return lambda page: page | {"links": [{"rel": "next", **link}]}


@pytest.mark.parametrize(("change", "said"), [
    (_links(href="?path=items&limit=2"), "leads back"),
    (_links(href="http://127.0.0.2:1/items"), "another server"),
    (lambda page: page | {"numberMatched": 9}, "5 objects came, 9 are announced"),
    (lambda page: page | {"numberMatched": 5 + bool(page["links"])}, "changed meanwhile"),
    (lambda page: {"code": "NotFound", "description": "no such thing"}, "no page of features but"),
    (lambda page: [1, 2], "no JSON object"),
    (lambda page: b"<html>log in</html>", "but: <html>log in"),
    (lambda page: json.dumps(page).encode()[:-20], "no JSON"),
])
def test_servers_that_lie_are_refused(node: EgibNode, change: Change, said: str) -> None:
    outcome = harvested(node, Server(change=change), limit=2)
    assert outcome.state == "failed" and said in outcome.message.en


def test_what_the_server_has_instead_is_told(node: EgibNode) -> None:
    outcome = harvested(node, Server(), collections={})
    assert "no collection 'dzialki' for dzialki; there are: parcels; set collections.dzialki" in outcome.message.en
    outcome = harvested(node, Server(), collections={"budynki": "b"})
    assert "does not deliver" in outcome.message.en
    assert "raise max_features" in harvested(node, Server(), max_features=3).message.en


def test_bad_objects_are_set_aside(node: EgibNode) -> None:
    def change(page: dict[str, Any]) -> dict[str, Any]:
        if len(page["features"]) == 1:
            return page
        page["features"][0]["geometry"] = {"type": "Polygon", "coordinates": "here"}
        page["features"][1]["properties"] |= {"pole_ewidencyjne": {"ha": 1}, "wlasciciel": "Jan Kowalski"}
        page["features"][2] = "parcel"
        page["features"][3]["geometry"] = None
        return page

    outcome = harvested(node, Server(total=40, change=change), limit=100)
    assert outcome.state == "committed", outcome.message
    assert len(node.table()) == 38
    issues = {issue["code"]: issue for issue in node.issues()}
    assert set(issues) == {"unreadable-geometry", "unreadable-object", "bad-value", "unknown-attribute", "no-geometry"}
    assert issues["unreadable-geometry"]["object_id"] == "041501_2.0003.1"
    assert "Kowalski" not in str(issues)
