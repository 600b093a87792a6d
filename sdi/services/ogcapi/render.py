"""The HTML pages: one Jinja environment for all tenants, which knows a tenant only through the call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pygeoapi import l10n

from sdi.assets import asset
from sdi.services.ogcapi.drawing import drawing
from sdi.services.ogcapi.request import ASKED
from sdi.services.ogcapi.texts import PAGES

_environment = Environment(
    loader=PackageLoader("sdi.services.ogcapi"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True, auto_reload=False,
)
_environment.globals["asset"] = asset
_environment.filters["path"] = lambda text: quote(str(text), safe="/")


def render(config: Mapping[str, Any], template: str, data: Mapping[str, Any]) -> str:
    """One page of one tenant in the language of ASKED; `template` is named as pygeoapi names it."""
    asked = ASKED.get()
    spoken = asked.language

    def translated(value: Any) -> Any:
        return l10n.translate(value, l10n.str2locale(spoken)) if isinstance(value, dict) else value

    def drawn(features: Iterable[Mapping[str, Any]]) -> Markup:
        return Markup(drawing([feature["geometry"] for feature in features], asked.crs))

    def spoken_in(language: str) -> str:
        return f"?{urlencode({**asked.query, 'f': 'html', 'lang': language})}"

    metadata = config["metadata"]
    return _environment.get_template(template).render(
        data=data,
        language=spoken,
        languages=config["server"]["languages"],
        t=SimpleNamespace(**{key: text.get(spoken) for key, text in PAGES.items()}),
        base=config["server"]["url"],
        home=metadata["identification"]["url"],
        root=urlsplit(metadata["identification"]["url"]).path.rstrip("/").rsplit("/", 1)[0],
        tenant_title=translated(metadata["identification"]["title"]),
        contact=metadata["contact"],
        organisation=translated(metadata["contact"]["name"]),
        licence={"name": translated(metadata["license"]["name"]), "url": metadata["license"]["url"]},
        drawn=drawn,
        spoken_in=spoken_in,
    )
