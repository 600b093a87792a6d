"""Where deliveries lie and how they are packed: files, folders, patterns, addresses, gzip, zip, bombs."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harvesters.gml import GmlParameters, Harvester
from sdi.errors import SourceError
from sdi.harvest import http
from sdi.harvest.contract import Delivery, Feature, Issue, Job, Read
from sdi.model.region import Source
from sdi.model.register import Register
from tests.harvest.wfs.conftest import Answer, serving

Run = Callable[..., list[tuple[str, list[Read]]]]


def delivery(*ids: str) -> bytes:
    """Parcels with the given identifiers."""
    members = "".join(
        f"""<gml:featureMember><egb:EGB_DzialkaEwidencyjna><egb:idIIP><egb:EGB_IdentyfikatorIIP><egb:lokalnyId>{name}
        </egb:lokalnyId></egb:EGB_IdentyfikatorIIP></egb:idIIP></egb:EGB_DzialkaEwidencyjna></gml:featureMember>"""
        for name in ids
    )
    return (
        f'<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:egb="ewidencjaGruntowIBudynkow:1.0">'
        f"{members}</gml:FeatureCollection>"
    ).encode()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def run(registers: dict[str, Register], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Unit ids and what was read of each; paths start in tmp_path."""
    monkeypatch.setattr(http.time, "sleep", lambda _: None)

    def run(**parameters: Any) -> list[tuple[str, list[Read]]]:
        source = Source(id="s", kind="gml", county="0415", delivers=("dzialki",))
        job = Job(source, (registers["egib"].feature_types["dzialki"],), registers, tmp_path, (0, 0, 1, 1))
        harvester = Harvester(job, GmlParameters(**parameters))
        result = []
        for unit in harvester.gather():
            into = tmp_path / "fetched"
            harvester.fetch(unit, into)
            result.append((unit.id, list(harvester.read(Delivery(unit, into, "", into.stat().st_size, True)))))
        return result

    return run


def ids(result: list[tuple[str, list[Read]]]) -> list[tuple[str, list[str | None]]]:
    return [(name, [item.id for item in read if isinstance(item, Feature)]) for name, read in result]


def test_a_file_a_folder_and_a_pattern(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, data in {
        "b.gml": delivery("2"),
        "a.GML": delivery("1"),
        "c.gml.gz": gzip.compress(delivery("3")),
        "d.zip": zipped(**{"x/2.gml": delivery("5"), "1.gml": delivery("4"), "schema.xsd": b"<a/>"}),
        "notes.txt": b"not read",
    }.items():
        (tmp_path / "in" / name).write_bytes(data)
    assert ids(run(path="in/b.gml")) == [("b.gml", ["2"])]
    assert ids(run(path="in/*.gml")) == [("b.gml", ["2"])]
    assert ids(run(path="*/*.gml.gz")) == [("in/c.gml.gz", ["3"])]
    whole = run(path="in")
    assert ids(whole) == [("a.GML", ["1"]), ("b.gml", ["2"]), ("c.gml.gz", ["3"]), ("d.zip", ["4", "5"])]
    issues = [item for _, read in whole for item in read if isinstance(item, Issue)]
    assert [(i.code, i.position) for i in issues] == [("unread-member", "d.zip")]
    features = [item for item in whole[3][1] if isinstance(item, Feature)]
    assert features[1].position == "d.zip/x/2.gml:1"


@pytest.mark.parametrize("path", ["nothing.gml", "no/such/*.gml", "*.gml", "empty"])
def test_no_delivery(run: Run, tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"no such file or folder|no delivery there"):
        run(path=path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (delivery("1")[:-30], r"d\.gml:\d+: not well-formed XML, or cut off"),
        (gzip.compress(delivery("1"))[:-12], "damaged or cut off"),
        (zipped(**{"a.gml": delivery("1")})[:-30], "not a usable zip"),
        (zipped(**{"a.txt": b"x"}), r"no \.gml or \.xml file in this zip; it holds a\.txt"),
        (b"<html><body>Brak dostepu</body></html>", "HTML page.*Brak dostepu"),
    ],
)
def test_damaged_deliveries(run: Run, tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "d.gml").write_bytes(data)
    with pytest.raises(SourceError, match=message):
        run(path="d.gml")


def test_an_empty_zip_is_told_in_both_languages(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.zip").write_bytes(zipped())
    with pytest.raises(SourceError) as refused:
        run(path="d.zip")
    assert refused.value.text.pl.endswith("jest w nim pusto") and refused.value.text.en.endswith("it holds nothing")


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped(**{"a.gml": data})])
def test_bombs_are_limited(run: Run, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "d").write_bytes(pack(delivery("1") + b"\n" * 40_000_000))
    with pytest.raises(SourceError, match=r"unpacks to more than .* raise max_unpacked_mb or max_ratio"):
        run(path="d")
    assert ids(run(path="d", max_ratio=5000)) == [("d", ["1"])]
    with pytest.raises(SourceError, match="more than 1 MB"):
        run(path="d", max_ratio=5000, max_unpacked_mb=1)


def test_an_xml_beside_a_gml_in_a_zip_is_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.zip").write_bytes(zipped(**{"a.gml": delivery("1"), "metadata.xml": b"<MD_Metadata/>"}))
    ((_, read),) = run(path="d.zip")
    assert [type(item).__name__ for item in read] == ["Feature", "Issue"]


def test_addresses(run: Run) -> None:
    asked: list[int] = []

    def respond(query: dict[str, str]) -> Answer:
        asked.append(1)
        return (503, {}, b"") if len(asked) == 1 else (200, {}, gzip.compress(delivery(query["N"])))

    with serving(respond) as url:
        found = run(url=[f"{url}/a%20b.gml.gz?n=1", f"{url}/?n=2"])
    assert ids(found) == [("000001-a b.gml.gz", ["1"]), ("000002-wfs", ["2"])]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (404, {}, "HTTP 404 Not Found; nothing is there"),
        (403, {}, "HTTP 403 Forbidden; it does not let us in"),
        (500, {}, "HTTP 500 .*try again later"),
        (302, {"Location": "/wfs"}, "redirected again and again"),
    ],
)
def test_addresses_that_fail(run: Run, status: int, headers: dict[str, str], message: str) -> None:
    with serving(lambda _: (status, headers, b"")) as url, pytest.raises(SourceError, match=message):
        run(url=url)


def test_a_server_that_is_not_there(run: Run) -> None:
    with serving(lambda _: (200, {}, b"")) as url:
        pass
    with pytest.raises(SourceError, match="is the server up"):
        run(url=url)


def test_unit_ids_and_origins_have_no_password(registers: dict[str, Register], tmp_path: Path) -> None:
    job = Job(Source(id="s", kind="gml", county="0415", delivers=()), (), registers, tmp_path, (0, 0, 1, 1))
    harvester = Harvester(job, GmlParameters(url="https://user:geheim@example.org/a.gml"))
    unit = next(harvester.gather())
    assert "geheim" not in unit.origin and "geheim" not in unit.id


@pytest.mark.parametrize("parameters", [{}, {"path": "a", "url": "http://a/"}, {"url": "ftp://a/"}, {"paht": "a"}])
def test_parameters_that_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GmlParameters(**parameters)
