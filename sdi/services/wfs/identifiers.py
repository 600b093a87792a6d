"""Identifiers of features in WFS: `<type>.<number>`, the number being that of the row, the same in every version.

The identifiers of the registers may hold characters that no XML identifier may (041501_2.0001.1/2).
"""

from __future__ import annotations

import re

from sdi.services.ows.exceptions import invalid

_FID = re.compile(r"(?P<type>[a-z][a-z0-9_]*)\.(?P<fid>[0-9]{1,18})")


def type_of(identifier: str) -> str | None:
    """The name of the type in an identifier, or None where it is not one of this service."""
    found = _FID.fullmatch(identifier.strip())
    return found["type"] if found else None


def fid_of(identifier: str, feature_type: str) -> int | None:
    """The number of the row; None where there cannot be such.

    Raises OwsError for a feature of another type than is asked for (WFS 2.0, 7.9.2.4.1).
    """
    found = _FID.fullmatch(identifier.strip())
    if found is None:
        return None
    if found["type"] != feature_type:
        raise invalid("RESOURCEID", identifier, f"{feature_type}.…")
    return int(found["fid"])
