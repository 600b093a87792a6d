"""The sample region's deliveries: what is in them, whether they fit the official schemas, that they can be repeated."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from sdi.demo.chance import Scenario
from sdi.demo.deliveries import FILES, write_deliveries

GML = "{http://www.opengis.net/gml/3.2}"
SMALL = Scenario(parcels=600)
SCHEMAS = {"egib.gml": "EGIB.XSD", "gesut.gml": "GESUT.XSD", "bdot500.gml": "BDOT500.XSD"}


def written(folder: Path, scenario: Scenario = SMALL) -> Path:
    assert write_deliveries(scenario, folder, say=lambda _: None)
    return folder


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory):
    return written(tmp_path_factory.mktemp("deliveries") / "demo")


def objects(path: Path) -> list[etree._Element]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return [member[0] for member in etree.parse(path, parser).getroot()]


def test_every_feature_type_has_objects_in_the_county_with_three_registers(deliveries, registers):
    for register in ("egib", "gesut", "bdot500"):
        found = Counter(etree.QName(item).localname for item in objects(deliveries / "0415" / f"{register}.gml"))
        for name, feature_type in registers[register].feature_types.items():
            assert sum(found[cls] for cls in feature_type.gml), f"{register}: nothing of {name}"


@pytest.mark.shared
@pytest.mark.parametrize(("county", "name"), [(county, name) for county, name, _ in FILES if name in SCHEMAS])
@pytest.mark.skipif(shutil.which("xmllint") is None, reason="no xmllint here")
def test_deliveries_fit_the_official_schemas(deliveries, shared, county, name):
    schema = shared / "schemas" / "gugik" / "2021" / SCHEMAS[name]
    done = subprocess.run(
        ["xmllint", "--nonet", "--noout", "--schema", str(schema), str(deliveries / county / name)],
        env=os.environ | {"XML_CATALOG_FILES": str(shared / "schemas" / "catalog.xml")},
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_references_lead_to_objects_of_the_same_file(deliveries):
    for name in SCHEMAS:
        found = objects(deliveries / "0415" / name)
        ids = {item.get(f"{GML}id") for item in found}
        links = [element.get("{http://www.w3.org/1999/xlink}href") for item in found for element in item
                 if element.get("{http://www.w3.org/1999/xlink}href")]
        dangling = [link for link in links if link not in ids]
        assert len(dangling) <= len(links) * 0.01, dangling[:3]


def test_some_objects_have_two_versions_and_one_ends_where_the_other_begins(deliveries):
    versions: dict[str, list[etree._Element]] = {}
    for item in objects(deliveries / "0415" / "egib.gml"):
        versions.setdefault(item.findtext(".//{*}lokalnyId"), []).append(item)
    pairs = [pair for pair in versions.values() if len(pair) > 1]
    assert pairs
    for old, new in pairs:
        assert old.findtext("{*}koniecWersjaObiekt") == new.findtext("{*}startWersjaObiekt")
        assert new.find("{*}koniecWersjaObiekt") is None
        assert old.findtext("{*}startObiekt") == new.findtext("{*}startObiekt")


def test_personal_data_is_in_the_delivery_for_others_to_keep_out(deliveries):
    found = Counter(etree.QName(item).localname for item in objects(deliveries / "0415" / "egib.gml"))
    assert found["EGB_OsobaFizyczna"] and found["EGB_AdresPodmiotu"]
    text = (deliveries / "0415" / "egib.gml").read_text(encoding="utf-8")
    assert "<egb:pesel>" in text and "<egb:numerKW>TO1T/" in text


def test_positions_are_northing_first_in_the_county(deliveries):
    for item in objects(deliveries / "0415" / "egib.gml"):
        for element in item.iter(f"{GML}pos", f"{GML}posList"):
            numbers = [float(number) for number in element.text.split()]
            assert all(5_872_000 < northing < 5_888_000 for northing in numbers[::2])
            assert all(6_530_000 < easting < 6_546_000 for easting in numbers[1::2])


def test_the_same_scenario_gives_the_same_bytes_and_is_written_once(deliveries, tmp_path):
    again = written(tmp_path / "demo")
    for county, name in ((county, name) for county, name, _ in FILES if name in SCHEMAS):
        digests = {hashlib.sha256((folder / county / name).read_bytes()).digest() for folder in (deliveries, again)}
        assert len(digests) == 1
    assert not write_deliveries(SMALL, again, say=lambda _: None)


def test_a_revision_changes_its_share_and_keeps_the_rest(deliveries, tmp_path):
    revised = written(tmp_path / "demo", Scenario(parcels=600, revision=4))
    for name in SCHEMAS:
        before, after = ({item.findtext(".//{*}lokalnyId"): item.findtext("{*}startWersjaObiekt")
                          for item in objects(folder / "0415" / name)} for folder in (deliveries, revised))
        changed = sum(before[key] != after[key] for key in before.keys() & after.keys())
        gone, new = len(before.keys() - after.keys()), len(after.keys() - before.keys())
        assert 0.015 < changed / len(before) < 0.06
        assert 0 < gone < 0.03 * len(before)
        assert 0 < new < 0.04 * len(before)
