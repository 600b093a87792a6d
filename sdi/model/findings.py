"""What is wrong in the declaration, and where."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from sdi.model import yaml
from sdi.model.region import Region


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake: file, line, what is wrong and what to do."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        shown = os.path.relpath(self.path) if self.path.is_absolute() else str(self.path)
        return f"{shown}:{self.line}: {self.message}"


@dataclass
class Loaded:
    """A region together with what was wrong in its files and where each thing was declared."""

    region: Region
    findings: list[Finding] = field(default_factory=list)
    documents: dict[tuple[str, str], yaml.Document] = field(default_factory=dict)
    """YAML documents by (folder, id): ("sources", "0463-egib")."""
    notes: list[Finding] = field(default_factory=list)
    """Files without a mistake of their own that are left out because of another file's mistake."""

    @property
    def unusable_sources(self) -> set[str]:
        """Ids of sources that have a file and are left out, for its mistakes or those of another file."""
        named = {found.path.stem for found in (*self.findings, *self.notes) if found.path.parent.name == "sources"}
        return named - self.region.sources.keys()

    def lines(self) -> list[str]:
        """Every mistake, and every file that is left out because of another's, for the operator."""
        return [str(found) for found in sorted(self.findings)] + [
            f"{note} (no mistake of its own)" for note in sorted(self.notes)]

    def find(self, folder: str, name: str, where: yaml.Where, message: str) -> None:
        """Add a finding at a place in one of the documents."""
        document = self.documents[folder, name]
        self.findings.append(Finding(document.path, document.line(where), message))

    def note(self, folder: str, name: str, message: str) -> None:
        """Add a note on one of the documents."""
        self.notes.append(Finding(self.documents[folder, name].path, 1, message))
