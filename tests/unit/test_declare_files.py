"""Files are written whole or not at all, never over somebody's work, and read back as what was meant."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdi.declare.files import as_yaml, put, put_yaml
from sdi.errors import ConfigurationError
from sdi.model import yaml

TEXTS = st.text(max_size=20)
DATA = st.dictionaries(
    TEXTS,
    st.recursive(
        TEXTS | st.integers(-10**6, 10**6) | st.booleans() | st.none() | st.sampled_from(["0415", "no", "1e3", "2.0"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(data=DATA, comment=TEXTS.filter(str.isprintable))
def test_what_is_written_is_what_is_read(
    data: dict[str, object], comment: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(as_yaml(comment, data), encoding="utf-8")
    assert yaml.read(path).data == data


def test_a_new_file_is_written_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "partners" / "a.yaml"
    assert put(path, "a: 1\n", force=False).state == "written"
    before = path.stat()
    assert put(path, "a: 1\n", force=True).state == "same"
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert list(path.parent.iterdir()) == [path]


def test_other_contents_stay_unless_forced_and_the_difference_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb: 2\n")
    kept = put(path, "a: 1\nb: 3\n", force=False)
    assert (kept.state, kept.difference, path.read_text()) == ("differs", "  -b: 2\n  +b: 3", "a: 1\nb: 2\n")
    assert "--force" in str(kept)
    assert put(path, "a: 1\nb: 3\n", force=True).state == "replaced"
    assert path.read_text() == "a: 1\nb: 3\n"


def test_comments_and_layout_of_a_person_are_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("# mine\ntitle:\n  en: b   # why\n  pl: a\n")
    assert put_yaml(path, "c", {"title": {"pl": "a", "en": "b"}}, force=True).state == "same"
    assert path.read_text().startswith("# mine")


def test_a_file_that_is_no_yaml_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: [1\n")
    assert put_yaml(path, "c", {"a": 1}, force=False).state == "differs"
    assert path.read_text() == "a: [1\n"


def test_nothing_half_written_stays_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "no").touch()
    with pytest.raises(ConfigurationError, match=r"a\.yaml: cannot be written"):
        put(tmp_path / "no" / "a.yaml", "a: 1\n", force=False)
    (tmp_path / "b.yaml").mkdir()
    with pytest.raises(ConfigurationError, match=r"b\.yaml: cannot be written"):
        put(tmp_path / "b.yaml", "a: 1\n", force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.yaml", "no"]
