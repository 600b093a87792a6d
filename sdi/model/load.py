"""From files to a Region, in four named steps, collecting every mistake instead of stopping at the first.

1. read    — each file is YAML with known line numbers
2. shape   — each file fits its model
3. links   — ids, TERYT codes, registers and feature types that one file names exist in another
4. region  — what is left is a Region; files with mistakes are left out of it

A wrong file never hides the findings of another, and never keeps the other files from being used.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyproj
import shapely
from pydantic import ValidationError
from shapely.geometry import shape

from sdi.errors import ConfigurationError
from sdi.model import yaml
from sdi.model.region import REGION_TENANT, Partner, Region, RegionFile, Source, Unit
from sdi.model.register import Register
from sdi.model.text import Declared

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
TAKEN = frozenset({REGION_TENANT, "health", "metrics", "static", "robots.txt"})

M = TypeVar("M", bound=Declared)


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake: file, line, what is wrong and what to do."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        shown = os.path.relpath(self.path) if self.path.is_absolute() else str(self.path)
        return f"{shown}:{self.line}: {self.message}"


@dataclass
class Loaded:
    """A region together with what was wrong in its files and where each thing was declared."""

    region: Region
    findings: list[Finding] = field(default_factory=list)
    documents: dict[tuple[str, str], yaml.Document] = field(default_factory=dict)
    """YAML documents by (folder, id): ("sources", "0463-egib")."""

    def find(self, folder: str, name: str, where: yaml.Where, message: str) -> None:
        """Add a finding at a place in one of the documents."""
        document = self.documents[folder, name]
        self.findings.append(Finding(document.path, document.line(where), message))


def load_region(home: Path, region_id: str) -> Loaded:
    """Read `configs/` under `home` for one region.

    Raises ConfigurationError where nothing can be served: no such region, or no usable `region.yaml`.
    All other mistakes are in `findings` and their files are left out.
    """
    folder = home / "configs" / "regions" / region_id
    if not (folder / "region.yaml").is_file():
        known = sorted(p.parent.name for p in (home / "configs" / "regions").glob("*/region.yaml"))
        raise ConfigurationError([f"{folder}/region.yaml: no such region; there are: {', '.join(known) or 'none'}"])
    loader = _Loader()
    registers = loader.folder(home / "configs" / "registers", "registers", Register)
    files = loader.folder(folder, "region", RegionFile, only="region")
    if "region" not in files:
        raise ConfigurationError([str(f) for f in loader.findings])
    units = loader.units(folder / "units.geojson")
    sources = loader.folder(folder / "sources", "sources", Source)
    partners = loader.folder(folder / "partners", "partners", Partner)
    region = Region(
        id=region_id, file=files["region"], registers=registers, units=units, sources=sources, partners=partners
    )
    return _Links(region, loader).checked()


class _Loader:
    """Steps 1 and 2: files into models."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.documents: dict[tuple[str, str], yaml.Document] = {}

    def folder(self, folder: Path, kind: str, model: type[M], only: str = "*") -> dict[str, M]:
        found: dict[str, M] = {}
        for path in sorted(folder.glob(f"{only}.yaml")):
            if not ID.match(path.stem):
                self.findings.append(Finding(path, 1, f"{path.stem!r} cannot be an id: use a-z, 0-9 and hyphens"))
                continue
            item = self._file(path, kind, model)
            if item is not None:
                found[path.stem] = item
        for path in sorted(folder.glob("*.yml")):
            self.findings.append(Finding(path, 1, "files end in .yaml here; rename it, it is not read"))
        return found

    def _file(self, path: Path, kind: str, model: type[M]) -> M | None:
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
            if "id" in data:
                self.findings.append(Finding(path, document.line(("id",)), "`id` is the file's name; leave it out"))
                return None
            data["id"] = path.stem
        if "parameters" in data:
            data["parameters"] = self._substituted(document, ("parameters",), data["parameters"])
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for detail in error.errors():
                where = tuple(part for part in detail["loc"] if isinstance(part, str | int))
                self.findings.append(Finding(path, document.line(where), _explain(where, detail, model)))
            return None

    def _substituted(self, document: yaml.Document, where: yaml.Where, value: Any) -> Any:
        """The parameters of a source with `${NAME}` and `${NAME:-default}` taken from the environment."""
        if isinstance(value, dict):
            return {key: self._substituted(document, (*where, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._substituted(document, (*where, index), item) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value

        def variable(match: re.Match[str]) -> str:
            found = os.environ.get(match["name"]) or match["default"]
            if found is None:
                self.findings.append(Finding(document.path, document.line(where),
                                             f"the environment has no {match['name']}; set it or give a default "
                                             f"as in ${{{match['name']}:-value}}"))
            return found or ""

        return VARIABLE.sub(variable, value)

    def units(self, path: Path) -> dict[str, Unit]:
        """The administrative division: GeoJSON in CRS84 with `teryt` and `name`; geometry may be null."""
        try:
            features = json.loads(path.read_text(encoding="utf-8"))["features"]
        except FileNotFoundError:
            self.findings.append(Finding(path, 1, "missing: the region's counties and communes with teryt and name"))
            return {}
        except (ValueError, KeyError, TypeError) as error:
            line = getattr(error, "lineno", 1)
            self.findings.append(Finding(path, line, f"not a GeoJSON FeatureCollection: {error}"))
            return {}
        to_2180 = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:2180", always_xy=True).transform
        units: dict[str, Unit] = {}
        for number, feature in enumerate(features, 1):
            try:
                properties, geometry = feature["properties"], feature.get("geometry")
                polygon = shapely.transform(shape(geometry), to_2180, interleaved=False) if geometry else None
                unit = Unit(teryt=str(properties["teryt"]), name=properties["name"], geometry=polygon)
                if polygon is not None and not polygon.is_valid:
                    raise ValueError(shapely.is_valid_reason(polygon))
            except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
                self.findings.append(Finding(path, 1, f"feature {number}: {str(error).splitlines()[0]}"))
                continue
            if unit.teryt in units:
                self.findings.append(Finding(path, 1, f"feature {number}: TERYT {unit.teryt} stands here twice"))
                continue
            units[unit.teryt] = unit
        return units


def _explain(where: yaml.Where, detail: Any, model: type[Declared]) -> str:
    field_name = ".".join(str(part) for part in where)
    match detail["type"]:
        case "extra_forbidden":
            known = ", ".join(name for name in model.model_fields if name != "id")
            return f"unknown field `{field_name}`" + (f"; known are: {known}" if len(where) == 1 else "")
        case "missing":
            return f"the field `{field_name}` is missing"
        case _:
            message = str(detail["msg"]).removeprefix("Value error, ")
            return f"`{field_name}`: {message}" if field_name else message


class _Links:
    """Steps 3 and 4: what one file says of another."""

    def __init__(self, region: Region, loader: _Loader) -> None:
        self.region = region
        self.loaded = Loaded(region, loader.findings, loader.documents)

    def checked(self) -> Loaded:
        bad = {("registers", n) for n in self._registers()}
        bad |= {("sources", n) for n in self._sources()}
        region = self._without(bad)
        self.region = region
        bad |= {("partners", n) for n in self._partners()}
        self.loaded.region = self._without(bad)
        return self.loaded

    def _without(self, bad: set[tuple[str, str]]) -> Region:
        def keep(folder: str, items: dict[str, Any]) -> dict[str, Any]:
            return {name: item for name, item in items.items() if (folder, name) not in bad}

        r = self.region
        return Region(id=r.id, file=r.file, units=r.units, registers=keep("registers", r.registers),
                      sources=keep("sources", r.sources), partners=keep("partners", r.partners))

    def _registers(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for name, register in self.region.registers.items():
            for feature_type in register.feature_types:
                first = owners.setdefault(feature_type, name)
                if first != name:
                    self.loaded.find("registers", name, ("feature_types", feature_type),
                                     f"feature type `{feature_type}` is also declared in {first}.yaml; rename one")
                    yield name

    def _sources(self) -> Iterator[str]:
        owners: dict[tuple[str, str], str] = {}
        for name, source in self.region.sources.items():
            if source.county not in self.region.units:
                yield self._bad("sources", name, ("county",), f"unknown TERYT {source.county}: not in units.geojson")
            if source.commune is not None and not source.commune.startswith(source.county):
                yield self._bad("sources", name, ("commune",),
                                f"commune {source.commune} does not lie in county {source.county}")
            yield from self._known("sources", name, "delivers", source.delivers)
            yield from (
                self._bad("sources", name, ("expect", bound, ft), f"`{ft}` is not delivered by this source")
                for bound, limits in (("min", source.expect.min), ("max", source.expect.max))
                for ft in limits
                if ft not in {owned.name for owned in self.region.owned_by(source)}
            )
            for feature_type in self.region.owned_by(source):
                first = owners.setdefault((source.county, feature_type.name), name)
                if first != name:
                    yield self._bad(
                        "sources", name, ("delivers",),
                        f"`{feature_type.name}` of county {source.county} is already owned by source {first}; "
                        f"take it from one of the two",
                    )

    def _partners(self) -> Iterator[str]:
        for name, partner in self.region.partners.items():
            if name in TAKEN:
                yield self._bad("partners", name, (), f"the id {name!r} is taken by the node itself; rename the file")
            if partner.teryt not in self.region.units:
                yield self._bad("partners", name, ("teryt",), f"unknown TERYT {partner.teryt}: not in units.geojson")
            yield from self._known("partners", name, "registers", partner.registers or ())
            delivered = {ft.name for ft in self.region.delivered(partner.teryt)}
            wanted = delivered if partner.registers is None else {
                ft.name for ft in self.region.expand(partner.registers)}
            if not delivered & wanted:
                yield self._bad(
                    "partners", name, ("registers",) if partner.registers else ("teryt",),
                    f"a partner without data: no source delivers any of its registers for county "
                    f"{partner.teryt[:4]}; add one under sources/ or leave the partner out",
                )

    def _known(self, folder: str, name: str, field_name: str, names: tuple[str, ...]) -> Iterator[str]:
        for index, wanted in enumerate(names):
            if wanted not in self.region.registers and wanted not in self.region.feature_types:
                known = ", ".join(self.region.registers)
                yield self._bad(folder, name, (field_name, index),
                                f"unknown register or feature type `{wanted}`; registers are: {known}")

    def _bad(self, folder: str, name: str, where: yaml.Where, message: str) -> str:
        self.loaded.find(folder, name, where, message)
        return name
