"""From files to a Region, in four named steps, collecting every mistake instead of stopping at the first.

1. read    — each file is YAML with known line numbers
2. shape   — each file fits its model
3. links   — ids, TERYT codes, registers and feature types that one file names exist in another (`sdi.model.links`)
4. region  — what is left is a Region; files with mistakes are left out of it

A wrong file never hides the findings of another, and never keeps the other files from being used.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from sdi.errors import ConfigurationError
from sdi.model import yaml
from sdi.model.findings import Finding, Loaded
from sdi.model.links import link
from sdi.model.mistakes import mistake
from sdi.model.region import Partner, Region, RegionFile, Source
from sdi.model.register import NAME, Register
from sdi.model.text import Declared
from sdi.model.units import read_units

__all__ = ["Finding", "Loaded", "examine", "explain", "load_region", "region_ids"]

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
"""Ids of sources and partners; registers are also schemas of the database, so theirs are `NAME`."""

M = TypeVar("M", bound=Declared)


def region_ids(home: Path) -> list[str]:
    """The regions that are declared under `home`."""
    return sorted(path.parent.name for path in (home / "configs" / "regions").glob("*/region.yaml"))


def load_region(home: Path, region_id: str, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read `configs/` under `home` for one region.

    Raises ConfigurationError where nothing can be served: no such region, or no usable `region.yaml`.
    All other mistakes are in `findings` and their files are left out.
    """
    loaded, usable = examine(home, region_id, environ)
    if not usable:
        raise ConfigurationError([str(finding) for finding in sorted(loaded.findings)])
    return loaded


def examine(home: Path, region_id: str, environ: Mapping[str, str] = os.environ) -> tuple[Loaded, bool]:
    """What `load_region` does, also where `region.yaml` has mistakes: then False, and the region has no `file`.

    Raises ConfigurationError where there is no such region.
    """
    folder = home / "configs" / "regions" / region_id
    if not (folder / "region.yaml").is_file():
        known = ", ".join(region_ids(home)) or "none"
        raise ConfigurationError([f"{folder}/region.yaml: no such region; there are: {known}"])
    files = _Files(environ)
    registers = files.folder(home / "configs" / "registers", "registers", Register, NAME)
    heads = files.folder(folder, "region", RegionFile, ID, only="region")
    units, findings = read_units(folder / "units.geojson")
    region = Region.model_construct(
        id=region_id, registers=registers, units=units,
        file=heads.get("region"),  # type: ignore[arg-type]  # None only where the caller is told so
        sources=files.folder(folder / "sources", "sources", Source, ID),
        partners=files.folder(folder / "partners", "partners", Partner, ID),
    )
    loaded = Loaded(region, files.findings + findings, files.documents)
    link(loaded, files.broken, units_known=not findings)
    return loaded, "region" in heads


class _Files:
    """Steps 1 and 2: files into models."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.findings: list[Finding] = []
        self.documents: dict[tuple[str, str], yaml.Document] = {}
        self.broken: set[tuple[str, str]] = set()
        """Files with mistakes: (folder, id)."""

    def folder(self, folder: Path, kind: str, model: type[M], ids: re.Pattern[str], only: str = "*") -> dict[str, M]:
        """The models of a folder's files by id."""
        found: dict[str, M] = {}
        for path in sorted(folder.glob(f"{only}.*")):
            if path.suffix != ".yaml":
                if path.suffix.lower() in (".yml", ".yaml"):
                    self.findings.append(Finding(path, 1, "is not read: files end in .yaml here; rename it"))
                continue
            before = len(self.findings)
            item = self._file(path, kind, model, ids)
            if item is not None and len(self.findings) == before:
                found[path.stem] = item
            else:
                self.broken.add((kind, path.stem))
        return found

    def _file(self, path: Path, kind: str, model: type[M], ids: re.Pattern[str]) -> M | None:
        if not ids.match(path.stem):
            allowed = "a-z, 0-9 and _, from a letter" if ids is NAME else "a-z, 0-9 and hyphens"
            self.findings.append(Finding(path, 1, f"{path.stem!r} cannot be an id: use {allowed}"))
        try:
            document = yaml.read(path)
        except yaml.YamlError as error:
            self.findings.append(Finding(path, error.line, f"not readable as YAML: {error}"))
            return None
        except OSError as error:
            self.findings.append(Finding(path, 1, f"cannot be read: {error.strerror}"))
            return None
        self.documents[kind, path.stem] = document
        if not isinstance(document.data, dict):
            self.findings.append(Finding(path, 1, "expected fields with values, as `field: value`"))
            return None
        data: dict[str, Any] = dict(document.data)
        if "id" in model.model_fields:
            if data.pop("id", None) is not None:
                self.findings.append(Finding(path, document.line(("id",)), "`id` is the file's name; leave it out"))
            data["id"] = path.stem
        if "parameters" in data and model is Source:
            data["parameters"] = self._expanded(document, ("parameters",), data["parameters"])
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for detail in error.errors():
                self.findings.append(Finding(path, *explain(document, (), detail, model)))
            return None

    def _expanded(self, document: yaml.Document, where: yaml.Where, value: object) -> object:
        """`${NAME}` and `${NAME:-default}` in texts replaced from the environment, as a shell does."""

        def replaced(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if name is None:
                problem = "`${` without a name and `}`: expected ${NAME} or ${NAME:-default}"
            elif default is not None:
                return self.environ.get(name) or default
            elif name in self.environ:
                return self.environ[name]
            else:
                problem = f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            self.findings.append(Finding(document.path, document.line(where), problem))
            return ""

        match value:
            case str():
                return re.sub(r"\$\{(?:(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\})?", replaced, value)
            case list():
                return [self._expanded(document, (*where, index), item) for index, item in enumerate(value)]
            case dict():
                return {key: self._expanded(document, (*where, key), item) for key, item in value.items()}
        return value


def explain(document: yaml.Document, base: yaml.Where, detail: Any, model: type[BaseModel]) -> tuple[int, str]:
    """Line and message for one of pydantic's error details about the part of a document at `base`."""
    where: yaml.Where = tuple(part for part in detail["loc"] if isinstance(part, str | int))
    line = document.line((*base, *where))
    name = ".".join(str(part) for part in (*base, *where))
    if detail["type"] == "missing":
        return line, f"the field `{name}` is missing"
    if detail["type"] == "extra_forbidden":
        known = [field for field in _fields(model, where[:-1]) if field != "id"]
        close = difflib.get_close_matches(str(where[-1]), known, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"known are: {', '.join(known)}"
        return line, f"unknown field `{name}`; {hint}" if known else f"unknown field `{name}`"
    message = mistake(detail).en
    return line, f"`{name}`: {message}" if name else message


def _fields(model: type[BaseModel], where: yaml.Where) -> list[str]:
    """The fields of the model that stands at `where` inside of another; none where that is no model."""
    kind: Any = model
    for part in where:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner = kind.model_fields.get(str(part))
            kind = inner.annotation if inner else None
        else:  # the key or index of a dict or tuple, whose values' type comes last
            kind = _last(kind)
        while kind is not None and type(None) in get_args(kind):
            kind = next(choice for choice in get_args(kind) if choice is not type(None))
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _last(kind: Any) -> Any:
    choices = [choice for choice in get_args(kind) if choice is not Ellipsis]
    return choices[-1] if choices else None
