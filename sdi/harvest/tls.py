"""Whom a source's server must prove to be: the usual authorities, or the exception that the source declares."""

from __future__ import annotations

import hashlib
import ssl
from functools import cache
from pathlib import Path

import httpx

from sdi.errors import SourceError
from sdi.model.text import Text
from sdi.model.trust import Tls

PATIENCE_S = 10.0
"""How long to wait for a certificate that is only to be shown in a message."""


def context(tls: Tls | None, home: Path) -> ssl.SSLContext:
    """What connections to a source are made with; `home`: where `ca_file` starts. Raises SourceError."""
    if tls is None:
        return _usual()
    made = httpx.create_ssl_context()
    if tls.ca_file is not None:
        made = _vouched(home / tls.ca_file)
    if tls.pin_sha256 is not None:
        _pin(made, tls.pin_sha256)
    if tls.legacy_renegotiation:
        made.options |= ssl.OP_LEGACY_SERVER_CONNECT
    return made


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate (DER) in hexadecimal digits."""
    return hashlib.sha256(certificate).hexdigest()


def presented(host: str, port: int) -> str | None:
    """The fingerprint of the certificate that a server presents, to be compared by a person; None where it has none."""
    try:
        return fingerprint(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, port), timeout=PATIENCE_S)))
    except (OSError, ValueError):
        return None


@cache
def _usual() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than a request."""
    return httpx.create_ssl_context()


def _vouched(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise SourceError(Text(
            pl=f"to nie plik PEM z certyfikatami ({error}); popraw tls.ca_file",
            en=f"no usable PEM file of certificates ({error}); correct tls.ca_file").at(str(ca_file))) from error


def _pin(made: ssl.SSLContext, pin: str) -> None:
    """Accept exactly one certificate, before a byte of a request is sent.

    The fingerprint takes the place of the chain, the dates and the name, which such a server cannot show.
    """

    class Pinned(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            certificate = self.getpeercert(binary_form=True)
            found = fingerprint(certificate) if certificate else "none"
            if found != pin:
                self.close()
                raise SourceError(Text(
                    pl=f"przedstawił inny certyfikat niż przypięty; SHA-256 nowego to {found}: zapytaj powiat"
                       " telefonicznie, czy to jego, potem popraw tls.pin_sha256 albo usuń `tls`, jeśli da się go"
                       " sprawdzić",
                    en=f"its certificate is not the pinned one; the SHA-256 of the new one is {found}: ask the county"
                       " by telephone whether that is theirs, then correct tls.pin_sha256, or take `tls` out if it can"
                       " be verified").at(str(self.server_hostname)))

    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.sslsocket_class = Pinned
