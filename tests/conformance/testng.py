"""Suites in Java, run by TestNG: how they are started, and their report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from tests.conformance.outcomes import Outcome


def arguments(folder: Path) -> dict[str, str]:
    """Test run arguments that the engine itself wants: none."""
    return {}


def command(jars: list[Path], controller: str, folder: Path, asked: Path) -> list[str]:
    """What stands behind `java`."""
    return ["-cp", ":".join(map(str, jars)), controller, "-o", str(folder), str(asked)]


def outcomes(folder: Path) -> Iterator[Outcome]:
    """The tests of the newest report; methods that only prepare or tidy count where they failed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    for report in sorted(folder.glob("testng/*/testng-results.xml"))[-1:]:
        for group in etree.parse(report, parser).iter("class"):
            for method in group.iter("test-method"):
                if method.get("is-config") != "true" or method.get("status") == "FAIL":
                    yield Outcome(
                        status=method.get("status", ""),
                        test=f"{group.get('name', '').rsplit('.', 1)[-1]}.{method.get('name')}",
                        parameters=tuple((value.text or "").strip() for value in method.iterfind("params/param/value")),
                        message=" ".join((method.findtext("exception/message") or "").split()),
                    )
