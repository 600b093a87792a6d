"""One question, every protocol: the same objects, attributes and coordinates, whoever is asked, in whatever CRS.

The truth is worked out here, by shapely and PROJ, from the rows that were put into the database.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.gateway.app import Gateway
from sdi.gateway.publications import Build, OneBuild
from sdi.services import classes
from sdi.services.contract import Engines, Publication, Published
from sdi.services.ows.workers import MapservPool, write_config
from sdi.store.columns import ID, PUBLISHED, published
from sdi.store.crs import CRS84, PUBLISHED_CRS, Crs
from tests.conftest import HOME, new_database
from tests.services.downloads import conftest as trial

SERVICES = ("ogcapi", "wfs", "wms", "download")

TENANT, TYPE = trial.WEST, "powierzchnie"

COLUMNS = {ID.name: ID, **published(trial.REGISTER.feature_types[TYPE])}

NAMES = ("Łąka", "Łan", "Zażółć „gęślą” <jaźń> & 'x'", "50% _", "ląka")

EPSG4326 = PUBLISHED_CRS["http://www.opengis.net/def/crs/EPSG/0/4326"]

CENTRE = (470_500.0, 550_500.0)
"""Of what there is, in EPSG:2180, x = easting."""

BREADTH = 3_000.0

EDGE_M = 0.05
"""What lies so near to the edge of a box that rounding decides is not asked for."""

Geometry = shapely.geometry.base.BaseGeometry

Found = dict[str, tuple[dict[str, Any], Geometry]]
"""Attributes and geometry, x first, by identifier."""


def _rows() -> list[dict[str, Any]]:
    """Three hundred crooked polygons, some with holes or of two parts, with values of every type and without."""
    chance = random.Random(4)

    def blob(x: float, y: float, size: float) -> shapely.Polygon:
        angles = sorted(chance.uniform(0, 2 * math.pi) for _ in range(chance.randint(5, 12)))
        corners = [(x + size * chance.uniform(0.7, 1) * math.cos(a), y + size * chance.uniform(0.7, 1) * math.sin(a))
                   for a in angles]
        return shapely.set_precision(shapely.Polygon(corners).convex_hull, 1e-4)

    rows: list[dict[str, Any]] = []
    for number in range(300):
        x, y = (middle + chance.uniform(-BREADTH / 2, BREADTH / 2) for middle in CENTRE)
        shape: Geometry = blob(x, y, chance.uniform(5, 60))
        if number % 9 == 0:
            shape = shapely.MultiPolygon([shape, blob(x + 200, y, 20)])
        elif number % 7 == 0:
            shape = shape.difference(blob(shape.centroid.x, shape.centroid.y, 1))
        rows.append({
            "id": f"PL.{number}/ą b", "nazwa": chance.choice((*NAMES, None)),
            "liczba": chance.choice((None, number - 150)), "pole": chance.choice((None, number / 8)),
            "czynny": chance.choice((None, True, False)),
            "dzien": chance.choice((None, f"20{number % 30:02}-0{number % 9 + 1}-28")),
            "chwila": chance.choice((None, f"2021-03-{number % 28 + 1:02}T01:59:59.999+02:00")),
            "valid_from": "2020-01-01T00:00:00Z", "known_from": "2024-05-06T07:08:09.123Z", "version_id": f"w{number}",
            "geom": shape,
        })
    return rows


ROWS = _rows()


@dataclass(frozen=True)
class Condition:
    """A comparison of an attribute with a value; LIKE has a beginning of a text for its value."""

    name: str
    operator: str
    value: Any

    def holds(self, row: Mapping[str, Any]) -> bool:
        """What is true of a row."""
        given = row[self.name]
        if given is None:
            return False
        if self.operator == "LIKE":
            return str(given).startswith(self.value)
        return bool({"=": given == self.value, ">": given > self.value}[self.operator])

    def cql2(self) -> str:
        """As CQL2 text."""
        match self.value:
            case bool():
                value = str(self.value).lower()
            case str() if COLUMNS[self.name].type == "date":
                value = f"DATE('{self.value}')"
            case str():
                text = self.value.replace("'", "''")
                value = f"'{_escaped(text)}%'" if self.operator == "LIKE" else f"'{text}'"
            case _:
                value = repr(self.value)
        return f"{self.name} {self.operator} {value}"

    def fes(self, version: str) -> etree._Element:
        """As an element of FES 2.0, or of Filter Encoding 1.1."""
        fes, reference = _filter_words(version)
        word = {"=": "PropertyIsEqualTo", ">": "PropertyIsGreaterThan", "LIKE": "PropertyIsLike"}[self.operator]
        like = {"wildCard": "*", "singleChar": "?", "escapeChar": "!"} if self.operator == "LIKE" else {}
        element = etree.Element(f"{{{fes}}}{word}", like)
        etree.SubElement(element, f"{{{fes}}}{reference}").text = self.name
        text = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        etree.SubElement(element, f"{{{fes}}}Literal").text = text + ("*" if like else "")
        return element

    def sqlite(self) -> str:
        """As SQL of a GeoPackage."""
        match self.value:
            case bool():
                value = str(int(self.value))
            case str():
                text = self.value.replace("'", "''")
                value = f"'{text}*'" if self.operator == "LIKE" else f"'{text}'"
            case _:
                value = repr(self.value)
        return f"{self.name} {'GLOB' if self.operator == 'LIKE' else self.operator} {value}"


@dataclass(frozen=True)
class Question:
    """A box (x first, in a CRS), a condition, or both; answers come in the same CRS."""

    crs: Crs
    box: tuple[float, float, float, float] | None
    condition: Condition | None

    def ordered(self) -> str:
        """The box in the axis order of its CRS."""
        assert self.box is not None
        west, south, east, north = self.box
        return ",".join(map(repr, (south, west, north, east) if self.crs.flipped else self.box))

    def area(self) -> shapely.Polygon | None:
        """The box in EPSG:2180, x first; its edges are straight in its own CRS."""
        if self.box is None:
            return None
        edge = shapely.segmentize(shapely.box(*self.box), 1e-5 if _is_degrees(self.crs) else 1.0)
        return shapely.transform(edge, _transformer(self.crs.srid, 2180).transform, interleaved=False)

    def filter(self, version: str) -> str:
        """Box and condition as one Filter."""
        fes, _ = _filter_words(version)
        parts = [] if self.condition is None else [self.condition.fes(version)]
        if self.box is not None:
            lower, upper = (" ".join(corner) for corner in _halves(self.ordered().split(",")))
            gml = "http://www.opengis.net/gml/3.2" if version == "2.0.0" else "http://www.opengis.net/gml"
            parts.append(etree.fromstring(
                f'<BBOX xmlns="{fes}"><Envelope xmlns="{gml}" srsName="{_urn(self.crs)}">'
                f"<lowerCorner>{lower}</lowerCorner><upperCorner>{upper}</upperCorner></Envelope></BBOX>"))
        root = etree.Element(f"{{{fes}}}Filter", nsmap={None: fes})
        (etree.SubElement(root, f"{{{fes}}}And") if len(parts) > 1 else root).extend(parts)
        return etree.tostring(root, encoding="unicode")


def _filter_words(version: str) -> tuple[str, str]:
    return (("http://www.opengis.net/fes/2.0", "ValueReference") if version == "2.0.0"
            else ("http://www.opengis.net/ogc", "PropertyName"))


def _halves(values: list[str]) -> tuple[list[str], list[str]]:
    return values[:2], values[2:]


def _escaped(text: str) -> str:
    return text.replace("%", r"\%").replace("_", r"\_")


def _urn(crs: Crs) -> str:
    return f"urn:ogc:def:crs:EPSG::{crs.srid}"


def _is_degrees(crs: Crs) -> bool:
    return crs.srid in (4326, 4258)


@cache
def _transformer(source: int, target: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def _flipped(shape: Geometry) -> Geometry:
    return shapely.transform(shape, lambda xy: xy[:, ::-1])


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
                  "srsName": _urn(question.crs), **more}
    if question.condition:
        parameters |= {"filter": question.filter(version)}
    elif question.box:
        parameters |= {"bbox": f"{question.ordered()},{_urn(question.crs)}"}
    return _get(site, "wfs", parameters)


def by_download(site: trial.Site, question: Question) -> Found:
    """The GeoPackage, which GDAL filters by itself; brought into the CRS here."""
    path = site.var / f"{TYPE}.gpkg"
    if not path.exists():
        path.write_bytes(site.get(f"/{TENANT}/download/{TYPE}.gpkg").content)
    where = question.condition.sqlite() if question.condition else None
    meta, table = pyogrio.read_arrow(path, mask=question.area(), where=where)
    transform = _transformer(2180, question.crs.srid).transform
    found = {}
    for row in table.to_pylist():
        stored = shapely.from_wkb(row.pop(meta["geometry_name"]))
        shape = stored if question.crs.srid == 2180 else shapely.transform(stored, transform, interleaved=False)
        found[row["id"]] = (_attributes(row), _single(shape))
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
        found[identifier] = (_attributes(properties), _single(_flipped(shape) if flipped else shape))
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
            assert geometry.get("srsName") == _urn(crs)
        for polygon in element.iterfind(".//{*}Polygon"):
            rings = [_ring(ring.text, flipped=crs.flipped) for ring in polygon.iterfind(".//{*}posList")]
            parts.append(shapely.Polygon(rings[0], rings[1:]))
        assert values["id"] not in found
        found[values["id"]] = (_attributes(values), _single(shapely.MultiPolygon(parts)))
    return found


def _ring(text: str, *, flipped: bool) -> list[tuple[float, float]]:
    numbers = [float(number) for number in text.split()]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return [(x, y) for y, x in pairs] if flipped else pairs


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """All published attributes, each as its type has it."""
    return {name: _value(column.type, values.get(name)) for name, column in COLUMNS.items()}


def _value(type_: str, value: Any) -> Any:
    match type_, value:
        case _, None:
            return None
        case "number", _:
            return float(value)
        case "integer", _:
            return int(value)
        case "boolean", str():
            return {"true": True, "false": False}[value]
        case "date", str():
            return date.fromisoformat(value)
        case "datetime", _:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return value


def _single(shape: Geometry) -> Geometry:
    """A multi geometry of one part as that part."""
    parts = shapely.get_parts(shape)
    return parts[0] if len(parts) == 1 else shape


# ---- what is true


def expected(question: Question) -> Found:
    """Of the rows, with what every row has."""
    always = {"county": "0415", "commune": TENANT, "namespace": None}
    transform = _transformer(2180, question.crs.srid).transform
    area, found = question.area(), {}
    for row in ROWS:
        if (area is None or area.intersects(row["geom"])) and (
                question.condition is None or question.condition.holds(row)):
            shape = row["geom"]
            if question.crs.srid != 2180:
                shape = shapely.transform(shape, transform, interleaved=False)
            found[row["id"]] = (_attributes({**always, **row}), _single(shape))
    return found


def compare(asked: str, found: Found, wanted: Found, crs: Crs) -> None:
    """The same objects, attributes, and coordinates: to the millimetre, or to what seven decimals of a degree keep."""
    assert set(found) == set(wanted), asked
    tolerance = 0.8e-7 if _is_degrees(crs) else 0.001
    for identifier, (attributes, shape) in wanted.items():
        assert found[identifier][0] == attributes, (asked, identifier)
        assert shapely.equals_exact(found[identifier][1], shape, tolerance, normalize=True), (
            asked, identifier, found[identifier][1].wkt, shape.wkt)


def clear(question: Question) -> bool:
    """No polygon only just meets the box, or only just does not."""
    area = question.area()
    if area is None:
        return True
    shapes = [row["geom"] for row in ROWS]
    wide, narrow = (shapely.intersects(area.buffer(by), shapes) for by in (EDGE_M, -EDGE_M))
    return bool((wide == narrow).all())


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
        corners = [_transformer(2180, crs.srid).transform(x + dx, y + dy)
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
    x, y = _transformer(2180, srid).transform(point.x, point.y)
    half = 5e-6 if _is_degrees(crs) else 0.5
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
    for wrong in ((attributes, moved), (attributes, _flipped(shape)), ({**attributes, "liczba": 1e6}, shape)):
        with pytest.raises(AssertionError):
            compare("wrong", {**wanted, identifier: wrong}, wanted, crs)
    assert {column.name for column in PUBLISHED} < set(attributes)
