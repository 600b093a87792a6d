"""Where data came from, in words that anyone may read: no credentials, no folders of our machines."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_PLACE = re.compile(
    r"https?://[^\s'\"<>]*[^\s'\"<>.,;:)]"  # an address
    r"|^/[^:\n]+(?=: )"  # a path before what is wrong with it, perhaps with spaces
    r"|(?<![\w/.~<])/(?:[^\s/:;,'\"()<>]+/)+[^\s/:;,'\"()<>]*"  # a path with at least one folder
)


def public_place(origin: str) -> str:
    """An address without user, password and query; of a path its last part."""
    parts = urlsplit(origin)
    if parts.scheme in ("http", "https") and parts.hostname:
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return origin.rstrip("/").rpartition("/")[2]


def public_text(message: str) -> str:
    """The first line of a message with all addresses and paths in it made public."""
    line = message.strip().partition("\n")[0]
    return _PLACE.sub(lambda place: public_place(place[0]), line)
