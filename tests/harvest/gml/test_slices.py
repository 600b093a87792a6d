"""A document in slices is the same as in one piece: objects, lines, errors; and what cannot be cut stays whole."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from sdi.errors import SourceError
from sdi.harvest.gml import slices as module
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.slices import Slice, slices

HEAD = (
    '<?xml version="1.0" encoding="{}"?>\n<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2"\n'
    ' xmlns:a="urn:a"><gml:boundedBy><gml:Envelope srsName="EPSG:2177"/></gml:boundedBy>\n'
)
TAIL = "</gml:FeatureCollection>\n"


def member(name: str) -> str:
    return f"<gml:featureMember>\n<a:T>\n{name}</a:T>\n</gml:featureMember>\n"


MEMBERS = [member(f"Łąka {n}") for n in range(300)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 1_000)


def features(document: Document) -> list[tuple[int, str | None]]:
    found = []
    for batch in document.batches():
        for element in batch:
            line: Any = element.sourceline
            found.append((line + document.line, element.text))
    assert document.srs_name == "EPSG:2177"
    return found


def cut(path: Path) -> tuple[list[Slice], list[tuple[int, str | None]]]:
    """The slices of a file, and what is in them, one after the other."""
    found = []
    pieces = list(slices(path))
    for piece in pieces:
        with piece.open(path) as stream:
            found += features(Document(stream, "d.gml", line=piece.line))
    return pieces, found


def same(path: Path, text: str, encoding: str = "utf-8") -> list[Slice]:
    """The slices, after it was seen that their objects are those of the whole."""
    path.write_bytes(text.encode(encoding))
    pieces, found = cut(path)
    assert found == features(Document(io.BytesIO(path.read_bytes()), "d.gml"))
    return pieces


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "windows-1250", "iso-8859-2"])
def test_a_document_is_cut_between_members(tmp_path: Path, encoding: str) -> None:
    pieces = same(tmp_path / "d.gml", HEAD.format(encoding) + "".join(MEMBERS) + TAIL, encoding)
    assert len(pieces) > 10
    assert [before.end for before in pieces[:-1]] == [after.start for after in pieces[1:]]


@pytest.mark.parametrize("odd", [
    "<!-- </gml:featureMember> -->",
    "<gml:featureMember><a:T><![CDATA[</gml:featureMember><gml:featureMember>]]></a:T></gml:featureMember>",
    "<?p </gml:featureMember> ?>",
    f"<gml:featureMember><a:F><gml:featureMember>{'<a:T>x</a:T>' * 200}</gml:featureMember></a:F></gml:featureMember>",
])
def test_from_what_may_hide_a_tag_on_the_rest_is_one_slice(tmp_path: Path, odd: str) -> None:
    pieces = same(tmp_path / "d.gml", HEAD.format("utf-8") + "".join([*MEMBERS[:100], odd, *MEMBERS[100:]]) + TAIL)
    assert len(pieces) > 3
    assert pieces[-1].end is None
    assert pieces[-1].start < len("".join(MEMBERS[:100]).encode()) + 200


@pytest.mark.parametrize(("head", "encoding"), [
    (HEAD.format("utf-16"), "utf-16"),
    ("<!-- -->" + HEAD.format("utf-8").partition("\n")[2], "utf-8"),
])
def test_what_cannot_be_cut_is_one_slice(tmp_path: Path, head: str, encoding: str) -> None:
    assert len(same(tmp_path / "d.gml", head + "".join(MEMBERS) + TAIL, encoding)) == 1


def test_a_small_document_is_one_slice(tmp_path: Path) -> None:
    assert len(same(tmp_path / "d.gml", HEAD.format("utf-8") + "".join(MEMBERS[:10]) + TAIL)) == 1


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_document_that_is_cut_off_names_the_line(tmp_path: Path, share: float) -> None:
    whole = (HEAD.format("utf-8") + "".join(MEMBERS) + TAIL).encode()
    (tmp_path / "d.gml").write_bytes(whole[: int(len(whole) * share)])
    lines = whole[: int(len(whole) * share)].count(b"\n") + 1
    with pytest.raises(SourceError, match=rf"d\.gml:{lines}: not well-formed XML, or cut off"):
        cut(tmp_path / "d.gml")
