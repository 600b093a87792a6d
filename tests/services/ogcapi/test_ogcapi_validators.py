"""Conditional requests, OPTIONS, and what two languages at once must not mix."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import lxml.html
import pygeoapi.api
import pytest

from sdi.db.database import Database
from sdi.store.reader import Reader
from tests.services.ogcapi.conftest import Client, Table

BASE = "/0415/ogcapi"
FROM_DATA = ["/collections", "/collections/dzialki", "/collections/dzialki/items", "/collections/dzialki/items/a"]


def commit(database: Database, county: str, feature_type: str = "dzialki") -> None:
    """A change in the feed, as a commit writes it."""
    with database.connect("owner") as connection:
        connection.execute("insert into sdi.run (source, kind) values ('s', 'gml')")
        connection.execute("insert into sdi.version (run, source, county, committed_at, lineage)"
                           " select max(run), 's', %s, '2024-05-06T07:08:09Z', '{}' from sdi.run", [county])
        connection.execute("insert into sdi.change (version, feature_type, fid, id, county, op)"
                           " select max(version), %s, 1, 'a', %s, 'u' from sdi.version", [feature_type, county])


def test_who_has_it_already_is_told_without_a_query(
    client: Client, dzialki: Table, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dzialki.insert([{"id": "a"}])
    commit(database, "0415")
    tags = {path: client.get(BASE + path).headers["ETag"] for path in FROM_DATA}
    assert len(set(tags.values())) == len(tags)
    with monkeypatch.context() as patch:
        for name in ("read", "feature", "statistics", "count"):
            patch.setattr(Reader, name, None)
        for path, tag in tags.items():
            for field in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
                response = client.get(BASE + path, headers={"If-None-Match": field})
                assert (response.status_code, response.content) == (304, b""), path
                assert response.headers["ETag"] == tag and "Content-Length" not in response.headers
            assert client.request("HEAD", BASE + path, headers={"If-None-Match": tag}).status_code == 304
    commit(database, "0463")
    commit(database, "0415", "budynki")
    for path in FROM_DATA[1:]:
        assert client.get(BASE + path, headers={"If-None-Match": tags[path]}).status_code == 304, path
    commit(database, "0415")
    for path, tag in tags.items():
        response = client.get(BASE + path, headers={"If-None-Match": tag})
        assert response.status_code == 200 and response.headers["ETag"] != tag, path


def test_a_database_made_anew_or_set_back_has_other_tags(client: Client, dzialki: Table, database: Database) -> None:
    """Its changes are numbered as before, but may be others; before the first, too."""
    def tags() -> set[str]:
        return {client.get(BASE + path).headers["ETag"] for path in FROM_DATA}

    dzialki.insert([{"id": "a"}])
    for _ in range(2):
        before = tags()
        with database.connect("owner") as connection:
            connection.execute("update sdi.feed set feed = gen_random_uuid()")
        assert not tags() & before
        commit(database, "0415")


def test_conditions_count_for_what_is_there(client: Client, dzialki: Table, database: Database) -> None:
    """RFC 9110, clauses 13.1.1 and 13.1.2; tags are weak, so If-Match finds none of them."""
    dzialki.insert([{"id": "a"}])
    commit(database, "0415")
    for path in FROM_DATA:
        tag = client.get(BASE + path).headers["ETag"]
        assert client.get(BASE + path, headers={"If-Match": "*"}).status_code == 200
        known = client.get(BASE + path, headers={"If-None-Match": "*"})
        assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", tag)
        for field in ('"zzz"', tag):
            wanted = client.get(BASE + path, headers={"If-Match": field, "If-None-Match": tag})
            assert (wanted.status_code, wanted.json()["code"]) == (412, "PreconditionFailed")
    for path, status in ((f"{FROM_DATA[2]}?limit=x", 400), (f"{FROM_DATA[2]}/none", 404)):
        for name in ("If-None-Match", "If-Match"):
            assert client.get(BASE + path, headers={name: "*"}).status_code == status
        assert client.get(BASE + path, headers={"If-Match": '"zzz"'}).status_code == status


def test_the_tag_is_of_one_representation(client: Client, dzialki: Table, database: Database) -> None:
    dzialki.insert([{"id": "a"}])
    path = f"{BASE}/collections/dzialki/items"
    variants: list[tuple[str, dict[str, str]]] = [
        ("", {}), ("?limit=1", {}), ("", {"Accept-Language": "en"}), ("", {"Accept": "text/html"}),
        ("?crs=http://www.opengis.net/def/crs/EPSG/0/2180", {})]
    assert len({client.get(path + query, headers=headers).headers["ETag"] for query, headers in variants}) == 5
    response = client.get(path)
    assert response.headers["Cache-Control"] == "no-cache" and "Last-Modified" not in response.headers
    commit(database, "0415")
    when = parsedate_to_datetime(client.get(path).headers["Last-Modified"])
    assert when.isoformat() == "2024-05-06T07:08:09+00:00"


def test_errors_and_issues_have_no_tag(client: Client) -> None:
    for path in ("/collections/dzialki/items?limit=x", "/collections/dzialki/items/none", "/collections/uwagi/items"):
        assert "ETag" not in client.get(BASE + path).headers
    assert client.get(f"{BASE}/collections/dzialki/items/none", headers={"If-None-Match": "*"}).status_code == 404


def test_options_name_the_methods(client: Client) -> None:
    response = client.request("OPTIONS", f"{BASE}/collections/dzialki/items")
    assert (response.status_code, response.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert client.request("OPTIONS", f"{BASE}/nothing").status_code == 404


def test_the_other_language_keeps_the_question(client: Client, dzialki: Table) -> None:
    dzialki.insert([{"id": "a"}])
    response = client.get(f"{BASE}/collections/dzialki/items?f=html&limit=5&sortby=-id&lang=en")
    (link,) = lxml.html.fromstring(response.text).xpath('//a[@class="language"]/@href')
    assert parse_qs(urlsplit(link).query) == {"f": ["html"], "limit": ["5"], "sortby": ["-id"], "lang": ["pl"]}


def test_json_ld_in_two_languages_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """pygeoapi begins the document in the API object, before it describes the collections."""
    path = f"{BASE}/collections?f=jsonld&lang="
    describe, between = pygeoapi.api.gen_collection, []

    def slow(*arguments: Any) -> Any:
        if not between:
            between.append("")
            between[0] = client.get(f"{path}pl").json()["name"]
        return describe(*arguments)

    monkeypatch.setattr(pygeoapi.api, "gen_collection", slow)
    assert client.get(f"{path}en").json()["name"].endswith("in English")
    assert between[0].endswith("po polsku")
