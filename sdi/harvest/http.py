"""Downloads from county servers: patient with weak servers, certificates always verified, answers bounded."""

from __future__ import annotations

import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from sdi import __version__
from sdi.errors import SourceError, Told
from sdi.harvest.tls import context, presented
from sdi.harvest.unpack import Limits
from sdi.model.text import Text

ATTEMPTS = 5
"""How often one request is tried."""
LONGEST_WAIT_S = 60.0
"""No wait between two attempts is longer, whatever Retry-After says."""
MOST_REDIRECTS = 5
SLOWEST_BYTES_PER_S = 100
"""A server that keeps the line busy with less than this, once its time is up, is as silent as one that says nothing."""
SMALL_BYTES = 64 << 20
"""Most bytes of an answer that is taken into memory."""
ANY_SIZE = Limits(50_000 << 20, max_ratio=300)
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_HOPELESS = ("CERTIFICATE_VERIFY_FAILED", "UNSAFE_LEGACY_RENEGOTIATION_DISABLED")
"""What OpenSSL says where another attempt would end alike."""


class Client:
    """GET requests to county servers; `pause_s` is the first wait, doubled after each failure.

    `trust` is what sdi.harvest.tls.context makes of the source's exception, `limits` bounds what is saved.
    """

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
        pause_s: float = 2.0,
        attempts: int = ATTEMPTS,
        trust: ssl.SSLContext | None = None,
        limits: Limits = ANY_SIZE,
    ) -> None:
        self._headers = {"User-Agent": f"sdi/{__version__}", "Accept-Encoding": "gzip", **(headers or {})}
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, 30.0))
        self._timeout_s, self._pause_s, self._attempts = timeout_s, pause_s, attempts
        self._trust, self._limits = trust or context(None, Path()), limits

    def get(self, url: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of a small answer. Raises SourceError with address, status and what to do."""
        small = Limits(SMALL_BYTES, self._limits.max_ratio)
        return self._patiently(url, lambda: self._once(url, params, lambda response: b"".join(
            self._pieces(response, small))))

    def save(self, url: str, into: Path, params: Mapping[str, str] | None = None) -> None:
        """Write the body of an answer of any size to a file. Raises SourceError as `get` does."""

        def write(response: httpx.Response) -> None:
            with into.open("wb") as file:
                for piece in self._pieces(response, self._limits):
                    file.write(piece)

        self._patiently(url, lambda: self._once(url, params, write))

    def validator(self, url: str) -> str:
        """What the server says of a file's state without sending it: its strong ETag, else date and size.

        Empty where it says too little or does not answer a HEAD: then the file has to be fetched.
        """
        try:
            with self._open(url, None, "HEAD") as response:
                headers = response.headers if response.is_success else httpx.Headers()
        except (httpx.HTTPError, httpx.InvalidURL, SourceError):
            return ""
        etag, modified, size = (headers.get(name, "") for name in ("ETag", "Last-Modified", "Content-Length"))
        if etag and not etag.startswith("W/"):
            return f"ETag {etag}"
        return f"{size} bytes of {modified}" if modified and size else ""

    def _once[T](self, url: str, params: Mapping[str, str] | None, take: Callable[[httpx.Response], T]) -> T:
        with self._open(url, params) as response:
            if "," in response.headers.get("Content-Encoding", ""):
                raise SourceError(Text(
                    pl="odpowiedź jest wielokrotnie spakowana, jak bomba",
                    en="its answer is packed several times over, as a bomb would be").at(shown(url)))
            if not response.is_success:
                raise _Refused(response)
            return take(response)

    @contextmanager
    def _open(self, url: str, params: Mapping[str, str] | None, method: str = "GET") -> Iterator[httpx.Response]:
        address = httpx.URL(url)
        if params:
            address = address.copy_merge_params(params)
        with httpx.Client(verify=self._trust, timeout=self._timeout) as client:
            request = client.build_request(method, address, headers=self._headers)
            for _ in range(MOST_REDIRECTS + 1):
                response = client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        yield response
                        return
                    request = _followed(url, request, response.next_request)
                finally:
                    response.close()
        raise SourceError(Text(
            pl="przekierowuje raz po raz; popraw adres w pliku źródła",
            en="redirected again and again; correct the address in the source's file").at(shown(url)))

    def _pieces(self, response: httpx.Response, limits: Limits) -> Iterator[bytes]:
        """The body as it comes, unpacked. Raises SourceError for a bomb, ReadTimeout for a server that only drips."""
        since, size = time.monotonic(), 0
        for piece in response.iter_bytes():
            size += len(piece)
            received, took = response.num_bytes_downloaded, time.monotonic() - since
            if size > limits.most(received):
                raise SourceError(Text(
                    pl=f"{received >> 10} kB odpowiedzi po rozpakowaniu ma ponad {limits.most(received) >> 20} MB;"
                       " zapytaj powiat albo podnieś limit źródła",
                    en=f"{received >> 10} kB of its answer unpack to more than {limits.most(received) >> 20} MB; ask"
                       " the county, or raise the limit of the source").at(shown(str(response.url))))
            if took > self._timeout_s and received < took * SLOWEST_BYTES_PER_S:
                raise httpx.ReadTimeout(f"{received} bytes in {took:.0f} s", request=response.request)
            yield piece

    def _patiently[T](self, url: str, ask: Callable[[], T]) -> T:
        wait = self._pause_s
        for left in range(self._attempts - 1, -1, -1):
            try:
                return ask()
            except _Refused as refused:
                if refused.status not in _AGAIN or not left:
                    raise SourceError(refused.text.at(shown(url))) from refused
                wait = max(wait, refused.retry_after_s)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise SourceError(Text(
                    pl=f"{error}; popraw adres w pliku źródła",
                    en=f"{error}; correct the address in the source's file").at(shown(url))) from error
            except httpx.HTTPError as error:
                if not left or any(sign in str(error) for sign in _HOPELESS):
                    raise SourceError(_silence(error).at(shown(url))) from error
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


def _followed(url: str, asked: httpx.Request, redirected: httpx.Request) -> httpx.Request:
    """A redirect that may be followed: within the declared host, and never back to plain http. Raises SourceError.

    Another host would get the headers of the source, could be one of the node's own network, and is a change that
    the region should know of: so it has to be declared.
    """
    new = redirected.url
    if new.scheme not in ("http", "https"):
        raise SourceError(Text(
            pl=f"przekierowuje do {shown(str(new))}, co nie jest adresem sieciowym; zapytaj powiat",
            en=f"redirected to {shown(str(new))}, which is no web address; ask the county").at(shown(url)))
    if new.host != asked.url.host:
        raise SourceError(Text(
            pl=f"przekierowuje na inny serwer: {shown(str(new.copy_with(query=None)))}; jeśli powiat potwierdzi"
               " przeniesienie, wpisz ten adres do pliku źródła",
            en=f"redirected to another host: {shown(str(new.copy_with(query=None)))}; if the county confirms that it"
               " has moved, put that address in the source's file").at(shown(url)))
    if asked.url.scheme == "https" and new.scheme != "https":
        raise SourceError(Text(
            pl="przekierowuje z https na http; jeśli tak ma być, zadeklaruj http",
            en="redirected from https to http; if that is meant, declare http").at(shown(url)))
    return redirected


_ADVICE = {
    401: Text(pl="wymaga nazwy użytkownika i hasła", en="it wants a user name and password"),
    403: Text(pl="nie wpuszcza nas: poproś powiat o dostęp", en="it does not let us in: ask the county for access"),
    404: Text(pl="niczego tam nie ma: zapytaj powiat o nowy adres",
              en="nothing is there: ask the county for the new address"),
    429: Text(pl="chce mniej zapytań: pobieraj o innej porze",
              en="it wants fewer requests: harvest it at another time"),
}
_LATER = Text(pl="spróbuj później albo zapytaj powiat", en="try again later, or ask the county")
_ADDRESS = Text(pl="sprawdź adres", en="see the address")


class _Refused(Told):
    """An answer with a status that is no success, in words."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        given = response.headers.get("Retry-After", "")
        self.retry_after_s = float(given) if given.isdecimal() else 0.0
        advice = _ADVICE.get(self.status, _LATER if response.is_server_error else _ADDRESS)
        body = next(response.iter_bytes(), b"")[:5_000].decode(response.encoding or "utf-8", "replace")
        said = " ".join(re.sub(r"<[^>]*>", " ", body).split())[:300]
        status = f"HTTP {self.status} {response.reason_phrase}"
        super().__init__(Text(
            pl=f"{status}; {advice.pl}" + (f"; mówi: {said}" if said else ""),
            en=f"{status}; {advice.en}" + (f"; it says: {said}" if said else "")))


def _silence(error: httpx.HTTPError) -> Text:
    if isinstance(error, httpx.TimeoutException):
        return Text(pl="brak odpowiedzi na czas; podnieś timeout_s albo spróbuj później",
                    en="no answer in time; raise timeout_s or try again later")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        address = error.request.url
        found = presented(address.host, address.port or 443)
        pin = f"`tls: {{pin_sha256: {found}}}`"
        return Text(
            pl=f"nie da się sprawdzić jego certyfikatu ({error}); powiat musi go odnowić"
               + (f"; albo potwierdź telefonicznie, że to jego: wtedy {pin}" if found else ""),
            en=f"its certificate cannot be verified ({error}); the county must renew it"
               + (f", or confirm by telephone that it is theirs: then {pin}" if found else ""))
    if "UNSAFE_LEGACY_RENEGOTIATION_DISABLED" in str(error):
        until = "`tls: {legacy_renegotiation: true}`"
        return Text(
            pl=f"serwer nie zna RFC 5746; powiat musi go zaktualizować; do tego czasu {until} w pliku źródła",
            en=f"its server does not know RFC 5746; the county must update it; until then {until} in the source's file")
    said = str(error) or type(error).__name__
    return Text(pl=f"{said}; czy adres jest właściwy, czy serwer działa?",
                en=f"{said}; is the address right, is the server up?")
