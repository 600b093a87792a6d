"""SQL by name: each `.sql` file here holds queries, each after `-- name: <name>` and a sentence of what it gives."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(file: str) -> dict[str, str]:
    """All queries of `<file>.sql` by name. Raises FileNotFoundError."""
    text = resources.files(__name__).joinpath(f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def query(file: str, name: str) -> bytes:
    """One query, as bytes so that psycopg takes it as it is. Raises KeyError."""
    return queries(file)[name].encode()
