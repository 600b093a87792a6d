"""Pages that are no standard's: the frame around them, and what their templates may say."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sdi.assets import asset
from sdi.model.schedule import WARSAW
from sdi.model.text import Text, file_size
from sdi.services.accept import media_type
from sdi.services.problems import Problem


class Templates:
    """The templates of a folder, and the frame that they extend; one per folder and process."""

    def __init__(self, folder: Path) -> None:
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([folder, Path(__file__).parent / "templates"]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals["asset"] = asset
        self.environment.filters["day"] = _day
        self.environment.filters["size"] = file_size
        self.environment.filters["number"] = lambda n: f"{n:,}".replace(",", "\N{NO-BREAK SPACE}")

    def page(self, name: str, public_url: str, language: str, **values: Any) -> Response:
        """A page from its template, in one language; links within the node keep the host that the user came by."""
        html = self.environment.get_template(name).render(
            language=language, root=urlsplit(public_url).path, other="en" if language == "pl" else "pl",
            say=lambda pl, en: en if language == "en" else pl, **values,
        )
        return HTMLResponse(html, headers={
            "content-language": language, "vary": "Accept-Language", "cache-control": "max-age=60"})


def wants_json(request: Request) -> bool:
    """Whether JSON is asked for, by `f` or by Accept, and not a page. Raises Problem."""
    asked = request.query_params.get("f")
    if asked not in (None, "json", "html"):
        raise Problem(400, Text(pl=f"f={asked}: dozwolone są json i html", en=f"f={asked}: json or html expected"))
    accepted = media_type(request.headers.get("accept", ""), ("text/html", "application/json"))
    return (asked or accepted) in ("json", "application/json")


def _day(moment: datetime | None) -> str:
    return moment.astimezone(WARSAW).strftime("%Y-%m-%d %H:%M") if moment else "—"
