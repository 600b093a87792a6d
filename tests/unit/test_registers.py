"""The declared registers against the law's own schemas, and against what must never be read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from sdi.harvest.gml.objects import LIFE_CYCLE
from sdi.model.register import FeatureType, Register
from sdi.model.text import Text

XS = "{http://www.w3.org/2001/XMLSchema}"
SCHEMAS = {"egib": "EGIB.XSD", "gesut": "GESUT.XSD", "bdot500": "BDOT500.XSD"}
SCHEMAS_2015 = {
    "egib": ("EGiB", "BDOT/BT_ModelPodstawowy.xsd"),
    "gesut": ("GESUT/GESUT.xsd", "BDOT/BT_ModelPodstawowy.xsd"),
    "bdot500": ("BDOT/BDOT500.xsd", "BDOT/BT_ModelPodstawowy.xsd"),
}
FEATURE_TYPES = {
    "egib": "dzialki budynki jednostki_ewidencyjne obreby uzytki kontury_klasyfikacyjne bloki_budynkow "
            "obiekty_zwiazane_z_budynkiem punkty_graniczne adresy",
    "gesut": "przewody_wodociagowe przewody_kanalizacyjne przewody_elektroenergetyczne przewody_gazowe "
             "przewody_cieplownicze przewody_telekomunikacyjne przewody_specjalne przewody_niezidentyfikowane "
             "urzadzenia_wodociagowe urzadzenia_kanalizacyjne urzadzenia_elektroenergetyczne urzadzenia_gazowe "
             "urzadzenia_cieplownicze urzadzenia_telekomunikacyjne urzadzenia_specjalne urzadzenia_niezidentyfikowane "
             "urzadzenia_towarzyszace_liniowe urzadzenia_towarzyszace_inne gesut_rzedne",
    "bdot500": "bdot_budynki bdot_bloki_budynkow bdot_obiekty_zwiazane_z_budynkami budowle ogrodzenia komunikacja "
               "sport_i_rekreacja zagospodarowanie_terenu wody skarpy bdot_rzedne",
}
FORBIDDEN = {
    "numerkw", "numerelektronicznejkw", "kw", "numer_kw", "dokumentwlasnosci", "dodatkoweinformacje",
    "informacjadodatkowa", "informacja", "wladajacy", "przedstawiciel", "idbranzowy", "pesel", "regon", "nip",
    "dokument",
}
LIFE_CYCLE_PROPERTIES = {"idIIP"} | {path.partition("/")[0] for paths in LIFE_CYCLE.values() for path in paths}


def properties_read(feature_type: FeatureType) -> set[str]:
    """Local names of all properties of an object that the feature type reads, geometries included."""
    geometries = {"geom": ("geometria",)} | feature_type.geometry_gml
    paths = [path for attribute in feature_type.attributes.values() for path in attribute.gml]
    return {path.partition("/")[0] for path in paths} | {name for names in geometries.values() for name in names}


def published(registers: dict[str, Register]) -> Iterator[tuple[Register, FeatureType]]:
    return ((register, ft) for register in registers.values() for ft in register.feature_types.values())


class Schema:
    """The feature classes of an application schema: properties with their types, base classes, code lists."""

    def __init__(self, paths: list[Path]) -> None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        roots = [etree.parse(path, parser).getroot() for path in paths]
        self.elements = {
            element.get("name"): str(element.get("type")).rpartition(":")[2]
            for root in roots for element in root.findall(f"{XS}element")
        }
        self.types = {node.get("name"): node for root in roots for node in root.findall(f"{XS}complexType")}
        self.codes = {
            str(node.get("name")): {
                str(value.get("value")): " ".join("".join(value.itertext()).split())
                for value in node.iter(f"{XS}enumeration")
            }
            for root in roots for node in root.findall(f"{XS}simpleType")
        }

    def properties(self, class_name: str) -> dict[str, str]:
        """Property → type, those of the base classes included."""
        found: dict[str, str] = {}
        node = self.types.get(self.elements[class_name])
        while node is not None:
            for element in node.iterfind(f".//{XS}element[@name]"):
                inner = element.find(f".//{XS}extension")
                kind = element.get("type") or (inner.get("base") if inner is not None else "")
                found[str(element.get("name"))] = str(kind).rpartition(":")[2]
            extension = node.find(f"{XS}complexContent/{XS}extension")
            node = self.types.get(str(extension.get("base")).rpartition(":")[2]) if extension is not None else None
        return found


@pytest.fixture(scope="session")
def schemas(shared: Path) -> dict[str, Schema]:
    """The schemas of 2021 in force."""
    return {name: Schema([shared / "schemas/gugik/2021" / file]) for name, file in SCHEMAS.items()}


@pytest.fixture(scope="session")
def schemas_2015(shared: Path) -> dict[str, Schema]:
    """The schemas of 2015."""
    folder = shared / "schemas/gugik/2015"
    return {
        name: Schema([p for place in places for p in (sorted((folder / place).glob("EGB*")) or [folder / place])])
        for name, places in SCHEMAS_2015.items()
    }


def test_every_spatial_class_is_a_feature_type(registers: dict[str, Register]) -> None:
    assert {name: list(register.feature_types) for name, register in registers.items()} == {
        name: names.split() for name, names in FEATURE_TYPES.items()
    }


def test_names_are_unique_across_registers(registers: dict[str, Register]) -> None:
    names = [feature_type.name for _, feature_type in published(registers)]
    assert len(names) == len(set(names)) == 40


def test_everything_has_a_title_in_both_languages(registers: dict[str, Register]) -> None:
    texts: dict[str, Text] = {}
    for register in registers.values():
        texts |= {f"{register.id}": register.title, f"{register.id} abstract": register.abstract}
        texts |= {f"{register.id} law": register.legal_basis}
        for list_name, codes in register.code_lists.items():
            texts |= {f"{register.id} {list_name} {code}": entry.title for code, entry in codes.items()}
    for _, ft in published(registers):
        texts |= {ft.name: ft.title, f"{ft.name} abstract": ft.abstract}
        texts |= {f"{ft.name} {name}": attribute.title for name, attribute in ft.attributes.items()}
    assert [where for where, text in texts.items() if not (text.pl.strip() and text.en.strip())] == []


def test_every_attribute_says_where_it_comes_from(registers: dict[str, Register]) -> None:
    for _, ft in published(registers):
        assert [name for name, attribute in ft.attributes.items() if not (attribute.gml or attribute.wfs)] == []


def test_a_spelling_means_one_code(registers: dict[str, Register]) -> None:
    for register in registers.values():
        for name, codes in register.code_lists.items():
            aliases = [alias.casefold() for entry in codes.values() for alias in entry.aliases]
            assert sorted(aliases) == sorted(set(aliases)), f"{register.id} {name}"
            assert not set(aliases) & set(codes), f"{register.id} {name}"


def test_every_code_list_is_used(registers: dict[str, Register]) -> None:
    for register in registers.values():
        used = {a.code_list for ft in register.feature_types.values() for a in ft.attributes.values()}
        assert set(register.code_lists) == used - {None}


def test_personal_data_is_never_read(registers: dict[str, Register]) -> None:
    for register, ft in published(registers):
        for name, attribute in ft.attributes.items():
            named = {step.casefold() for path in (*attribute.gml, *attribute.wfs) for step in path.split("/")}
            assert not named & FORBIDDEN, f"{ft.name}.{name}"
            assert not {n for n in named if register.not_read_attributes.get(n) == "personal"}, f"{ft.name}.{name}"


def test_every_class_is_read_or_left_out_with_a_reason(
    registers: dict[str, Register], schemas: dict[str, Schema], schemas_2015: dict[str, Schema]
) -> None:
    for generation in (schemas, schemas_2015):
        for name, schema in generation.items():
            known = set(registers[name].by_class) | set(registers[name].not_read)
            assert set(schema.elements) - known - DATA_TYPES == set(), name


DATA_TYPES = {
    "EGB_IdentyfikatorIIP", "GES_IdentyfikatorIIP", "OT_IdentyfikatorIIP", "BT_Identyfikator", "BT_CyklZyciaInfo",
    "BT_IdMaterialu", "BT_ReferencjaDoObiektu", "KR_Etykieta", "KR_KrojPisma", "EGB_InfOCzesciBudynku",
    "EGB_LiczbaLokali", "EGB_OznaczenieKlasouzytku", "EGB_OznaczenieTypuGleby",
}
"""Elements that stand within an object and never alone."""


def test_no_class_is_made_up(
    registers: dict[str, Register], schemas: dict[str, Schema], schemas_2015: dict[str, Schema]
) -> None:
    misspelt = {"GES_UrzadzeniaTowarzyszaceLiniowe"}
    for name, register in registers.items():
        real = set(schemas[name].elements) | set(schemas_2015[name].elements)
        assert (set(register.by_class) | set(register.not_read)) - real - misspelt == set(), name


@pytest.mark.parametrize("generation", ["schemas", "schemas_2015"])
def test_every_property_is_read_or_left_out_with_a_reason(
    registers: dict[str, Register], generation: str, request: pytest.FixtureRequest
) -> None:
    schemas: dict[str, Schema] = request.getfixturevalue(generation)
    for register, ft in published(registers):
        for class_name in ft.gml:
            if class_name in schemas[register.id].elements:
                properties = set(schemas[register.id].properties(class_name))
                known = properties_read(ft) | set(register.not_read_attributes) | LIFE_CYCLE_PROPERTIES
                division = register.divided.get(class_name)
                unknown = properties - known - ({division.by} if division else set())
                assert unknown == set(), f"{ft.name} ← {class_name}"


def test_the_list_of_properties_agrees_with_the_schema(shared: Path, schemas: dict[str, Schema]) -> None:
    """The second, independent list of classes and properties has none that the schema reader here overlooks."""
    path = shared / "schemas/gugik/2021/classes_and_properties.csv"
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            schema = schemas[row["register"].lower()]
            if row["class"] in schema.elements:
                assert row["property"] in schema.properties(row["class"])


def test_no_property_is_made_up(
    registers: dict[str, Register], schemas: dict[str, Schema], schemas_2015: dict[str, Schema]
) -> None:
    for register, ft in published(registers):
        both = schemas[register.id], schemas_2015[register.id]
        real = {prop for schema in both for class_name in schema.elements for prop in schema.properties(class_name)}
        assert properties_read(ft) <= real, ft.name


def test_codes_and_their_words_are_those_of_the_schema(
    registers: dict[str, Register], schemas: dict[str, Schema]
) -> None:
    """Every code of 2021 is declared, and its word in the schema is a spelling of it."""
    for register, ft in published(registers):
        schema = schemas[register.id]
        properties = {k: v for cls in ft.gml if cls in schema.elements for k, v in schema.properties(cls).items()}
        for name, attribute in ft.attributes.items():
            codes = schema.codes.get(next((properties[p] for p in attribute.gml if p in properties), ""))
            if codes is None or attribute.reading != "value":
                continue
            assert attribute.code_list is not None, f"{ft.name}.{name}"
            declared = register.code_lists[attribute.code_list]
            assert set(codes) <= set(declared), f"{ft.name}.{name}"
            for code, word in codes.items():
                spellings = {alias.casefold() for alias in declared[code].aliases}
                last = word.split()[-1].casefold() if word else None
                assert last is None or last in spellings, f"{ft.name}.{name} {code}: {word}"


def test_words_of_2015_have_a_code(
    registers: dict[str, Register], schemas_2015: dict[str, Schema], shared: Path
) -> None:
    """Whatever the code lists of 2015 allow finds a code of the feature type to which its object goes."""
    folder = shared / "schemas/gugik/2015"
    lists = {
        "gesut": Schema([folder / "GESUT/GES_GESUT_Slowniki.xsd"]).codes,
        "bdot500": Schema([folder / "BDOT/BDZ_BDOT500_Slowniki.xsd"]).codes,
        "egib": schemas_2015["egib"].codes,
    }
    for register, ft in published(registers):
        for class_name in ft.gml:
            if class_name not in schemas_2015[register.id].elements:
                continue
            division = register.divided.get(class_name)
            for prop, kind in schemas_2015[register.id].properties(class_name).items():
                attribute = next((a for a in ft.attributes.values() if prop in a.gml and a.code_list), None)
                if attribute is None or kind not in lists[register.id] or prop == "rodzajUrzadz":
                    continue  # which devices a network may have is not said by the code list of 2015
                words = {
                    word for word in lists[register.id][kind]
                    if division is None or division.by != prop
                    or division.into.get(word, division.otherwise) == ft.name
                }
                declared = register.code_lists[attribute.code_list or ""]
                spellings = {a.casefold() for entry in declared.values() for a in entry.aliases}
                missing = {word for word in words if word not in declared and word.casefold() not in spellings}
                assert missing <= UNTRANSLATED.get(prop, set()), f"{ft.name} ← {class_name}.{prop}"


UNTRANSLATED = {"rodzajSlup": {"inny"}}
"""Words for which no code of 2021 would be true: such an object is read and its value becomes an issue."""


def test_devices_of_2015_find_a_code_in_some_network(registers: dict[str, Register], shared: Path) -> None:
    codes = Schema([shared / "schemas/gugik/2015/GESUT/GES_GESUT_Slowniki.xsd"]).codes["GES_UrzadzType"]
    gesut = registers["gesut"]
    spellings = {
        alias for ft in gesut.feature_types.values() for attribute in ft.attributes.values()
        if "rodzajUrzadz" in attribute.gml and attribute.code_list
        for entry in gesut.code_lists[attribute.code_list].values() for alias in entry.aliases
    }
    assert set(codes) <= spellings


def test_units_are_those_of_the_schema(registers: dict[str, Register]) -> None:
    assert {
        (name, attribute.unit) for _, ft in published(registers)
        for name, attribute in ft.attributes.items() if attribute.unit
    } == {
        ("pole_ewidencyjne", "ha"), ("powierzchnia_zabudowy", "m2"), ("powierzchnia_lokali_wyodrebnionych", "m2"),
        ("powierzchnia_lokali_niewyodrebnionych", "m2"), ("powierzchnia_pomieszczen_przynaleznych", "m2"),
        ("srednica", "mm"), ("wymiar_poziomy", "mm"), ("wymiar_pionowy", "mm"),
        ("rzedna_gory", "m"), ("rzedna_dolu", "m"), ("rzedna", "m"),
    }
