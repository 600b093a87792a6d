"""The end of a run in one transaction: what was staged is resolved, checked, and committed or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from sdi.db.queries import query
from sdi.harvest import evidence
from sdi.harvest.checks import Check, Delivered, check
from sdi.harvest.contract import Issue
from sdi.harvest.ledger import Run, State
from sdi.harvest.stage import write_issues
from sdi.model.region import Region
from sdi.model.register import FeatureType
from sdi.model.text import Text
from sdi.records.refresh import refresh_county
from sdi.store.commit import Commit, Difference
from sdi.store.resolve import Resolved, resolve
from sdi.store.staging import known_counts

Settled = tuple[State, Text | None, dict[str, Any]]
Connection = psycopg.Connection[Any]


def settle(
    connection: Connection, run: Run, region: Region, home: Path, origin: dict[str, Any],
    accepted: dict[str, Any] | None = None,
) -> Settled:
    """Check the stage of a run and commit it; returns state, message and summary as written to `sdi.run`.

    `origin` goes into the lineage: kind, harvester version, fingerprint, deliveries. `accepted`: who takes a delivery
    that was refused, and when; its checks then only warn.
    """
    feature_types = region.owned_by(run.source)
    with connection.transaction():
        connection.execute(query("harvest", "lock_commits"))
        aside, resolved = _resolve(connection, run, feature_types)
        facts = evidence.gather(connection, run.run, region, run.source, _newest(resolved))
        results = check(run.source, _delivered(resolved, aside), facts)
        failed = [result.message for result in results if result.refuses and not result.passed]
        if accepted is None and failed:
            summary = _summary(run, resolved, aside, origin, results)
            message = Text.joined(failed)
            before = {name: {"duplicates": part.duplicates, "aside": part.aside} for name, part in resolved.items()}
            run.close("refused", message, {**summary, "stage": True, "resolved": before})
            return "refused", message, summary
        warn(connection, run, results)
        summary = _summary(run, resolved, aside, origin, results)
        summary["newest"] = facts.newest.isoformat() if facts.newest else None
        if accepted is not None:
            summary["accepted"] = {**accepted, "in_spite_of": [message.en for message in failed]}
        return _commit(connection, run, home, feature_types, resolved, summary, origin)


def warn(connection: Connection, run: Run, results: Iterable[Check]) -> None:
    """Make issues of the source of the checks that failed and did not stop the commit."""
    run.drop_warnings()
    write_issues(connection, run.run, run.source, [
        (Issue("warning", f"source-{result.name}", result.message), None) for result in results if not result.passed
    ])


def _resolve(
    connection: Connection, run: Run, feature_types: tuple[FeatureType, ...]
) -> tuple[dict[str, int], dict[str, Resolved]]:
    """Objects set aside while reading, by feature type, and what the stage amounts to.

    The stage of a run that was refused has been resolved once: what went out of it then still counts.
    """
    aside = run.counts("quarantined_counts")
    known = known_counts(connection, run.run)
    resolved = {ft.name: resolve(connection, run.run, run.source, ft, known.get(ft.name, 0)) for ft in feature_types}
    for name, before in run.resolved.items():
        part = resolved[name]
        aside[name] = aside.get(name, 0) - before["aside"]
        resolved[name] = replace(
            part, duplicates=part.duplicates + before["duplicates"], aside=part.aside + before["aside"]
        )
    return aside, resolved


def _newest(resolved: dict[str, Resolved]) -> datetime | None:
    return max((part.newest for part in resolved.values() if part.newest is not None), default=None)


def _commit(
    connection: Connection, run: Run, home: Path, feature_types: tuple[FeatureType, ...],
    resolved: dict[str, Resolved], summary: dict[str, Any], origin: dict[str, Any],
) -> Settled:
    commit = Commit(connection, run.run, run.source.id, run.source.county)
    differences: dict[str, Difference] = {}
    for feature_type in feature_types:
        differences[feature_type.name] = commit.apply(feature_type, resolved[feature_type.name])
    for name, difference in differences.items():
        summary["feature_types"][name].update(
            new=difference.new, changed=difference.changed, gone=difference.gone,
            unchanged=resolved[name].current - difference.new - difference.changed,
        )
    if not any(differences.values()) and not any(part.adopted for part in resolved.values()):
        commit.abandon()
        message = Text(pl="inne bajty, ale te same obiekty co w ostatnim udanym przebiegu",
                       en="other bytes, but the same objects as in the last good run")
        run.end("unchanged", message, summary)
        return "unchanged", message, summary
    summary["version"] = commit.version
    commit.finish({**origin, **summary})
    for county in sorted(commit.counties):
        refresh_county(connection, home, county)
    run.end("committed", None, summary)
    return "committed", None, summary


def _delivered(resolved: dict[str, Resolved], aside: dict[str, int]) -> dict[str, Delivered]:
    """What the checks look at; objects set aside whose feature type is not known stand under ''."""
    parts = {
        name: Delivered(
            read=part.staged + aside.get(name, 0), quarantined=part.aside + aside.get(name, 0), current=part.current,
            outside=part.outside, before=part.before, vanished=part.vanished,
        )
        for name, part in resolved.items()
    }
    for name, count in aside.items():
        if name not in parts:
            parts[name] = Delivered(read=count, quarantined=count, current=0, outside=0, before=0, vanished=0)
    return parts


def _summary(
    run: Run, resolved: dict[str, Resolved], aside: dict[str, int], origin: dict[str, Any], results: list[Check]
) -> dict[str, Any]:
    """Counts that add up: read = staged + quarantined + left_out, staged = current + past + duplicates."""
    units = run.units().values()
    set_aside = sum(part.aside for part in resolved.values())
    return {
        "units": len(origin["deliveries"]),
        "bytes": sum(delivery["bytes"] for delivery in origin["deliveries"]),
        "read": sum(unit.read for unit in units),
        "staged": sum(unit.staged for unit in units) - set_aside,
        "quarantined": sum(unit.quarantined for unit in units) + set_aside,
        "left_out": sum(unit.left_out for unit in units),
        "left_out_classes": run.left_out,
        "issues": run.counts("issue_counts"),
        "checks": [result.as_json() for result in results],
        "feature_types": {
            name: {
                "read": part.staged + aside.get(name, 0), "quarantined": part.aside + aside.get(name, 0),
                "current": part.current, "past": part.past, "duplicates": part.duplicates,
            }
            for name, part in resolved.items()
        },
    }
