"""The collections of a tenant by register, with what the commits left of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sdi.services.ogcapi.request import Asked
from sdi.store.issues import ISSUE_ABSTRACT, ISSUE_TITLE, ISSUES


@dataclass(frozen=True, slots=True)
class Entry:
    """A collection."""

    name: str
    title: str
    abstract: str
    objects: int | None
    """None where they are not counted."""
    updated: str
    """Time of the last commit in RFC 3339, empty before the first."""


@dataclass(frozen=True, slots=True)
class Group:
    """A register and its collections; without a title, what belongs to none."""

    title: str
    legal_basis: str
    entries: list[Entry]


def registers_of(asked: Asked) -> Iterator[Group]:
    """All collections of the tenant, in the order of its registers; the issues are last. Raises psycopg errors."""
    tenant, language = asked.reader.tenant, asked.language
    statistics = asked.reader.statistics()
    for register_id in tenant.register_ids:
        register = asked.registers[register_id]
        entries = []
        for ft in tenant.feature_types:
            if ft.register_id == register_id:
                found = statistics.get(ft.name)
                entries.append(Entry(
                    ft.name, ft.title.get(language), ft.abstract.get(language), found.objects if found else 0,
                    found.committed_at.isoformat() if found else ""))
        yield Group(register.title.get(language), register.legal_basis.get(language), entries)
    yield Group("", "", [Entry(ISSUES, ISSUE_TITLE.get(language), ISSUE_ABSTRACT.get(language), None, "")])
