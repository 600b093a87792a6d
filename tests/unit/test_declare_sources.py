"""Sources from families of servers: the families themselves, lists of sources, what a file says."""

import csv
from pathlib import Path

import pytest

from sdi.declare.sources import Wanted, check_source, family_for, family_of, read_families, read_list
from sdi.errors import ConfigurationError
from sdi.harvest import registry
from sdi.model.register import Register

HOME = Path(__file__).parents[2]
FAMILIES = read_families(HOME)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_fits_its_kind_and_the_registers(name: str, registers: dict[str, Register]) -> None:
    family = FAMILIES[name]
    for register, delivers in family.delivers.items():
        data = {"title": family.title.model_dump(), "kind": family.kind, "county": "0415", "delivers": list(delivers),
                "parameters": {"url": "https://example.org/wfs", **family.parameters}, "expect": family.expect}
        check_source("0415-x", data, registry.harvester(family.kind).Parameters)
        assert set(delivers) <= registers[register].feature_types.keys()
        assert family.parameters["types"].keys() <= set(delivers)
        assert family.expect["min"].keys() <= set(delivers)


@pytest.mark.parametrize(("url", "family"), [
    ("https://mapa.aleksandrow.pl/map/geoportal/wfs.php", "geoportal2"),
    ("http://rypin.geoportal2.pl/map/geoportal/wfse.php?", "geoportal2"),
    ("https://chelminski.webewid.pl:44316/iip/ows", "webewid"),
    ("https://wms.podgik.jgora.pl/jeleniagora-egib", "giportal"),
    ("https://mapy.geoportal.gov.pl/wss/ext/PowiatoweBazyEwidencjiGruntow/1019", "gugik"),
    ("https://wms.epodgik.pl/cgi-bin/pruszkow/wfs", "epodgik"),
    ("https://geoportal.grudziadz.pl/ggp", "ggp"),
    ("https://example.org/wfs", None),
])
def test_the_address_tells_the_family(url: str, family: str | None) -> None:
    assert family_of(url, FAMILIES) == family


def test_the_addresses_of_the_country_tell_their_families(shared: Path) -> None:
    """383 addresses of 2026: each family by the list's own word for it; an address of two families is none."""
    words = {"Geoportal2": "geoportal2", "WebEwid": "webewid", "GIPortal": "giportal", "Epodgik": "epodgik"}
    with (shared / "data" / "sources" / "egib-plbuildings_wfs_endpoints.csv").open(encoding="utf-8") as file:
        rows = [(row["parser"], family_of(row["endpoint"], FAMILIES), row["endpoint"]) for row in csv.DictReader(file)]
    assert len(rows) == 383
    found = [row for row in rows if row[0] in words]
    right = [row for row in found if row[1] == words[row[0]]]
    assert len(right) / len(found) > 0.9, [row for row in found if row not in right]
    assert [row for row in found if row[1] not in (None, words[row[0]])] == []


def test_a_family_is_asked_for_where_the_address_does_not_tell() -> None:
    with pytest.raises(ConfigurationError, match=r"which family.*there are: geoportal2, webewid"):
        family_for(Wanted(teryt="0415", url="https://example.org/wfs"), FAMILIES)
    with pytest.raises(ConfigurationError, match="no family 'x'"):
        family_for(Wanted(teryt="0415", url="https://example.org/ggp", family="x"), FAMILIES)


def test_mistakes_in_the_families_are_found_by_line(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    path = tmp_path / "configs" / "wfs-families.yaml"
    path.write_text("a:\n  kind: wfs\n  addresses: '['\n  colour: red\n")
    with pytest.raises(ConfigurationError) as caught:
        read_families(tmp_path)
    assert any(":3: `a.addresses`: not a regular expression" in finding for finding in caught.value.findings)
    assert any(":4: unknown field" in finding for finding in caught.value.findings)
    assert any("the field `a.delivers` is missing" in finding for finding in caught.value.findings)
    path.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_families(tmp_path)


def test_a_list_has_named_columns_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufeffurl,teryt,crs,family\nhttps://a/ggp,0461,2177,\nhttps://b/wfs,0462,,ggp\n", encoding="utf-8")
    assert read_list(path) == [
        Wanted(teryt="0461", url="https://a/ggp", crs=2177), Wanted(teryt="0462", url="https://b/wfs", family="ggp"),
    ]


@pytest.mark.parametrize(("text", "message"), [
    ("teryt,address\n", "columns are teryt, url and, as far as known, family, register, crs; found: teryt, address"),
    ("", "found: none"),
    ("teryt,url\n0461\n", "a.csv:2: more or fewer values than columns"),
    ("teryt,url\n0461,https://a,b\n", "a.csv:2: more or fewer values than columns"),
    ("teryt,url,crs\n0461,https://a,EPSG\n", "a.csv:2: crs 'EPSG' is not the number"),
])
def test_a_list_with_mistakes_is_refused_with_lines(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_list(tmp_path / "a.csv")
    assert message in str(caught.value)
