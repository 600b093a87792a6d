"""`units.geojson` of a region from files of boundaries, as PRG (the state register of boundaries) is passed around."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from sdi.declare.names import COUNTY
from sdi.errors import ConfigurationError

CODES = ("terc", "teryt", "JPT_KOD_JE")
NAMES = ("name", "JPT_NAZWA_")
GRID = 1e-6
"""Coordinates are kept to this many degrees: about 0.1 m."""


def units_geojson(paths: Sequence[Path], kept: Path) -> str:
    """GeoJSON (RFC 7946, CRS84) of all features in `paths`, by TERYT: each county before its communes.

    Features have a code (one of CODES, communes with 7 digits) and a name (one of NAMES). English names, which no
    register has, are taken over from `kept`, the region's file so far. Raises ConfigurationError with all mistakes.
    """
    findings: list[str] = []
    english = {unit["teryt"]: unit["name_en"] for unit in _properties(kept) if unit.keys() >= {"teryt", "name_en"}}
    units: dict[str, dict[str, Any]] = {}
    for path in paths:
        for number, feature in enumerate(_features(path), 1):
            try:
                unit = _unit(feature, english)
            except (ValueError, TypeError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
                findings.append(f"{path}: feature {number}: {error}")
                continue
            teryt = unit["properties"]["teryt"]
            if teryt in units:
                findings.append(f"{path}: feature {number}: TERYT {teryt} stands here twice")
            units[teryt] = unit
    if not units and not findings:
        findings = [f"{', '.join(map(str, paths))}: no county or commune in it"]
    if findings:
        raise ConfigurationError(findings)
    lines = ",\n".join("  " + json.dumps(units[teryt], ensure_ascii=False) for teryt in sorted(units))
    return '{"type": "FeatureCollection", "features": [\n' + lines + "\n]}\n"


def _features(path: Path) -> list[Any]:
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["features"])
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError([f"{path}: not a GeoJSON FeatureCollection: {error}"]) from error


def _properties(path: Path) -> list[dict[str, Any]]:
    """Of the features that have any: the file may be there to be replaced because of what is wrong in it."""
    features = _features(path) if path.exists() else []
    found = [feature.get("properties") for feature in features if isinstance(feature, dict)]
    return [properties for properties in found if isinstance(properties, dict)]


def _unit(feature: Any, english: dict[str, str]) -> dict[str, Any]:
    given = feature["properties"]
    code = next((str(given[name]) for name in CODES if given.get(name)), "")
    name = next((str(given[name]).strip() for name in NAMES if given.get(name)), "")
    if not (code.isdecimal() and len(code) in (4, 6, 7)) or not name:
        raise ValueError(f"expected a TERYT code in {' or '.join(CODES)}, a name in {' or '.join(NAMES)}")
    if len(code) == 4 and name[0].islower() and not name.startswith(COUNTY):
        name = COUNTY + name
    properties = {"teryt": code[:6], "name": name}
    if code[:6] in english:
        properties["name_en"] = english[code[:6]]
    if len(code) == 7:
        properties["commune_type"] = code[6]
    return {"type": "Feature", "properties": properties, "geometry": mapping(_polygon(feature["geometry"]))}


def _polygon(geometry: Any) -> shapely.Geometry:
    """The polygon valid, on the grid, outer rings anticlockwise (RFC 7946, 3.1.6), parts in a fixed order."""
    given = shape(geometry)
    if not given.is_valid:
        given = shapely.make_valid(given, method="structure", keep_collapsed=False)
    polygon = shapely.normalize(shapely.set_precision(given, GRID))
    if polygon.geom_type not in ("Polygon", "MultiPolygon") or polygon.is_empty:
        raise ValueError(f"expected a polygon, not {given.geom_type}")
    parts = shapely.get_parts(polygon)
    return shapely.orient_polygons(parts[0] if len(parts) == 1 else polygon)
