"""The mapfile of a tenant's WFS: one type for each layer, the published columns and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from sdi.model.region import Tenant
from sdi.model.text import Language
from sdi.services.contract import Publication
from sdi.services.ows.layers import SORT, Layer, tenant_layers
from sdi.services.ows.mapfile import (
    CODES,
    block,
    connection,
    extent,
    layer_metadata,
    metadata,
    projection,
    quote,
    service_metadata,
)

PAGE_MAX = 10_000
"""Features of one answer; more are paged by STARTINDEX (it is also the CountDefault of the capabilities)."""

EXTENT = "extent"
"""The parameter that widens the layers' extent to EVERYWHERE.

BEWARE: a request without BBOX gives only what lies within ows_extent (MapServer 8.0 minds
wfs_use_default_extent_for_getfeature for OGR sources alone), and the capabilities show the same ows_extent.
"""

EVERYWHERE = "-1000000 -1000000 2000000 2000000"
"""Far beyond Poland, EPSG:2180."""

NAMESPACE = "urn:sdi:registers"
"""XML namespace of the types, the same for every tenant."""

PREFIX = "sdi"


@dataclass(frozen=True, slots=True)
class Format:
    """An output format that GDAL writes, beside MapServer's own GML."""

    name: str
    driver: str
    mime: str
    options: tuple[str, ...]
    aliases: tuple[str, ...]
    """Other spellings of OUTPUTFORMAT, lower case."""


FORMATS = (
    Format("geojson", "OGR/GeoJSON", "application/geo+json",
           ("STORAGE=stream", "FORM=SIMPLE", "USE_FEATUREID=true", "LCO:COORDINATE_PRECISION=8"),
           ("application/json", "json", "application/vnd.geo+json", "application/json; subtype=geojson")),
    Format("gpkg", "OGR/GPKG", "application/geopackage+sqlite3",
           ("STORAGE=filesystem", "FORM=SIMPLE", "FILENAME=dane.gpkg"),
           ("geopackage", "application/x-gpkg", "application/geopackage+vnd.sqlite3")),
    Format("shape-zip", "OGR/ESRI Shapefile", "application/x-shapefile",
           ("STORAGE=filesystem", "FORM=zip", "FILENAME=dane.zip", "LCO:ENCODING=UTF-8"),
           ("shapefile", "shp", "application/zip")),
    Format("csv", "OGR/CSV", "text/csv",
           ("STORAGE=stream", "FORM=SIMPLE", "FILENAME=dane.csv", "LCO:GEOMETRY=AS_WKT"), ()),
)

_GEOMETRIES = {"point": "point", "line": "multiline", "polygon": "multipolygon"}
"""gml_geom_type by kind; of features of any geometry also points may be several (multipoint)."""


def compile_wfs(publication: Publication, tenant: Tenant) -> dict[str, str]:
    """File names and mapfiles, one for each language of the tenant."""
    return {f"{CODES[language]}.map": _map(publication, tenant, language) for language in tenant.languages}


def _map(publication: Publication, tenant: Tenant, language: Language) -> str:
    web = service_metadata(publication, tenant, "wfs", language) | {
        "wfs_namespace_prefix": PREFIX,
        "wfs_namespace_uri": NAMESPACE,
        "wfs_maxfeatures": str(PAGE_MAX),
        "wfs_getfeature_formatlist": ",".join(f.name for f in FORMATS),
        "wfs_compute_number_matched": "false",
        "ows_sld_enabled": "false",
    }
    return block(
        "MAP",
        f"NAME {quote(tenant.id)}",
        "UNITS METERS",
        "SIZE 256 256",
        f"EXTENT {EVERYWHERE}",
        projection(2180),
        block("WEB", metadata(web)),
        map(_format, FORMATS),
        (_layer(publication, tenant, layer, language) for layer in tenant_layers(tenant)),
    ) + "\n"


def _format(form: Format) -> str:
    return block(
        "OUTPUTFORMAT",
        f"NAME {quote(form.name)}",
        f"DRIVER {quote(form.driver)}",
        f"MIMETYPE {quote(form.mime)}",
        (f"FORMATOPTION {quote(option)}" for option in form.options),
    )


def _layer(publication: Publication, tenant: Tenant, layer: Layer, language: Language) -> str:
    gml = {
        "gml_featureid": "fid",
        "gml_geometries": "geom",
        "gml_geom_type": "multipoint" if layer.partial and layer.kind == "point" else _GEOMETRIES[layer.kind],
        "ows_extent": f"%{EXTENT}%",
    }
    return block(
        "LAYER",
        f"NAME {quote(layer.name)}",
        f"TYPE {layer.kind.upper()}",
        "STATUS ON",
        'TEMPLATE "-"',
        connection(publication),
        f"DATA {quote(layer.data(tenant, ordered=True))}",
        block(
            "VALIDATION",
            f'"default_{SORT}" "x.fid"',
            f'"{SORT}" {quote(layer.sort_pattern)}',
            f'"default_{EXTENT}" {quote(extent(tenant))}',
            f'"{EXTENT}" {quote(f"^{EVERYWHERE}$")}',
        ),
        projection(2180),
        metadata(layer_metadata(publication, tenant, layer, language) | gml),
    )
