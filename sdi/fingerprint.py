"""Digests of what results are made from besides the declaration: our code, what it renders with, content in files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

RENDERERS = ("Jinja2", "lxml", "psycopg", "pygeoapi", "pyproj")
"""Distributions whose next release may write the same declaration otherwise."""


@cache
def code() -> str:
    """Of the package `sdi` with all its files, and the versions of RENDERERS; read once per process."""
    versions = [(name, version(name)) for name in RENDERERS]
    return hashlib.sha256(repr((files([Path(__file__).parent]), versions)).encode()).hexdigest()


def files(folders: Iterable[Path]) -> str:
    """Of the names and contents of all files in folders, wherever the folders lie."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(repr((str(path.relative_to(folder)), path.read_bytes())).encode())
    return digest.hexdigest()
