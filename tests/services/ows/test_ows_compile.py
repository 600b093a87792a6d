"""The compiled mapfiles are pure text, equal to the golden files; rewrite those with SDI_GOLDEN=write."""

from __future__ import annotations

import os

from sdi.model.load import load_region
from sdi.model.region import Region
from sdi.model.register import FeatureType, Register
from sdi.services.contract import Publication
from sdi.services.ows.layers import tenant_layers
from sdi.services.ows.mapfile import quote
from sdi.services.ows.styles import OPEN_SYMBOLS, S5000, STYLES, drawing_order, style_of
from sdi.services.ows.symbols import SYMBOLS
from sdi.services.ows.wms import compile_wms
from tests.conftest import HOME

GOLDEN = HOME / "tests" / "golden" / "ows"
PUBLIC = "https://sdi.example.org"
CONNINFO = r"host=/run/pg dbname=sdi user=x password='a\'b\\c\"%d' options='-c role=sdi_serve -c jit=off'"


def test_mapfiles_equal_the_golden_files(region: Region) -> None:
    publication = Publication(region, PUBLIC, CONNINFO, HOME)
    files = compile_wms(publication, region.tenants["powiat"])
    assert files == compile_wms(publication, region.tenants["powiat"])
    assert set(files) == {"pol.map", "eng.map", "pol.asof.map", "eng.asof.map", "fonts.txt"}
    assert "_history" not in files["pol.map"], "maps of now cost nothing of the past"
    golden = GOLDEN / "powiat.wms.pol.map"
    if os.environ.get("SDI_GOLDEN") == "write":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(files["pol.map"], encoding="utf-8")
    assert files["pol.map"] == golden.read_text(encoding="utf-8")


def test_every_declared_feature_type_has_a_style_that_fits(registers: dict[str, object]) -> None:
    declared: dict[str, FeatureType] = {
        name: ft for register in registers.values() for name, ft in register.feature_types.items()
    }
    assert not declared.keys() - STYLES.keys()
    for name in declared.keys() & STYLES.keys():
        assert style_of(declared[name]) == STYLES[name], f"{name}: its style names an attribute it does not have"


def test_symbols_are_declared() -> None:
    """MapServer refuses a whole map for one unknown symbol."""
    looks = [look for style in STYLES.values()
             for look in (style.look, *(look for _, look in style.codes), *(look for _, _, look in style.before))]
    used = {look.symbol for look in looks} | {look.marks[0] for look in looks if look.marks}
    assert used <= SYMBOLS.keys() and OPEN_SYMBOLS <= SYMBOLS.keys()
    assert all(not SYMBOLS[name].filled for name in OPEN_SYMBOLS)


def test_codes_of_styles_are_declared(registers: dict[str, Register]) -> None:
    for register in registers.values():
        for name, feature_type in register.feature_types.items():
            style = style_of(feature_type)
            pairs = [(style.by, code) for code, _ in style.codes] + [(by, code) for by, code, _ in style.before]
            for by, code in pairs:
                assert code in register.code_lists[feature_type.attributes[by].code_list], (name, by, code)


def test_a_style_drops_what_the_type_does_not_have() -> None:
    bare = FeatureType.model_validate({
        "name": "budynki", "register_id": "egib", "geometry": "polygon", "attributes": {},
        "title": {"pl": "a", "en": "a"}, "abstract": {"pl": "a", "en": "a"}})
    style = style_of(bare)
    assert (style.by, style.codes, style.label) == (None, (), None)
    assert drawing_order(bare) > drawing_order(bare.model_copy(update={"name": "wody"}))


def test_names(region: Region) -> None:
    names = {layer.name for layer in tenant_layers(region.tenants["powiat"])}
    assert len(names) == 7 and "urzadzenia_wodociagowe_linie" in names


def test_quote() -> None:
    assert quote('a"b\\c\nd\x00') == '"a\\"b\\\\c d"'


def test_names_of_large_areas_give_way_to_what_is_small() -> None:
    region = load_region(HOME, "demo").region
    text = compile_wms(Publication(region, PUBLIC, CONNINFO, HOME), region.tenants["region"])["pol.map"]
    labels = [label.split("END")[0] for label in text.split('TEXT "[nazwa_wlasna]"')[1:]]
    large = [label for label in labels if f"MAXSCALEDENOM {S5000}" not in label]
    assert len(large) == 2
    assert all(f"MINSCALEDENOM {S5000}" in label for label in large)
