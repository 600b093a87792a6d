"""A partner as its file declares it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdi.declare.files import Put, put_yaml
from sdi.declare.names import Named
from sdi.errors import ConfigurationError
from sdi.model.findings import Loaded
from sdi.model.region import Unit


def partner(teryt: str, named: Named, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a partner's file; `extra` has those that it does not inherit from the region."""
    return {"teryt": teryt, "title": {"pl": named.title.pl, "en": named.title.en}, **extra}


def put_partner(folder: Path, name: str, data: dict[str, Any], units: Mapping[str, Unit], force: bool) -> Put:
    """Write `<name>.yaml` for a partner, `data` as `partner` gives it."""
    return put_yaml(folder / f"{name}.yaml", f"{place(units, data['teryt'])}; what is not said here, region.yaml says.",
                    data, force)


def place(units: Mapping[str, Unit], teryt: str) -> str:
    """Where a unit lies, in words: the commune and its county."""
    names = dict.fromkeys(units[code].name for code in (teryt, teryt[:4]) if code in units)
    return f"TERYT {teryt}: {', '.join(names)}"


def declared(loaded: Loaded) -> dict[str, list[str]]:
    """Ids of the partners' files by TERYT code, also of those with mistakes."""
    found: dict[str, list[str]] = {}
    for (folder, name), document in sorted(loaded.documents.items()):
        if folder == "partners" and isinstance(document.data, dict):
            found.setdefault(str(document.data.get("teryt", ""))[:6], []).append(name)
    return found


def known(units: Mapping[str, Unit], given: str, digits: tuple[int, ...] = (4, 6)) -> str:
    """The TERYT code of a unit that a user names by code (a commune also with 7 digits, its type, which is cut off).

    Raises ConfigurationError that names units with a code or a name like it.
    """
    code = given[:6]
    if re.fullmatch(r"[0-9]{4}|[0-9]{6,7}", given) and code in units and len(code) in digits:
        return code
    of_kind = {teryt: unit for teryt, unit in units.items() if len(teryt) in digits}
    names = {teryt: unit.name.casefold() for teryt, unit in of_kind.items()}
    if given.isdecimal():
        close = difflib.get_close_matches(code, of_kind, 3)
    else:
        alike = {name for name in names.values() if given.casefold() in name} or (
            difflib.get_close_matches(given.casefold(), set(names.values()), 3))
        close = [teryt for teryt, name in names.items() if name in alike][:6]
    hint = "did you mean " + ", ".join(f"{teryt} ({of_kind[teryt].name})" for teryt in close) if close else (
        "add it to units.geojson first")
    kind = "county" if digits == (4,) else "county or commune"
    raise ConfigurationError([f"{given}: no TERYT code of a {kind} of this region; {hint}"])
