"""Errors of the gateway and of downloads: a page where a browser asks, else problem+json."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sdi.gateway.pages import Pages
from sdi.model.text import Text
from sdi.services.accept import media_type
from sdi.services.problems import Problem, failure, language_of, on_problem
from sdi.services.publications import Publications

OFFERED = ("application/problem+json", "application/json", "text/html")

_PLAIN = {
    404: Text(pl="Pod tym adresem nic nie ma", en="There is nothing at this address"),
    405: Text(pl="Ta metoda nie jest tu obsługiwana", en="This method is not supported here"),
}
"""What Starlette's own errors say, by status."""

_HEADINGS = {
    404: Text(pl="Nie znaleziono", en="Not found"),
    500: Text(pl="Błąd usługi", en="The service has failed"),
    503: Text(pl="Proszę spróbować za chwilę", en="Please try again in a moment"),
}
_HEADING = Text(pl="Zapytanie jest błędne", en="The question is wrong")


class ProblemPages:
    """Answers errors, with ways on from where they happened."""

    def __init__(self, pages: Pages, publications: Publications) -> None:
        self.pages, self.publications = pages, publications

    async def on_failure(self, request: Request, error: Exception) -> Response:
        """Answer anything unforeseen."""
        return await self.on_problem(request, failure(request, error))

    async def on_problem(self, request: Request, error: Exception) -> Response:
        """Answer an HTTPException."""
        assert isinstance(error, HTTPException)
        if not isinstance(error, Problem) and error.status_code in _PLAIN:
            error = Problem(error.status_code, _PLAIN[error.status_code], dict(error.headers or {}))
        asked = request.query_params.get("f")
        if asked == "html" or (asked is None and media_type(request.headers.get("accept", ""), OFFERED) == "text/html"):
            response = self._page(request, error)
        else:
            response = await on_problem(request, error)
        response.headers.setdefault("vary", "Accept, Accept-Language")
        return response

    def _page(self, request: Request, error: HTTPException) -> Response:
        language, status = language_of(request), error.status_code
        build = self.publications.unless_moved()
        # None where a publication has not been read yet; an error is no time to do so.
        published = build.tenants.get(request.path_params.get("tenant", "")) if build else None
        response = self.pages.templates.page(
            "problem.html", build.public_url if build else "", language, region=build.region if build else None,
            published=published, downloads=request.path_params.get("protocol") == "download",
            again="Refresh" in (error.headers or {}), heading=_HEADINGS.get(status, _HEADING).get(language),
            text=error.text.get(language) if isinstance(error, Problem) else error.detail)
        response.status_code = status
        response.headers.update({"cache-control": "no-store", **{
            name.lower(): value for name, value in (error.headers or {}).items()}, "vary": "Accept, Accept-Language"})
        return response
