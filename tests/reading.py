"""Pages of the store as a whole, as tests want them; requests take them a part at a time."""

from __future__ import annotations

from sdi.store.paging import Around
from sdi.store.reader import Reader
from sdi.store.selection import Page, Selection


def read_page(reader: Reader, feature_type: str, selection: Selection, page: Page) -> tuple[list[bytes], Around]:
    """The features of a page, and what is around it. Raises as `Reader.read`."""
    features: list[bytes] = []
    around = reader.read(feature_type, selection, page, features.extend)
    return features, around
