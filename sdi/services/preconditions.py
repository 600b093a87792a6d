"""Conditional requests (RFC 9110, clause 13): whether a client has an answer already, or wants another than there is.

They mean answers with 2xx only: what is wrong or not there is told whatever the conditions (clause 13.2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from starlette.datastructures import Headers

from sdi.errors import SdiError
from sdi.model.text import Text


class PreconditionFailed(SdiError):
    """The client wants what it knows, and that is not what there is (412)."""

    def __init__(self) -> None:
        super().__init__(Text(
            pl="zawartość jest inna niż ta, której chce If-Match lub If-Unmodified-Since",
            en="the content is not the one that If-Match or If-Unmodified-Since wants"))


def is_known(asked: Headers, headers: Mapping[str, str]) -> bool:
    """Whether the client names the ETag of `headers`: then it had a good answer, and 304 needs no other look."""
    return "If-Match" not in asked and headers["ETag"].removeprefix("W/") in _weak(_tags(asked, "If-None-Match"))


def is_current(asked: Headers, headers: Mapping[str, str], *, by_date: bool = False) -> bool:
    """Whether the client has the good answer with `headers` already (304), in the order of clause 13.2.2.

    `by_date`: Last-Modified alone tells, too, whether the answer is the same. Raises PreconditionFailed.
    """
    tag = headers["ETag"]
    if "If-Match" in asked:
        tags = _tags(asked, "If-Match")
        if tags != ["*"] and (tag.startswith("W/") or tag not in tags):  # by strong comparison: a weak tag equals none
            raise PreconditionFailed
    elif by_date and _is_since(asked, "If-Unmodified-Since", headers) is False:
        raise PreconditionFailed
    if "If-None-Match" in asked:
        tags = _tags(asked, "If-None-Match")
        return tags == ["*"] or tag.removeprefix("W/") in _weak(tags)
    return by_date and _is_since(asked, "If-Modified-Since", headers) is True


def _tags(asked: Headers, name: str) -> list[str]:
    return [tag.strip() for field in asked.getlist(name) for tag in field.split(",")]


def _weak(tags: list[str]) -> list[str]:
    return [tag.removeprefix("W/") for tag in tags]


def _is_since(asked: Headers, name: str, headers: Mapping[str, str]) -> bool | None:
    """Whether the content is no newer than a field says; None where that says nothing."""
    try:
        return parsedate_to_datetime(headers["Last-Modified"]) <= parsedate_to_datetime(asked[name])
    except (KeyError, ValueError, TypeError):  # TypeError: of a date without a zone
        return None
