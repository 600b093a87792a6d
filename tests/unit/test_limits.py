"""What the gateway does to every request: bodies are bounded, and who sends too much is told so in his language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sdi.gateway.limits import BODY_MAX, Limits


async def length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


APP = Starlette(routes=[Route("/wfs", length, methods=["POST"])], middleware=[Middleware(Limits)])


def post(size: int, language: str = "", streamed: bool = False) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 300_000):
            yield bytes(min(300_000, size - start))

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://node") as client:
            return await client.post("/wfs", content=pieces() if streamed else bytes(size),
                                     headers={"Accept-Language": language})

    return asyncio.run(send())


@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_is_bounded(streamed: bool) -> None:
    assert post(BODY_MAX, streamed=streamed).text == str(BODY_MAX)
    refused = post(BODY_MAX + 1, streamed=streamed)
    assert refused.status_code == 413 and refused.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("language", "told"), [("en", "The body of the request"), ("pl", "Treść żądania")])
def test_the_refusal_is_a_problem_in_the_language_of_the_user(language: str, told: str) -> None:
    refused = post(BODY_MAX + 1, language)
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert (problem["status"], problem["instance"]) == (413, "/wfs") and problem["title"].startswith(told)
