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


DEFECTS = (
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
