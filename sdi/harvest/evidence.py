"""What the checks look at beside counts: the known objects of a delivery, its dates, and what proves its axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
import pyproj
import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from sdi.db.feature_tables import current_table
from sdi.db.queries import query
from sdi.model.expectations import Known
from sdi.model.region import Region, Source
from sdi.model.register import FeatureType
from sdi.store.staging import known_table, stage_table

CRSS = (2180, 2176, 2177, 2178, 2179, 4326)
"""CRSs that county servers answer in: in one of these the axes may be the wrong way round."""

_KNOWN = """
select st_asbinary(geom) from (
    select geom from {stage} where not past and position is not null and ({names})
    union all
    select c.geom from {current} c join (
        select content from {stage} where not past and position is null
        union all
        select content from {known} where feature_type = %(feature_type)s
    ) s using (content)
    where c.county = %(county)s and ({c_names})
) o order by geom is null limit 1
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What became of a known object."""

    known: Known
    geometry: BaseGeometry | None
    """As it would be served, in EPSG:2180; None where it has none."""
    delivered: bool

    @property
    def distance_m(self) -> float:
        """From the object to where it should be."""
        return float("inf") if self.geometry is None else self.geometry.distance(self.known.point)

    @property
    def mirrored_in(self) -> int | None:
        """The EPSG code in which the object would be at its place if its axes were swapped; None: in none."""
        return next((
            crs for crs in CRSS
            if self.geometry is not None and swapped(self.geometry, crs).distance(self.known.point)
            <= self.known.within_m
        ), None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Facts of one staged delivery."""

    newest: datetime | None = None
    """Latest date that an object carries: start of a version or of the object."""
    sightings: tuple[Sighting, ...] = field(default=())
    polygon: bool = True
    """The county has a polygon of its own."""
    causes: dict[str, int] = field(default_factory=dict)
    """Objects set aside by the code of their issue."""
    mirrored_share: float = 0.0
    """The share of the county's polygon that lies in its own mirror image: there, swapped axes go unnoticed."""


def gather(
    connection: psycopg.Connection[Any], run: int, region: Region, source: Source, newest: datetime | None
) -> Evidence:
    """Look at the stage of a run, whose latest date is `newest`."""
    unit = region.units.get(source.county)
    polygon = unit.geometry if unit is not None else None
    return Evidence(
        newest,
        tuple(_look(connection, run, source, region.feature_types[known.feature_type], known)
              for known in source.expect.known),
        polygon is not None,
        dict(connection.execute(query("harvest", "causes"), {"run": run}).fetchall()),
        0.0 if polygon is None else _mirrored_share(polygon, source),
    )


def swapped(geometry: BaseGeometry, crs: int) -> BaseGeometry:
    """A geometry (EPSG:2180) as it would be had its axes been the other way round in `crs`; empty where impossible."""
    there = pyproj.Transformer.from_crs(2180, crs, always_xy=True)

    def mirror(coordinates: Any) -> Any:
        x, y = there.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack(there.transform(y, x, direction="INVERSE"))

    mirrored = shapely.transform(geometry, mirror)
    if not np.isfinite(shapely.get_coordinates(mirrored)).all():
        return shapely.Point()
    return mirrored


def _mirrored_share(polygon: BaseGeometry, source: Source) -> float:
    """Only in EPSG:2180 do Polish eastings and northings overlap so far that it matters."""
    if source.parameters.get("crs", 2180) != 2180:
        return 0.0
    return float(polygon.intersection(swapped(polygon, 2180).buffer(0)).area / polygon.area)


def _look(
    connection: psycopg.Connection[Any], run: int, source: Source, feature_type: FeatureType, known: Known
) -> Sighting:
    keys = [sql.Identifier(name) for name in ("id", *([feature_type.key] if feature_type.key else []))]
    statement = sql.SQL(_KNOWN).format(
        stage=stage_table(run, feature_type), known=known_table(run), current=current_table(feature_type),
        names=sql.SQL(" or ").join(key + sql.SQL(" = %(id)s") for key in keys),
        c_names=sql.SQL(" or ").join(sql.SQL("c.") + key + sql.SQL(" = %(id)s") for key in keys),
    )
    row = connection.execute(statement, {
        "id": known.id, "feature_type": feature_type.name, "county": source.county}).fetchone()
    return Sighting(known, shapely.from_wkb(row[0]) if row and row[0] else None, row is not None)
