"""Declarations as text, and writing them whole or not at all, never over somebody's work."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from sdi.errors import ConfigurationError
from sdi.model import yaml as declared

State = Literal["written", "replaced", "same", "differs"]


@dataclass(frozen=True, slots=True)
class Put:
    """What became of one file."""

    path: Path
    state: State
    """`same`: it said this already; `differs`: it says something else and was left alone."""
    difference: str = ""
    """Of `replaced` and `differs`: lines with - as the file has them, with + as they would be."""

    def __str__(self) -> str:
        said = {
            "written": "written", "replaced": "replaced", "same": "as it is, nothing to change",
            "differs": "says something else, left as it is; --force replaces it",
        }[self.state]
        return f"{os.path.relpath(self.path)}: {said}"


class _Dumper(yaml.SafeDumper):
    """Innermost lists and mappings in one line; codes quoted, whatever their digits."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write what stands in two places twice."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    # BEWARE: without quotes and in single ones PyYAML loses U+0085 and its like.
    quoted = value.isdecimal() or not value.isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)


_Dumper.add_representer(str, _text)


def as_yaml(comment: str, data: dict[str, Any]) -> str:
    """A YAML file: one line of comment, then the fields in their order."""
    body = yaml.dump(data, Dumper=_Dumper, default_flow_style=None, sort_keys=False, allow_unicode=True, width=10_000)
    return f"# {' '.join(comment.split())}\n{body}"


def put_yaml(path: Path, comment: str, data: dict[str, Any], force: bool) -> Put:
    """Write a YAML file; one with the same fields and values is the same, whatever its comments and layout."""
    try:
        same = declared.read(path).data == data
    except (OSError, declared.YamlError):
        same = False
    return Put(path, "same") if same else put(path, as_yaml(comment, data), force)


def put(path: Path, text: str, force: bool) -> Put:
    """Write a file in one rename; one with other contents is replaced only by `force`.

    Raises ConfigurationError where it cannot be written.
    """
    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
        if before == text:
            return Put(path, "same")
        if before is not None and not force:
            return Put(path, "differs", difference(before, text))
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.stem}-{os.getpid()}.tmp")
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be written: {error.strerror}"]) from error
    return Put(path, "written") if before is None else Put(path, "replaced", difference(before, text))


def difference(before: str, after: str) -> str:
    """The lines that differ, without headers and context."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "\n".join(f"  {line}" for line in lines if not line.startswith(("---", "+++", "@@")))
