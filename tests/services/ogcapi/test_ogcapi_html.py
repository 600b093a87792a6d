"""The pages as their readers use them: forms, links, tables; with hostile data; without scripts."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import lxml.html
import pytest
import shapely
from starlette.routing import Mount

from sdi.assets import FOREVER, Assets
from sdi.db.database import Database
from sdi.model.region import Region
from sdi.services.ogcapi.app import OgcApi
from sdi.services.ogcapi.drawing import drawing
from sdi.store.crs import CRS84
from tests.services.ogcapi.conftest import PUBLIC_URL, Client, Table, application

API = "/0415/ogcapi"
COLLECTION = f"{API}/collections/dzialki"
ITEMS = f"{COLLECTION}/items"
HOSTILE = "\"><script>alert(1)</script>'&<img src=x onerror=alert(2)>{{7*7}}"


@pytest.fixture
def parcels(dzialki: Table) -> Table:
    """Thirty parcels beside each other, with areas, accuracies and starts."""
    dzialki.insert([{
        "id": f"d{n:02}", "numer_dzialki": f"{n}/Ł", "pole_ewidencyjne": n + 0.25,
        "dokladnosc_reprezentacji_pola": "12"[n % 2], "valid_from": f"2020-01-{n + 1:02}T12:00:00Z", "version_id": "v2",
        "geom": shapely.box(472_000 + 20 * n, 551_000, 472_020 + 20 * n, 551_010),
    } for n in range(30)])
    return dzialki


@pytest.fixture
def site(service: OgcApi, region: Region, tmp_path: Path) -> Client:
    """A client of the API and of the assets of its pages."""
    app = application(service, region, tmp_path, PUBLIC_URL)
    app.routes.append(Mount("/static", Assets()))
    return Client(app)


def page_of(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text[:500]
    page = lxml.html.document_fromstring(response.text)
    page.make_links_absolute(str(response.url), resolve_base_href=False)
    return page


def page(client: Client, path: str, status: int = 200, **parameters: object) -> Any:
    return page_of(client.get(path, params={"f": "html", "lang": "en", **parameters}), status)


def submitted(client: Client, found: Any, **filled: str) -> Any:
    """The page that a browser without scripts reaches by the form, every field sent, and its address."""
    form = found.get_element_by_id("search")
    assert form.method == "GET"
    names = {name for name, _ in form.form_values()}
    assert set(filled) <= names | set(form.fields.keys()), "there is no such field"
    form.fields.update(filled)
    answer = client.get(form.action, params=list(form.form_values()))
    assert answer.status_code == 303, answer.text
    address = urljoin(form.action, answer.headers["Location"])
    return page_of(client.get(address)), address


def rows(found: Any) -> list[str]:
    return found.xpath("//tr/@data-feature")  # type: ignore[no-any-return]


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_the_form_finds_and_shows_what_is_active(client: Client, parcels: Table) -> None:
    found, address = submitted(client, page(client, ITEMS, limit=25), **{
        "numer_dzialki": "*/ł", "pole_ewidencyjne.min": "3", "pole_ewidencyjne.max": "20.5",
        "dokladnosc_reprezentacji_pola": "1", "valid_from.max": "2020-01-11", "q": "Ł"})
    assert rows(found) == ["d04", "d06", "d08", "d10"]
    # What was found stands before the fields: they are folded away, but for a question that finds nothing.
    assert not found.xpath("//form/details/@open")
    assert page(client, ITEMS, numer_dzialki="x").xpath("//form/details/@open")
    assert query(address)["dokladnosc_reprezentacji_pola"] == "1" and query(address)["limit"] == "25"
    assert found.xpath("//section[@class='active']//li/span/text()") == [
        "Precision of the registered area = to the square metre", "Parcel number = */ł", "Registered area ≥ 3 ha",
        "Registered area ≤ 20.5 ha", "Start of the object's version ≤ 2020-01-11", "Search: Ł"]
    values = dict(found.get_element_by_id("search").form_values())
    assert values["numer_dzialki"] == "*/ł" and values["pole_ewidencyjne.max"] == "20.5"
    assert values["valid_from.max"] == "2020-01-11" and values["dokladnosc_reprezentacji_pola"] == "1"
    again, address_again = submitted(client, found)
    assert query(address_again) == query(address) and rows(again) == rows(found)


def test_each_condition_can_be_removed_and_all_of_them(client: Client, parcels: Table) -> None:
    found, _ = submitted(client, page(client, ITEMS), **{
        "pole_ewidencyjne.min": "10", "dokladnosc_reprezentacji_pola": "1", "bbox": "18,52,19,54", "q": "d1"})
    assert rows(found) == ["d10", "d12", "d14", "d16", "d18"]
    links = found.xpath("//section[@class='active']//li/a/@href")
    assert len(links) == 5
    for link in links[:-1]:
        less = page_of(client.get(link))
        assert len(less.xpath("//section[@class='active']//li[span]")) == 3
        assert set(rows(less)) >= set(rows(found))
    assert len(rows(page_of(client.get(links[-1])))) == 10


def test_a_condition_that_the_form_cannot_hold_is_kept(client: Client, parcels: Table) -> None:
    found = page(client, ITEMS, filter="pole_ewidencyjne < 2 OR pole_ewidencyjne > 28")
    assert rows(found) == ["d00", "d01", "d28", "d29"]
    found, _ = submitted(client, found, **{"pole_ewidencyjne.min": "1"})
    assert rows(found) == ["d01", "d28", "d29"]
    one_of = '{"op":"in","args":[{"property":"id"},["d01","d02"]]}'
    found = page(client, ITEMS, **{"filter-lang": "cql2-json", "filter": one_of})
    found, _ = submitted(client, found, **{"pole_ewidencyjne.min": "2"})
    assert rows(found) == ["d02"]


def test_columns_sort_and_pages_follow(client: Client, parcels: Table) -> None:
    found = page(client, ITEMS, limit=10, q="d")
    [area] = [a for a in found.xpath("//thead//th/a") if "[ha]" in a.text]
    ascending = page_of(client.get(area.get("href")))
    [header] = ascending.xpath("//th[@aria-sort]")
    assert header.get("aria-sort") == "ascending" and rows(ascending)[0] == "d00"
    descending = page_of(client.get(header.xpath("a/@href")[0]))
    assert descending.xpath("//th/@aria-sort") == ["descending"]
    seen = list(rows(descending))
    found = descending
    while following := found.xpath("//main//a[@rel='next']/@href"):
        found = page_of(client.get(following[0]))
        seen += rows(found)
    assert seen == [f"d{n:02}" for n in reversed(range(30))]
    assert len(found.xpath("//main//a[@rel='prev']")) == 2
    assert "30" in "".join(found.xpath("//p[@role='status']//text()"))


def test_values_have_titles_units_and_names_of_codes(client: Client, parcels: Table) -> None:
    for found in (page(client, ITEMS, lang="pl"), page(client, f"{ITEMS}/d03", lang="pl")):
        text = " ".join(found.xpath("//table//text()"))
        assert "Pole ewidencyjne" in text and "ha" in text and "3,25" in text and "z dokładnością do 1 ara" in text
        assert "2020-01-04 13:00" in text, "Poland's time"
        assert found.xpath("//time/@datetime")
    empty = "".join(page(client, ITEMS).xpath("//p[@class='hint']//text()"))
    assert "Empty on this page" in empty


def test_the_language_switch_keeps_the_question(client: Client, parcels: Table) -> None:
    found = page(client, ITEMS, q="d1", limit=5, bbox="18,52,19,54", filter="pole_ewidencyjne >= 3", sortby="-id")
    [switch] = found.xpath("//a[@hreflang='pl']")
    assert switch.get("lang") == "pl"
    polish = page_of(client.get(switch.get("href")))
    assert polish.get("lang") == "pl" and rows(polish) == rows(found) == ["d19", "d18", "d17", "d16", "d15"]


def test_a_feature_shows_its_states(client: Client, parcels: Table, database: Database) -> None:
    with database.connect("owner") as connection:
        connection.execute(
            "insert into egib.dzialki_history (fid, id, county, version_id, valid_from, known_from, known_to, why,"
            " source, version, content, pole_ewidencyjne) values"
            " (1, 'd03', '0415', 'v1', '2019-01-01Z', '2023-01-01Z', '2024-05-06T07:08:09Z', 's', 't', 1,"
            "  '00000000-0000-0000-0000-000000000000', 77),"
            " (1, 'd03', '0463', 'other', '2019-01-01Z', '2023-01-01Z', '2024-05-06T07:08:09Z', 's', 't', 1,"
            "  '00000000-0000-0000-0000-000000000000', 78),"
            " (1, 'd03', '0415', 'v0', '2018-01-01Z', '2023-01-01Z', null, 'd', 't', 1,"
            "  '00000000-0000-0000-0000-000000000000', 79)")
    found = page(client, f"{ITEMS}/d03")
    [table] = found.xpath("//h2[text()='History of the feature']/following::table[1]")
    assert table.xpath(".//tbody//th//text()") == ["v2", "v1", "v0"]
    assert [row.get("aria-current") for row in table.xpath(".//tbody/tr")] == ["true", None, None]
    [_, past] = table.xpath(".//tbody//a/@href")
    before = page_of(client.get(past))
    assert "77" in " ".join(before.xpath("//table[@class='values'][1]//td//text()"))
    [table] = before.xpath("//h2[text()='History of the feature']/following::table[1]")
    assert [row.get("aria-current") for row in table.xpath(".//tbody/tr")] == [None, "true", None]
    assert before.xpath("//p[@role='note']/a[text()='Show it as it is now']")
    assert "d03" not in page(client, "/0463/ogcapi/collections/dzialki/items/d03", 404).xpath("string(//table)")


def test_hostile_data_and_parameters_are_text(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": HOSTILE, "numer_dzialki": HOSTILE, "klasouzytki_egib": HOSTILE, "version_id": HOSTILE,
                     "geom": shapely.box(472_000, 551_000, 472_020, 551_010)}])
    item = f"{ITEMS}/{httpx.QueryParams({'x': HOSTILE})!s}".replace("x=", "").replace("+", "%20")
    asked: list[tuple[str, dict[str, str]]] = [(ITEMS, {}), (item, {})]
    asked += [(ITEMS, {name: HOSTILE}) for name in (
        "q", "bbox", "bbox-crs", "crs", "datetime", "asOf", "ids", "properties", "sortby", "filter", "filter-lang",
        "cursor", "limit", "offset", "id", "numer_dzialki", "pole_ewidencyjne", "valid_from", "resulttype", HOSTILE)]
    asked += [(ITEMS, {"filter": f"numer_dzialki = '{HOSTILE.replace(chr(39), chr(39) * 2)}'"}),
              (f"{COLLECTION}/search", {"filter": HOSTILE}), (f"{COLLECTION}/search", {HOSTILE: "1"}),
              (f"{API}/{HOSTILE}", {}), (f"{API}/collections/{HOSTILE}/items", {}), (f"{ITEMS}/d", {"crs": HOSTILE})]
    shown = 0
    for path, parameters in asked:
        response = client.get(path, params={"lang": "en", **parameters}, headers={"Accept": "text/html"})
        assert response.status_code in (200, 400, 404), (path, parameters, response.status_code)
        found = lxml.html.document_fromstring(response.text)
        assert not found.xpath("//script[not(@src)]|//img|//@*[starts-with(name(), 'on')]|//@style"), (path, parameters)
        assert not [a for a in found.xpath("//@href|//@src|//@action") if a.lower().startswith(("javascript", "data"))]
        assert "49" not in found.text_content()
        shown += "<script>alert(1)</script>" in found.text_content()
    assert shown > 15
    redirect = client.get(f"{COLLECTION}/search", params={"numer_dzialki": HOSTILE, "q": "a\r\nSet-Cookie: x=1"})
    assert redirect.status_code == 303 and set(redirect.headers) & {"set-cookie"} == set()
    assert rows(page_of(client.get(urljoin(f"{PUBLIC_URL}{COLLECTION}/search", client.get(
        f"{COLLECTION}/search", params={"numer_dzialki": HOSTILE}).headers["Location"])))) == [HOSTILE]


def test_what_is_filled_in_wrongly_is_told(client: Client, parcels: Table) -> None:
    found = page(client, f"{COLLECTION}/search", 400, **{"pole_ewidencyjne.min": "much"})
    assert "'much' is not a number" in found.xpath("string(//p[@role='alert'])")
    assert client.get(f"{COLLECTION}/search", params={"pole_ewidencyjne.min": "x"}).json()["code"]
    assert page(client, f"{COLLECTION}/search", 400, nothing="1").xpath("//h1")


def test_a_page_without_features_says_why(client: Client, parcels: Table) -> None:
    def said(path: str, **parameters: object) -> str:
        return str(page(client, path, **parameters).xpath("string(//p[@class='none'])"))

    assert said(ITEMS, q="nothing") == said(ITEMS, q="nothing", offset=20) == "No feature matches."
    assert said(ITEMS, offset=5_000) == said(ITEMS, offset=5_000, q="d1") == (
        "This page is beyond the last feature. First page")
    first = page(client, ITEMS, offset=5_000, q="d1").xpath("//p[@class='none']/a/@href")
    assert len(rows(page_of(client.get(first[0])))) == 10
    assert said(ITEMS, resulttype="hits") == ""
    for collection in ("uwagi", "budynki"):
        empty = said(f"{API}/collections/{collection}/items")
        assert empty == "The collection has no features at present."


def test_pages_can_be_used_without_sight_or_mouse(client: Client, parcels: Table) -> None:
    paths = ["", "/conformance", "/openapi", "/collections", "/collections/dzialki", "/collections/dzialki/queryables",
             "/collections/dzialki/items", "/collections/dzialki/items/d01", "/collections/uwagi/items", "/nothing"]
    for path in paths:
        found = page(client, f"{API}{path}", 404 if path == "/nothing" else 200)
        assert found.xpath("count(//h1)") == 1
        [skip] = found.xpath("//body/a[1][@class='skip']/@href")
        assert found.xpath(f"//main[@id='{urlsplit(skip).fragment}']")
        assert found.xpath("//nav//*[@aria-current='page']")
        for control in found.xpath("//form//*[self::input[not(@type='hidden')] or self::select or self::textarea]"):
            assert control.xpath("ancestor::label") or found.xpath(f"//label[@for='{control.get('id')}']"), control.name
        assert not found.xpath("//th[not(@scope)]")
        assert all(label.strip() or link.get("aria-label") for link in found.xpath("//a|//button")
                   for label in [link.text_content()])
        names = [nav.get("aria-label") for nav in found.xpath("//nav|//section[@aria-label]|//*[@role='region']")]
        assert None not in names and len(set(names)) == len(names)
        identifiers = found.xpath("//@id")
        assert len(set(identifiers)) == len(identifiers)
        for svg in found.xpath("//figure/svg"):
            assert svg.get("role") == "img" and svg.get("aria-label")


def test_the_map_is_told_where_all_it_needs_is(site: Client, parcels: Table) -> None:
    for path, drawn in ((ITEMS, True), (f"{ITEMS}/d03", True), (COLLECTION, False), (API, False)):
        found = page(site, path)
        [figure] = found.xpath("//figure[@data-style]")
        assert bool(figure.xpath("svg")) == drawn, "what stands there without scripts"
        script = found.xpath("//script/@src")[0]
        for address in (script, figure.get("data-library"), figure.get("data-style")):
            response = site.get(address)
            assert response.status_code == 200
            assert ("/static/" in address) == (response.headers.get("Cache-Control") == FOREVER)
        assert all(urlsplit(source["url"]).netloc == urlsplit(PUBLIC_URL).netloc
                   for source in site.get(figure.get("data-style")).json()["sources"].values())
        if drawn:
            places = site.get(urljoin(f"{PUBLIC_URL}{path}", figure.get("data-places"))).json()
            features = places.get("features", [places])
            assert [feature["id"] for feature in features] == (rows(found) or ["d03"])


def crawled(client: Client, start: str) -> Iterator[tuple[str, httpx.Response]]:
    """Every page of the API that can be reached, each resource with a few of its queries, and all that they load."""
    waiting, seen, asked = [start], {start}, dict[str, int]()
    while waiting:
        address = waiting.pop()
        response = client.get(address)
        yield address, response
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            continue
        found = lxml.html.document_fromstring(response.text)
        for link in found.xpath("//a/@href|//link/@href|//script/@src|//img/@src"):
            target = urljoin(address, link).partition("#")[0]
            path = urlsplit(target).path
            inside = path.startswith((f"{API}", "/static/")) and target.startswith(PUBLIC_URL)
            asked.setdefault(path, 0)
            if inside and target not in seen and asked[path] < 12:
                asked[path] += 1
                seen.add(target)
                waiting.append(target)


def test_no_link_is_broken_and_nothing_comes_from_elsewhere(site: Client, parcels: Table) -> None:
    kinds: dict[str, int] = {}
    for address, response in itertools.islice(crawled(site, f"{PUBLIC_URL}{API}?f=html"), 600):
        assert response.status_code in (200, 204), address
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "text/html":
            found = lxml.html.document_fromstring(response.text)
            loaded = found.xpath(
                "//script/@src|//link[@rel='stylesheet' or @rel='icon']/@href|//img/@src|//form/@action")
            assert all(not urlsplit(address).netloc for address in loaded)
            hosts = {urlsplit(link).netloc for link in found.xpath("//a/@href")} - {""}
            assert hosts <= {"testserver", "example.org", "www.opengis.net"}, hosts
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and not re.search(r"http|unsafe|\*", policy)
    assert kinds["text/html"] > 40 and kinds["application/geo+json"] > 5 and kinds["text/css"] == 2


@pytest.mark.parametrize(("wkt", "circles", "paths"), [
    ("POINT Z (18 53 5)", 1, []), ("MULTIPOINT (18 53, 19 53)", 2, []), ("LINESTRING (18 53, 19 53)", 0, [0]),
    ("POLYGON ((18 53, 19 53, 19 54, 18 53), (18.7 53.1, 18.8 53.1, 18.8 53.2, 18.7 53.1))", 0, [2]),
    ("MULTIPOLYGON (((18 53, 19 53, 19 54, 18 53)), ((18 53, 18.2 53, 18.2 53.2, 18 53)))", 0, [1, 1]),
    ("GEOMETRYCOLLECTION (POINT (18 53), LINESTRING (18 53, 19 53))", 1, [0]), ("POLYGON EMPTY", 0, None),
])
def test_every_kind_of_geometry_is_drawn(wkt: str, circles: int, paths: list[int] | None) -> None:
    """By the rings that each path closes; of nothing there is no drawing."""
    drawn = drawing([json.loads(shapely.to_geojson(shapely.from_wkt(wkt))), None], CRS84, "<title>")
    if paths is None:
        assert drawn == ""
        return
    found = lxml.html.fromstring(drawn)
    assert len(found.xpath("//circle")) == circles and found.get("aria-label") == "<title>"
    assert [path.count("Z") for path in found.xpath("//path/@d")] == paths
