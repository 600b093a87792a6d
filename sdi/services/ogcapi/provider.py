"""The provider that pygeoapi reads features through: its terms on one side, the store's reader on the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, overload
from urllib.parse import unquote

import psycopg
from pygeoapi.crs import CrsTransformSpec
from pygeoapi.provider.base import (
    BaseProvider,
    ProviderInvalidQueryError,
    ProviderItemNotFoundError,
)

from sdi.model.register import AttributeType
from sdi.model.text import Text
from sdi.services.ogcapi.filtering import conditions
from sdi.services.ogcapi.request import ASKED
from sdi.store.columns import ID, Column
from sdi.store.crs import PUBLISHED_CRS, Crs, box_as_stored
from sdi.store.reader import InvalidQuery, Page, Selection

JSON_TYPES: dict[AttributeType, dict[str, str]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}

_INTERVAL_PART = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?P<time>T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?\Z", re.ASCII)


class Box(tuple[float, ...]):
    """A bbox parameter as it was given, with the CRS that it was given in."""

    crs: Crs

    @classmethod
    def of(cls, values: Sequence[float], crs_uri: str) -> Box:
        """Keep `values` in the axis order of `crs_uri`, which must be a published CRS."""
        box = cls(values)
        box.crs = PUBLISHED_CRS[crs_uri]
        return box


class ParsedFeatures(list[dict[str, Any]]):
    """Features as JSON-LD needs them, with the place of their page."""

    offset: int
    more: bool


class Features(Sequence[dict[str, Any]]):
    """Features that stay text until somebody looks into one, with the place of their page."""

    def __init__(self, texts: list[bytes], offset: int, more: bool) -> None:
        self.texts = texts
        self.offset = offset
        self.more = more

    def parsed(self) -> ParsedFeatures:
        """All of them parsed."""
        parsed = ParsedFeatures(self)
        parsed.offset, parsed.more = self.offset, self.more
        return parsed

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        chosen = self.texts[index]
        return [json.loads(text) for text in chosen] if isinstance(chosen, list) else json.loads(chosen)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(json.loads, self.texts)


class RegisterProvider(BaseProvider):  # type: ignore[misc]
    """One feature type of the tenant in ASKED; pygeoapi makes one per request."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self.asked = ASKED.get()
        self.columns = {ID.name: ID} | self.asked.reader.columns(self.data)
        self._fields = {name: self._field(column) for name, column in self.columns.items()}

    def get_fields(self) -> dict[str, Any]:
        """JSON Schema of each property, `id` first."""
        return dict(self._fields)

    def query(
        self,
        offset: int = 0,
        limit: int = 10,
        resulttype: str = "results",
        bbox: Box | None = None,
        datetime_: str | None = None,
        properties: Sequence[tuple[str, str]] = (),
        sortby: Sequence[dict[str, str]] = (),
        select_properties: Sequence[str] = (),
        skip_geometry: bool = False,
        crs_transform_spec: CrsTransformSpec | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """A FeatureCollection without links. Raises ProviderInvalidQueryError."""
        with _invalid_query(self.asked.language):
            selection = replace(
                selected(bbox, datetime_, properties),
                conditions=conditions(self.asked.query, self.asked.reader.columns(self.data)))
            collection: dict[str, Any] = {"type": "FeatureCollection"}
            if resulttype == "hits":
                matched: int | None = self.asked.reader.count(self.data, selection)
                features = Features([], offset, False)
            else:
                rows = self.asked.reader.page(self.data, selection, Page(
                    limit=limit,
                    offset=offset,
                    order=tuple((key["property"], key["order"] == "-") for key in sortby),
                    properties=tuple(name for name in select_properties if name != ID.name) or (
                        () if select_properties else None),
                    geometry=not skip_geometry,
                    crs=self.asked.crs,
                ))
                features, matched = Features(rows.features, offset, rows.more), rows.matched
            if matched is not None:
                collection["numberMatched"] = matched
            collection["features"] = features.parsed() if self.asked.format == "jsonld" else features
            collection["numberReturned"] = len(features)
            return collection

    def get(self, identifier: str, **_: Any) -> dict[str, Any]:
        """One feature; `identifier` is percent-encoded, as it stands in links. Raises ProviderItemNotFoundError."""
        with _invalid_query(self.asked.language):
            text = self.asked.reader.feature(self.data, unquote(identifier), self.asked.crs)
        if text is None:
            raise ProviderItemNotFoundError(user_msg=Text(
                pl=f"nie ma obiektu {unquote(identifier)!r} w {self.data}",
                en=f"there is no feature {unquote(identifier)!r} in {self.data}").get(self.asked.language))
        feature: dict[str, Any] = json.loads(text)
        return feature

    def _field(self, column: Column) -> dict[str, Any]:
        unit = {"x-ogc-unit": column.unit} if column.unit else {}
        return {"title": column.title.get(self.asked.language), **JSON_TYPES[column.type], **unit}


def selected(
    bbox: Box | None, interval: str | None, properties: Sequence[tuple[str, str]]
) -> Selection:
    """The reader's selection for the parameters of a request. Raises InvalidQuery."""
    area = None
    if bbox:
        try:
            area = box_as_stored(bbox, bbox.crs)
        except ValueError:
            raise InvalidQuery(Text(
                pl="bbox: oczekiwano 4 lub 6 liczb, najpierw dolny narożnik, w kolejności osi jego układu",
                en="bbox: expected 4 or 6 numbers, lower corner first, in the axis order of its CRS")) from None
    ids = [value for name, value in properties if name == "ids"]
    return Selection(
        equal=tuple((name, value) for name, value in properties if name != "ids"),
        ids=tuple(ids[0].split(",")) if ids else None,
        area=area,
        begun_by=None if interval is None else _end(interval),
        nothing=bool(bbox) and area is None,
    )


def _end(interval: str) -> datetime | None:
    """The end of a `datetime` parameter (OGC API - Features 7.15.4); None where it is open.

    Only current versions are served and they have no end yet, so the start of an interval excludes none of them.
    """
    parts = interval.split("/")
    moments = [None if part in ("", "..") else _moment(part) for part in parts]
    start, end = moments[0], moments[-1]
    if len(parts) > 2 or not (start or end) or (start and end and start > end):
        raise _bad_interval(interval)
    return end


def _moment(text: str) -> datetime:
    match = _INTERVAL_PART.match(text)
    try:
        if match is None:
            raise ValueError
        if match["time"]:
            return datetime.fromisoformat(text)
        return datetime.fromisoformat(match["day"]).replace(tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    except (ValueError, OverflowError):
        raise _bad_interval(text) from None


def _bad_interval(text: str) -> InvalidQuery:
    return InvalidQuery(Text(
        pl=f"datetime={text!r}: oczekiwano daty, chwili lub przedziału wg RFC 3339, np. 2021-01-01/..",
        en=f"datetime={text!r}: expected an RFC 3339 date, time or interval such as 2021-01-01/.."))


@contextmanager
def _invalid_query(language: str) -> Iterator[None]:
    """What the store refuses in pygeoapi's terms and the user's language."""
    try:
        yield
    except InvalidQuery as error:
        raise ProviderInvalidQueryError(user_msg=error.text.get(language)) from error
    except psycopg.DataError as error:
        raise ProviderInvalidQueryError(user_msg=Text(
            pl=f"filter: nie da się obliczyć: {error}", en=f"filter: cannot be reckoned: {error}",
        ).get(language)) from error
