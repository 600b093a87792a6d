"""The FastCGI client against servers that misbehave, written to the letter of the specification."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sdi.services.ows import fastcgi
from sdi.services.ows.fastcgi import NoAnswer

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def record(kind: int, content: bytes, padding: int = 0) -> bytes:
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), padding) + content + bytes(padding)


async def received(reader: asyncio.StreamReader) -> dict[int, bytes]:
    """What the client sent, by kind of record, until its STDIN ends."""
    sent: dict[int, bytes] = {}
    while True:
        _, kind, number, length, padding = struct.unpack("!BBHHBx", await reader.readexactly(8))
        assert number == 1
        content = (await reader.readexactly(length + padding))[:length]
        sent[kind] = sent.get(kind, b"") + content
        if kind == 5 and not content:
            return sent


def talk(tmp_path: Path, server: Talk, body: bytes = b"", timeout_s: float = 20) -> tuple[fastcgi.Answer, bytes]:
    async def run() -> tuple[fastcgi.Answer, bytes]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await server(reader, writer)
            finally:
                writer.close()

        async with await asyncio.start_unix_server(handle, tmp_path / "s"):
            params = {"SHORT": "1", "LONG": "ż" * 200}
            answer = await fastcgi.request(tmp_path / "s", params, body, timeout_s)
            return answer, b"".join([piece async for piece in answer.body])

    return asyncio.run(run())


def test_pieces_padding_and_stderr(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sent: dict[int, bytes] = {}

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.update(await received(reader))
        writer.write(record(6, b"Status: 404 Not Fo") + record(7, b"a complaint", 5))
        writer.write(record(6, b"und\r\nContent-Type: a/b\r\n\r", 3) + record(6, b"\nbody ") + record(6, b"goes on"))
        writer.write(record(6, b"") + record(3, bytes(8)))
        await writer.drain()

    answer, body = talk(tmp_path, server, body=b"x" * 200_000)
    assert (answer.status, answer.header("content-type"), body) == (404, "a/b", b"body goes on")
    assert "a complaint" in caplog.text
    assert sent[5] == b"x" * 200_000
    assert sent[4] == b"\x05\x01SHORT1" + b"\x04\x80\x00\x01\x90LONG" + ("ż" * 200).encode()


def test_death_before_and_amid_the_answer(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        writer.write(record(6, b"Content-Type: a/b\n\nhal"))
        await writer.drain()

    for server in (silent, half):
        with pytest.raises(NoAnswer) as error:
            talk(tmp_path, server)
        assert error.value.status == 502


def test_too_late_overloaded_nobody(tmp_path: Path) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def overloaded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        writer.write(record(3, b"\0\0\0\0\x02\0\0\0"))

    with pytest.raises(NoAnswer) as error:
        talk(tmp_path, late, timeout_s=0.2)
    assert error.value.status == 504
    with pytest.raises(NoAnswer) as error:
        talk(tmp_path, overloaded)
    assert error.value.status == 503
    with pytest.raises(NoAnswer) as error:
        asyncio.run(fastcgi.request(tmp_path / "nobody", {}, b"", 1))
    assert error.value.status == 503


def test_closing_the_body_hangs_up(tmp_path: Path) -> None:
    hung_up = []

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        writer.write(record(6, b"Content-Type: a/b\n\n"))
        try:
            while True:
                writer.write(record(6, b"x" * 65_528))
                await writer.drain()
        except ConnectionError:
            hung_up.append(True)

    async def run() -> None:
        async with await asyncio.start_unix_server(endless, tmp_path / "s"):
            answer = await fastcgi.request(tmp_path / "s", {}, b"", 20)
            assert await anext(answer.body)
            await answer.body.aclose()
            async with asyncio.timeout(20):
                while not hung_up:
                    await asyncio.sleep(0.01)

    asyncio.run(run())
