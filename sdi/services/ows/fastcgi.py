"""A FastCGI client: one request over one connection, the answer streamed.

FastCGI 1.0, the Responder role only. Constant memory: what is read from the socket is handed on as it comes.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sdi.errors import SdiError

log = logging.getLogger(__name__)

_HEADER = struct.Struct("!BBHHBx")
"""FCGI_Header (§3.3): version, type, request id, content length, padding length, reserved."""

_BEGIN_REQUEST, _END_REQUEST, _PARAMS, _STDIN, _STDOUT, _STDERR = 1, 3, 4, 5, 6, 7
_RESPONDER = b"\x00\x01" + bytes(6)
"""FCGI_BeginRequestBody (§5.1): role 1, no flags: the worker closes the connection when it is done."""

_MOST = 0xFFF8
"""Content of one record: below 65,536 and a multiple of 8, so that no padding is due."""

_HEAD_MOST = 65_536
"""Bytes of a CGI head, and of what is kept of a request's STDERR."""


class NoAnswer(SdiError):
    """The worker gave no usable answer; `status` is the HTTP status to pass on (502, 503, 504)."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered: HTTP status, headers as it wrote them, and its body as it comes.

    Read `body` to its end or `aclose()` it: that ends the connection, and with it the worker's writing.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: AsyncGenerator[bytes]

    def header(self, name: str) -> str | None:
        """The first header of that name (case is ignored), or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def environment(method: str, query: str, content_type: str = "", length: int = 0) -> dict[str, str]:
    """The CGI/1.1 variables (RFC 3875 §4.1) of a request with that encoded query string and body length in bytes."""
    return {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(length) if length else "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }


async def request(socket: Path, params: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
    """Send one request to the workers that listen on `socket`; returns when the head of the answer is there.

    `params` are CGI variables, see `environment`. `timeout_s` bounds the wait for the head, and then for each piece
    of the body. Raises NoAnswer: 503 nobody listens or the worker is overloaded, 504 too late, 502 the worker died or
    wrote no CGI head. Once the body has begun, the same errors are raised by `Answer.body`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(socket)
            body_pieces = _stdout(reader, writer, timeout_s)
            try:
                writer.write(b"".join((
                    _record(_BEGIN_REQUEST, _RESPONDER), *_stream(_PARAMS, _pairs(params)), *_stream(_STDIN, body),
                )))
                await writer.drain()
                status, headers, first = await _head(body_pieces)
            except BaseException:
                await body_pieces.aclose()
                writer.close()
                raise
    except TimeoutError as error:
        raise NoAnswer(504, f"no answer within {timeout_s:g} s") from error
    except OSError as error:
        raise NoAnswer(503, f"no worker listens on {socket}: {error.strerror or error}") from error
    return Answer(status, headers, _prepend(first, body_pieces))


def _record(kind: int, content: bytes) -> bytes:
    return _HEADER.pack(1, kind, 1, len(content), 0) + content


def _stream(kind: int, content: bytes) -> list[bytes]:
    """A stream of records, closed by an empty one (§3.3)."""
    return [_record(kind, content[at : at + _MOST]) for at in range(0, len(content), _MOST)] + [_record(kind, b"")]


def _pairs(params: Mapping[str, str]) -> bytes:
    """Name-value pairs (§3.4): lengths in one byte below 128, else in four with the high bit set."""
    out = bytearray()
    for name, value in params.items():
        pair = name.encode(), value.encode()
        for part in pair:
            out += bytes([len(part)]) if len(part) < 128 else struct.pack("!I", len(part) | 0x8000_0000)
        out += pair[0] + pair[1]
    return bytes(out)


async def _stdout(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout_s: float
) -> AsyncGenerator[bytes]:
    """The content of the STDOUT records until END_REQUEST; STDERR goes to the log, line by line."""
    complaints = bytearray()
    try:
        while True:
            async with asyncio.timeout(timeout_s):
                _, kind, _, length, padding = _HEADER.unpack(await reader.readexactly(_HEADER.size))
                content = (await reader.readexactly(length + padding))[:length]
            if kind == _STDOUT and content:
                yield content
            elif kind == _STDERR and content:
                complaints += content[: _HEAD_MOST - len(complaints)]
            elif kind == _END_REQUEST:
                if content[4]:  # protocolStatus (§5.5): anything but FCGI_REQUEST_COMPLETE
                    raise NoAnswer(503, f"the worker refused the request (protocol status {content[4]})")
                return
    except TimeoutError as error:
        raise NoAnswer(504, f"the worker wrote nothing for {timeout_s:g} s") from error
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise NoAnswer(502, "the worker ended before its answer did") from error
    finally:
        for line in complaints.decode(errors="replace").splitlines():
            log.warning("%s", line)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _head(pieces: AsyncGenerator[bytes]) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """The CGI head (RFC 3875 §6.2): status, headers, and what of the body came with it."""
    text = b""
    async for piece in pieces:
        text += piece
        for end in (b"\r\n\r\n", b"\n\n"):
            head, found, rest = text.partition(end)
            if found:
                return *_headers(head), rest
        if len(text) > _HEAD_MOST:
            break
    raise NoAnswer(502, f"the worker wrote no CGI head: {text[:80]!r}")


def _headers(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    status, headers = 200, []
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            raise NoAnswer(502, f"the worker wrote a head line without a colon: {line[:80]!r}")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers.append((name.strip(), value.strip()))
    return status, tuple(headers)


async def _prepend(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        if first:
            yield first
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()
