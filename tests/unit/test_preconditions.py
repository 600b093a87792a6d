"""Dates of conditional requests that clients write in every way."""

import pytest
from starlette.datastructures import Headers

from sdi.services.preconditions import is_current

HEADERS = {"ETag": '"a"', "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}


@pytest.mark.parametrize(("date", "current"), [
    ("Sun, 06 Nov 1994 08:49:37 GMT", True), ("Sun, 06 Nov 1994 08:49:36 GMT", False),
    ("Sun, 06 Nov 1994 08:49:37 -0000", False), ("Sun, 99 Nov 1994 08:49:37 GMT", False), ("yesterday", False)])
def test_a_date_that_says_nothing_is_passed_over(date: str, current: bool) -> None:
    assert is_current(Headers({"If-Modified-Since": date}), HEADERS, by_date=True) is current
    assert is_current(Headers({"If-Modified-Since": date}), HEADERS) is False
