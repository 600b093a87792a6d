"""Validators of what is derived from the data (RFC 9110, clause 8.8): who has it already is told so without a query."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import format_datetime
from hashlib import blake2b

from sdi.store.changes import latest
from sdi.store.reader import Reader


def validators(reader: Reader, feature_types: Sequence[str], representation: object) -> dict[str, str]:
    """ETag and Last-Modified of an answer made from feature types; `representation`: all else that decides about it.

    The tag is weak, as answers bear the time and may be compressed. To be made before the answer, which may then be
    newer than its tag, but never older.
    """
    feed, seq, committed_at = latest(reader, feature_types)
    tag = blake2b(repr((feed, seq, representation)).encode(errors="surrogatepass"), digest_size=12).hexdigest()
    # Else caches guess how long the answer stays fresh.
    headers = {"ETag": f'W/"{tag}"', "Cache-Control": "no-cache"}
    return headers if committed_at is None else headers | {"Last-Modified": format_datetime(committed_at, usegmt=True)}
