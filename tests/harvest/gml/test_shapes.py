"""What is read by its shape is what its tree would have given, whatever the bytes are."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harvesters.gml import GmlParameters, Harvester
from sdi.demo.bdot500 import write_bdot500
from sdi.demo.chance import Scenario
from sdi.demo.egib import write_egib
from sdi.demo.gesut import write_gesut
from sdi.demo.survey import Survey
from sdi.errors import SourceError
from sdi.harvest.contract import Delivery, Feature, Issue, Job, LeftOut, Unit
from sdi.harvest.gml import slices
from sdi.harvest.gml.shapes import Shapes
from sdi.model.region import Source
from sdi.model.register import Register

END = b"</gml:featureMember>"
SIGNS = [b"<", b">", b"&", b"&amp;", b'"', b"'", b"/", b"\n", b"\t", b"\r\n", b" ", b"\x01", b"]]>", b"\xff", b"7",
         b".", b"<!-- -->", b"<x/>", b"<egb:x>1</egb:x>", b'a="1"', b"\xef\xbf\xbe"]
WRITERS: dict[str, Callable[[Survey, str, Path], Any]] = {
    "egib": write_egib, "gesut": write_gesut, "bdot500": write_bdot500}


@pytest.fixture
def read(
    registers: dict[str, Register], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[bytes, bool], list[Any]]:
    """Reads a delivery, by shapes or without; features as comparable values. Of one that is refused, the reason."""
    monkeypatch.setattr(slices, "SLICE", 40_000)
    owned = tuple(ft for register in registers.values() for ft in register.feature_types.values())
    source = Source(id="s", kind="gml", county="0415", delivers=tuple(registers))

    def run(delivery: bytes, by_shape: bool) -> list[Any]:
        path = tmp_path / "d.gml"
        path.write_bytes(delivery)
        harvester = Harvester(Job(source, owned, registers, tmp_path, (0, 0, 1, 1)), GmlParameters(path=str(path)))
        with monkeypatch.context() as patched:
            if not by_shape:
                patched.setattr(Shapes, "read", lambda self, members, *_: [None] * len(members))
            try:
                items = list(harvester.read(Delivery(Unit("d.gml", "d"), path, "", len(delivery), True)))
            except SourceError as error:
                return [str(error)]
        return [comparable(item) for item in items]

    return run


def comparable(item: Any) -> Any:
    if isinstance(item, Feature):
        shapes = {name: shape.wkb for name, shape in item.geometries.items()}
        return {name: getattr(item, name) for name in Feature.__slots__} | {
            "geometry": item.geometry and item.geometry.wkb, "geometries": shapes}
    assert isinstance(item, Issue | LeftOut)
    return item


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A delivery of each register."""
    folder = tmp_path_factory.mktemp("deliveries")
    survey = Survey(Scenario(parcels=300))
    for name, write in WRITERS.items():
        write(survey, "0415", folder / f"{name}.gml")
    return {name: (folder / f"{name}.gml").read_bytes() for name in WRITERS}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members were read by their shape, and in all."""
    counts = [0, 0]
    original = Shapes.read

    def count(self: Shapes, *arguments: Any) -> Any:
        found = original(self, *arguments)
        counts[0] += len(found) - found.count(None)
        counts[1] += len(found)
        return found

    monkeypatch.setattr(Shapes, "read", count)
    return counts


@pytest.mark.parametrize("name", WRITERS)
def test_a_delivery_reads_the_same(
    name: str, deliveries: dict[str, bytes], read: Callable[..., list[Any]], counted: list[int]
) -> None:
    by_shape = read(deliveries[name], True)
    assert counted[0] > 0.5 * counted[1] > 100, "few members have a shape"
    assert by_shape == read(deliveries[name], False)


@pytest.mark.parametrize("encoding", ["windows-1250", "iso-8859-2"])
def test_in_other_encodings(encoding: str, deliveries: dict[str, bytes], read: Callable[..., list[Any]]) -> None:
    text = deliveries["egib"].decode().replace("UTF-8", encoding, 1)
    found = read(text.encode(encoding), True)
    assert found == read(text.encode(encoding), False)
    assert any("ł" in str(item) for item in found)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_members_read_the_same(
    seed: int, deliveries: dict[str, bytes], read: Callable[..., list[Any]]
) -> None:
    """Signs are put into members, or take the place of some bytes: what is said of them is the same, word for word."""
    chance = random.Random(seed)
    whole = deliveries[chance.choice([*WRITERS])]
    first = whole.index(b"<gml:featureMember>")
    members = [part + END for part in whole[first:].split(END)[:-1]]
    for place in chance.sample(range(len(members)), chance.choice([1, 3, 10])):
        member = members[place]
        at = chance.randrange(20, len(member) - len(END))
        sign = chance.choice(SIGNS)
        members[place] = member[:at] + sign + member[at + chance.choice([0, 0, 1, len(sign)]):]
    damaged = whole[:first] + b"".join(members) + whole[whole.rindex(END) + len(END):]
    assert read(damaged, True) == read(damaged, False)


@pytest.mark.parametrize("others", [[b""], [b"two"], [b"two", b"", b"two", b"two"], [b"", b"", b"two"]])
def test_members_of_no_or_several_objects_lose_no_other(
    others: list[bytes], deliveries: dict[str, bytes], read: Callable[..., list[Any]]
) -> None:
    """Whatever a member holds, every object of the others is read, once."""
    parts = deliveries["egib"].split(END)
    for number, other in enumerate(others):
        place = 80 + 7 * number
        start = parts[place].index(b"<egb:")
        parts[place] = parts[place][:start] + (2 * parts[place][start:] if other else b"")
    changed = END.join(parts)

    def objects(by_shape: bool) -> list[str]:
        items = read(changed, by_shape)
        # In such a document only members that were read by their shape are remembered.
        return sorted(
            str({**item, "member": b""}) if isinstance(item, dict)
            else item.class_name if isinstance(item, LeftOut) else str(item) for item in items)

    assert objects(True) == objects(False)


@pytest.mark.parametrize(("old", "new"), [
    (b'uom="ha"', b'uom="m2"'),
    (b'uom="ha"', b'uom="mile"'),
    (b"EPSG::2177", b"EPSG::2178"),
    (b"EPSG::2177", b"EPSG::9"),
    (b'srsDimension="2"', b'srsDimension="3"'),
    (b"<egb:OFU>", b"<egb:OFU> \n "),
    (b"<egb:rodzajWgKST>", b"<egb:rodzajWgKST>zz"),
    (b"<egb:startObiekt>", b"<egb:startObiekt>?"),
    (b"<gml:posList>", b"<gml:posList>1 "),
    (b"<gml:posList>", b"<gml:posList>x y "),
    (b"<gml:posList>", b"<gml:posList>\n"),
    (b"<egb:lokalnyId>", b"<egb:lokalnyId></egb:lokalnyId><egb:lokalnyId>"),
    (b'xlink:href="', b"xlink:href='"),
    (b'xlink:href="', b'xlink:href="#'),
    (b"<egb:idDzialki>", b"<egb:idDzialki>\xc4\x85"),
    (b"<egb:EGB_Budynek ", b'<egb:EGB_Budynek xmlns:egb="urn:other" '),
])
def test_every_third_object_is_written_otherwise(
    old: bytes, new: bytes, deliveries: dict[str, bytes], read: Callable[..., list[Any]]
) -> None:
    parts = deliveries["egib"].split(old)
    assert len(parts) > 4
    changed = parts[0] + b"".join((new if number % 3 == 0 else old) + part for number, part in enumerate(parts[1:]))
    assert read(changed, True) == read(changed, False)
