"""One question, every protocol: the same objects, attributes and coordinates, whoever is asked, in whatever CRS.

The truth is worked out here, by shapely and PROJ, from the rows that were put into the database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.gateway.app import Gateway
from sdi.services import classes
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ows.workers import MapservPool, write_config
from sdi.services.publications import Build, OneBuild
from sdi.store.columns import PUBLISHED
from sdi.store.crs import CRS84, PUBLISHED_CRS, Crs
from tests.conftest import HOME, new_database
from tests.services.cross_questions import (
    BREADTH,
    CENTRE,
    COLUMNS,
    EDGE_M,
    EPSG4326,
    NAMES,
    ROWS,
    TENANT,
    TYPE,
    Condition,
    Found,
    Question,
    clear,
    expected,
    is_degrees,
    single,
    swapped,
    transformer,
    typed,
    urn,
)
from tests.services.downloads import conftest as trial

SERVICES = ("ogcapi", "wfs", "wms", "download")

# ---- who is asked


def by_ogcapi(site: trial.Site, question: Question) -> Found:
    """Items of OGC API - Features."""
    parameters = {"crs": question.crs.uri, "limit": "1000", "f": "json"}
    if question.box:
        parameters |= {"bbox": question.ordered(), "bbox-crs": question.crs.uri}
    if question.condition:
        parameters |= {"filter": question.condition.cql2()}
    answer = _get(site, f"ogcapi/collections/{TYPE}/items", parameters)
    return _of_geojson(answer, flipped=question.crs.flipped)


def by_wfs_geojson(site: trial.Site, question: Question) -> Found:
    """WFS 2.0 as GeoJSON, which is x first always."""
    return _of_geojson(_wfs(site, question, "2.0.0", {"outputFormat": "application/json"}), flipped=False)


def by_wfs_2(site: trial.Site, question: Question) -> Found:
    """WFS 2.0 as GML 3.2."""
    return _of_gml(_wfs(site, question, "2.0.0", {}), _known_to_wfs(question.crs))


def by_wfs_1(site: trial.Site, question: Question) -> Found:
    """WFS 1.1 as GML 3.1."""
    return _of_gml(_wfs(site, question, "1.1.0", {}), _known_to_wfs(question.crs))


def _known_to_wfs(crs: Crs) -> Crs:
    """WFS has no CRS84: the same numbers in EPSG:4326, latitude first."""
    return EPSG4326 if crs == CRS84 else crs


def _wfs(site: trial.Site, question: Question, version: str, more: dict[str, str]) -> bytes:
    question = replace(question, crs=_known_to_wfs(question.crs))
    types = "typeNames" if version == "2.0.0" else "typeName"
    parameters = {"service": "WFS", "version": version, "request": "GetFeature", types: f"sdi:{TYPE}",
                  "srsName": urn(question.crs), **more}
    if question.condition:
        parameters |= {"filter": question.filter(version)}
    elif question.box:
        parameters |= {"bbox": f"{question.ordered()},{urn(question.crs)}"}
    return _get(site, "wfs", parameters)


def by_download(site: trial.Site, question: Question) -> Found:
    """The GeoPackage, which GDAL filters by itself; brought into the CRS here."""
    path = site.var / f"{TYPE}.gpkg"
    if not path.exists():
        path.write_bytes(site.get(f"/{TENANT}/download/{TYPE}.gpkg").content)
    where = question.condition.sqlite() if question.condition else None
    meta, table = pyogrio.read_arrow(path, mask=question.area(), where=where)
    transform = transformer(2180, question.crs.srid).transform
    found = {}
    for row in table.to_pylist():
        stored = shapely.from_wkb(row.pop(meta["geometry_name"]))
        shape = stored if question.crs.srid == 2180 else shapely.transform(stored, transform, interleaved=False)
        found[row["id"]] = (typed(row), single(shape))
    return found


ASKED: tuple[Callable[[trial.Site, Question], Found], ...] = (
    by_ogcapi, by_wfs_geojson, by_wfs_2, by_wfs_1, by_download)


def _get(site: trial.Site, path: str, parameters: dict[str, str]) -> bytes:
    answer = site.request("GET", f"/{TENANT}/{path}", params=parameters)
    assert answer.status_code == 200, answer.text[:800]
    return answer.content


def _of_geojson(content: bytes, *, flipped: bool) -> Found:
    found = {}
    for feature in json.loads(content)["features"]:
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        properties = {**feature["properties"]}
        identifier = properties.setdefault("id", feature["id"])
        assert identifier not in found
        found[identifier] = (typed(properties), single(swapped(shape) if flipped else shape))
    return found


def _of_gml(content: bytes, crs: Crs) -> Found:
    """Features of GML 3, by the order of the axes that its URN says."""
    root = etree.fromstring(content, etree.XMLParser(no_network=True, resolve_entities=False))
    found = {}
    for element in root.iter(f"{{urn:sdi:registers}}{TYPE}"):
        values, parts = {}, []
        for child in element:
            name = etree.QName(child).localname
            if name in COLUMNS:
                values[name] = child.text or ""
        for geometry in element.iterfind(".//{*}*[@srsName]"):
            assert geometry.get("srsName") == urn(crs)
        for polygon in element.iterfind(".//{*}Polygon"):
            rings = [_ring(ring.text, flipped=crs.flipped) for ring in polygon.iterfind(".//{*}posList")]
            parts.append(shapely.Polygon(rings[0], rings[1:]))
        assert values["id"] not in found
        found[values["id"]] = (typed(values), single(shapely.MultiPolygon(parts)))
    return found


def _ring(text: str, *, flipped: bool) -> list[tuple[float, float]]:
    numbers = [float(number) for number in text.split()]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return [(x, y) for y, x in pairs] if flipped else pairs


def compare(asked: str, found: Found, wanted: Found, crs: Crs) -> None:
    """The same objects, attributes, and coordinates: to the millimetre, or to what seven decimals of a degree keep."""
    assert set(found) == set(wanted), asked
    tolerance = 0.8e-7 if is_degrees(crs) else 0.001
    for identifier, (attributes, shape) in wanted.items():
        assert found[identifier][0] == attributes, (asked, identifier)
        assert shapely.equals_exact(found[identifier][1], shape, tolerance, normalize=True), (
            asked, identifier, found[identifier][1].wkt, shape.wkt)


# ---- the node


@pytest.fixture(scope="module")
def site(server: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[trial.Site]:
    """A tenant with every service, real engines behind the gateway."""
    folder = tmp_path_factory.mktemp("cross")
    declared = trial.region()
    declared = declared.model_copy(update={"file": declared.file.model_copy(update={"services": SERVICES})})
    with new_database(server) as database:
        migrate(database, [trial.REGISTER])
        config = write_config(folder / "mapserver.conf", folder / "build")
        with MapservPool(folder / "s", 2, config, folder / "log") as mapserv, database.pool("serve", 4) as pool:
            publication = Publication(declared, trial.PUBLIC_URL, database.conninfo("serve"), HOME)
            tenant = declared.tenants[TENANT]
            for protocol in SERVICES:
                place = folder / "build" / tenant.id / protocol
                place.mkdir(parents=True)
                for name, content in classes()[protocol].compile(publication, tenant).items():
                    (place / name).write_text(content, encoding="utf-8")
            published_ = Published(tenant, folder / "build" / tenant.id, declared, trial.PUBLIC_URL)
            gateway = Gateway(Engines(pool, mapserv.socket, HOME, folder / "var"), OneBuild(
                Build("digest", declared, trial.PUBLIC_URL, {tenant.id: published_})))
            made = trial.Site(database, folder / "var", gateway, gateway.app())
            made.commit(TYPE, ROWS)
            yield made


# ---- the questions


CRSS = st.sampled_from(list(PUBLISHED_CRS.values()))

CONDITIONS = st.one_of(
    st.builds(Condition, st.just("nazwa"), st.just("="), st.sampled_from(NAMES)),
    st.builds(Condition, st.just("nazwa"), st.just("LIKE"), st.sampled_from(["Ł", "Łą", "50% _", "Zażółć „"])),
    st.builds(Condition, st.just("liczba"), st.sampled_from(["=", ">"]), st.integers(-150, 149)),
    st.builds(Condition, st.just("pole"), st.just(">"), st.integers(0, 300).map(lambda n: n / 8)),
    st.builds(Condition, st.just("czynny"), st.just("="), st.booleans()),
    st.builds(Condition, st.just("dzien"), st.just(">"), st.dates(date(2000, 1, 1), date(2030, 1, 1)).map(str)),
)

METRES = st.floats(-BREADTH / 2, BREADTH / 2)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A box in a CRS, a condition, both or neither."""
    crs, box = draw(CRSS), None
    if draw(st.booleans()):
        x, y = CENTRE[0] + draw(METRES), CENTRE[1] + draw(METRES)
        width, height = draw(st.floats(1, BREADTH)), draw(st.floats(1, BREADTH))
        corners = [transformer(2180, crs.srid).transform(x + dx, y + dy)
                   for dx in (0, width) for dy in (0, height)]
        xs, ys = zip(*corners, strict=True)
        box = (min(xs), min(ys), max(xs), max(ys))
    return Question(crs, box, draw(st.none() | CONDITIONS))


BOUNDS = settings(max_examples=40, derandomize=True, deadline=None, database=None,
                  suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])


@BOUNDS
@given(question=questions())
@example(question=Question(CRS84, None, None))
def test_every_protocol_gives_the_same(site: trial.Site, question: Question) -> None:
    assume(clear(question))
    wanted = expected(question)
    for ask in ASKED:
        compare(ask.__name__, ask(site, question), wanted, question.crs)


MAP_CRS = {crs.srid: crs for crs in PUBLISHED_CRS.values() if crs != CRS84}


@BOUNDS
@given(srid=st.sampled_from(sorted(MAP_CRS)), dx=METRES, dy=METRES, inside=st.none() | st.integers(0, len(ROWS) - 1))
def test_the_map_tells_what_lies_at_a_point(
    site: trial.Site, srid: int, dx: float, dy: float, inside: int | None
) -> None:
    """GetFeatureInfo against a box of OGC API without breadth; half of the points lie in some polygon."""
    crs = MAP_CRS[srid]
    point = shapely.Point(CENTRE[0] + dx, CENTRE[1] + dy) if inside is None else ROWS[inside]["geom"].point_on_surface()
    assume(all(row["geom"].boundary.distance(point) > EDGE_M for row in ROWS))
    x, y = transformer(2180, srid).transform(point.x, point.y)
    half = 5e-6 if is_degrees(crs) else 0.5
    question = Question(crs, (x - half, y - half, x + half, y + half), None)
    content = _get(site, "wms", {
        "service": "WMS", "version": "1.3.0", "request": "GetFeatureInfo", "layers": TYPE, "query_layers": TYPE,
        "styles": "", "crs": f"EPSG:{srid}", "bbox": question.ordered(), "width": "101", "height": "101", "i": "50",
        "j": "50", "format": "image/png", "info_format": "application/geo+json", "feature_count": "100",
    })
    found = _of_geojson(content, flipped=False)
    at = Question(crs, (x, y, x, y), None)
    wanted = by_ogcapi(site, at)
    assert set(wanted) == {row["id"] for row in ROWS if row["geom"].contains(point)}
    compare("GetFeatureInfo", found, wanted, crs)


def test_differences_are_seen() -> None:
    """The comparison itself can fail."""
    crs = PUBLISHED_CRS["http://www.opengis.net/def/crs/EPSG/0/2180"]
    wanted = expected(Question(crs, None, None))
    identifier, (attributes, shape) = next(iter(wanted.items()))
    moved = shapely.transform(shape, lambda xy: xy + 0.002)
    for wrong in ((attributes, moved), (attributes, swapped(shape)), ({**attributes, "liczba": 1e6}, shape)):
        with pytest.raises(AssertionError):
            compare("wrong", {**wanted, identifier: wrong}, wanted, crs)
    assert {column.name for column in PUBLISHED} < set(attributes)
