"""The OGC's executable test suites: had from Maven, run in a Java of their own, read from their TestNG reports."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import httpx
from lxml import etree

POM = Path(__file__).parent / "pom.xml"

MAVEN_TIMEOUT_S = 900
RUN_TIMEOUT_S = 1800


class Unavailable(Exception):
    """A suite that cannot be had or run on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite, and what it is told about the node."""

    profile: str
    """In pom.xml."""
    title: str
    controller: str
    """The Java class whose `main` runs the suite."""
    arguments: dict[str, str]
    """Test run arguments; `{tenant}` is the address of the tenant, other names are those of `facts`."""
    facts: Callable[[str], dict[str, object]] = lambda tenant: {}
    """What the arguments need to know of the tenant at an address."""


def tile_limits(tenant: str) -> dict[str, object]:
    """The limits of the last matrix that has all in one tile, by the names of OGC 17-083r4. Raises Unavailable.

    The suite takes a tile at the corner for one with content.
    """
    answer = httpx.get(f"{tenant}/ogcapi/tiles/WebMercatorQuad", timeout=60)
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"{answer.url} answers {answer.status_code}")
    return [limits for limits in answer.json()["tileMatrixSetLimits"]
            if (limits["minTileRow"], limits["minTileCol"]) == (limits["maxTileRow"], limits["maxTileCol"])][-1]


SUITES = (
    Suite("ogcapi-features10", "OGC API - Features 1.0, parts 1 and 2",
          "org.opengis.cite.ogcapifeatures10.TestNGController",
          {"iut": "{tenant}/ogcapi", "noofcollections": "-1"}),
    Suite("ogcapi-tiles10", "OGC API - Tiles 1.0",
          "org.opengis.cite.ogcapitiles10.TestNGController",
          {"iut": "{tenant}/ogcapi", "noofcollections": "-1",
           "tilematrixsetdefinitionuri": "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad",
           "urltemplatefortiles": "{tenant}/ogcapi/tiles/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=mvt",
           "tilematrix": "{tileMatrix}", "mintilerow": "{minTileRow}", "maxtilerow": "{maxTileRow}",
           "mintilecol": "{minTileCol}", "maxtilecol": "{maxTileCol}"},
          tile_limits),
    Suite("wfs20", "WFS 2.0 (ISO 19142)", "org.opengis.cite.iso19142.TestNGController",
          {"wfs": "{tenant}/wfs?service=WFS&version=2.0.0&request=GetCapabilities"}),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test method with one set of parameters."""

    status: str
    """PASS, FAIL or SKIP."""
    test: str
    parameters: tuple[str, ...]
    message: str


def class_path(suite: Suite, folder: Path) -> str:
    """The jars of a suite, fetched where they are not in the local Maven repository. Raises Unavailable."""
    listed = folder / "classpath"
    command = ["mvn", "-B", "-q", "-f", str(POM), f"-P{suite.profile}", "dependency:build-classpath",
               f"-Dmdep.outputFile={listed}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_TIMEOUT_S)
    (folder / "maven.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        errors = (line.partition("[ERROR] ")[2] for line in done.stdout.splitlines() if "[ERROR] " in line)
        raise Unavailable(next(errors, f"mvn ended with {done.returncode}; see {folder / 'maven.log'}"))
    return listed.read_text(encoding="utf-8").strip()


def run(suite: Suite, tenant: str, folder: Path, proxy_port: int) -> list[Outcome]:
    """Run a suite against a tenant; its report stays below the folder. Raises Unavailable."""
    folder = folder.resolve()
    jars = class_path(suite, folder)
    arguments = folder / "arguments.xml"
    facts = suite.facts(tenant)
    entries = "".join(f'<entry key="{key}">{escape(value.format(tenant=tenant, **facts))}</entry>'
                      for key, value in suite.arguments.items())
    arguments.write_text(f'<properties version="1.0">{entries}</properties>\n', encoding="utf-8")
    command = ["java", "-Dhttp.proxyHost=127.0.0.1", f"-Dhttp.proxyPort={proxy_port}",
               "-cp", jars, suite.controller, "-o", str(folder), str(arguments)]
    with (folder / "java.log").open("w", encoding="utf-8") as log:
        # Libraries write their logs into the folder where they stand.
        subprocess.run(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, timeout=RUN_TIMEOUT_S, check=False)
    reports = sorted(folder.glob("testng/*/testng-results.xml"))
    if not reports:
        raise Unavailable(f"the suite wrote no report; see {folder / 'java.log'}")
    return list(outcomes(reports[-1]))


def outcomes(report: Path) -> Iterator[Outcome]:
    """The tests of a TestNG report; methods that only prepare or tidy count where they failed."""
    tree = etree.parse(report, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True))
    for group in tree.iter("class"):
        for method in group.iter("test-method"):
            if method.get("is-config") != "true" or method.get("status") == "FAIL":
                yield Outcome(
                    status=method.get("status", ""),
                    test=f"{group.get('name', '').rsplit('.', 1)[-1]}.{method.get('name')}",
                    parameters=tuple((value.text or "").strip() for value in method.iterfind("params/param/value")),
                    message=" ".join((method.findtext("exception/message") or "").split()),
                )


def summary(results: list[Outcome]) -> str:
    """Passed, failed and skipped, in one line."""
    count = Counter(outcome.status for outcome in results)
    return f"{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped"
