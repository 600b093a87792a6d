"""Documents as they come: encodings, wrappers, comments, damage, and what a stranger could hide in them."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from sdi.errors import SourceError
from sdi.harvest.gml import document
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.names import local

HEAD = (
    '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:wfs="http://www.opengis.net/wfs/2.0" '
    'xmlns:a="urn:a" numberMatched="7">\n'
)
TAIL = "</gml:FeatureCollection>\n"


def read(text: str | bytes) -> list[tuple[str, int, str | None]]:
    """Local name, line and text of every feature."""
    data = text.encode() if isinstance(text, str) else text
    return [
        (local(element.tag), element.sourceline or 0, "".join(map(str, element.itertext())))
        for batch in Document(io.BytesIO(data), "d.gml").batches()
        for element in batch
    ]


MEMBER = "<gml:featureMember>\n<a:T>x</a:T></gml:featureMember>\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", []),
        (MEMBER * 2, [("T", 3, "x"), ("T", 5, "x")]),
        ('<gml:featureMember a:b="1"><a:T>x</a:T></gml:featureMember>', [("T", 2, "x")]),
        ("<gml:featureMembers><a:T>x</a:T><a:U>y</a:U></gml:featureMembers>", [("T", 2, "x"), ("U", 2, "y")]),
        ("<wfs:member><a:T>x</a:T></wfs:member>", [("T", 2, "x")]),
        ("<wfs:boundedBy/><wfs:member/>", []),
        ("<!-- <gml:featureMember><a:T/></gml:featureMember> -->" + MEMBER, [("T", 3, "x")]),
        ("<a:T><![CDATA[</gml:featureMember>]]></a:T>", [("T", 2, "</gml:featureMember>")]),
        ("<gml:featureMember><a:T>x<!-- c -->y<?p?></a:T></gml:featureMember>", [("T", 2, "xy")]),
        (MEMBER + "<gml:featureMembers><a:U>y</a:U></gml:featureMembers>", [("T", 3, "x"), ("U", 4, "y")]),
    ],
)
def test_members(body: str, expected: list[tuple[str, int, str]]) -> None:
    assert read(HEAD + body + TAIL) == expected


@pytest.mark.parametrize("wrapped", [True, False])
def test_many_members_in_small_pieces(wrapped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "PIECE", 7)
    names = [f"{n:03d}" for n in range(200)]
    if wrapped:
        body = "<gml:featureMembers>" + "".join(f"<a:T>{name}</a:T>\n" for name in names) + "</gml:featureMembers>"
    else:
        body = "".join(f"<gml:featureMember><a:T>{name}</a:T></gml:featureMember>\n" for name in names)
    found = read(HEAD + body + TAIL)
    assert [text for _, _, text in found] == names
    assert [line for _, line, _ in found] == list(range(2, 202))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1250", "iso-8859-2", "utf-16"])
def test_encodings(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?>\n{HEAD}<a:T>Łąka ż</a:T>{TAIL}'
    assert read(text.encode(encoding)) == [("T", 3, "Łąka ż")]


def test_bytes_that_are_not_in_the_declared_encoding() -> None:
    with pytest.raises(SourceError, match=r"d\.gml:2: its letters are not in the encoding"):
        read(HEAD.encode() + "<a:T>Łąka</a:T>".encode("windows-1250") + TAIL.encode())


def test_lines_beyond_65535() -> None:
    assert read(HEAD + "\n" * 70_000 + MEMBER + TAIL) == [("T", 70_003, "x")]


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_file_that_is_cut_off_names_the_line(cut: float) -> None:
    whole = HEAD + MEMBER * 5000 + TAIL
    with pytest.raises(SourceError, match=r"d\.gml:\d+: not well-formed XML, or cut off"):
        read(whole[: int(len(whole) * cut)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("   \n", "the file is empty"),
        ("PK not xml", "not well-formed"),
        ("<!DOCTYPE html><html><head><style>b{}</style></head><body>Logowanie</body></html>", "HTML page.*: Logowanie"),
        ("<html><body>a<br>b</body></html>", "HTML page"),
        ("<a/>", "the root is 'a'"),
        (f'<!DOCTYPE x [<!ENTITY e "x">]>{HEAD}<a:T>&e;</a:T>{TAIL}', "DOCTYPE"),
        (f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{HEAD}{TAIL}', "DOCTYPE"),
        (f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{HEAD}<a:T>&e;</a:T>{TAIL}', "DOCTYPE"),
        (f"{HEAD}<a:T>&e;</a:T>{TAIL}", "Entity 'e' not defined"),
        (
            '<e:ExceptionReport xmlns:e="http://www.opengis.net/ows/1.1"><e:Exception exceptionCode="C">'
            "<e:ExceptionText>no table</e:ExceptionText></e:Exception></e:ExceptionReport>",
            "exception: C no table",
        ),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(text)


def test_a_billion_laughs_are_refused_before_they_grow() -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    tracemalloc.start()
    with pytest.raises(SourceError, match=r"DOCTYPE|entity"):
        read(
            f"<!DOCTYPE x [{entities}]>{HEAD.replace('numberMatched', 'big').replace('>', '', 1)}{TAIL}".replace(
                'big="7"', 'big="&a11;">'
            )
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_member_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MEMBER_LIMIT", 1 << 20)
    with pytest.raises(SourceError, match="no member ends within"):
        read(HEAD + "<gml:featureMember><a:T>" + "<a:b>x</a:b>" * 200_000 + "</a:T></gml:featureMember>" + TAIL)


def test_root_attributes_and_envelope_are_known_with_the_first_batch() -> None:
    bounds = '<gml:boundedBy><gml:Envelope srsName="EPSG:2177"><gml:lowerCorner>1 2</gml:lowerCorner></gml:Envelope>'
    reading = Document(io.BytesIO(f"{HEAD}{bounds}</gml:boundedBy>{MEMBER}{TAIL}".encode()), "d")
    next(reading.batches())
    assert reading.attributes["numberMatched"] == "7"
    assert reading.srs_name == "EPSG:2177"
