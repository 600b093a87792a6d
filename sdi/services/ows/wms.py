"""The mapfile of a tenant's WMS: a tree of registers, feature types and layers, drawn by `styles`."""

from __future__ import annotations

from collections.abc import Iterator

from sdi.model.region import Tenant
from sdi.model.text import Language, Text
from sdi.services.contract import Publication
from sdi.services.ows.layers import AS_OF, AS_OF_PATTERN, Layer, layers_of
from sdi.services.ows.mapfile import (
    CODES,
    SRS,
    block,
    connection,
    dataset_authority,
    dataset_link,
    extent,
    inspire_metadata,
    layer_metadata,
    metadata,
    projection,
    quote,
    service_metadata,
)
from sdi.services.ows.styles import Label, Look, drawing_order, style_of
from sdi.services.ows.symbols import SYMBOLS

SIZE_MAX = 3072
"""Largest width and height of an image, in pixels; a square of it takes 40 MB."""

LAYERS_MAX = 100
"""Most names in LAYERS."""

STYLE = "inspire_common:DEFAULT"
"""The one style of each layer: the name of the default where the theme defines none (INSPIRE TG view §4.2.3.3.4.3)."""

IMAGES = ("image/png", "image/png; mode=8bit", "image/jpeg", "image/webp")

INFO_FORMATS = ("text/plain", "text/html", "application/json", "application/geo+json", "application/vnd.ogc.gml")
"""Formats of GetFeatureInfo; MapServer writes text and GML, `featureinfo` HTML and GeoJSON."""

GEOJSON = "application/json"
"""The format in which `featureinfo` asks MapServer for one layer."""

TIME_EXTENT, TIME_DEFAULT = "@time-extent@", "@time-default@"
"""Stand in the capabilities where each answer has the times of the first and the last commit."""

FONTS = "fonts.txt"
FONT_FILES = {"sans": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"}
"""Debian's fonts-dejavu-core: has all Polish letters."""

_OUTPUTS = (
    ("png", "AGG/PNG", "image/png", "RGBA", ("COMPRESSION=6",)),
    ("png8", "AGG/PNG8", "image/png; mode=8bit", "RGBA", ("QUANTIZE_FORCE=on", "QUANTIZE_COLORS=256")),
    ("jpeg", "AGG/JPEG", "image/jpeg", "RGB", ("QUALITY=85",)),
    ("webp", "GDAL/WEBP", "image/webp", "RGBA", ("QUALITY=85",)),
    ("geojson", "OGR/GeoJSON", GEOJSON, "FEATURE",
     ("STORAGE=stream", "FORM=SIMPLE", "LCO:COORDINATE_PRECISION=8")),
)

SYMBOL_SCALE = 1_000
"""The scale denominator at which widths and sizes are those of the styles."""

_TOLERANCE_PX = {"point": 6, "line": 4, "polygon": 0}
"""How far from a click a feature may lie."""


def compile_wms(publication: Publication, tenant: Tenant) -> dict[str, str]:
    """File names and texts: mapfiles for each language of the tenant, of now and of TIME, and the list of fonts."""
    maps = {f"{CODES[language]}.map": _map(publication, tenant, language) for language in tenant.languages}
    maps |= {as_of_file(language): _map(publication, tenant, language, as_of=True) for language in tenant.languages}
    return maps | {FONTS: "".join(f"{name} {path}\n" for name, path in FONT_FILES.items())}


def as_of_file(language: Language) -> str:
    """The mapfile that answers requests with TIME; that of now does not look at history at all."""
    return f"{CODES[language]}.asof.map"


def _map(publication: Publication, tenant: Tenant, language: Language, *, as_of: bool = False) -> str:
    web = service_metadata(publication, tenant, language) | inspire_metadata(publication, tenant) | {
        "wms_bbox_extended": "true",
        "wms_srs": f"{SRS} CRS:84",
        "wms_getmap_formatlist": "png,png8,jpeg,webp",
        "wms_layerlimit": str(LAYERS_MAX),
        "wms_getlegendgraphic_formatlist": ",".join(IMAGES),
        "wms_getfeatureinfo_formatlist": ",".join(INFO_FORMATS),
        "wms_feature_info_mime_type": "text/html",
        "wms_sld_enabled": "false",
    }
    return block(
        "MAP",
        f"NAME {quote(tenant.id)}",
        "UNITS METERS",
        "SIZE 256 256",
        f"MAXSIZE {SIZE_MAX}",
        # The OGC's pixel of 0.28 mm, so that scale limits hold as clients compute them (WMS 1.3.0 §7.2.4.6.9).
        "RESOLUTION 91",
        "DEFRESOLUTION 91",
        'IMAGECOLOR "#ffffff"',
        f"FONTSET {quote(FONTS)}",
        f"EXTENT {extent(tenant)}",
        projection(2180),
        block("WEB", metadata(web)),
        (symbol.text(name) for name, symbol in SYMBOLS.items()),
        (_output(*output) for output in _OUTPUTS),
        block("LEGEND", "KEYSIZE 22 14", block("LABEL", _font(Label("", 0, size=9.0)))),
        _tree(publication, tenant, language, as_of),
    ) + "\n"


def _output(name: str, driver: str, mime: str, mode: str, options: tuple[str, ...]) -> str:
    return block(
        "OUTPUTFORMAT", f"NAME {quote(name)}", f"DRIVER {quote(driver)}", f"MIMETYPE {quote(mime)}",
        f"IMAGEMODE {mode}", "TRANSPARENT OFF", (f"FORMATOPTION {quote(option)}" for option in options),
    )


def _tree(publication: Publication, tenant: Tenant, language: Language, as_of: bool) -> Iterator[str]:
    """Registers in drawing order, below each its feature types, below those of any geometry their parts."""
    types = {name: [ft for ft in tenant.feature_types if ft.register_id == name] for name in tenant.register_ids}
    for name in sorted(types, key=lambda name: max(map(drawing_order, types[name]))):
        register = publication.region.registers[name]
        link = dataset_link(publication, tenant, name)
        authority = dataset_authority(publication, tenant, name)
        yield _parent(tenant, name, "", register.title, register.abstract, language, link | authority)
        for feature_type in sorted(types[name], key=drawing_order):
            path = f"/{name}"
            if feature_type.geometry == "any":
                yield _parent(
                    tenant, feature_type.name, path, feature_type.title, feature_type.abstract, language, link)
                path += f"/{feature_type.name}"
            for layer in layers_of(feature_type):
                yield _layer(publication, tenant, layer, path, language, as_of)


def _parent(
    tenant: Tenant, name: str, path: str, title: Text, abstract: Text, language: Language, link: dict[str, str]
) -> str:
    """A layer that draws nothing: MapServer takes it for the node of the tree that has its name.

    Its one feature, without a class and far from Poland, keeps MapServer from looking for a file.
    """
    texts = {"ows_title": title.get(language), "ows_abstract": abstract.get(language), "wms_layer_group": path,
             "ows_extent": extent(tenant)} | link
    return block("LAYER", f"NAME {quote(name)}", "TYPE POINT", "STATUS OFF", 'TEMPLATE "-"',
                 "FEATURE POINTS 0 0 END END", projection(2180), metadata(texts))


def _layer(
    publication: Publication, tenant: Tenant, layer: Layer, path: str, language: Language, as_of: bool
) -> str:
    style = style_of(layer.feature_type)
    texts = layer_metadata(publication, tenant, layer, language) | {
        "wms_layer_group": path,
        f"wms_style_{STYLE}_title": layer.title.get(language),
        # Without wms_timeitem MapServer does not look at TIME itself.
        "wms_timeextent": TIME_EXTENT,
        "wms_timedefault": TIME_DEFAULT,
    }
    return block(
        "LAYER",
        f"NAME {quote(layer.name)}",
        f"TYPE {layer.kind.upper()}",
        "STATUS OFF",
        'TEMPLATE "-"',
        connection(publication),
        f"DATA {quote(layer.data(tenant, as_of=as_of))}",
        block("VALIDATION", f'"{AS_OF}" {quote(AS_OF_PATTERN)}') if as_of else (),
        projection(2180),
        f"TOLERANCE {_TOLERANCE_PX[layer.kind]}",
        f"MAXSCALEDENOM {style.max_scale}" if style.max_scale else (),
        f"SYMBOLSCALEDENOM {SYMBOL_SCALE}",
        f"CLASSITEM {quote(style.by)}" if style.by else (),
        f"CLASSGROUP {quote(STYLE)}",
        metadata(texts),
        _classes(publication, layer, language),
    )


def _classes(publication: Publication, layer: Layer, language: Language) -> Iterator[str]:
    style = style_of(layer.feature_type)
    title = layer.title.get(language)
    cases = [(name, code, f"EXPRESSION ('[{name}]' = '{code}')", look) for name, code, look in style.before]
    cases += [(style.by or "", code, f"EXPRESSION {quote(code)}", look) for code, look in style.codes]
    for name, code, condition, look in cases:
        what = _code_title(publication, layer, name, code, language)
        yield _class(layer, f"{title}: {what}", look, style.label, condition)
    rest = {"pl": "inne", "en": "other"}[language]
    yield _class(layer, f"{title}: {rest}" if cases else title, style.look, style.label)


def _code_title(publication: Publication, layer: Layer, name: str, code: str, language: Language) -> str:
    attribute = layer.feature_type.attributes[name]
    codes = publication.region.registers[layer.feature_type.register_id].code_lists.get(attribute.code_list or "", {})
    return codes[code].title.get(language) if code in codes else code


def _class(layer: Layer, name: str, look: Look, label: Label | None, *conditions: str) -> str:
    scale = f"MAXSCALEDENOM {look.max_scale}" if look.max_scale else ()
    return block("CLASS", f"NAME {quote(name)}", f"GROUP {quote(STYLE)}", conditions, scale, look.styles(layer.kind),
                 _label(layer, label) if label else ())


def _label(layer: Layer, label: Label) -> str:
    place = {
        "polygon": ("POSITION CC", "MINFEATURESIZE AUTO" if label.fits else ()),
        "line": ("POSITION CC", "ANGLE AUTO", "MINFEATURESIZE AUTO", "REPEATDISTANCE 250"),
        "point": ("POSITION AUTO", "BUFFER 1"),
    }[layer.kind]
    least = f"MINSCALEDENOM {label.min_scale}" if label.min_scale else ()
    return block("LABEL", _font(label), f"TEXT {quote(label.text)}", least, f"MAXSCALEDENOM {label.max_scale}",
                 *place, f"PRIORITY {label.priority}", "PARTIALS FALSE")


def _font(label: Label) -> tuple[str, ...]:
    return ("TYPE TRUETYPE", 'FONT "sans"', f"SIZE {label.size:g}", f"MINSIZE {label.size * 0.85:g}",
            f"MAXSIZE {label.size * 1.15:g}", f'COLOR "{label.colour}"',
            'OUTLINECOLOR "#ffffff"', "OUTLINEWIDTH 2")
