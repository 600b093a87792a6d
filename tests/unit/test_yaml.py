from pathlib import Path

import pytest

from sdi.model import yaml


def read(tmp_path: Path, text: str) -> yaml.Document:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return yaml.read(path)


def test_codes_stay_text(tmp_path: Path) -> None:
    """TERYT 0415 is not the octal 269, the code `n` and the word `no` are not False."""
    assert read(tmp_path, "a: 0415\nn: no\nb: 12\nc: 1.5\nd: true\ne:\n").data == {
        "a": "0415", "n": "no", "b": 12, "c": 1.5, "d": True, "e": None,
    }


def test_lines_are_those_of_the_keys(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b:\n    - x\n    - y: 1\nc: 2\n")
    assert document.line(("a", "b", 1, "y")) == 4
    assert document.line(("c",)) == 5
    assert document.line(("a", "missing")) == 1


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(yaml.YamlError, match="'a' stands here twice") as caught:
        read(tmp_path, "a: 1\nb: 2\na: 3\n")
    assert caught.value.line == 3


def test_a_merge_key_takes_over_fields_and_own_fields_win(tmp_path: Path) -> None:
    document = read(tmp_path, "a: &common {x: 1, y: 2}\nb: {<<: *common, y: 3}\n")
    assert document.data["b"] == {"x": 1, "y": 3}
