"""The administrative division of a region: `units.geojson`, GeoJSON (RFC 7946) in CRS84."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pyproj
import shapely
from pydantic import ValidationError
from shapely.geometry import shape

from sdi.model.findings import Finding
from sdi.model.mistakes import mistake
from sdi.model.region import Unit

POLAND = 140_000.0, 120_000.0, 890_000.0, 920_000.0
"""Where units can lie, in EPSG:2180: min easting, min northing, max easting, max northing, in metres."""


def read_units(path: Path) -> tuple[dict[str, Unit], list[Finding]]:
    """Units by TERYT code, polygons in EPSG:2180, and what is wrong; a feature with a mistake is left out.

    Each feature has the properties `teryt` and `name`, and may have `name_en` and `commune_type`; its geometry may be
    null.
    """
    try:
        text = path.read_text(encoding="utf-8")
        features = json.loads(text)["features"]
        if not isinstance(features, list):
            raise TypeError("`features` is not a list")
    except FileNotFoundError:
        return {}, [Finding(path, 1, "missing: the region's counties and communes with teryt and name")]
    except OSError as error:
        return {}, [Finding(path, 1, f"cannot be read: {error.strerror}")]
    except KeyError as error:
        return {}, [Finding(path, 1, f"not a GeoJSON FeatureCollection: no {error}")]
    except (ValueError, TypeError, RecursionError) as error:
        return {}, [Finding(path, getattr(error, "lineno", 1), f"not a GeoJSON FeatureCollection: {error}")]
    units: dict[str, Unit] = {}
    findings = []
    for number, feature in enumerate(features, 1):
        try:
            unit = _unit(feature)
            if unit.teryt in units:
                raise ValueError(f"TERYT {unit.teryt} stands here twice")
            units[unit.teryt] = unit
        except ValidationError as error:
            detail = error.errors()[0]
            what = f"`{detail['loc'][0]}`: {mistake(detail).en}"
            findings.append(Finding(path, _line(text, number), f"feature {number}: {what}"))
        except (ValueError, TypeError, shapely.errors.ShapelyError) as error:
            findings.append(Finding(path, _line(text, number), f"feature {number}: {error}"))
    return units, findings


def _unit(feature: Any) -> Unit:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        raise ValueError("not a GeoJSON feature with properties")
    for name in ("teryt", "name"):
        if properties.get(name) is None:
            raise ValueError(f"the property `{name}` is missing")
    return Unit(
        teryt=str(properties["teryt"]),
        name=properties["name"],
        name_en=properties.get("name_en"),
        commune_type=properties.get("commune_type"),
        geometry=_polygon(feature.get("geometry")),
    )


@cache
def _to_2180() -> pyproj.Transformer:
    """From longitude, latitude to easting, northing; made once, as making it takes as long as 1,000 polygons."""
    return pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:2180", always_xy=True)


def _polygon(geometry: Any) -> shapely.Geometry | None:
    if not geometry:
        return None
    try:
        given = shape(geometry)
    except (KeyError, AttributeError, IndexError) as error:
        raise ValueError(f"not a GeoJSON geometry ({error!r})") from error
    if given.geom_type not in ("Polygon", "MultiPolygon") or given.is_empty:
        raise ValueError(f"expected a polygon, not {'an empty ' if given.is_empty else ''}{given.geom_type}")
    polygon = shapely.transform(given, _to_2180().transform, interleaved=False)
    if not shapely.box(*POLAND).contains(shapely.box(*polygon.bounds)):
        raise ValueError("lies outside of Poland; coordinates are longitude, latitude in degrees")
    if not polygon.is_valid:
        raise ValueError(f"not a valid polygon: {shapely.is_valid_reason(polygon)} (EPSG:2180)")
    return polygon


def _line(text: str, number: int) -> int:
    """The line where the feature of that number begins, or the file's first."""
    for at, match in enumerate(re.finditer(r'"type"\s*:\s*"Feature"', text), 1):
        if at == number:
            return text.count("\n", 0, match.start()) + 1
    return 1
