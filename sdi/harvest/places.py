"""Where objects lie: in which commune, and whether in their county at all."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from sdi.model.region import Region, Source

Points = NDArray[np.float64]
"""n x 2, easting and northing in EPSG:2180; NaN where there is no point."""

TOLERANCE_M = 50.0
"""How far over the county's polygon an object may lie before it counts as outside."""


class Places:
    """The polygons of one county and its communes in EPSG:2180, ready for many points.

    Where the county has no polygon, the bounds of its communes, of the region or of Poland stand for it.
    Communes of other counties are left out: a row of this county must never appear at a partner of another.
    """

    def __init__(self, region: Region, source: Source) -> None:
        self.communes = [
            (teryt, unit.geometry)
            for teryt, unit in sorted(region.units.items())
            if len(teryt) == 6 and teryt.startswith(source.county) and unit.geometry is not None
        ]
        county = region.units.get(source.county)
        polygon = county.geometry if county is not None else None
        self.county = (shapely.box(*region.bounds(source.county)) if polygon is None else polygon).buffer(TOLERANCE_M)
        shapely.prepare([polygon for _, polygon in self.communes])
        shapely.prepare(self.county)

    def commune(self, points: Points) -> list[str | None]:
        """TERYT (6 digits) of the commune of each point (n x 2, EPSG:2180), None where there is none.

        A point on a boundary belongs to the commune with the lower code.
        """
        found: list[str | None] = [None] * len(points)
        left = np.flatnonzero(np.isfinite(points).all(axis=1))
        for teryt, polygon in self.communes:
            if not left.size:
                break
            inside = shapely.intersects_xy(polygon, points[left, 0], points[left, 1])
            for index in left[inside].tolist():
                found[index] = teryt
            left = left[~inside]
        return found

    def outside(self, points: Points) -> NDArray[np.bool_]:
        """Which points (n x 2, EPSG:2180) lie outside the county; where it has no polygon, outside the bounds."""
        known = np.isfinite(points).all(axis=1)
        outside: NDArray[np.bool_] = known & ~shapely.intersects_xy(self.county, points[:, 0], points[:, 1])
        return outside


def representative_points(geometries: NDArray[np.object_]) -> Points:
    """A point on each geometry (n x 2), NaN where there is none."""
    points = shapely.point_on_surface(geometries)
    return np.column_stack((shapely.get_x(points), shapely.get_y(points)))
