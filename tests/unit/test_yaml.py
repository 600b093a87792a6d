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


def test_keys_are_text(tmp_path: Path) -> None:
    document = read(tmp_path, "1: a\ntrue: b\nnull: c\n0415: d\n")
    assert document.data == {"1": "a", "true": "b", "null": "c", "0415": "d"}
    assert document.line(("0415",)) == 4


def test_merge_keys_bring_values_and_their_lines(tmp_path: Path) -> None:
    document = read(tmp_path, "a: &a\n  x: 1\n  y: 1\nb:\n  <<: *a\n  y: 2\n")
    assert document.data["b"] == {"x": 1, "y": 2}
    assert (document.line(("b", "x")), document.line(("b", "y"))) == (2, 6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a\n  b: *a\n", "inside of what it stands for"),
        ("a: &a {<<: *a}\n", "inside of what it stands for"),
        ("[a]: b\n", "a key must be a single value"),
        ("a: !!int b\n", "invalid literal"),
        ("a: !!python/object:os.system b\n", "could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "found another document"),
        ("a: '\x07'\n", r"does not allow: U\+0007"),
        ("a: " + "[" * 5000, "nested too deep"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(yaml.YamlError, match=message):
        read(tmp_path, text)


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(yaml.YamlError, match="more than 200000 parts"):
        read(tmp_path, "\n".join(lines))
