"""`/region/sources`: how each county source is doing, as a page and as JSON; only what the public may know."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sdi.gateway.pages import Pages
from sdi.model.region import Region
from sdi.model.text import LANGUAGES, Text
from sdi.records.places import public_text
from sdi.services.pages import wants_json
from sdi.services.problems import language_of
from sdi.services.publications import Build
from sdi.store.status import SourceStatus, source_statuses

STATES = {
    "committed": Text(pl="przyjęto zmiany", en="changes committed"),
    "unchanged": Text(pl="bez zmian", en="nothing had changed"),
    "refused": Text(pl="dostawa odrzucona", en="delivery refused"),
    "failed": Text(pl="niepowodzenie", en="failed"),
    "running": Text(pl="w toku", en="running"),
    "interrupted": Text(pl="przerwane", en="interrupted"),
    "withdrawn": Text(pl="wycofano dane", en="data withdrawn"),
}


class Sources:
    """The state of the sources that the publication declares."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    async def answer(self, request: Request, build: Build) -> Response:
        """JSON or a page. Raises Problem."""
        as_json = wants_json(request)
        now = datetime.now(UTC)
        statuses = await run_in_threadpool(self._statuses, build.region, now)
        facts = [public_facts(status, build.region) for status in statuses]
        if as_json:
            return JSONResponse({"region": build.region.id, "time": _text(now), "sources": [
                {key: _text(value) if isinstance(value, datetime) else value for key, value in fact.items()}
                for fact in facts
            ]}, headers={"vary": "Accept", "cache-control": "max-age=60"})
        language = language_of(request)
        page = self.pages.templates.page(
            "sources.html", build.public_url, language, region=build.region, sources=facts, now=now,
            states={name: text.get(language) for name, text in STATES.items()},
        )
        page.headers["vary"] = "Accept, Accept-Language"
        return page

    def _statuses(self, region: Region, now: datetime) -> list[SourceStatus]:
        with self.pages.engines.pool.connection() as connection:
            return source_statuses(connection, region, now)


def public_facts(status: SourceStatus, region: Region) -> dict[str, Any]:
    """What anyone may know of a source; times are datetimes. Paths and credentials are cut out of the problem."""
    source = region.sources.get(status.source)
    unit = region.units.get(source.county) if source else None
    return {
        **asdict(status),
        "promise": status.promise,
        "problem": status.problem and {
            language: public_text(status.problem.get(language)) for language in LANGUAGES},
        "title": source.title.model_dump() if source and source.title else None,
        "county": source.county if source else None,
        "county_name": unit.name if unit else None,
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
