"""Failures that are a suite's own defect, each with its reason; docs/conformance.md has the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.conformance.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Defect:
    """A failure that is not ours."""

    suite: str
    test: str
    sign: str
    """A regular expression for the parameters and the message: other failures of the same test are ours."""
    reason: str
    always: bool = True
    """Whether it shows in every run of the sample region; then one that does not show is declared in vain."""

    def explains(self, outcome: Outcome) -> bool:
        """Whether a failure is this one."""
        told = " ".join((*outcome.parameters, outcome.message))
        return outcome.test == self.test and re.search(self.sign, told) is not None


_INSPIRE = "validates by the OGC's schemas alone, which do not know INSPIRE's element for extended capabilities"
_HEADER = "looks for the header Content-Type in this case of letters only"

DEFECTS = (
    Defect("ets-cat30", "BasicSearchTests.getRecordsByBBOXAndTitle", r"csw30:SummaryRecord\[.*matches\(\.",
           "wants a word of a search in the summary of each record; `q` searches all the text of it", always=False),
    Defect("ets-csw20", "ctl:XMLValidatingParser", r"errors detected: 1; .*/inspire_ds/1\.0", _INSPIRE),
    Defect("ets-csw20", "csw:GeneralCapabilities", "NOT a csw:Capabilities document", _INSPIRE),
    *(Defect("ets-csw20", f"csw:csw-2.0.2-GetCapabilities-{test}", "Missing response entity", _INSPIRE)
      for test in ("tc1.2", "tc4.1", "tc5.1", "tc5.2", "tc7.2")),
    *(Defect("ets-csw20", f"csw:csw-2.0.2-{test}", r"does not indicate an XML media type \(\)", _HEADER)
      for test in ("GetCapabilities-tc6.1", "DescribeRecord-tc4.1")),
    Defect("ets-ogcapi-features10", "BBoxCrsParameter.verifyBboxCrsParameter", r"EPSG/0/3035 .* but was <400>",
           "transforms two corners of the box only, so the lower one lies above the upper one"),
    Defect("ets-wfs20", "TransactionCapabilitiesTests.implementsTransactionalWFS", r"",
           "fails where the capabilities say that there are no transactions, instead of leaving out the class"),
)


def explained(suite: str, failures: Iterable[Outcome]) -> dict[Outcome, Defect | None]:
    """Each failure, and the defect of the suite that it is; None: it is ours."""
    own = [defect for defect in DEFECTS if defect.suite == suite]
    return {outcome: next((defect for defect in own if defect.explains(outcome)), None) for outcome in failures}


def unseen(suite: str, found: Iterable[Defect | None]) -> list[Defect]:
    """Defects of a suite that should have shown and did not."""
    return [defect for defect in DEFECTS if defect.suite == suite and defect.always and defect not in set(found)]
