"""What a delivery must look like to be committed: each check is a sentence that a clerk can act on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sdi.model.region import Source

FEW = 20
"""Shares of fewer objects than this say nothing."""


@dataclass(slots=True)
class Delivered:
    """What one feature type's part of a delivery amounts to."""

    read: int
    quarantined: int
    current: int
    """Objects that would be served."""
    outside: int
    """Of them, outside the county's polygon."""
    before: int
    """Objects of the source that are served now."""
    vanished: int
    """Of them, no longer in the delivery."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    passed: bool
    refuses: bool
    """False: a failure is a warning only."""
    message: str

    def as_json(self) -> dict[str, Any]:
        """For lineage and summaries."""
        return asdict(self)


def check(source: Source, delivered: dict[str, Delivered]) -> list[Check]:
    """All checks of a delivery, by feature type name; failures first."""
    results = [
        *_anything(delivered), *_bounds(source, delivered), *_vanished(source, delivered),
        *_outside(source, delivered), *_quarantined(source, delivered),
    ]
    return sorted(results, key=lambda result: (result.passed, not result.refuses))


def _anything(delivered: dict[str, Delivered]) -> Iterator[Check]:
    total = sum(part.current for part in delivered.values())
    yield Check("delivers", total > 0, True,
                f"{total} objects delivered" if total else
                "the delivery holds no object that could be served; look whether the county's service is up, "
                "whether the files are the right ones, and at the issues")


def _bounds(source: Source, delivered: dict[str, Delivered]) -> Iterator[Check]:
    for name, fewest in source.expect.min.items():
        count = delivered[name].current if name in delivered else 0
        yield Check("min", count >= fewest, True,
                    f"{name}: {count} objects, at least {fewest} expected"
                    + ("" if count >= fewest else "; it looks incomplete: ask the county, or lower expect.min"))
    for name, most in source.expect.max.items():
        count = delivered[name].current if name in delivered else 0
        yield Check("max", count <= most, False, f"{name}: {count} objects, at most {most} expected")


def _vanished(source: Source, delivered: dict[str, Delivered]) -> Iterator[Check]:
    for name, part in delivered.items():
        if part.before >= FEW:
            passed = part.vanished <= part.before * source.expect.vanished_max
            yield Check(
                "vanished", passed, True,
                f"{name}: {part.vanished} of {part.before} objects are no longer delivered, "
                f"{source.expect.vanished_max:.0%} may vanish at once"
                + ("" if passed else "; it looks incomplete: ask the county, or raise expect.vanished_max"),
            )


def _outside(source: Source, delivered: dict[str, Delivered]) -> Iterator[Check]:
    parts = {name: (part.outside, part.current) for name, part in delivered.items() if part.current >= FEW}
    parts["all feature types"] = (
        sum(part.outside for part in delivered.values()), sum(part.current for part in delivered.values())
    )
    for name, (outside, current) in parts.items():
        passed = outside <= current * source.expect.outside_max
        yield Check(
            "outside", passed, True,
            f"{name}: {outside} of {current} objects lie outside county {source.county}, "
            f"{source.expect.outside_max:.0%} may"
            + ("" if passed else "; the axes are swapped, the CRS is wrong, or it is another county's data"),
        )


def _quarantined(source: Source, delivered: dict[str, Delivered]) -> Iterator[Check]:
    aside, read = (sum(getattr(part, name) for part in delivered.values()) for name in ("quarantined", "read"))
    passed = aside <= read * source.expect.quarantined_max
    yield Check(
        "quarantined", passed, True,
        f"{aside} of {read} objects had to be set aside, {source.expect.quarantined_max:.0%} may"
        + ("" if passed else "; see why with `sdi issues`, then ask the county, or raise expect.quarantined_max"),
    )
