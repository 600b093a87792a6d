"""The fields of the Accept family: what they want most of what there is."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from sdi.services.accept import coding, language, media_type
from sdi.services.pages import wants_json
from sdi.services.problems import language_of

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(("field", "expected"), [
    ("", None), ("gzip, deflate, br, zstd", "zstd"), ("gzip", "gzip"), ("zstd;q=0.5, gzip", "gzip"), ("*", "zstd"),
    ("*, zstd;q=0", "gzip"), ("gzip;q=0", None), ("identity, gzip;q=0.5", None), ("gzip;q=x", None), ("br", None),
    ("GZIP ; q=1.0", "gzip"), ("gzip;q=0.001,identity;q=0", "gzip"), ("gzip;q=nan", None), ("gzip;q=-1", None),
])
def test_the_coding_that_is_wanted_most(field: str, expected: str | None) -> None:
    assert coding(field, ["zstd", "gzip"]) == expected


@pytest.mark.parametrize(("field", "expected"), [
    ("", None), ("de", None), (";;;", None), ("en", "en"), ("EN-gb", "en"), ("en-GB,pl;q=0.5", "en"),
    ("pl; q=0.2, en; q=0.9", "en"), ("en;q=0", None), ("en;q=0, *", "pl"), ("de, *;q=0.1", "pl"), ("pl;q=0, *", "en"),
    ("pl-PL,en;q=0.9,pl;q=0.8", "pl"), ("en, pl", "en"), ("english", None), ("en;q=x, pl;q=0.1", "pl"),
])
def test_the_language_that_is_wanted_most(field: str, expected: str | None) -> None:
    assert language(field, ["pl", "en"]) == expected


@pytest.mark.parametrize(("field", "expected"), [
    ("", None), ("*/*", "text/html"), ("application/*", "application/json"), (BROWSER, "text/html"),
    ("application/json, text/plain, */*", "application/json"), ("text/html, application/json", "text/html"),
    ("text/html;q=0.5, application/json", "application/json"), ("text/html;q=0, */*", "application/json"),
    ("image/png", None), ("application/json;q=0", None), ("APPLICATION/JSON; charset=utf-8 ;q=0.1", "application/json"),
    ("text/*;q=0.3, text/html;q=0.7, */*;q=0.5", "text/html"), (";;,", None),
])
def test_the_media_type_that_is_wanted_most(field: str, expected: str | None) -> None:
    assert media_type(field, ["text/html", "application/json"]) == expected


def asking(query: str, **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": fields})


@pytest.mark.parametrize(("query", "field", "expected"), [
    ("", "", "pl"), ("", "pl; q=0.2, en; q=0.9", "en"), ("lang=pl", "en", "pl"), ("lang=en-GB", "", "en"),
    ("lang=de", "en", "en"), ("", "de", "pl"),
])
def test_the_parameter_decides_before_the_field(query: str, field: str, expected: str) -> None:
    assert language_of(asking(query, accept_language=field)) == expected


@pytest.mark.parametrize(("query", "field", "expected"), [
    ("", "", False), ("", BROWSER, False), ("", "*/*", False), ("", "application/json", True), ("f=html", "", False),
    ("f=json", BROWSER, True), ("f=html", "application/json", False), ("", "text/html;q=0.1,application/json", True),
])
def test_json_or_a_page(query: str, field: str, expected: bool) -> None:
    assert wants_json(asking(query, accept=field)) is expected
