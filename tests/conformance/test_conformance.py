"""The runner's own parts; the suites themselves run by `make conformance`, not here."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from lxml import etree

from tests.conformance.schemas import Schemas, serving
from tests.conformance.suites import POM, SUITES, outcomes, summary

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


def test_a_report_is_read(tmp_path: Path) -> None:
    path = tmp_path / "testng-results.xml"
    path.write_text(REPORT, encoding="utf-8")
    tidy, failed, *others = results = list(outcomes(path))
    assert (tidy.test, tidy.status) == ("Limit.tidy", "FAIL")
    assert (failed.test, failed.parameters, failed.message) == (
        "Limit.limitHolds", ("budynki",), "expected 200 but was 400")
    assert [outcome.status for outcome in others] == ["PASS", "SKIP"]
    assert summary(results) == "1 passed, 2 failed, 1 skipped"


def test_every_suite_has_a_profile() -> None:
    profiles = etree.parse(POM).findall("{*}profiles/{*}profile/{*}id")
    assert {profile.text for profile in profiles} == {suite.profile for suite in SUITES}


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
    schemas = Schemas(tmp_path / "schemas")
    assert schemas.find("http://one.example.org/../other.example.org/2001/other.xsd") == b"<other/>"
    assert schemas.find("http://one.example.org/../../secret/secret.xsd") is None
