"""The OGC's executable test suites: had from Maven, run in a Java of their own, against the tenant that each is for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from xml.sax.saxutils import escape

import httpx

from sdi.settings import Settings
from tests.conformance import cite_layers, cite_records, ctl, testng
from tests.conformance.outcomes import Outcome

POM = Path(__file__).parent / "pom.xml"

MAVEN_TIMEOUT_S = 900
RUN_TIMEOUT_S = 1800

OwnData = Callable[[Settings, Path, list[Path]], AbstractContextManager[str]]
"""Serves a suite's own data, out of its jars, below a folder; gives the address of the tenant that has them."""


class Unavailable(Exception):
    """A suite that cannot be had or run on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite, and what it is told about the node."""

    name: str
    """What it is called here: in arguments, folders, and declared defects."""
    title: str
    profile: str
    """In pom.xml."""
    controller: str
    """The Java class whose `main` runs the suite."""
    engine: ModuleType
    """`testng` or `ctl`: what it is written for."""
    arguments: dict[str, str]
    """Test run arguments; `{tenant}` is the address of the tenant, other names are those of `facts`."""
    facts: Callable[[str], dict[str, object]] = lambda tenant: {}
    """What the arguments need to know of the tenant at an address."""
    own_data: OwnData | None = None
    """Where the suite wants data of its own; None: it is run against the demo node."""


def tile_limits(tenant: str) -> dict[str, object]:
    """The limits of the last matrix that has all in one tile, by the names of OGC 17-083r4. Raises Unavailable.

    The suite takes a tile at the corner for one with content.
    """
    answer = httpx.get(f"{tenant}/ogcapi/tiles/WebMercatorQuad", timeout=60)
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"{answer.url} answers {answer.status_code}")
    return [limits for limits in answer.json()["tileMatrixSetLimits"]
            if (limits["minTileRow"], limits["minTileCol"]) == (limits["maxTileRow"], limits["maxTileCol"])][-1]


WMS_CAPABILITIES = "{tenant}/wms?service=WMS&version=1.3.0&request=GetCapabilities"

SUITES = (
    Suite("ets-ogcapi-features10", "OGC API - Features 1.0, parts 1 and 2", "ets-ogcapi-features10",
          "org.opengis.cite.ogcapifeatures10.TestNGController", testng,
          {"iut": "{tenant}/ogcapi", "noofcollections": "-1"}),
    Suite("ets-ogcapi-tiles10", "OGC API - Tiles 1.0", "ets-ogcapi-tiles10",
          "org.opengis.cite.ogcapitiles10.TestNGController", testng,
          {"iut": "{tenant}/ogcapi", "noofcollections": "-1",
           "tilematrixsetdefinitionuri": "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad",
           "urltemplatefortiles": "{tenant}/ogcapi/tiles/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=mvt",
           "tilematrix": "{tileMatrix}", "mintilerow": "{minTileRow}", "maxtilerow": "{maxTileRow}",
           "mintilecol": "{minTileCol}", "maxtilecol": "{maxTileCol}"},
          tile_limits),
    Suite("ets-wfs20", "WFS 2.0 (ISO 19142)", "ets-wfs20", "org.opengis.cite.iso19142.TestNGController", testng,
          {"wfs": "{tenant}/wfs?service=WFS&version=2.0.0&request=GetCapabilities"}),
    Suite("ets-csw20", "CSW 2.0.2 (OGC 07-006r1), over the suite's own records", "ets-csw20",
          "org.opengis.cite.csw20.CtlController", ctl,
          {"capabilities.url": "{tenant}/csw?service=CSW&version=2.0.2&request=GetCapabilities"},
          own_data=cite_records.serving),
    Suite("ets-cat30", "Catalogue Service 3.0", "ets-cat30", "org.opengis.cite.cat30.TestNGController", testng,
          {"iut": "{tenant}/csw?service=CSW&version=3.0.0&request=GetCapabilities"}),
    Suite("ets-wms13", "WMS 1.3.0 (ISO 19128), basic and queryable, over the suite's own layers",
          "ets-wms13", "org.opengis.cite.wms13.CtlController", ctl,
          {"capabilities-url": WMS_CAPABILITIES, "updatesequence": "auto", "basic": "basic", "queryable": "queryable"},
          own_data=cite_layers.serving),
    Suite("ets-wms13-registers", "WMS 1.3.0, what needs no data of its own, over the registers",
          "ets-wms13", "org.opengis.cite.wms13.CtlController", ctl,
          {"capabilities-url": WMS_CAPABILITIES, "updatesequence": "auto", "basic": "no", "queryable": "no"}),
)


def jars(suite: Suite, folder: Path) -> list[Path]:
    """The jars of a suite, fetched where they are not in the local Maven repository. Raises Unavailable."""
    listed = folder / "classpath"
    command = ["mvn", "-B", "-q", "-f", str(POM), f"-P{suite.profile}", "dependency:build-classpath",
               f"-Dmdep.outputFile={listed}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_TIMEOUT_S)
    (folder / "maven.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        errors = (line.partition("[ERROR] ")[2] for line in done.stdout.splitlines() if "[ERROR] " in line)
        raise Unavailable(next(errors, f"mvn ended with {done.returncode}; see {folder / 'maven.log'}"))
    return [Path(jar) for jar in listed.read_text(encoding="utf-8").strip().split(":")]


def run(suite: Suite, found: list[Path], tenant: str, folder: Path, proxy_port: int) -> list[Outcome]:
    """Run a suite out of its jars against a tenant; its report stays below the folder. Raises Unavailable."""
    asked = folder / "arguments.xml"
    facts = suite.facts(tenant)
    given = {key: value.format(tenant=tenant, **facts) for key, value in suite.arguments.items()}
    entries = "".join(f'<entry key="{key}">{escape(value)}</entry>'
                      for key, value in (given | suite.engine.arguments(folder)).items())
    asked.write_text(f'<properties version="1.0">{entries}</properties>\n', encoding="utf-8")
    command = ["java", "-Dhttp.proxyHost=127.0.0.1", f"-Dhttp.proxyPort={proxy_port}",
               *suite.engine.command(found, suite.controller, folder, asked)]
    with (folder / "java.log").open("w", encoding="utf-8") as log:
        # Libraries write their logs into the folder where they stand.
        subprocess.run(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, timeout=RUN_TIMEOUT_S, check=False)
    results = list(suite.engine.outcomes(folder))
    if not results:
        raise Unavailable(f"the suite wrote no report; see {folder / 'java.log'}")
    return results
