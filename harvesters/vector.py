"""GeoPackage, GeoParquet, FlatGeobuf and zipped Shapefile, such as the national exports of the county registers.

What a file is, its first bytes say. A layer belongs to the feature type whose name, or one of whose WFS names, it has
without case; a TERYT code before it (`0406_budynki`) is no part of its name, and a file with one layer may have the
name instead. Columns are found by the names that county WFS services use (`ID_DZIALKI`), then by those of the
attributes, without case; in a Shapefile also by their first ten letters where these mean one attribute. Tables with
`id`, `namespace`, `version_id` and `valid_from` are taken as published by a node like this one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated, ClassVar, NamedTuple
from zipfile import ZipInfo

from pydantic import BaseModel, ConfigDict, Field

from sdi.errors import SourceError
from sdi.harvest.contract import Delivery, Issue, Job, Read, Unit
from sdi.harvest.deliveries import Deliveries, FileParameters, file_name
from sdi.harvest.flat import FlatReader, match_columns
from sdi.harvest.layers import Layer, layers, sort_of
from sdi.harvest.texts import Problem
from sdi.harvest.unpack import contents, is_zip, member, refuse_encrypted
from sdi.model.register import FeatureType
from sdi.model.text import Text

SUFFIXES = (".gpkg", ".parquet", ".fgb", ".zip")
"""What is taken from a folder."""
_IN_ZIPS = (".gpkg", ".parquet", ".fgb", ".shp")
_COMPANIONS = (".dbf", ".shx", ".prj", ".cpg")
"""What GDAL needs beside a .shp; all else in a zip is left where it is."""
_TERYT = re.compile(r"\d{1,7}_")


class VectorLayer(BaseModel):
    """How a file names one feature type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    """Name of the layer, or of its file without the suffix (default: as described above)."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Columns by our attribute, where their names would not tell."""


class VectorParameters(FileParameters):
    """The `parameters` of a source of kind `vector`: those of files (sdi.harvest.deliveries), and how to read tables.

    max_unpacked_mb holds for all that is taken from one zip together, and for one GeoParquet.
    """

    layers: dict[str, VectorLayer] = Field(default_factory=dict)
    """Names by our feature type, where the file's differ."""
    encoding: str | None = None
    """Encoding of texts in Shapefiles (cp1250, iso-8859-2, utf-8 …) over what the file says itself."""
    crs: Annotated[int, Field(ge=1024, le=32767)] | None = None
    """EPSG code of layers that name no CRS, or one without an EPSG code (default: such a delivery fails)."""
    max_features: Annotated[int, Field(ge=1)] = 5_000_000
    """More objects in one layer are taken for damage."""


class _File(NamedTuple):
    path: Path
    """A copy or link with the suffix that its contents call for."""
    stem: str
    """Its name where it came from, without the suffix."""
    name: str
    """As messages call it."""


class Harvester:
    """One unit per file; see sdi.harvest.contract.Harvester."""

    Parameters: ClassVar[type[BaseModel]] = VectorParameters
    version: ClassVar[str] = "1"

    def __init__(self, job: Job, parameters: VectorParameters) -> None:
        self._job, self._parameters = job, parameters
        self._deliveries = Deliveries(parameters, job.home, SUFFIXES, job.source.tls)

    def gather(self) -> Generator[Unit, Delivery, None]:
        """A unit per file or address. Raises SourceError where there is none."""
        owned = {feature_type.name for feature_type in self._job.feature_types}
        if unknown := self._parameters.layers.keys() - owned:
            raise SourceError(Text(
                pl=f"`layers` wymienia {', '.join(sorted(unknown))}, czego źródło nie dostarcza",
                en=f"`layers` names {', '.join(sorted(unknown))}, which the source does not deliver"))
        yield from self._deliveries.units()

    def fetch(self, unit: Unit, into: Path) -> None:
        """Copy or download one file."""
        self._deliveries.fetch(unit, into)

    def read(self, delivery: Delivery) -> Iterator[Read]:
        """All objects of all layers that belong to the source's feature types."""
        name, found = delivery.unit.id, False
        strange: list[str] = []
        with TemporaryDirectory(prefix="sdi-") as folder:
            for file in self._files(delivery, Path(folder), strange):
                given = self._parameters
                within = layers(file.path, file.name, given.encoding, given.max_unpacked_mb << 20)
                for layer in within:
                    feature_type = self._feature_type(layer.name, file.stem if len(within) == 1 else None)
                    if feature_type is None:
                        strange.append(layer.name if file.stem == layer.name else f"{file.stem}/{layer.name}")
                        continue
                    found = True
                    yield from self._read(layer, file.name, feature_type)
        if not found:
            wanted = ", ".join(feature_type.name for feature_type in self._job.feature_types)
            raise SourceError(Text(
                pl=f"nic w nim nie nazywa się jak {wanted}; jest w nim {', '.join(strange) or 'pusto'}; podaj, co jest"
                   " czym, w `layers`",
                en=f"nothing in it is called as {wanted}; it holds {', '.join(strange) or 'nothing'}; say which is"
                   " which under `layers`").at(name))
        for other in strange:
            yield Issue("warning", "unread-layer", Text(
                pl="żaden typ obiektów tego źródła; nie wczytano",
                en="no feature type of this source; not read").at(other), position=name)

    def _read(self, layer: Layer, file: str, feature_type: FeatureType) -> Iterator[Read]:
        place = f"{file}:{layer.name}"
        if layer.objects > self._parameters.max_features:
            raise SourceError(Text(
                pl=f"{layer.objects} obiektów; jeśli tyle ich jest, podnieś max_features",
                en=f"{layer.objects} objects; if there are so many, raise max_features").at(place))
        srid = self._srid(layer, place)
        register = self._job.registers[feature_type.register_id]
        given = self._parameters.layers.get(feature_type.name, VectorLayer())
        columns = match_columns(layer.columns, feature_type, register, given.columns, layer.cut)
        reader = FlatReader(feature_type, register, columns)
        number = 0
        for number, values, geometry, fault in layer.rows(columns.wanted):
            feature, problems = reader.read(values, f"{place} {number}")
            if fault is not None:
                yield reader.issue(feature, "quarantined", Problem("unreadable-geometry", fault, "geom"), values)
                continue
            for problem in problems:
                yield reader.issue(feature, "warning", problem, values)
            feature.geometry, feature.srid = geometry, srid
            yield feature
        yield from reader.issues(place, number)
        for warning in sorted(layer.warnings):
            yield Issue("warning", "reader-warning", Text.verbatim(warning), feature_type.name, position=place)

    def _srid(self, layer: Layer, place: str) -> int:
        """EPSG code of a layer's CRS. Raises SourceError where neither file nor declaration gives one."""
        given, known = self._parameters.crs, None if layer.crs is None else layer.crs.to_epsg()
        if known is None and given is None:
            says = Text(pl="nie podaje układu współrzędnych", en="names no CRS") if layer.crs is None else Text(
                pl=f"ma układ {layer.crs.name!r}, którego nie ma w EPSG",
                en=f"has the CRS {layer.crs.name!r}, which is not EPSG's")
            raise SourceError(Text(
                pl=f"{says.pl}; ustaw `crs` na jego kod EPSG", en=f"{says.en}; set `crs` to its EPSG code").at(place))
        if known is not None and given not in (None, known):
            raise SourceError(Text(
                pl=f"według samego pliku jest w EPSG:{known}, `crs` mówi {given}; usuń `crs` albo poproś o poprawny"
                   " plik",
                en=f"is in EPSG:{known} by its own account, `crs` says {given}; take `crs` out, or ask for a file that"
                   " is right").at(place))
        return int(known or given or 0)

    def _feature_type(self, layer: str, stem: str | None) -> FeatureType | None:
        """The owned feature type of a layer; `stem` is the file's name where the layer is its only one."""
        names = [name.casefold() for name in (layer, stem) if name is not None]
        names += [_TERYT.sub("", name, count=1) for name in names if _TERYT.match(name)]
        for name in names:
            for feature_type in self._job.feature_types:
                given = self._parameters.layers.get(feature_type.name, VectorLayer()).name
                known = (given,) if given is not None else (feature_type.name, *feature_type.wfs)
                if name in {one.casefold() for one in known}:
                    return feature_type
        return None

    def _files(self, delivery: Delivery, folder: Path, strange: list[str]) -> Iterator[_File]:
        """The files of a delivery, one at a time; names of others in a zip are added to `strange`."""
        name = delivery.unit.id
        if is_zip(delivery.path):
            yield from self._unpacked(delivery, folder, strange)
            return
        suffix = sort_of(delivery.path)
        if suffix == ".shp":
            raise SourceError(Text(
                pl="Shapefile to kilka plików; dostarcz je razem w zip",
                en="a Shapefile is several files; deliver them together in a zip").at(name))
        if not suffix:
            raise SourceError(Text(
                pl="to ani GeoPackage, ani GeoParquet, ani FlatGeobuf, ani zip z takimi lub z Shapefile",
                en="neither GeoPackage, GeoParquet, FlatGeobuf nor a zip with such or Shapefiles").at(name))
        link = folder / f"delivery{suffix}"
        link.symlink_to(delivery.path.resolve())
        yield _File(link, PurePosixPath(file_name(delivery.unit)).stem, name)

    def _unpacked(self, delivery: Delivery, folder: Path, strange: list[str]) -> Iterator[_File]:
        name, limits = delivery.unit.id, self._parameters.limits
        infos = {PurePosixPath(info.filename): info for info in contents(delivery.path, name)}
        chosen = {path: self._parts(path, infos) for path in infos if path.suffix.lower() in _IN_ZIPS}
        parts = [info for found in chosen.values() for info in found.values()]
        refuse_encrypted(parts, name)
        if sum(info.file_size for info in parts) > limits.max_bytes:
            raise SourceError(Text(
                pl=f"po rozpakowaniu ma ponad {limits.max_bytes >> 20} MB; jeśli tak ma być, podnieś max_unpacked_mb w"
                   " pliku źródła",
                en=f"unpacks to more than {limits.max_bytes >> 20} MB; if that is meant, raise max_unpacked_mb in the"
                   " source's file").at(name))
        taken = {info.filename for info in parts}
        strange += [info.filename for info in infos.values() if info.filename not in taken]
        for number, (path, found) in enumerate(chosen.items()):
            inner = f"{name}/{path}"
            place = folder / str(number)
            place.mkdir()
            for suffix, info in found.items():
                with member(delivery.path, info, inner, limits) as packed, (place / f"layer{suffix}").open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
            suffix = path.suffix.lower()
            if sort_of(place / f"layer{suffix}") != suffix:
                raise SourceError(Text(
                    pl="nie jest tym, co mówi nazwa; poproś o nową dostawę",
                    en="not what its name says; ask for the delivery again").at(str(inner)))
            yield _File(place / f"layer{suffix}", path.stem, inner)
            shutil.rmtree(place)

    def _parts(self, path: PurePosixPath, infos: dict[PurePosixPath, ZipInfo]) -> dict[str, ZipInfo]:
        """The files that belong to one of a zip's, by suffix. Raises SourceError for a Shapefile without its table."""
        suffix = path.suffix.lower()
        found = {suffix: infos[path]}
        if suffix == ".shp":
            stem = path.with_suffix("")
            found |= {other.suffix.lower(): info for other, info in infos.items()
                      if other.with_suffix("") == stem and other.suffix.lower() in _COMPANIONS}
            for needed in (".dbf", ".shx"):
                if needed not in found:
                    raise SourceError(Text(
                        pl=f"brakuje jego pliku {needed}; poproś o nową dostawę",
                        en=f"without its {needed} file; ask for the delivery again").at(str(path)))
        return found
