"""Tiles as answers: from disk where they are there, else made once, however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from email.utils import format_datetime
from functools import partial

from isal import igzip, isal_zlib
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sdi.errors import SdiError
from sdi.model.text import Text
from sdi.services.accept import coding
from sdi.services.contract import Engines
from sdi.services.ogcapi.tiles.cache import TileCache
from sdi.services.ogcapi.tiles.documents import MVT
from sdi.services.ogcapi.tiles.grids import Grid, Place
from sdi.services.ogcapi.tiles.stamps import Stamps
from sdi.services.ogcapi.tiles.tilesets import Edition, Tilesets
from sdi.services.preconditions import is_current

AT_ONCE = 4
"""Tiles that a process makes at the same time: the others of its connections stay free for other requests."""

GZIP = 31
"""zlib's number for gzip's format."""

LEVEL = 1
"""Of ISA-L's gzip: its higher ones take longer for next to nothing less."""


class Wrong(SdiError):
    """There is no such tile."""


class Tiles:
    """Answers requests for tiles of all tenants."""

    def __init__(self, engines: Engines) -> None:
        self.cache = TileCache(engines.var / "tiles" if engines.var else None)
        self.stamps = Stamps(engines.pool)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._making: dict[str, asyncio.Future[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(
        self, request: Request, tilesets: Tilesets, collection: str, asked: tuple[str, ...]
    ) -> Response:
        """A tile (200), nothing in it (204) or nothing new (304), by grid, matrix, row and column as they were given.

        Raises Wrong, PreconditionFailed, psycopg.OperationalError.
        """
        grid = grid_of(tilesets, collection, asked[0])
        edition = await self._edition(tilesets, collection)
        place = placed(edition, grid, asked[1:])
        tag = f'W/"{edition.mark}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if edition.committed_at is not None:
            headers["Last-Modified"] = format_datetime(edition.committed_at, usegmt=True)
        if is_current(request.headers, headers):
            return Response(status_code=304, headers=headers)
        content = await self._content(tilesets, collection, edition, grid, place)
        if not content:
            return Response(status_code=204, headers=headers)
        if coding(request.headers.get("Accept-Encoding", ""), ["gzip"]):
            headers["Content-Encoding"] = "gzip"
        else:
            content = isal_zlib.decompress(content, GZIP)
        headers["Content-Length"] = str(len(content))
        return Response(b"" if request.method == "HEAD" else content, media_type=MVT, headers=headers)

    async def _edition(self, tilesets: Tilesets, collection: str) -> Edition:
        stamp = await self.stamps.now()
        known = tilesets.known(collection, stamp)
        return await run_in_threadpool(tilesets.edition, collection, stamp) if known is None else known

    async def _content(
        self, tilesets: Tilesets, collection: str, edition: Edition, grid: Grid, place: Place
    ) -> bytes:
        """The compressed tile; empty where there is nothing in it."""
        name = (f"{tilesets.published.tenant.id}/{collection or '_'}/{grid.id}/{edition.mark}/"
                f"{place.matrix}/{place.row}/{place.column}")
        content = self.cache.read(name)
        if content is not None:
            return content
        if name not in self._making:
            encode = partial(tilesets.encode, collection, edition, grid, place)
            made = self._making[name] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._make(name, encode, made))
            task.add_done_callback(lambda _: self._making.pop(name, None))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        # Who hangs up does not stop what others wait for.
        return await asyncio.shield(self._making[name])

    async def _make(self, name: str, encode: Callable[[], bytes], made: asyncio.Future[bytes]) -> None:
        """Have `made` be the compressed tile as soon as it is there; then keep it."""
        tell = asyncio.get_running_loop().call_soon_threadsafe

        def make() -> None:
            with self.cache.making(name):
                content = self.cache.read(name)
                if content is not None:
                    tell(made.set_result, content)
                    return
                tile = encode()
                content = igzip.compress(tile, LEVEL, mtime=0) if tile else b""
                tell(made.set_result, content)
                self.cache.write(name, content)

        try:
            async with self._slots:
                await run_in_threadpool(make)
        except Exception as error:
            if made.done():
                raise
            made.set_exception(error)


def grid_of(tilesets: Tilesets, collection: str, grid: str) -> Grid:
    """The grid of a tileset. Raises Wrong."""
    if grid not in tilesets.grids or not tilesets.feature_types(collection):
        known = ", ".join(tilesets.grids) if tilesets.feature_types(collection) else "-"
        raise Wrong(Text(pl=f"nie ma tu kafli w siatce {grid!r}; są w: {known}",
                         en=f"no tiles in a tile matrix set {grid!r} here; there are: {known}"))
    return tilesets.grids[grid]


def placed(edition: Edition, grid: Grid, asked: Sequence[str]) -> Place:
    """The tile of a matrix, row and column. Raises Wrong outside of the tileset (OGC 20-057, /req/core/tc-error)."""
    place = Place(*(int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1 for text in asked))
    if not 0 <= place.matrix <= grid.deepest:
        raise Wrong(Text(pl=f"siatka {grid.id} nie ma tu poziomu {asked[0]!r}; są od 0 do {grid.deepest}",
                         en=f"no tile matrix {asked[0]!r} of {grid.id} here; there are 0 to {grid.deepest}"))
    limits = grid.limits(edition.extent, place.matrix) if edition.extent else None
    if limits is None or not limits.hold(place):
        within = f"{limits.rows[0]}–{limits.rows[1]}/{limits.columns[0]}–{limits.columns[1]}" if limits else "-"
        raise Wrong(Text(pl=f"poza zasięgiem danych; na poziomie {place.matrix} wiersze/kolumny: {within}",
                         en=f"outside of the data; rows/columns of tile matrix {place.matrix}: {within}"))
    return place
