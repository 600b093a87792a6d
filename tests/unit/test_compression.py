"""Content codings: what is left alone, and that it is the same body."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import zstandard
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sdi.gateway.compression import SMALLEST, Compression

BODY = bytes(range(32, 127)) * 5_000


async def pieces() -> AsyncIterator[bytes]:
    for at in range(0, len(BODY), 100_000):
        yield BODY[at : at + 100_000]


def answer(request: Request) -> Response:
    match request.path_params["kind"]:
        case "whole":
            return Response(BODY, media_type="application/geo+json", headers={"ETag": '"strong"'})
        case "pieces":
            return StreamingResponse(pieces(), headers={"Content-Length": str(len(BODY)), "ETag": 'W/"weak"'})
        case "small":
            return Response(BODY[: SMALLEST - 1])
        case "picture":
            return Response(BODY, media_type="image/png")
        case "coded":
            return Response(BODY, headers={"Content-Encoding": "br"})
        case _:
            return Response(BODY, 206, headers={"Content-Range": "bytes 0-1/2"})


APP = Starlette(routes=[Route("/{kind}", answer, methods=["GET", "HEAD"])],
                middleware=[Middleware(Compression, but=("image/*",))])


def ask(kind: str, accept: str, method: str = "GET") -> tuple[dict[str, str], bytes]:
    """Headers by lower-case name, and the body as it was sent."""
    async def send() -> tuple[dict[str, str], bytes]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://x") as client:
            async with client.stream(method, f"/{kind}", headers={"Accept-Encoding": accept}) as response:
                return dict(response.headers), b"".join([part async for part in response.aiter_raw()])

    return asyncio.run(send())


@pytest.mark.parametrize("kind", ["whole", "pieces"])
def test_what_is_sent_is_the_same_body(kind: str) -> None:
    decoded: dict[str, Any] = {
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "gzip": lambda data: zlib.decompress(data, 31)}
    for coding, decode in decoded.items():
        headers, content = ask(kind, coding)
        assert headers["content-encoding"] == coding and headers["vary"] == "Accept-Encoding"
        assert decode(content) == BODY and len(content) < len(BODY) / 10
        assert headers["etag"].startswith('W/"')
        assert headers.get("content-length") == (str(len(content)) if kind == "whole" else None)
    headers, content = ask(kind, "br")
    assert content == BODY and headers["content-length"] == str(len(BODY)) and "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("kind", ["small", "picture", "coded", "part"])
def test_what_is_left_alone(kind: str) -> None:
    headers, content = ask(kind, "zstd")
    assert content == BODY[: len(content)] and headers.get("content-encoding") == ("br" if kind == "coded" else None)
    assert headers["content-length"] == str(len(content))


def test_head_says_the_length_without_coding() -> None:
    headers, content = ask("whole", "zstd", "HEAD")
    assert content == b"" and "content-encoding" not in headers and headers["content-length"] == str(len(BODY))
