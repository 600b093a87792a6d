"""The runner's own parts: that checks can fail. The clients run by `make acceptance`, not here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from tests.acceptance.__main__ import FAILED, Client, drive
from tests.acceptance.checks import UNAVAILABLE, Checks, same, same_ids, same_ring
from tests.acceptance.pictures import not_blank, parcel_is_drawn

RING = [(20.0, 30.0), (70.0, 35.0), (60.0, 55.0), (25.0, 50.0), (20.0, 30.0)]
PARCEL = {"ring": RING, "edges": [RING]}
BOUNDS = (0.0, 0.0, 100.0, 75.0)


def picture() -> Image.Image:
    """The parcel drawn at 8 pixels a unit, north up."""
    image = Image.new("L", (800, 600), 255)
    ImageDraw.Draw(image).line([(x * 8, 600 - y * 8) for x, y in RING], fill=0, width=2)
    return image


def test_a_parcel_in_its_place_is_seen() -> None:
    image = picture()
    not_blank(image.getpixel, image.size)
    parcel_is_drawn(image.getpixel, image.size, BOUNDS, PARCEL)


@pytest.mark.parametrize("change", [
    ImageOps.mirror, ImageOps.flip,
    lambda image: image.point(lambda _: 0), lambda image: image.point(lambda _: 255),
    lambda image: image.transform(image.size, Image.Transform.AFFINE, (1, 0, 8, 0, 1, 0)),
], ids=["mirrored", "upside down", "black", "white", "a metre off"])
def test_a_parcel_elsewhere_is_not(change) -> None:  # type: ignore[no-untyped-def]
    image = change(picture())
    with pytest.raises(AssertionError):
        parcel_is_drawn(image.getpixel, image.size, BOUNDS, PARCEL)


def test_a_blank_picture_is_told() -> None:
    with pytest.raises(AssertionError):
        not_blank(Image.new("L", (30, 30), 255).getpixel, (30, 30))


def test_differences_are_told() -> None:
    same_ids(["b", "a"], ["a", "b"])
    same_ring(RING[1:], reversed(RING), 0.0)
    for found in (["a"], ["a", "b", "b"], ["a", "b", "c"]):
        with pytest.raises(AssertionError):
            same_ids(found, ["a", "b"])
    for ring in (RING[:2], [(x, y + 0.002) for x, y in RING]):
        with pytest.raises(AssertionError):
            same_ring(ring, RING, 0.001)


def test_a_check_that_breaks_is_a_line_with_its_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "truth.json").write_text('{"base": "http://node/tenant"}', encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["client", str(tmp_path / "truth.json"), str(tmp_path)])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    checks = Checks()

    def group(checks: Checks) -> None:
        """A group."""
        with checks("good"):
            same(1, 1, "numbers")
        with checks("bad"):
            same(1, 2, "numbers")
        raise RuntimeError("between checks")

    checks.run(group)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["title"], line["problem"]) for line in lines] == [
        ("good", None), ("bad", "AssertionError: numbers: 1 instead of 2"),
        ("A group.", "RuntimeError: between checks")]


@pytest.mark.parametrize(("script", "needs", "code"), [
    ("print('{\"title\": \"t\", \"problem\": null, \"seconds\": 0}')", (), 0),
    ("print('{\"title\": \"t\", \"problem\": \"p\", \"seconds\": 0}')", (), FAILED),
    ("print('{\"title\": \"t\", \"problem\": null, \"seconds\": 0}'); raise SystemExit(3)", (), FAILED),
    ("", (), FAILED), ("raise SystemExit(3)", (), UNAVAILABLE), ("", ("/nowhere",), UNAVAILABLE),
], ids=["passes", "fails", "breaks off", "tells nothing", "cannot be had", "lacks a file"])
def test_the_exit_code_says_how_a_client_fared(tmp_path: Path, script: str, needs: tuple[str, ...], code: int) -> None:
    client = Client("trial", "A trial", (sys.executable, "-c", script), needs)
    assert drive(client, tmp_path / "truth.json", tmp_path / "trial") == code
