"""What a source's server may present instead of a certificate that the usual authorities vouch for."""

from __future__ import annotations

import re
from typing import Self

from pydantic import field_validator, model_validator

from sdi.model.text import Declared, Text


class Tls(Declared):
    """An exception from the verification of certificates, for one source. Verification is never switched off."""

    pin_sha256: str | None = None
    """SHA-256 of the one certificate (DER) that is accepted, though expired, self-signed or of another name."""
    ca_file: str | None = None
    """PEM file, from the SDI home, with the authorities that vouch for the server instead of the usual ones."""
    legacy_renegotiation: bool = False
    """Talk to servers that do not know RFC 5746 (OpenSSL: unsafe legacy renegotiation disabled)."""

    @field_validator("pin_sha256")
    @classmethod
    def _plain_hex(cls, value: str | None) -> str | None:
        if value is None:
            return None
        plain = value.replace(":", "").lower()
        if not re.fullmatch(r"[0-9a-f]{64}", plain):
            raise ValueError("not a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
        return plain

    @model_validator(mode="after")
    def _one_exception(self) -> Self:
        if self.pin_sha256 is not None and self.ca_file is not None:
            raise ValueError("give either `pin_sha256` or `ca_file`")
        if self.pin_sha256 is None and self.ca_file is None and not self.legacy_renegotiation:
            raise ValueError("no exception: give `pin_sha256` or `ca_file`, or leave `tls` out")
        return self

    @property
    def text(self) -> Text:
        """The exception in words."""
        parts = []
        if self.pin_sha256 is not None:
            parts.append(Text(
                pl=f"przyjmowany jest tylko certyfikat {self.pin_sha256}, ktokolwiek i kiedykolwiek go wystawił",
                en=f"only the certificate {self.pin_sha256} is accepted, whoever issued it and however old it is"))
        if self.ca_file is not None:
            parts.append(Text(pl=f"certyfikaty sprawdzane są według {self.ca_file}",
                              en=f"certificates are verified against {self.ca_file}"))
        if self.legacy_renegotiation:
            parts.append(Text(pl="dozwolona jest dawna renegocjacja", en="legacy renegotiation is allowed"))
        return Text.joined(parts)

    def __str__(self) -> str:
        """The exception in English, for lineage."""
        return self.text.en
