"""Real deliveries of both generations, read whole and compared with independent counts."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from harvesters.gml import GmlParameters, Harvester
from sdi.harvest.contract import Delivery, Feature, Issue, Job, LeftOut, Read
from sdi.model.region import Source
from sdi.model.register import Register

pytestmark = pytest.mark.shared


@pytest.fixture
def harvest(registers: dict[str, Register], tmp_path: Path) -> Callable[..., list[Read]]:
    """Everything that a gml source reads, through gather, fetch and read."""

    def run(**parameters: Any) -> list[Read]:
        source = Source(id="s", kind="gml", county="0613", delivers=tuple(registers))
        owned = tuple(ft for register in registers.values() for ft in register.feature_types.values())
        job = Job(source, owned, registers, tmp_path, (0, 0, 1, 1))
        harvester = Harvester(job, GmlParameters(**parameters))
        found: list[Read] = []
        for unit in harvester.gather():
            into = tmp_path / hashlib.sha256(unit.id.encode()).hexdigest()
            harvester.fetch(unit, into)
            found += harvester.read(Delivery(unit, into, "", into.stat().st_size, True))
        return found

    return run


def members(path: Path) -> Counter[str]:
    """Local names of the members, counted by lxml's own means."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    names = etree.fromstring(data).xpath("/*/*[local-name() = 'featureMember']/*")
    return Counter(etree.QName(element).localname for element in names)


@pytest.mark.parametrize(
    ("name", "feature_type", "class_name"),
    [
        ("gml-2021/dane-EGiB.gml", "dzialki", "EGB_DzialkaEwidencyjna"),
        ("gml-2021/dane-EGiB.gml", "budynki", "EGB_Budynek"),
        ("gml-2021/aSzkoleniowy_2021.gml", "dzialki", "EGB_DzialkaEwidencyjna"),
        ("gml-2015/221101_1.0001.741.gml", "dzialki", "EGB_DzialkaEwidencyjna"),
    ],
)
def test_counts_by_class(
    name: str, feature_type: str, class_name: str, shared: Path, harvest: Callable[..., list[Read]]
) -> None:
    found = harvest(path=str(shared / "data" / name))
    features = [item for item in found if isinstance(item, Feature) and item.feature_type == feature_type]
    assert len(features) == members(shared / "data" / name)[class_name] > 0


@pytest.mark.parametrize("folder", ["gml-2021", "gml-2015"])
def test_every_member_is_accounted_for(folder: str, shared: Path, harvest: Callable[..., list[Read]]) -> None:
    found = harvest(path=str(shared / "data" / folder))
    objects = [
        item
        for item in found
        if isinstance(item, Feature | LeftOut) or (isinstance(item, Issue) and item.severity == "quarantined")
    ]
    assert len(objects) == sum(sum(members(path).values()) for path in (shared / "data" / folder).glob("*.gml*"))


def test_a_known_parcel(shared: Path, harvest: Callable[..., list[Read]]) -> None:
    found = harvest(path=str(shared / "data/gml-2021/aSzkoleniowy_2021.gml"))
    parcel = next(item for item in found if isinstance(item, Feature) and item.feature_type == "dzialki")
    assert parcel.id == "04022323-1610-8636-2530-321713075445"
    assert parcel.attributes["id_dzialki"] == "061304_5.0012.809/1"
    assert parcel.attributes["numer_dzialki"] == "809/1"
    assert parcel.attributes["pole_ewidencyjne"] == 0.242
    assert parcel.attributes["klasouzytki_egib"] == "RVI"
    assert (parcel.namespace, parcel.version_id) == ("PL.PZGiK.1004.EGiB", "2022-04-29T12:51:50")
    assert (parcel.started_at, parcel.valid_from) == ("2022-04-29T09:33:38", "2022-04-29T13:11:44")
    assert parcel.srid == 2179
    assert parcel.geometry.exterior.coords[0] == (8430735.81, 5724155.71)
    assert parcel.position == "aSzkoleniowy_2021.gml:9"


def test_versions_of_one_object_are_all_read(shared: Path, harvest: Callable[..., list[Read]]) -> None:
    found = harvest(path=str(shared / "data/gml-2021/dane-EGiB.gml"))
    features = [item for item in found if isinstance(item, Feature)]
    versions = Counter(feature.id for feature in features)
    closed = [feature for feature in features if feature.valid_to is not None]
    assert max(versions.values()) > 1
    assert closed and len(features) - len(closed) <= len(versions)
