"""Suites in CTL, the OGC's older language, run by TEAM Engine without a web container; and its logs."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from tests.conformance.outcomes import Outcome

BASE = "te"
"""The folder that TEAM Engine takes for its own, below that of the suite."""

_SESSION = "report"

_STATUS = {"0": "PASS", "1": "PASS", "2": "SKIP", "3": "SKIP", "4": "PASS", "6": "FAIL"}
"""By the numbers of `com.occamlab.te.TECore`; 4 is a warning. A failure that is another test's (5) counts there."""


def arguments(folder: Path) -> dict[str, str]:
    """Test run arguments that the engine itself wants: where the logs go."""
    return {"logDir": str(folder), "sessionId": _SESSION}


def command(jars: list[Path], controller: str, folder: Path, asked: Path) -> list[str]:
    """What stands behind `java`. TEAM Engine opens scripts as files, so what has any is unpacked before the jars."""
    scripts = folder / BASE / "scripts"
    for jar in jars:
        if jar.name.startswith(("ets-", "teamengine-resources-")):
            with zipfile.ZipFile(jar) as content:
                content.extractall(scripts)
    return [f"-DTE_BASE={folder / BASE}", "-cp", ":".join(map(str, [scripts, *jars])), controller, str(asked)]


def outcomes(folder: Path) -> Iterator[Outcome]:
    """The tests by their logs, one each; what began and did not end has failed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    for log in sorted((folder / _SESSION).rglob("log.xml")):
        root = etree.parse(log, parser).getroot()
        test, end = root.find("starttest"), root.find("endtest")
        result = "6" if end is None else end.get("result", "6")
        if result in _STATUS:
            said = [" ".join(text.split()) for text in root.xpath("message/text()")]
            yield Outcome(_STATUS[result], f"{test.get('prefix')}:{test.get('local-name')}",
                          (" ".join(test.findtext("assertion", "").split()),),
                          "the test did not end" if end is None else "; ".join(said))
