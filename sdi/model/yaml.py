"""YAML with line numbers, by the YAML 1.2 core schema: `0415` and `no` are text, not 269 and False.

Beside the core schema it knows `<<`, which takes over the fields of an anchored mapping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Where = tuple[str | int, ...]
"""A path of keys and indexes into a document."""

MOST_NODES = 200_000
"""A document with more parts than this, aliases followed, is refused: a few nested aliases could fill the memory."""

_MERGE, _STR = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalar types of YAML 1.2's core schema and the merge key only."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012


for tag, pattern, first in (
    ("merge", r"<<", ["<"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?", "-+0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), list(first))


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file: its data, and the line of each of its parts."""

    path: Path
    data: Any
    lines: dict[Where, int]

    def line(self, where: Where) -> int:
        """The line (from 1) of the part at `where`, or of the nearest part above it."""
        while where not in self.lines and where:
            where = where[:-1]
        return self.lines.get(where, 1)


class YamlError(Exception):
    """The file is not YAML; `line` says where the reader gave up."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


def read(path: Path) -> Document:
    """Read one YAML file. Raises YamlError for syntax, duplicate keys and undecodable bytes; OSError."""
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
    except UnicodeDecodeError as error:
        raise YamlError(f"not UTF-8 text (byte {error.start})", 1) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"a character that YAML does not allow: U+{error.character:04X}", line) from error
    try:
        node = loader.get_single_node()
        lines: dict[Where, int] = {}
        if node is not None:
            _walk(node, (), lines)
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(error.problem or "not YAML", mark.line + 1 if mark else 1) from error
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(str(error).splitlines()[0], 1) from error
    except RecursionError as error:
        raise YamlError("nested too deep, or an alias inside of what it stands for", 1) from error
    finally:
        loader.dispose()
    return Document(path, data, lines)


def _walk(node: yaml.Node, where: Where, lines: dict[Where, int]) -> None:
    """Note the line of every part and make every key text; complains of keys given twice."""
    if len(lines) > MOST_NODES:
        raise yaml.MarkedYAMLError(problem=f"more than {MOST_NODES} parts", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in sorted(node.value, key=lambda item: item[0].tag != _MERGE):
            if key.tag == _MERGE:
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    _walk(merged, where, lines)
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a single value", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands here twice", problem_mark=key.start_mark)
            seen.add(key.value)
            key.tag = _STR
            _walk(value, (*where, key.value), lines)
            lines[(*where, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*where, index), lines)
    lines[where] = node.start_mark.line + 1
