"""The OpenAPI document, as a validator and schemathesis read it: every operation with right and wrong requests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections import defaultdict
from pathlib import Path

from lxml import etree

from tests.acceptance.checks import UNAVAILABLE, Checks, same
from tests.environments import Environment, NotInstalled, without_ours

HERE = Path(__file__).parent

SIZE_MAX = 400_000
"""Bytes of the document of a tenant with 40 collections, before compression."""


def document(checks: Checks) -> None:
    """The document itself."""
    address, file = f"{checks.base}/ogcapi/openapi", checks.folder / "openapi.json"
    with checks("the document is valid by OpenAPI 3.0 (openapi-spec-validator)"):
        with urllib.request.urlopen(address) as answer:
            file.write_bytes(answer.read())
        said = _run(checks, "openapi_spec_validator", str(file))
        assert said.returncode == 0, said.stdout
    with checks(f"the document of {len(checks.truth['counts'])} collections has at most {SIZE_MAX // 1000} kB"):
        assert file.stat().st_size <= SIZE_MAX, f"{file.stat().st_size} bytes"


def operations(checks: Checks) -> None:
    """All operations."""
    report = checks.folder / "junit.xml"
    said = _run(checks, "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
                f"{checks.base}/ogcapi/openapi", "--checks", "all", "--exclude-checks", "positive_data_acceptance",
                "--report", "junit", "--report-junit-path", str(report))
    (checks.folder / "schemathesis.txt").write_text(said.stdout, encoding="utf-8")
    kinds: dict[str, list[etree._Element]] = defaultdict(list)
    for case in etree.parse(report).iter("testcase"):
        kinds[re.sub(r"/collections/[a-z_]+", "/collections/*", case.get("name", ""))].append(case)
    for kind, cases in kinds.items():
        with checks(f"{kind}: {len(cases)} operation{'s' * (len(cases) > 1)}"):
            wrong = [f"{case.get('name')}: {case[0].text}" for case in cases if len(case)]
            assert not wrong, f"{len(wrong)} of them, see schemathesis.txt; {wrong[0]}"
    with checks("schemathesis has read every operation but that of the document itself"):
        paths = json.loads((checks.folder / "openapi.json").read_text(encoding="utf-8"))["paths"]
        tested = {case.get("name") for cases in kinds.values() for case in cases}
        same({f"GET {path}" for path in paths} - tested, {"GET /openapi"}, "operations that were not tested")


def _run(checks: Checks, *command: str) -> subprocess.CompletedProcess[str]:
    """A module of the environment of requirements-openapi.txt. Ends the program where pip cannot have that."""
    environment = Environment(checks.folder.parent / "openapi-environment", HERE / "requirements-openapi.txt")
    try:
        environment.make()
    except NotInstalled as reason:
        print(reason, file=sys.stderr)
        sys.exit(UNAVAILABLE)
    return subprocess.run(
        [str(environment.python), "-m", *command], cwd=checks.folder, text=True, check=False, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=without_ours(os.environ) | {"PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "schemathesis_hooks"})


if __name__ == "__main__":
    Checks().run(document, operations)
