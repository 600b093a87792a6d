"""The wfs kind against a real MapServer, and against servers as they are met, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyproj
import pytest

from harvesters.wfs import Harvester, WfsParameters
from sdi.errors import SourceError
from sdi.harvest import http
from sdi.harvest.contract import Delivery, Feature, Issue, Job, Read, Unit
from sdi.model.region import Source
from sdi.model.register import Register

from .conftest import Answer, serving

CAPABILITIES = b"""<WFS_Capabilities xmlns="http://www.opengis.net/wfs/2.0" version="2.0.0"><FeatureTypeList>
<FeatureType><Name>ms:dzialki</Name></FeatureType><FeatureType><Name>ms:budynki</Name></FeatureType>
</FeatureTypeList></WFS_Capabilities>"""

Run = Callable[..., tuple[list[Unit], list[Read]]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waits between attempts."""
    monkeypatch.setattr(http.time, "sleep", lambda _: None)


@pytest.fixture
def run(registers: dict[str, Register], tmp_path: Path) -> Run:
    """Units and everything read of a WFS source that owns the given feature types."""

    def run(owned: Sequence[str] = ("dzialki",), **parameters: Any) -> tuple[list[Unit], list[Read]]:
        egib = registers["egib"]
        source = Source(id="s", kind="wfs", county="0415", delivers=tuple(owned))
        job = Job(source, tuple(egib.feature_types[name] for name in owned), registers, tmp_path, (0, 0, 1, 1))
        harvester = Harvester(job, WfsParameters(**parameters))
        units: list[Unit] = []
        found: list[Read] = []
        gathering = harvester.gather()
        delivery = None
        while True:
            try:
                unit = gathering.send(delivery) if delivery else next(gathering)
            except StopIteration:
                return units, found
            into = tmp_path / unit.id.replace("/", "-")
            harvester.fetch(unit, into)
            delivery = Delivery(unit, into, "", into.stat().st_size, True)
            units.append(unit)
            found += harvester.read(delivery)

    return run


def features(found: list[Read]) -> list[Feature]:
    return [item for item in found if isinstance(item, Feature)]


def page(start: int, count: int, matched: str = "unknown") -> bytes:
    """A page of parcels numbered from `start`, each a square at x = 500000 + number, northing first."""
    members = "".join(
        f"""<wfs:member><ms:dzialki gml:id="dzialki.{hash((start, n))}"><ms:ID_DZIALKI>041501_1.0001.{n}</ms:ID_DZIALKI>
        <ms:DATA>2026-01-01 00:00:{start % 60:02d}</ms:DATA><ms:geom><gml:Polygon srsName="urn:ogc:def:crs:EPSG::2180">
        <gml:exterior><gml:LinearRing><gml:posList>600000 {500000 + n} 600001 {500000 + n} 600001 {500001 + n}
        600000 {500000 + n}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></ms:geom></ms:dzialki>
        </wfs:member>"""
        for n in range(start, start + count)
    )
    return (
        f"""<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2"
        xmlns:ms="http://mapserver.gis.umn.edu/mapserver" numberMatched="{matched}" numberReturned="{count}">{members}
        </wfs:FeatureCollection>""".encode()
    )


class County:
    """A WFS with `total` parcels and the given habits."""

    def __init__(
        self, total: int, *, cap: int = 10**9, matched: str = "unknown", paging: bool = True, first_failures: int = 0
    ) -> None:
        self.total, self.cap, self.matched, self.paging = total, cap, matched, paging
        self.failures = first_failures
        self.asked: list[dict[str, str]] = []

    def __call__(self, query: dict[str, str]) -> Answer:
        if query["REQUEST"] == "GetCapabilities":
            return 200, {}, CAPABILITIES
        if self.failures:
            self.failures -= 1
            return 503, {"Retry-After": "1"}, b"busy"
        self.asked.append(query)
        start = int(query.get("STARTINDEX", 0)) if self.paging else 0
        count = min(int(query.get("COUNT", 10**9)), self.cap, max(0, self.total - start))
        return 200, {}, page(start, count, self.matched)


@pytest.fixture
def county() -> Iterator[Callable[..., tuple[str, County]]]:
    """Starts a County; gives its address."""
    running: list[Any] = []

    def start(total: int, **habits: Any) -> tuple[str, County]:
        server = County(total, **habits)
        context = serving(server)
        running.append(context)
        return context.__enter__(), server

    yield start
    for context in running:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0", "1.0.0"])
@pytest.mark.parametrize("crs", [2177, 2180, 4326])
def test_mapserver_in_every_version_and_crs(mapserver: str, run: Run, version: str, crs: int) -> None:
    units, found = run(["dzialki", "budynki"], url=mapserver, version=version, crs=crs, page_size=10)
    parcels = [item for item in features(found) if item.feature_type == "dzialki"]
    buildings = [item for item in features(found) if item.feature_type == "budynki"]
    assert [unit.id for unit in units if unit.id.startswith("dzialki")][:3] == [
        "dzialki/000001", "dzialki/000002", "dzialki/000003"]
    assert sorted(p.attributes["numer_dzialki"] for p in parcels) == sorted(map(str, range(25)))
    assert len(buildings) == 3
    first = next(p for p in parcels if p.attributes["numer_dzialki"] == "0")
    assert first.id is None
    assert first.attributes["id_dzialki"] == "041501_1.0001.0"
    assert first.attributes["pole_ewidencyjne"] == 0.12
    assert {b.attributes["rodzaj"] for b in buildings} == {"m"}
    answered = 2177 if version == "1.0.0" else crs  # 1.0.0 has no SRSNAME: MapServer answers in the CRS of the layer
    assert first.srid == answered
    to_crs = pyproj.Transformer.from_crs(2177, answered, always_xy=True)
    assert first.geometry.centroid.coords[0] == pytest.approx(to_crs.transform(6560010, 5880005), rel=1e-7)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("total", "size", "habits", "pages"),
    [
        (25, 10, {}, 3),
        (25, 10, {"matched": "25"}, 3),
        (20, 10, {}, 3),
        (20, 10, {"matched": "20"}, 2),
        (25, 100, {"cap": 10}, 3),
        (25, 100, {"cap": 10, "matched": "25"}, 3),
        (7, 10, {"paging": False, "matched": "7"}, 1),
        (7, 10, {"paging": False}, 2),
        (0, 10, {"matched": "0"}, 1),
        (0, 10, {}, 1),
    ],
)
def test_paging_until_done(
    county: Callable[..., tuple[str, County]], run: Run, total: int, size: int, habits: dict[str, Any], pages: int
) -> None:
    url, server = county(total, **habits)
    _, found = run(url=url, page_size=size)
    assert {f.attributes["id_dzialki"] for f in features(found)} == {f"041501_1.0001.{n}" for n in range(total)}
    assert len(server.asked) == pages


def test_a_server_that_ignores_startindex_is_refused(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, _ = county(50, cap=10, paging=False)
    with pytest.raises(SourceError, match=r"dzialki/000002.*ignores STARTINDEX.*paging: none"):
        run(url=url, page_size=10)


def test_fewer_objects_than_announced_are_refused(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, _ = county(15, matched="20")
    with pytest.raises(SourceError, match=r"15 objects came .15 different., 20 are announced"):
        run(url=url, page_size=10)


def test_everything_at_once(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, server = county(25)
    _, found = run(url=url, paging="none")
    assert len(features(found)) == 25
    assert "COUNT" not in server.asked[0] and "STARTINDEX" not in server.asked[0]


def test_runaway_paging_is_stopped(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, _ = county(50)
    with pytest.raises(SourceError, match="more than 15 objects"):
        run(url=url, page_size=10, max_features=15)


def test_a_busy_server_is_asked_again(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, _ = county(5, first_failures=2)
    _, found = run(url=url)
    assert len(features(found)) == 5


def test_a_server_that_stays_busy_is_an_error(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, _ = county(5, first_failures=99)
    with pytest.raises(SourceError, match=r"HTTP 503.*try again later.*busy"):
        run(url=url)


EXCEPTION = b"""<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception
exceptionCode="NoApplicableCode"><ows:ExceptionText>msPostGISLayerOpen(): Query error.</ows:ExceptionText>
</ows:Exception></ows:ExceptionReport>"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (EXCEPTION, "NoApplicableCode.*msPostGISLayerOpen"),
        (b'<ServiceExceptionReport><ServiceException code="X">no table</ServiceException></ServiceExceptionReport>',
         "X no table"),
        (b"<!DOCTYPE html><html><body><h1>Przerwa techniczna</h1></body></html>", "HTML page.*Przerwa techniczna"),
        (b"<html><body>Zaloguj<br></body></html>", "HTML page.*Zaloguj"),
        (b"", "empty"),
        (b"Database connection failed", "not well-formed XML"),
    ],
)
def test_an_exception_with_status_200(run: Run, body: bytes, expected: str) -> None:
    def respond(query: dict[str, str]) -> Answer:
        return 200, {}, CAPABILITIES if query["REQUEST"] == "GetCapabilities" else body

    with serving(respond) as url, pytest.raises(SourceError, match=expected):
        run(url=url)


def test_capabilities_without_the_type_list_what_there_is(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, _ = county(5)
    with pytest.raises(SourceError, match=r"ewns:dzialki.*advertised are: ms:dzialki, ms:budynki"):
        run(url=url, types={"dzialki": {"type_name": "ewns:dzialki.2"}})


def test_no_capabilities(run: Run) -> None:
    with serving(lambda _: (200, {}, EXCEPTION)) as url:
        with pytest.raises(SourceError, match=r"no WFS capabilities.*Query"):
            run(url=url)


def test_types_of_what_is_not_delivered(county: Callable[..., tuple[str, County]], run: Run) -> None:
    url, _ = county(5)
    with pytest.raises(SourceError, match="names budynki"):
        run(url=url, types={"budynki": {"type_name": "ms:budynki"}})


def test_requests_by_version(run: Run) -> None:
    asked: list[dict[str, str]] = []

    def respond(query: dict[str, str]) -> Answer:
        asked.append(query)
        return 200, {}, CAPABILITIES if query["REQUEST"] == "GetCapabilities" else page(0, 1, "1")

    with serving(respond) as url:
        run(url=url, version="1.1.0", crs=2177, namespaces={"ms": "http://ms"}, extra={"map": "x"}, page_size=5)
    query = asked[1]
    assert (query["TYPENAME"], query["MAXFEATURES"], query["STARTINDEX"]) == ("ms:dzialki", "5", "0")
    assert (query["SRSNAME"], query["NAMESPACE"]) == ("urn:ogc:def:crs:EPSG::2177", "xmlns(ms=http://ms)")
    assert asked[0]["MAP"] == query["MAP"] == "x"


def test_password_of_the_address_is_not_shown(run: Run) -> None:
    with serving(lambda _: (401, {}, b"")) as url:
        with pytest.raises(SourceError, match="HTTP 401") as caught:
            run(url=url.replace("http://", "http://user:geheim@"))
    assert "geheim" not in str(caught.value)


def test_an_object_without_key_is_set_aside(run: Run) -> None:
    body = page(0, 2, "2").replace(b"041501_1.0001.1<", b" <")

    def respond(query: dict[str, str]) -> Answer:
        return 200, {}, CAPABILITIES if query["REQUEST"] == "GetCapabilities" else body

    with serving(respond) as url:
        _, found = run(url=url)
    assert len(features(found)) == 1
    assert [i.code for i in found if isinstance(i, Issue) and i.severity == "quarantined"] == ["missing-id"]


@pytest.mark.parametrize(
    ("axis", "x"), [(None, 500000.0), ("authority", 500000.0), ("yx", 500000.0), ("xy", 600000.0)]
)
def test_axis_of_the_answer(
    county: Callable[..., tuple[str, County]], run: Run, axis: str | None, x: float
) -> None:
    url, _ = county(1)
    _, found = run(url=url, axis=axis)
    assert features(found)[0].geometry.exterior.coords[0][0] == x


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "key", "count", "srid", "near"),
    [
        ("epodgik/gml_basic_building.xml", "142104_2.0013.628/16.1_BUD", 1, 4326, (20.8593, 52.1691)),
        ("epodgik/gml_no_building.xml", None, 0, 0, None),
        ("geoportal/gml_building_2180_crs.xml", "020101_1.0009.522_BUD", 1, 2180, (260671.2, 382882.8)),
        ("geoportal2/gml_basic_building.xml", "240301_1.0033.2_BUD", 1, 4326, (18.6398, 49.7517)),
        ("geoportal2/gml_no_building.xml", None, 0, 0, None),
        ("katowice/gml_basic_building_3d.xml", "246901_1.0002.AR_55.6.18_BUD", 1, 2177, (6573302, 5569164)),
        ("warszawa/gml_multiple_polygons.xml", "146510_8.0501.173_BUD", 10, 4326, (21.0119, 52.2284)),
    ],
)
def test_recorded_answers(
    run: Run, shared: Path, name: str, key: str | None, count: int, srid: int, near: tuple[float, float] | None
) -> None:
    body = (shared / "data/county-wfs" / name).read_bytes()

    def respond(query: dict[str, str]) -> Answer:
        if query["REQUEST"] == "GetCapabilities":
            return 200, {}, CAPABILITIES
        return 200, {}, body

    with serving(respond) as url:
        units, found = run(["budynki"], url=url, crs=2180, paging="none")
    buildings = features(found)
    assert len(buildings) == count and len(units) == 1
    if near is not None:
        assert buildings[0].attributes["id_budynku"] == key
        assert buildings[0].srid == srid
        assert not buildings[0].geometry.has_z
        assert buildings[0].geometry.centroid.coords[0] == pytest.approx(near, abs=0.001 if srid == 4326 else 15)
