"""The HTML pages: one Jinja environment for all tenants, which knows a tenant only through the call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pygeoapi import l10n

from sdi.assets import asset
from sdi.model.text import Language, Text, file_size
from sdi.services.ogcapi.drawing import drawing
from sdi.services.ogcapi.pages.catalogue import registers_of
from sdi.services.ogcapi.pages.values import grouped, moment, number
from sdi.services.ogcapi.request import ASKED
from sdi.services.ogcapi.texts import ERRORS, GRIDS, MAP, PAGES, RESOURCES, TYPES

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
          "worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'")
"""The Content-Security-Policy of the pages: nothing comes from another host, no script stands in a page."""

_environment = Environment(
    loader=PackageLoader("sdi.services.ogcapi"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True, auto_reload=False,
)
_environment.globals["asset"] = asset
_environment.filters["path"] = lambda text: quote(str(text), safe="/")
_environment.filters["grouped"] = grouped
_environment.filters["moment"] = moment
_environment.filters["number"] = number
_environment.filters["size"] = file_size


def render(config: Mapping[str, Any], template: str, data: Mapping[str, Any]) -> str:
    """One page of one tenant in the language of ASKED; `template` is named as pygeoapi names it."""
    asked = ASKED.get()
    spoken = asked.language

    def translated(value: Any) -> Any:
        return l10n.translate(value, l10n.str2locale(spoken)) if isinstance(value, dict) else value

    def drawn(features: Iterable[Mapping[str, Any]]) -> Markup:
        return drawing([feature["geometry"] for feature in features], asked.crs, PAGES["map"].get(spoken))

    def spoken_in(language: str) -> str:
        return f"?{urlencode({**asked.query, 'f': 'html', 'lang': language}, safe=',:/')}"

    metadata = config["metadata"]
    home = metadata["identification"]["url"]
    return _environment.get_template(template).render(
        data=data,
        language=spoken,
        languages=config["server"]["languages"],
        t=_texts(spoken),
        base=config["server"]["url"],
        # Links within the node keep the host that the user came by.
        here=urlsplit(config["server"]["url"]).path,
        home=urlsplit(home).path,
        root=urlsplit(home).path.rstrip("/").rsplit("/", 1)[0],
        origin="{0.scheme}://{0.netloc}".format(urlsplit(home)),
        tenant_title=translated(metadata["identification"]["title"]),
        contact=metadata["contact"],
        organisation=translated(metadata["contact"]["name"]),
        licence={"name": translated(metadata["license"]["name"]), "url": metadata["license"]["url"]},
        collection=asked.collection if asked.collection in config["resources"] else "",
        collection_title=translated(config["resources"].get(asked.collection, {}).get("title", "")),
        last_known=asked.last_known,
        tiled=asked.reader.feature_types,
        registers=partial(registers_of, asked),
        drawn=drawn,
        spoken_in=spoken_in,
    )


@cache
def _texts(language: Language) -> SimpleNamespace:
    def spoken(texts: Mapping[str, Text]) -> dict[str, str]:
        return {key: text.get(language) for key, text in texts.items()}

    return SimpleNamespace(
        **spoken(PAGES), errors=spoken(ERRORS), types=spoken(TYPES), grid_titles=spoken(GRIDS),
        resources=list(spoken(RESOURCES).items()),
        map_texts=json.dumps(spoken(MAP), ensure_ascii=False))
