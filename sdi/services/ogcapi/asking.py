"""What the query parameters of items ask of the store (OGC API - Features 7.15, part 2, and our own)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sdi.model.text import Text
from sdi.services.ogcapi.filtering import conditions
from sdi.services.ogcapi.formats import FORMATS, crs_shown
from sdi.store.columns import ID, Column
from sdi.store.crs import CRS84, PUBLISHED_CRS, Area, Crs, box_as_stored
from sdi.store.history import Interval
from sdi.store.reader import Reader
from sdi.store.selection import InvalidQuery, Page, Selection

LIMIT_DEFAULT = 10
LIMIT_MAX = 10_000

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)

_INTERVAL_PART = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?P<time>T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?\Z", re.ASCII)


def selection_of(given: Mapping[str, str], columns: Mapping[str, Column], reader: Reader) -> Selection:
    """Which features are asked for, of those with `columns`. Raises InvalidQuery."""
    if "bbox-crs" in given and "bbox" not in given:
        raise InvalidQuery(Text(pl="bbox-crs bez bbox", en="bbox-crs without bbox"))
    area = _area(given["bbox"], crs_of(given, "bbox-crs")) if "bbox" in given else None
    return Selection(
        equal=tuple((name, value) for name, value in given.items() if name == ID.name or name in columns),
        ids=tuple(given["ids"].split(",")) if "ids" in given else None,
        area=area,
        valid=_interval(given["datetime"]) if "datetime" in given else None,
        as_of=known_at(given["asOf"], reader) if "asOf" in given else None,
        conditions=conditions(given, columns),
        nothing="bbox" in given and area is None,
    )


def page_of(given: Mapping[str, str], name: str = "json") -> Page:
    """Which part of them, and how they look in the format `name`. Raises InvalidQuery."""
    limit = int(given.get("limit", LIMIT_DEFAULT))
    if limit == 0:
        raise InvalidQuery(Text(pl="limit: co najmniej 1", en="limit: at least 1"))
    if given.get("cursor") == "":
        raise InvalidQuery(Text(pl="cursor: pusty", en="cursor: empty"))
    crs = crs_of(given, "crs") if "crs" in given else None
    if name == "jsonld" and crs not in (None, CRS84):
        raise InvalidQuery(Text(
            pl="crs: JSON-LD jest zawsze w CRS84: schema.org zna tylko WGS 84, a WKT bez nazwy układu oznacza CRS84; "
               "inne układy mają inne formaty",
            en="crs: JSON-LD is always in CRS84: schema.org knows WGS 84 only, and WKT that names no CRS means CRS84; "
               "other formats have other CRSs"))
    names = given["properties"].split(",") if "properties" in given else None
    return Page(
        limit=min(limit, LIMIT_MAX),
        offset=int(given.get("offset", 0)),
        cursor=given.get("cursor"),
        order=tuple(_sort_key(term) for term in given["sortby"].split(",")) if "sortby" in given else (),
        properties=None if names is None else tuple(name for name in names if name != ID.name),
        geometry=given.get("skipGeometry") != "true",
        crs=crs_shown(name, crs),
        form=FORMATS[name].form,
    )


def check(given: Mapping[str, str], name: str, reader: Reader) -> None:
    """Raises InvalidQuery where the items of a collection would."""
    table = reader.table(name)
    table.rows(selection_of(given, table.columns, reader), page_of(given))


def crs_of(given: Mapping[str, str], name: str) -> Crs:
    """The CRS that a parameter names, CRS84 without it (part 2, requirements 6 and 12). Raises InvalidQuery."""
    uri = given.get(name, CRS84.uri)
    if uri not in PUBLISHED_CRS:
        known = ", ".join(PUBLISHED_CRS)
        raise InvalidQuery(Text(pl=f"{name}={uri!r}: może być {known}", en=f"{name}={uri!r}: can be {known}"))
    return PUBLISHED_CRS[uri]


def known_at(text: str, reader: Reader) -> datetime:
    """The time that `asOf` names: itself, or of the commit of a dataset version. Raises InvalidQuery."""
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return reader.known_at(int(text))
    try:
        return _moment(text)
    except ValueError:
        raise InvalidQuery(Text(
            pl=f"asOf={text!r}: oczekiwano chwili wg RFC 3339, np. 2026-01-31T12:00:00Z, albo numeru wersji danych",
            en=f"asOf={text!r}: expected an RFC 3339 time such as 2026-01-31T12:00:00Z, or the number of a dataset"
               " version")) from None


def _sort_key(term: str) -> tuple[str, bool]:
    """Name and whether descending; a plus that was not encoded has become a space."""
    return term.removeprefix("-") if term.startswith("-") else term.lstrip("+ "), term.startswith("-")


def _area(text: str, crs: Crs) -> Area | None:
    numbers = text.split(",")
    try:
        if not all(_NUMBER.match(number) for number in numbers):
            raise ValueError
        return box_as_stored(tuple(map(float, numbers)), crs)
    except ValueError:
        raise InvalidQuery(Text(
            pl="bbox: oczekiwano 4 lub 6 liczb, najpierw dolny narożnik, w kolejności osi jego układu",
            en="bbox: expected 4 or 6 numbers, lower corner first, in the axis order of its CRS")) from None


def _interval(text: str) -> Interval:
    """A `datetime` parameter (OGC API - Features 7.15.4); a day is all of it."""
    parts = text.split("/")
    try:
        start = None if parts[0] in ("", "..") else _moment(parts[0], last=False)
        end = None if parts[-1] in ("", "..") else _moment(parts[-1], last=True)
        if len(parts) > 2 or not (start or end) or (start and end and start > end):
            raise ValueError
    except ValueError:
        raise InvalidQuery(Text(
            pl=f"datetime={text!r}: oczekiwano daty, chwili lub przedziału wg RFC 3339, np. 2021-01-01/..",
            en=f"datetime={text!r}: expected an RFC 3339 date, time or interval such as 2021-01-01/..")) from None
    return Interval(start, end)


def _moment(text: str, last: bool = True) -> datetime:
    """A time, or of a day its last or first moment in UTC. Raises ValueError."""
    match = _INTERVAL_PART.match(text)
    if match is None:
        raise ValueError(text)
    try:
        if match["time"]:
            return datetime.fromisoformat(text)
        day = datetime.fromisoformat(match["day"]).replace(tzinfo=UTC)
        return day + timedelta(days=1, microseconds=-1) if last else day
    except OverflowError:
        raise ValueError(text) from None
