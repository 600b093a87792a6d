"""Downloads from county servers: patient with weak servers, certificates always verified."""

from __future__ import annotations

import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx

from sdi import __version__
from sdi.errors import SourceError

ATTEMPTS = 5
"""How often one request is tried."""
LONGEST_WAIT_S = 60.0
"""No wait between two attempts is longer, whatever Retry-After says."""
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Client:
    """GET requests to county servers; `pause_s` is the first wait, doubled after each failure."""

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
        pause_s: float = 2.0,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._headers = {"User-Agent": f"sdi/{__version__}", "Accept-Encoding": "gzip", **(headers or {})}
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, 30.0))
        self._pause_s, self._attempts = pause_s, attempts

    def get(self, url: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of a small answer. Raises SourceError with address, status and what to do."""
        return self._patiently(url, lambda: self._once(url, params, lambda response: response.read()))

    def save(self, url: str, into: Path, params: Mapping[str, str] | None = None) -> None:
        """Write the body of an answer of any size to a file. Raises SourceError as `get` does."""

        def write(response: httpx.Response) -> None:
            with into.open("wb") as file:
                for piece in response.iter_bytes(1 << 18):
                    file.write(piece)

        self._patiently(url, lambda: self._once(url, params, write))

    def _once[T](self, url: str, params: Mapping[str, str] | None, take: Callable[[httpx.Response], T]) -> T:
        with self._open(url, params) as response:
            if response.is_error:
                response.read()
            response.raise_for_status()
            return take(response)

    @contextmanager
    def _open(self, url: str, params: Mapping[str, str] | None) -> Iterator[httpx.Response]:
        address = httpx.URL(url)
        if params:
            address = address.copy_merge_params(params)
        with (
            httpx.Client(verify=_trust(), timeout=self._timeout, follow_redirects=True, max_redirects=5) as client,
            client.stream("GET", address, headers=self._headers) as response,
        ):
            if address.scheme == "https" and any(r.url.scheme != "https" for r in (*response.history, response)):
                raise SourceError(f"{shown(url)}: redirected from https to http; if that is meant, declare http")
            yield response

    def _patiently[T](self, url: str, ask: Callable[[], T]) -> T:
        wait = self._pause_s
        for left in range(self._attempts - 1, -1, -1):
            try:
                return ask()
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in _AGAIN or not left:
                    raise SourceError(_refusal(url, error.response)) from error
                wait = max(wait, _retry_after(error.response))
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
                raise SourceError(f"{shown(url)}: {error}; correct the address in the source's file") from error
            except httpx.HTTPError as error:
                if not left or "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise SourceError(_silence(url, error)) from error
            time.sleep(min(wait, LONGEST_WAIT_S) * random.uniform(0.9, 1.1))
            wait *= 2
        raise AssertionError("unreachable")


def shown(url: str) -> str:
    """An address as messages and lineage may show it: without user name and password."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return url.rpartition("@")[2]
    return str(address.copy_with(userinfo=b"")) if address.userinfo else url


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than a request."""
    return httpx.create_ssl_context()


def _retry_after(response: httpx.Response) -> float:
    given = response.headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else 0.0


def _refusal(url: str, response: httpx.Response) -> str:
    advice = {
        401: "it wants a user name and password",
        403: "it does not let us in: ask the county for access",
        404: "nothing is there: ask the county for the new address",
        429: "it wants fewer requests: harvest it at another time",
    }.get(response.status_code, "try again later, or ask the county" if response.is_server_error else "see the address")
    said = " ".join(re.sub(r"<[^>]*>", " ", response.text[:5000]).split())[:300]
    return f"{shown(url)}: HTTP {response.status_code} {response.reason_phrase}; {advice}" + (
        f"; it says: {said}" if said else ""
    )


def _silence(url: str, error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"{shown(url)}: no answer in time; raise timeout_s or try again later"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"{shown(url)}: its certificate cannot be verified ({error}); the county must renew it"
    return f"{shown(url)}: {str(error) or type(error).__name__}; is the address right, is the server up?"
