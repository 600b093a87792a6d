"""Media types as clients write them."""

from __future__ import annotations

import re


def compared(media_type: str) -> str:
    """A media type as it is compared: in small letters, without blanks and plus signs.

    A plus sign that a client does not encode arrives as a blank: `application/geo json`.
    """
    return re.sub(r"[\s+]+", "", media_type.lower())
