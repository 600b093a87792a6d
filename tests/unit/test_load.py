"""A small declared region, and each mistake in it: found with its line, and nothing else is disturbed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdi.errors import ConfigurationError
from sdi.model.load import Loaded, load_region

REGISTER = """\
title: {{pl: {id}, en: {id}}}
abstract: {{pl: a, en: a}}
legal_basis: {{pl: a, en: a}}
namespaces: [urn:{id}]
inspire_theme: CP
topic_category: planningCadastre
feature_types:
  {types}
"""
FEATURE_TYPE = "{name}: {{title: {{pl: a, en: a}}, abstract: {{pl: a, en: a}}, geometry: polygon, attributes: {{}}}}"

REGION = """\
title: {pl: Region, en: Region}
abstract: {pl: a, en: a}
contact: {organisation: {pl: a, en: a}, email: a@example.org}
licence: {title: {pl: a, en: a}, url: https://example.org/}
"""


def register(name: str, *types: str) -> str:
    return REGISTER.format(id=name, types="\n  ".join(FEATURE_TYPE.format(name=kind) for kind in types))


def units(*codes: str) -> str:
    square = {"type": "Polygon", "coordinates": [[[18, 53], [18.1, 53], [18.1, 53.1], [18, 53.1], [18, 53]]]}
    features = [{"type": "Feature", "properties": {"teryt": code, "name": code}, "geometry": square} for code in codes]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1)


class Home:
    """A folder with a declaration that has no mistakes, until a test makes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("registers/egib.yaml", register("egib", "dzialki", "budynki"))
        self.write("registers/gesut.yaml", register("gesut", "przewody"))
        self.write("regions/r/region.yaml", REGION)
        self.write("regions/r/units.geojson", units("0415", "041501", "2207"))
        self.source("a", "kind: gml\ncounty: 0415\ndelivers: [egib]\nparameters: {path: a}\n")
        self.source("b", "kind: gml\ncounty: '2207'\ndelivers: [gesut]\nparameters: {path: b}\n")
        self.partner("one", "teryt: 0415\ntitle: {pl: a, en: a}\n")
        self.partner("two", "teryt: '041501'\ntitle: {pl: a, en: a}\nregisters: [dzialki]\n")
        self.partner("three", "teryt: '2207'\ntitle: {pl: a, en: a}\n")

    def write(self, path: str, text: str) -> None:
        file = self.folder / "configs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def source(self, name: str, text: str) -> None:
        self.write(f"regions/r/sources/{name}.yaml", text)

    def partner(self, name: str, text: str) -> None:
        self.write(f"regions/r/partners/{name}.yaml", text)

    def load(self, **environ: str) -> Loaded:
        return load_region(self.folder, "r", environ)

    def findings(self, **environ: str) -> list[str]:
        """What is found, each as `folder/file:line: message`."""
        return [show(finding) for finding in sorted(self.load(**environ).findings)]


def show(finding: Any) -> str:
    return f"{finding.path.parent.name}/{finding.path.name}:{finding.line}: {finding.message}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_declaration_without_mistakes(home: Home) -> None:
    loaded = home.load()
    assert (loaded.findings, loaded.notes) == ([], [])
    assert list(loaded.region.tenants) == ["region", "one", "three", "two"]
    assert loaded.region.sources["a"].parameters == {"path": "a"}


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("kind: gml\ncounty: 0415\ndelivers: [egib]\nnonsense: 1\n",
         "4: unknown field `nonsense`; known are: title, kind, county, commune, delivers, parameters, expect, "
         "schedule, promise_h, tls"),
        ("kind: gml\ncounty: 0415\ntitel: {pl: a, en: a}\ndelivers: [egib]\n",
         "3: unknown field `titel`; did you mean `title`?"),
        ("kind: gml\ncounty: 0415\ndelivers: [egib]\nexpect:\n  mni: {}\n",
         "5: unknown field `expect.mni`; did you mean `min`?"),
        ("county: 0415\ndelivers: [egib]\n", "1: the field `kind` is missing"),
        ("kind: gml\ncounty: 0499\ndelivers: [egib]\n",
         "2: unknown TERYT 0499: not in units.geojson; correct it or add it there"),
        ("kind: gml\ncounty: 41\ndelivers: [egib]\n", "2: `county`: expected 4 digits"),
        ("kind: gml\ncounty: 0415\ncommune: 220701\ndelivers: [egib]\n",
         "3: commune 220701 does not lie in county 0415"),
        ("kind: gml\ncounty: 0415\ndelivers:\n  - egib\n  - land\n",
         "5: unknown register or feature type `land`; registers are: egib, gesut"),
        ("kind: gml\ncounty: 0415\ndelivers: []\n", "3: delivers nothing: name registers or feature types"),
        ("kind: gml\ncounty: 0415\ndelivers: egib\n", "3: `delivers`: expected a list: [a, b]"),
        ("kind: gml\ncounty: 0415\ndelivers: [egib]\nexpect:\n  min:\n    przewody: 5\n",
         "6: `przewody` is not delivered by this source"),
        ("kind: gml\ncounty: 0415\ndelivers: [egib]\nexpect:\n  outside_max: 5\n",
         "5: `expect.outside_max`: expected at most 1"),
        ("id: a\nkind: gml\ncounty: 0415\ndelivers: [egib]\n", "1: `id` is the file's name; leave it out"),
        ("kind: gml\ncounty: [0415\ndelivers: egib\n", "3: not readable as YAML: expected ',' or ']', but got ':'"),
        ("kind: gml\nkind: wfs\n", "2: not readable as YAML: 'kind' stands here twice"),
        ("- a\n- b\n", "1: expected fields with values, as `field: value`"),
        ("", "1: expected fields with values, as `field: value`"),
    ],
)
def test_a_mistake_in_a_source_is_the_only_finding(home: Home, text: str, finding: str) -> None:
    """And its partners, which have no data without it, are left out with a note, not with a finding."""
    home.source("a", text)
    loaded = home.load()
    assert [show(found) for found in loaded.findings] == [f"sources/a.yaml:{finding}"]
    assert list(loaded.region.sources) == ["b"]
    assert list(loaded.region.partners) == ["three"]
    assert [show(note) for note in loaded.notes] == [
        f"partners/{name}.yaml:1: is left out as well: its data would come from sources with mistakes: a"
        for name in ("one", "two")
    ]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("teryt: 0499\ntitle: {pl: a, en: a}\n",
         "1: unknown TERYT 0499: not in units.geojson; correct it or add it there"),
        ("title: {pl: a, en: a}\nteryt: 4x\n",
         "2: `teryt`: '4x' is not a TERYT code: expected 2 digits (region), 4 (county), 6 or 7 (commune)"),
        ("teryt: 2207\ntitle: {pl: a}\n", "2: the field `title.en` is missing"),
        ("teryt: 2207\ntitle: {pl: a, en: a}\nregisters: [egib]\n",
         "3: a partner without data: no source delivers any of its registers for county 2207; "
         "add one under sources/ or leave the partner out"),
        ("teryt: 2207\ntitle: {pl: a, en: a}\nregisters: []\n",
         "3: a partner without data: no source delivers any of its registers for county 2207; "
         "add one under sources/ or leave the partner out"),
        ("teryt: 2207\ntitle: {pl: a, en: a}\ncontact:\n  organisation: {pl: a, en: a}\n  emial: a@example.org\n",
         "3: the field `contact.email` is missing"),
        ("teryt: 2207\ntitle: {pl: a, en: a}\ncontact:\n  organisation: {pl: a, en: a}\n  email: nie mail\n",
         "5: `contact.email`: expected an e-mail address"),
        ("teryt: 2207\ntitle: {pl: a, en: a}\nservices: [wmts]\n",
         "3: `services.0`: expected one of 'ogcapi', 'wms', 'wfs', 'csw', 'download'"),
    ],
)
def test_a_mistake_in_a_partner_leaves_out_that_partner_only(home: Home, text: str, finding: str) -> None:
    home.partner("three", text)
    loaded = home.load()
    assert show(loaded.findings[0]) == f"partners/three.yaml:{finding}"
    assert list(loaded.region.partners) == ["one", "two"]
    assert loaded.notes == []


def test_all_mistakes_are_found_at_once(home: Home) -> None:
    home.source("a", "kind: gml\nco: 1\n")
    home.partner("three", "teryt: 9999\ntitle: a\n")
    home.write("registers/gesut.yaml", "title: a\n")
    home.write("regions/r/region.yaml", "title: a\n")
    with pytest.raises(ConfigurationError) as caught:
        home.load()
    text = "\n".join(caught.value.findings)
    for wanted in ("region.yaml:1: `title`", "gesut.yaml:1: the field `namespaces`", "a.yaml:2: unknown field `co`",
                   "three.yaml:2: `title`"):
        assert wanted in text


def test_an_unquoted_teryt_works(home: Home) -> None:
    home.source("b", "kind: gml\ncounty: 2207\ncommune: 220701\ndelivers: [gesut]\n")
    home.partner("three", "teryt: 2207\ntitle: {pl: a, en: a}\n")
    loaded = home.load()
    assert loaded.findings == []
    assert (loaded.region.sources["b"].county, loaded.region.partners["three"].teryt) == ("2207", "2207")


def test_the_type_of_a_commune_is_cut_off(home: Home) -> None:
    home.partner("two", "teryt: 0415011\ntitle: {pl: a, en: a}\n")
    assert home.load().region.partners["two"].teryt == "041501"


def test_two_sources_cannot_own_the_same_feature_type_of_a_county(home: Home) -> None:
    home.source("c", "kind: gml\ncounty: 0415\ndelivers:\n  [gesut, egib]\n")
    assert home.findings() == [
        f"sources/{name}.yaml:3: source {other} delivers `dzialki`, `budynki` of county 0415 as well; "
        "take each from one of the two; until then neither is harvested" for name, other in ("ac", "ca")
    ]
    assert list(home.load().region.sources) == ["b"]


def test_a_source_with_another_mistake_does_not_take_anything_from_the_owner(home: Home) -> None:
    home.source("c", "kind: gml\ncounty: 0415\ndelivers: [egib, land]\n")
    assert len(home.findings()) == 1
    assert list(home.load().region.sources) == ["a", "b"]


def test_the_same_register_in_two_counties_is_fine(home: Home) -> None:
    home.source("c", "kind: gml\ncounty: 2207\ndelivers: [egib]\n")
    assert home.findings() == []


def test_a_register_with_mistakes_does_not_make_its_name_unknown(home: Home) -> None:
    home.write("registers/egib.yaml", "title: [\n")
    loaded = home.load()
    assert [show(finding) for finding in loaded.findings] == [
        "registers/egib.yaml:2: not readable as YAML: expected the node content, but found '<stream end>'"]
    assert show(loaded.notes[0]) == (
        "sources/a.yaml:1: is left out as well: `egib` may be declared in a register with mistakes: egib")
    assert list(loaded.region.tenants) == ["region", "three"]


def test_a_feature_type_has_one_register(home: Home) -> None:
    home.write("registers/gesut.yaml", register("gesut", "przewody", "dzialki"))
    loaded = home.load()
    assert [show(finding) for finding in loaded.findings] == [
        "registers/gesut.yaml:9: feature type `dzialki` is also declared in egib.yaml; rename one"]
    assert list(loaded.region.sources) == ["a"]


def test_a_bad_pattern_is_a_finding(home: Home) -> None:
    attribute = "attributes: {a: {title: {pl: a, en: a}, pattern: '('}}"
    home.write("registers/egib.yaml", register("egib", "dzialki").replace("attributes: {}", attribute))
    assert "not a regular expression" in home.findings()[0]


@pytest.mark.parametrize("name", ["region", "health", "metrics", "static"])
def test_ids_of_the_node_itself_are_taken(home: Home, name: str) -> None:
    home.partner(name, "teryt: 0415\ntitle: {pl: a, en: a}\n")
    assert home.findings() == [
        f"partners/{name}.yaml:1: the id {name!r} is taken by the node itself; rename the file"]


@pytest.mark.parametrize("name", ["Big", "with space", "ąę", "-a", "a_b"])
def test_ids_can_stand_in_an_address(home: Home, name: str) -> None:
    home.partner(name, "teryt: 0415\ntitle: {pl: a, en: a}\n")
    assert home.findings() == [
        f"partners/{name}.yaml:1: {name!r} cannot be an id: use a-z, 0-9 and hyphens"]


def test_files_that_look_like_ours_and_are_not_read_are_found(home: Home) -> None:
    home.write("regions/r/partners/four.yml", "")
    home.write("regions/r/partners/README.md", "")
    assert home.findings() == ["partners/four.yml:1: is not read: files end in .yaml here; rename it"]


def test_unreadable_files_are_found(home: Home) -> None:
    (home.folder / "configs/regions/r/partners/four.yaml").mkdir()
    (home.folder / "configs/regions/r/partners/five.yaml").write_bytes(b"title: \xb3\n")
    home.partner("six", "title: \x07\n")
    home.partner("seven", "a: &a {b: *a}\n")
    home.partner("eight", "a: !!int x\n")
    assert home.findings() == [
        "partners/eight.yaml:1: not readable as YAML: invalid literal for int() with base 10: 'x'",
        "partners/five.yaml:1: not readable as YAML: not UTF-8 text (byte 7)",
        "partners/four.yaml:1: cannot be read: Is a directory",
        "partners/seven.yaml:1: not readable as YAML: nested too deep, or an alias inside of what it stands for",
        "partners/six.yaml:1: not readable as YAML: a character that YAML does not allow: U+0007",
    ]


def change(text: str, at: int, **fields: Any) -> str:
    data = json.loads(text)
    data["features"][at].update(fields)
    return json.dumps(data, indent=1)


def polygon(*points: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [points]}


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (lambda good: "{", "1: not a GeoJSON FeatureCollection: Expecting property name"),
        (lambda good: "[]", "1: not a GeoJSON FeatureCollection"),
        (lambda good: "{}", "1: not a GeoJSON FeatureCollection: no 'features'"),
        (lambda good: change(good, 1, properties={"name": "a"}), "39: feature 2: the property `teryt` is missing"),
        (lambda good: change(good, 1, properties={"teryt": "0415", "name": "a"}),
         "39: feature 2: TERYT 0415 stands here twice"),
        (lambda good: change(good, 1, properties={"teryt": "415", "name": "a"}),
         "39: feature 2: `teryt`: '415' is not a TERYT code"),
        (lambda good: change(good, 1, properties=None), "39: feature 2: not a GeoJSON feature with properties"),
        (lambda good: change(good, 1, geometry={"type": "Point", "coordinates": [18, 53]}),
         "39: feature 2: expected a polygon, not Point"),
        (lambda good: change(good, 1, geometry={"type": "Polygon"}), "39: feature 2: not a GeoJSON geometry"),
        (lambda good: change(good, 1, geometry=polygon((53, 18), (53, 18.1), (53.1, 18.1), (53, 18))),
         "39: feature 2: lies outside of Poland; coordinates are longitude, latitude in degrees"),
        (lambda good: change(good, 1, geometry=polygon((18, 53), (18.1, 53.1), (18.1, 53), (18, 53.1), (18, 53))),
         "39: feature 2: not a valid polygon: Self-intersection"),
    ],
)
def test_mistakes_in_the_units(home: Home, make: Callable[[str], str], finding: str) -> None:
    """Found in the file itself; what uses a unit that is missing for it is only noted."""
    home.write("regions/r/units.geojson", make(units("0415", "041501", "2207")))
    findings = home.findings()
    assert len(findings) == 1
    assert findings[0].startswith(f"r/units.geojson:{finding}")


def test_units_may_come_without_a_polygon(home: Home) -> None:
    home.write("regions/r/units.geojson", change(units("0415", "041501", "2207"), 0, geometry=None))
    loaded = home.load()
    assert loaded.findings == []
    assert loaded.region.units["0415"].geometry is None
    easting, northing, *_ = loaded.region.units["2207"].geometry.bounds  # type: ignore[union-attr]
    assert 430_000 < easting < 440_000 and 570_000 < northing < 580_000  # 18° E, 53° N


def test_units_are_needed(home: Home) -> None:
    (home.folder / "configs/regions/r/units.geojson").unlink()
    assert home.findings() == [
        "r/units.geojson:1: missing: the region's counties and communes with teryt and name"]


def test_parameters_are_expanded_from_the_environment(home: Home) -> None:
    home.source("a", "kind: gml\ncounty: 0415\ndelivers: [egib]\nparameters:\n"
                     "  path: ${DATA:-../data}/a\n  list: [x, '${HOST}:${PORT:-}']\n  deep: {n: 5, t: $5}\n")
    assert home.load(HOST="h").region.sources["a"].parameters == {
        "path": "../data/a", "list": ["x", "h:"], "deep": {"n": 5, "t": "$5"}}
    assert home.load(HOST="h", DATA="/d").region.sources["a"].parameters["path"] == "/d/a"
    assert home.load(HOST="h", DATA="").region.sources["a"].parameters["path"] == "../data/a"


def test_what_the_environment_does_not_have_is_a_finding(home: Home) -> None:
    home.source("a", "kind: gml\ncounty: 0415\ndelivers: [egib]\nparameters:\n  path:\n  - ${DATA}/a\n  - ${1}\n")
    assert home.findings() == [
        "sources/a.yaml:6: the environment variable DATA is not set; set it, or write ${DATA:-default}",
        "sources/a.yaml:7: `${` without a name and `}`: expected ${NAME} or ${NAME:-default}",
    ]


def test_only_parameters_are_expanded(home: Home) -> None:
    home.partner("three", "teryt: 2207\ntitle: {pl: '${HOST}', en: a}\n")
    assert home.load(HOST="h").region.partners["three"].title.pl == "${HOST}"


def test_a_region_that_is_not_there(home: Home) -> None:
    with pytest.raises(ConfigurationError, match=r"regions/x/region\.yaml: no such region; there are: r"):
        load_region(home.folder, "x", {})
