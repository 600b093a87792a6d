"""Style sheets, scripts and pictures of the pages, at addresses that change with their content."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"

FOREVER = "public, max-age=31536000, immutable"


@cache
def asset(name: str) -> str:
    """The address of an asset below the root of the node, `static/<digest>/<name>`.

    The digest is of the file, or of the whole folder that it lies in, so that scripts find their neighbours by
    relative addresses.
    """
    top = FOLDER / name.partition("/")[0]
    digest = blake2b(digest_size=8)
    for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
        if path.is_file():
            digest.update(f"{path.relative_to(FOLDER)}\0".encode() + path.read_bytes())
    return f"static/{digest.hexdigest()}/{name}"


class Assets(StaticFiles):
    """Serves them; caches may keep for ever what is asked for by its digest, a page that is older gets what is now."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file `<digest>/<name>`."""
        digest, _, name = path.partition("/")
        if not name:
            raise HTTPException(404)
        response = await super().get_response(name, scope)
        current = response.status_code in (200, 304) and asset(name) == f"static/{digest}/{name}"
        response.headers["cache-control"] = FOREVER if current else "no-cache"
        return response
