"""The layers that the suite for WMS wants (`cite:*`, near 0° 0°), as a register of a region of their own.

They lie in the tables that such a register makes, in the one CRS that is stored: it is exact there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch
from zipfile import ZipFile

import pyogrio.raw
import pyproj
import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from sdi.db.database import Database
from sdi.db.feature_tables import current_table
from sdi.model.register import GeometryType
from sdi.services.ows.styles import BROWN, DARK, GREEN, STYLES, WATER, Look, Style
from sdi.settings import Settings
from tests.conformance import own_region
from tests.conformance.own_region import COUNTY

DATA = "data-wms-1.3.0.zip"
"""Among the suite's scripts and pages; its shapefiles are in longitude and latitude."""

LAYERS: dict[str, tuple[GeometryType, Look]] = {
    "BasicPolygons": ("polygon", Look(line=DARK, fill="#f4c2a1")),
    "Forests": ("polygon", Look(line=GREEN, fill="#cfe8c0")),
    "NamedPlaces": ("polygon", Look(line="#808080", fill="#e8dcf0")),
    "Lakes": ("polygon", Look(line=WATER, fill="#9fc9f3")),
    "Ponds": ("polygon", Look(line=WATER, fill="#9fc9f3")),
    "Streams": ("line", Look(line=WATER, width=1.4)),
    "RoadSegments": ("line", Look(line=DARK, width=1.6)),
    "DividedRoutes": ("line", Look(line="#b00020", width=2.4)),
    "Bridges": ("point", Look(fill=BROWN, size=6.0)),
    "Buildings": ("polygon", Look(line=DARK, fill="#dcdcdc")),
    "MapNeatline": ("line", Look(line=DARK)),
}
"""By the names that the suite gives them, from the bottom up."""

_TO_STORED = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:2180", always_xy=True)


@contextmanager
def serving(settings: Settings, folder: Path, jars: list[Path]) -> Iterator[str]:
    """Serve the layers out of the suite's jars, below a folder; gives the address of the tenant."""
    (site,) = (jar for jar in jars if jar.name.startswith("ets-wms13-") and jar.name.endswith("-site.jar"))
    with ZipFile(site) as pages, ZipFile(pages.open(DATA)) as data:
        data.extractall(folder / "data")
    objects = {name: _objects(folder / "data" / "shapefile" / f"{name}.shp") for name in LAYERS}
    region = own_region.declared(("wms", "csw"), {name: geometry for name, (geometry, _) in LAYERS.items()},
                                 (geometry for found in objects.values() for geometry in found))

    def fill(database: Database) -> None:
        statement = sql.SQL(
            "insert into {} (id, county, source, known_from, version, content, geom) values "
            "(%s, %s, %s, now(), 1, gen_random_uuid(), ST_GeomFromWKB(%s, 2180))")
        with database.connect("harvest") as connection, connection.cursor() as cursor:
            for name, geometries in objects.items():
                cursor.executemany(statement.format(current_table(region.feature_types[name])), [
                    (f"{name}.{number}", COUNTY, COUNTY, geometry.wkb) for number, geometry in enumerate(geometries)])

    styles = {name: Style(look, max_scale=None) for name, (_, look) in LAYERS.items()}
    with patch.dict(STYLES, styles), own_region.serving(settings, folder, region, fill) as address:
        yield address


def _objects(shapefile: Path) -> list[BaseGeometry]:
    """The geometries of a shapefile in EPSG:2180, x = easting."""
    _, _, geometries, _ = pyogrio.raw.read(shapefile, columns=[])
    return list(shapely.transform(shapely.from_wkb(geometries), _TO_STORED.transform, interleaved=False))
