"""JSON documents, into which features go as the text that PostgreSQL made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pygeoapi.util import json_serial


def dumps(content: Any) -> bytes:
    """Compact JSON in UTF-8; dates, decimals and the like as pygeoapi writes them."""
    return json.dumps(content, default=json_serial, ensure_ascii=False, separators=(",", ":")).encode()


def spliced(content: dict[str, Any], **lists: Sequence[bytes]) -> bytes:
    """A JSON object with further members, each a list of texts that are JSON already; `content` must not be empty."""
    members = (b'"%b":[%b]' % (name.encode(), b",".join(texts)) for name, texts in lists.items())
    return dumps(content)[:-1] + b"," + b",".join(members) + b"}"
