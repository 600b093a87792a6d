"""Virtual environments of their own for programs that must not share ours: peers of the bench, clients."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class NotInstalled(Exception):
    """pip cannot have the packages; in its words."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment; made anew when its requirements have changed."""

    folder: Path
    requirements: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def make(self) -> None:
        """Make it where it is not there. Raises NotInstalled."""
        mark, wanted = self.folder / "made-from.txt", self.requirements.read_text(encoding="utf-8")
        if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
            return
        print(f"Installing {self.requirements.name} …", file=sys.stderr, flush=True)
        for command in ([sys.executable, "-m", "venv", "--clear", str(self.folder)],
                        [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install",
                         "-r", str(self.requirements)]):
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=without_ours(os.environ))
            if done.returncode:
                lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
                raise NotInstalled(f"could not be installed: {lines[-1]}")
        mark.write_text(wanted, encoding="utf-8")


def without_ours(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables for a program that must find neither our code nor our settings."""
    return {name: value for name, value in variables.items()
            if not name.startswith(("SDI_", "PYTHON", "PIP_REQUIRE", "VIRTUAL_ENV"))}
