"""The resources `/collections/{id}/items` and `/collections/{id}/items/{featureId}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from pygeoapi.api import API
from pygeoapi.linked_data import geojson2jsonld

from sdi.errors import SdiError
from sdi.model.text import Text
from sdi.services.body import Body
from sdi.services.ogcapi.asking import known_at, page_of, selection_of
from sdi.services.ogcapi.formats import CRLF, FORMATS, frame, json_fg
from sdi.services.ogcapi.pages.feature import Sheet
from sdi.services.ogcapi.pages.listing import Listing
from sdi.services.ogcapi.render import render
from sdi.services.ogcapi.request import Asked
from sdi.services.ogcapi.splice import dumps
from sdi.services.ogcapi.texts import NEXT_LINK, PREVIOUS_LINK
from sdi.store.crs import Crs
from sdi.store.paging import Around
from sdi.store.texts import csv_header

Answer = tuple[dict[str, str], int, str | bytes | Body]
"""Headers, status and content, as pygeoapi's handlers return them; ours may be a body of pieces."""

Link = dict[str, str]


class NotThere(SdiError):
    """The tenant has no such feature; `last` is the `asOf` of its last known state, empty where there is none."""

    def __init__(self, text: Text, last: str = "") -> None:
        self.last = last
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Items:
    """The features of one collection, as one request asks for them."""

    api: API
    asked: Asked

    def page(self) -> Answer:
        """A page of features. Raises InvalidQuery, CursorGone; psycopg errors."""
        given, reader, name = self.asked.query, self.asked.reader, self.asked.collection
        selection = selection_of(given, reader.columns(name), reader)
        page = page_of(given, self.asked.format)
        table = reader.table(name)
        columns, _ = table.shown(page), table.order(page)  # names are wrong or right whatever is found
        body = Body(CRLF if page.form == "csv" else b",")
        features: list[bytes] = []
        parsed = self.asked.format in ("html", "jsonld")
        if given.get("resulttype") == "hits":
            around = Around(False, reader.count(name, selection), None, None)
        else:
            around = reader.read(name, selection, page, features.extend if parsed else body.add)
        following = self._around(around)
        members: dict[str, Any] = {"type": "FeatureCollection"}
        if around.matched is not None:
            members["numberMatched"] = around.matched
        members |= {"numberReturned": body.rows + len(features), "timeStamp": _now(),
                    "links": [*self._itself(self.address), *following, self._collection()]}
        headers = self._headers(page.crs)
        if page.form == "csv":
            headers |= _told(members, following)
        if parsed:
            content = members | {"features": [json.loads(text) for text in features]}
            return headers, HTTPStatus.OK, self._parsed(content, "collections/items/index.html", None)
        around_rows = frame(self.asked.format, members, page, columns, name, self._schema)
        return headers, HTTPStatus.OK, body.within(*around_rows)

    def feature(self, identifier: str) -> Answer:
        """One feature. Raises InvalidQuery, NotThere; psycopg errors."""
        given, reader, name = self.asked.query, self.asked.reader, self.asked.collection
        page = replace(page_of({key: given[key] for key in ("crs",) if key in given}, self.asked.format), limit=1)
        as_of = known_at(given["asOf"], reader) if "asOf" in given else None
        text = reader.feature(name, identifier, page, as_of)
        if text is None:
            raise self._not_there(identifier)
        # Percent-encoded, the links stay links whatever the identifier holds.
        address = f"{self.address}/{quote(identifier, safe='/')}"
        members: dict[str, Any] = {"links": [*self._itself(address), self._collection()]}
        headers = self._headers(page.crs)
        content: str | bytes
        match self.asked.format:
            case "html" | "jsonld":
                content = self._parsed(json.loads(text) | members, "collections/items/item.html", address)
            case "csv":
                content = csv_header(reader.table(name).shown(page), geometry=True) + CRLF + text + CRLF
            case "jsonfg":
                content = _with_members(text, json_fg(members, page.crs, name, self._schema))
            case _:
                content = _with_members(text, members)
        return headers, HTTPStatus.OK, content

    def _headers(self, crs: Crs) -> dict[str, str]:
        return {"Content-Type": FORMATS[self.asked.format].media_type, "Content-Crs": f"<{crs.uri}>"}

    def _parsed(self, content: dict[str, Any], template: str, address: str | None) -> str:
        """As HTML or JSON-LD."""
        if self.asked.format == "jsonld":
            text: str = geojson2jsonld(self.api, content, self.asked.collection, address)
            return text
        features = content.get("features")
        page = Sheet(self.asked, content) if features is None else Listing(self.asked, features)
        return render(self.api.tpl_config, template, content | {"page": page, "records": self._records()})

    def _records(self) -> list[Link]:
        """Metadata of the data set that the collection is of."""
        links = self.api.config["resources"][self.asked.collection]["links"]
        return [link | {"title": link["title"][self.asked.language]} for link in links if link["rel"] == "describedby"]

    @property
    def _schema(self) -> str:
        return f"{self.address.rsplit('/', 1)[0]}/schema"

    @property
    def address(self) -> str:
        """Of the resource `items`."""
        return f"{self.api.get_collections_url()}/{self.asked.collection}/items"

    def _itself(self, address: str) -> list[Link]:
        """This document, and the same in the other formats; JSON-LD has one CRS."""
        return [self._link("self" if name == self.asked.format else "alternate", name, address, {
            "f": name, **_without(self.asked.query, "f", *(("crs",) if name == "jsonld" else ()))}, format_.title)
            for name, format_ in FORMATS.items()]

    def _around(self, around: Around) -> list[Link]:
        kept = _without(self.asked.query, "offset", "cursor")
        return [self._link(relation, self.asked.format, self.address, {**kept, "cursor": token}, title)
                for relation, token, title in (
                    ("prev", around.previous, PREVIOUS_LINK), ("next", around.next, NEXT_LINK)) if token]

    def _collection(self) -> Link:
        title = self.api.config["resources"][self.asked.collection]["title"][self.asked.language]
        return {"rel": "collection", "type": "application/json",
                "title": title, "href": self.address.rsplit("/", 1)[0]}

    def _link(self, relation: str, name: str, address: str, query: Mapping[str, str], title: Text) -> Link:
        return {"rel": relation, "type": FORMATS[name].media_type, "title": title.get(self.asked.language),
                "href": f"{address}?{urlencode(query, safe=',:/')}" if query else address}

    def _not_there(self, identifier: str) -> NotThere:
        name = self.asked.collection
        last = None if "asOf" in self.asked.query else self.asked.reader.last_known(name, identifier)
        if last is None:
            return NotThere(Text(pl=f"nie ma obiektu {identifier!r} w {name}",
                                 en=f"there is no feature {identifier!r} in {name}"))
        then = last.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return NotThere(Text(
            pl=f"obiektu {identifier!r} nie ma już w {name}; ostatni znany stan: asOf={then}",
            en=f"there is no feature {identifier!r} in {name} any more; its last known state: asOf={then}"), then)


def _with_members(feature: bytes, members: dict[str, Any]) -> bytes:
    """The text of a feature with further members."""
    return feature[:-1] + b"," + dumps(members)[1:]


def _told(members: Mapping[str, Any], links: Sequence[Link]) -> dict[str, str]:
    """Headers that tell what has no place in a CSV."""
    numbers = {f"OGC-{name[:1].upper()}{name[1:]}": str(members[name])
               for name in ("numberMatched", "numberReturned") if name in members}
    fields = [f'<{link["href"]}>; rel="{link["rel"]}"; type="{link["type"]}"' for link in links]
    return numbers | ({"Link": ", ".join(fields)} if fields else {})


def _without(query: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in query.items() if name not in names}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
