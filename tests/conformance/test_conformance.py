"""The runner's own parts; the suites themselves run by `make conformance`, not here."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import httpx
import pytest
from lxml import etree

from tests.conformance import ctl, testng
from tests.conformance.__main__ import WEB
from tests.conformance.defects import DEFECTS, Defect, explained, unseen
from tests.conformance.outcomes import Outcome, summary
from tests.conformance.schemas import Schemas, serving
from tests.conformance.suites import POM, SUITES

REPORT = """\
<testng-results><suite><test>
  <class name="org.example.Limit">
    <test-method is-config="true" name="prepare" status="PASS"/>
    <test-method is-config="true" name="tidy" status="FAIL"/>
    <test-method name="limitHolds" status="FAIL">
      <params><param index="0"><value> budynki </value></param></params>
      <exception class="java.lang.AssertionError"><message>expected 200\n but was 400</message></exception>
    </test-method>
    <test-method name="limitIsDescribed" status="PASS"/>
    <test-method name="limitIsLarge" status="SKIP"/>
  </class>
</test></suite></testng-results>"""


def test_a_report_of_testng_is_read(tmp_path: Path) -> None:
    path = tmp_path / "testng" / "2026" / "testng-results.xml"
    path.parent.mkdir(parents=True)
    path.write_text(REPORT, encoding="utf-8")
    tidy, failed, *others = results = list(testng.outcomes(tmp_path))
    assert (tidy.test, tidy.status) == ("Limit.tidy", "FAIL")
    assert (failed.test, failed.parameters, failed.message) == (
        "Limit.limitHolds", ("budynki",), "expected 200 but was 400")
    assert [outcome.status for outcome in others] == ["PASS", "SKIP"]
    assert summary(results) == "1 passed, 2 failed, 1 skipped"


LOG = """\
<log><starttest prefix="getmap" local-name="each-crs"><assertion>For CRS EPSG:2180 …</assertion></starttest>
  <message id="a">Error:
    no image.</message>{end}</log>"""


def test_the_logs_of_ctl_are_read(tmp_path: Path) -> None:
    """A test that only has a failure below it (5) does not count twice, one that did not end has failed."""
    for number, result in enumerate(["1", "6", "5", "3", "4"]):
        log = tmp_path / "report" / f"d{number}" / "log.xml"
        log.parent.mkdir(parents=True)
        log.write_text(LOG.format(end=f'<endtest result="{result}"/>'), encoding="utf-8")
    (tmp_path / "report" / "log.xml").write_text(LOG.format(end=""), encoding="utf-8")
    results = list(ctl.outcomes(tmp_path))
    assert summary(results) == "2 passed, 2 failed, 1 skipped"
    failed, broken = (outcome for outcome in results if outcome.status == "FAIL")
    assert failed == Outcome("FAIL", "getmap:each-crs", ("For CRS EPSG:2180 …",), "Error: no image.")
    assert broken.message == "the test did not end"


def test_scripts_are_unpacked_before_the_jars(tmp_path: Path) -> None:
    jars = [tmp_path / name for name in ("ets-x-1.jar", "teamengine-resources-6.jar", "other-1.jar")]
    for jar in jars:
        with zipfile.ZipFile(jar, "w") as content:
            content.writestr(f"{jar.stem}.ctl", "")
    base, _, path, *rest = ctl.command(jars, "org.example.Controller", tmp_path, tmp_path / "arguments.xml")
    scripts = tmp_path / "te" / "scripts"
    assert base == f"-DTE_BASE={tmp_path / 'te'}" and path.split(":") == [str(scripts), *map(str, jars)]
    assert {file.stem for file in scripts.iterdir()} == {"ets-x-1", "teamengine-resources-6"}
    assert rest == ["org.example.Controller", str(tmp_path / "arguments.xml")]


def test_a_defect_explains_its_own_failures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sure = Defect("ets-x", "A.a", "3035", "two corners")
    random = Defect("ets-x", "B.b", "", "by chance", always=False)
    monkeypatch.setattr("tests.conformance.defects.DEFECTS", (sure, random))
    his, ours, other = (Outcome("FAIL", test, (crs,), "") for test, crs in (
        ("A.a", "EPSG:3035"), ("A.a", "EPSG:2180"), ("C.c", "EPSG:3035")))
    assert explained("ets-x", [his, ours, other]) == {his: sure, ours: None, other: None}
    assert explained("ets-y", [his]) == {his: None}
    assert unseen("ets-x", [sure]) == [] and unseen("ets-x", [None]) == [sure] and unseen("ets-y", []) == []


def test_every_suite_has_a_profile_and_every_defect_a_suite() -> None:
    profiles = etree.parse(POM).findall("{*}profiles/{*}profile/{*}id")
    assert {profile.text for profile in profiles} == {suite.profile for suite in SUITES}
    assert {defect.suite for defect in DEFECTS} <= {suite.name for suite in SUITES}


def test_the_format_of_arguments_is_at_hand() -> None:
    """TEAM Engine writes Java's properties and reads them again, with the document type from the web."""
    document_type = Schemas((WEB,)).find("http://java.sun.com/dtd/properties.dtd")
    written = '<properties version="1.0"><comment>x</comment><entry key="basic">basic</entry></properties>'
    assert etree.DTD(io.BytesIO(document_type or b"")).validate(etree.fromstring(written))


@pytest.mark.parametrize(("address", "status"), [
    ("http://schemas.example.org/wfs/2.0/wfs.xsd", 200),
    ("http://schemas.example.org/wfs/2.0/other.xsd", 404),
    ("http://schemas.example.org/../secret", 404),
    ("http://schemas.example.org/%2e%2e/secret", 404),
])
def test_schemas_come_from_the_folder_and_from_nowhere_else(tmp_path: Path, address: str, status: int) -> None:
    schema = tmp_path / "schemas" / "schemas.example.org" / "wfs" / "2.0" / "wfs.xsd"
    schema.parent.mkdir(parents=True)
    schema.write_text("<schema/>", encoding="utf-8")
    (tmp_path / "schemas" / "secret").write_text("secret", encoding="utf-8")
    with serving(tmp_path / "schemas") as schemas:
        response = httpx.get(address, proxy=f"http://127.0.0.1:{schemas.port}", trust_env=False)
    assert response.status_code == status
    assert len(schemas.missing) == (status == 404)


def test_schemas_may_refer_to_those_of_other_hosts(tmp_path: Path) -> None:
    for name in ("schemas/one.example.org/one.xsd", "schemas/other.example.org/2001/other.xsd", "secret/secret.xsd"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"<{Path(name).stem}/>", encoding="utf-8")
    schemas = Schemas((tmp_path / "none", tmp_path / "schemas"))
    assert schemas.find("http://one.example.org/../other.example.org/2001/other.xsd") == b"<other/>"
    assert schemas.find("http://one.example.org/../../secret/secret.xsd") is None
