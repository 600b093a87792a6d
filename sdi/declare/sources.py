"""A county source as its file declares it, complete, from what its family of servers has in common."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from sdi.declare.files import Put, put_yaml
from sdi.errors import ConfigurationError
from sdi.model import yaml
from sdi.model.load import explain
from sdi.model.mistakes import mistakes
from sdi.model.region import Region, Source
from sdi.model.text import Declared, Text

FAMILIES = "wfs-families.yaml"
REQUIRED = ("teryt", "url")
OPTIONAL = ("family", "register", "crs")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


class Family(Declared):
    """What the servers of one vendor have in common."""

    title: Text
    addresses: Annotated[str, AfterValidator(_pattern)]
    """A regular expression that is found in the family's addresses and in no other's."""
    kind: str
    """The kind of source, a module in `harvesters/`."""
    delivers: dict[str, tuple[str, ...]]
    """Feature types by register."""
    parameters: dict[str, Any]
    """Of the source, without `url`."""
    expect: dict[str, Any] = Field(default_factory=dict)


class _Families(Declared):
    families: dict[str, Family]


class Wanted(Declared):
    """One source that is to be declared: a row of a list, or what stands on the command line."""

    teryt: str
    url: str
    family: str | None = None
    """Default: the one family whose addresses look like `url`."""
    register_id: str = "egib"
    crs: int | None = None
    """EPSG code, where the county's server has another than its family."""
    outside_max: float | None = None
    """Expectation of the source, where the region's boundaries are not exact."""


def read_families(home: Path) -> dict[str, Family]:
    """The families by name. Raises ConfigurationError with every mistake."""
    path = home / "configs" / FAMILIES
    try:
        document = yaml.read(path)
        return _Families.model_validate({"families": document.data}).families
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    except yaml.YamlError as error:
        raise ConfigurationError([f"{path}:{error.line}: not readable as YAML: {error}"]) from error
    except ValidationError as error:
        found = [{**detail, "loc": detail["loc"][1:]} for detail in error.errors()]
        raise ConfigurationError([
            f"{path}:{line}: {what}" for line, what in (explain(document, (), detail, Family) for detail in found)
        ]) from error


def family_of(url: object, families: Mapping[str, Family]) -> str | None:
    """The family whose addresses look like `url`; None where none does or several do."""
    found = [name for name, family in families.items() if re.search(family.addresses, str(url).rstrip("?"))]
    return found[0] if len(found) == 1 else None


def read_list(path: Path) -> list[Wanted]:
    """Sources from a CSV file with a header: teryt, url, and as far as known family, register, crs.

    Raises ConfigurationError with every mistake and its line.
    """
    findings: list[str] = []
    found: list[Wanted] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or []
            wrong = [name for name in names if name not in REQUIRED + OPTIONAL]
            missing = [name for name in REQUIRED if name not in names]
            if wrong or missing:
                raise ConfigurationError([
                    f"{path}:1: columns are {', '.join(REQUIRED)} and, as far as known, {', '.join(OPTIONAL)}; "
                    f"found: {', '.join(names) or 'none'}"])
            for row in rows:
                try:
                    found.append(_row(row))
                except ValueError as error:
                    findings.append(f"{path}:{rows.line_num}: {error}")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError([f"{path}: not a CSV file in UTF-8: {error}"]) from error
    if findings:
        raise ConfigurationError(findings)
    return found


def _row(row: Mapping[str | None, Any]) -> Wanted:
    if None in row or None in row.values():
        raise ValueError("more or fewer values than columns")
    crs = row.get("crs") or None
    if crs is not None and not crs.isdecimal():
        raise ValueError(f"crs {crs!r} is not the number of an EPSG code")
    return Wanted(teryt=row["teryt"].strip(), url=row["url"].strip(), family=row.get("family") or None,
                  register_id=row.get("register") or "egib", crs=int(crs) if crs else None)


def family_for(wanted: Wanted, families: Mapping[str, Family]) -> Family:
    """The family that was said, or the one that the address shows. Raises ConfigurationError with those there are."""
    name = wanted.family or family_of(wanted.url, families)
    if name is not None and name in families:
        return families[name]
    said = f"no family {name!r}" if name else "which family of servers is it? Say --family or the column family"
    raise ConfigurationError([f"{wanted.teryt} {wanted.url}: {said}; there are: {', '.join(families)}"])


def source(wanted: Wanted, family: Family, region: Region, title: Text) -> dict[str, Any]:
    """The fields of a source's file; `title` is that of its county.

    Raises ConfigurationError where the family does not deliver the register.
    """
    register = region.registers.get(wanted.register_id)
    if register is None or wanted.register_id not in family.delivers:
        raise ConfigurationError([f"{wanted.teryt}: these servers ({family.title.en}) do not deliver the register "
                                  f"{wanted.register_id!r}, but: {', '.join(family.delivers)}"])
    own = {} if wanted.crs is None else {"crs": wanted.crs}
    expected = {} if wanted.outside_max is None else {"outside_max": wanted.outside_max}
    return {
        "title": {"pl": f"{register.title.pl}, {title.pl[0].lower()}{title.pl[1:]}",
                  "en": f"{register.title.en}, {title.en}"},
        "kind": family.kind,
        "county": wanted.teryt,
        "delivers": list(family.delivers[wanted.register_id]),
        "parameters": {"url": wanted.url, **family.parameters, **own},
        "expect": {**family.expect, **expected},
    }


def check_source(name: str, data: Mapping[str, Any], parameters: type[BaseModel]) -> None:
    """Refuse what could not be harvested; `parameters` is the model of the kind. Raises ConfigurationError."""
    findings = []
    for model, part, place in ((Source, {**data, "id": name}, ""), (parameters, data["parameters"], "parameters.")):
        try:
            model.model_validate(part)
        except ValidationError as error:
            findings += [f"{name}: {wrong.en}" for wrong in mistakes(error, below=place)]
    if findings:
        raise ConfigurationError(findings)


def put_source(folder: Path, name: str, data: dict[str, Any], family: Family, force: bool) -> Put:
    """Write `<name>.yaml` for a source, `data` as `source` gives it."""
    return put_yaml(folder / f"{name}.yaml", f"{family.title.en}.", data, force)
