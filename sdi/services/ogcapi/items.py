"""The resources `/collections/{id}/items` and `/collections/{id}/items/{featureId}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from pygeoapi.api import API
from pygeoapi.linked_data import geojson2jsonld

from sdi.errors import SdiError
from sdi.model.text import Text
from sdi.services.ogcapi.asking import crs_of, known_at, page_of, selection_of
from sdi.services.ogcapi.render import render
from sdi.services.ogcapi.request import Asked
from sdi.services.ogcapi.splice import dumps, spliced
from sdi.services.ogcapi.texts import FORMATS, NEXT_LINK, PREVIOUS_LINK
from sdi.store.reader import Rows

Answer = tuple[dict[str, str], int, str | bytes]
"""Headers, status and content, as pygeoapi's handlers return them."""

MEDIA_TYPES = {"json": "application/geo+json", "html": "text/html", "jsonld": "application/ld+json"}
"""By what `f` says."""

Link = dict[str, str]


class NotThere(SdiError):
    """The tenant has no such feature."""

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(text.en)


@dataclass(frozen=True, slots=True)
class Items:
    """The features of one collection, as one request asks for them."""

    api: API
    asked: Asked

    def page(self) -> Answer:
        """A page of features. Raises InvalidQuery, CursorGone; psycopg errors."""
        given, reader, name = self.asked.query, self.asked.reader, self.asked.collection
        selection = selection_of(given, reader.columns(name), reader)
        page = page_of(given)
        if given.get("resulttype") == "hits":
            rows = Rows([], False, reader.count(name, selection), None, None)
        else:
            rows = reader.page(name, selection, page)
        links = [*self._itself(self.address), *self._around(rows), self._collection()]
        head: dict[str, Any] = {"type": "FeatureCollection"}
        if rows.matched is not None:
            head["numberMatched"] = rows.matched
        head |= {"numberReturned": len(rows.features), "timeStamp": _now(), "links": links}
        headers = {"Content-Type": MEDIA_TYPES[self.asked.format], "Content-Crs": f"<{page.crs.uri}>"}
        if self.asked.format == "json":
            return headers, HTTPStatus.OK, spliced(head, features=rows.features)
        content = head | {"features": [json.loads(text) for text in rows.features]}
        if self.asked.format == "jsonld":
            return headers, HTTPStatus.OK, geojson2jsonld(self.api, content, name)
        return headers, HTTPStatus.OK, self._html("collections/items/index.html", content | {
            "items_path": self.address, "dataset_path": self.address.rsplit("/", 1)[0]})

    def feature(self, identifier: str) -> Answer:
        """One feature. Raises InvalidQuery, NotThere; psycopg errors."""
        given, reader, name = self.asked.query, self.asked.reader, self.asked.collection
        crs = crs_of(given, "crs")
        as_of = known_at(given["asOf"], reader) if "asOf" in given else None
        text = reader.feature(name, identifier, crs, as_of)
        if text is None:
            raise NotThere(self._not_there(identifier))
        # Percent-encoded, the links stay links whatever the identifier holds.
        address = f"{self.address}/{quote(identifier, safe='/')}"
        links = [*self._itself(address), self._collection()]
        headers = {"Content-Type": MEDIA_TYPES[self.asked.format], "Content-Crs": f"<{crs.uri}>"}
        if self.asked.format == "json":
            return headers, HTTPStatus.OK, text[:-1] + b',"links":' + dumps(links) + b"}"
        content = json.loads(text) | {"links": links}
        if self.asked.format == "jsonld":
            return headers, HTTPStatus.OK, geojson2jsonld(self.api, content, name, address)
        return headers, HTTPStatus.OK, self._html("collections/items/item.html", content)

    @property
    def address(self) -> str:
        """Of the resource `items`."""
        return f"{self.api.get_collections_url()}/{self.asked.collection}/items"

    def _itself(self, address: str) -> list[Link]:
        """This document, and the same in the other formats."""
        return [self._link("self" if name == self.asked.format else "alternate", name, address, {
            "f": name, **_without(self.asked.query, "f")}, title) for name, title in FORMATS.items()]

    def _around(self, rows: Rows) -> list[Link]:
        kept = _without(self.asked.query, "offset", "cursor")
        return [self._link(relation, self.asked.format, self.address, {**kept, "cursor": token}, title)
                for relation, token, title in (
                    ("prev", rows.previous, PREVIOUS_LINK), ("next", rows.next, NEXT_LINK)) if token]

    def _collection(self) -> Link:
        title = self.api.config["resources"][self.asked.collection]["title"][self.asked.language]
        return {"rel": "collection", "type": "application/json",
                "title": title, "href": self.address.rsplit("/", 1)[0]}

    def _link(self, relation: str, name: str, address: str, query: Mapping[str, str], title: Text) -> Link:
        return {"rel": relation, "type": MEDIA_TYPES[name], "title": title.get(self.asked.language),
                "href": f"{address}?{urlencode(query, safe=',:/')}" if query else address}

    def _html(self, template: str, content: dict[str, Any]) -> str:
        return render(self.api.tpl_config, template, content | {
            "collections_path": self.api.get_collections_url()})

    def _not_there(self, identifier: str) -> Text:
        name = self.asked.collection
        last = None if "asOf" in self.asked.query else self.asked.reader.last_known(name, identifier)
        if last is None:
            return Text(pl=f"nie ma obiektu {identifier!r} w {name}",
                        en=f"there is no feature {identifier!r} in {name}")
        then = last.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return Text(
            pl=f"obiektu {identifier!r} nie ma już w {name}; ostatni znany stan: asOf={then}",
            en=f"there is no feature {identifier!r} in {name} any more; its last known state: asOf={then}")


def _without(query: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in query.items() if name not in names}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
