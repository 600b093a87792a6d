"""What a request gives: its objects read into a body, page by page or all of them, with exact numbers before them."""

from __future__ import annotations

from collections.abc import Iterator

from sdi.services.body import Body
from sdi.services.wfs.collections import Frame, Page, Part
from sdi.services.wfs.reading import Reading
from sdi.services.wfs.requests import PAGE_MAX, FeatureRequest, Query, has_address
from sdi.store.reader import COUNTED_UP_TO
from sdi.store.table import FAR


def answer(reading: Reading, request: FeatureRequest, frame: Frame) -> Body:
    """The rows of a request in its frame. Raises psycopg errors, OwsError; then, and when it flows, `reading` is open.

    An answer of no more than a page is settled before it is sent. A larger one is told how many objects it will have
    by counting them, in the snapshot that they are read from.
    """
    body = Body(frame.between)
    try:
        return _filled(body, reading, request, frame)
    except BaseException:
        body.close()
        raise


def _filled(body: Body, reading: Reading, request: FeatureRequest, frame: Frame) -> Body:
    page = _planned(reading, request)
    found = _rows(reading, request, frame, page)
    limit, more = request.count if page is None and paged(request) else None, False
    for texts in found:
        if limit is not None and body.rows + len(texts) > limit:
            more, texts = True, texts[: limit - body.rows]
        body.add(frame.clean(texts))
        if body.rows > PAGE_MAX and not paged(request):
            reading.take_place()
            page = page or _counted(reading, request, frame)
            return body.within(*frame.around(page)).flowing(map(frame.clean, found), reading.close)
    page = page or _settled(reading, request, body.rows, more)
    reading.close()
    return body.within(*frame.around(page))


def paged(request: FeatureRequest) -> bool:
    """Whether an answer is a page at most."""
    return request.count is not None and request.count <= PAGE_MAX


def parts_of(reading: Reading, request: FeatureRequest) -> Iterator[tuple[Query, int | None, int]]:
    """Each query, how many of its objects are wanted (None: all), and from which on."""
    page = _planned(reading, request)
    if page is None:
        yield request.queries[0], request.count, request.start
    else:
        yield from ((part.query, part.returned, part.start) for part in page.parts)


def _planned(reading: Reading, request: FeatureRequest) -> Page | None:
    """The numbers of hits, and those of several queries, which follow each other as if they were one long list."""
    if len(request.queries) == 1 and not request.hits:
        return None
    parts, start, left, total = [], request.start, FAR if request.count is None else request.count, 0
    for query in request.queries:
        matched = reading.count(query) or 0
        returned = 0 if request.hits else min(left, max(matched - start, 0))
        parts.append(Part(query, returned, matched, start))
        start, left, total = max(start - matched, 0), left - returned, total + matched
    returned = sum(part.returned for part in parts)
    return Page(tuple(parts), not request.hits and request.start + returned < total)


def _rows(reading: Reading, request: FeatureRequest, frame: Frame, page: Page | None) -> Iterator[list[bytes]]:
    if page is None:
        query, limit = request.queries[0], request.count
        further = 1 if paged(request) and limit is not None else 0  # one more tells whether there are more
        for batch in reading.rows(query, frame.text(query), None if limit is None else limit + further, request.start):
            yield [row[0] for row in batch]
        return
    for part in () if request.hits else page.parts:
        before, after = frame.part(part)
        if not part.returned:
            yield [before + after] if before else []
            continue
        left = part.returned
        for batch in reading.rows(part.query, frame.text(part.query), left, part.start):
            texts = [row[0] for row in batch]
            if left == part.returned:
                texts[0] = before + texts[0]
            left -= len(texts)
            if not left:
                texts[-1] += after
            yield texts


def _settled(reading: Reading, request: FeatureRequest, returned: int, more: bool) -> Page:
    """The numbers of one query whose rows have been read."""
    query, matched = request.queries[0], None
    if not more and (returned or request.start == 0):
        matched = request.start + returned
    else:
        # where no address says that there are more, the number must
        matched = reading.count(query, COUNTED_UP_TO if has_address(request.pairs) else FAR)
    return Page((Part(query, returned, matched),), more)


def _counted(reading: Reading, request: FeatureRequest, frame: Frame) -> Page:
    """The numbers of one query whose rows have not all been read, where the frame tells them."""
    query, returned, matched = request.queries[0], PAGE_MAX, None
    if frame.tells_numbers:
        matched = reading.count(query) or 0
        returned = min(FAR if request.count is None else request.count, max(matched - request.start, 0))
    return Page((Part(query, returned, matched),), False)
