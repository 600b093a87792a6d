"""What is expected of a delivery beside counts: known objects, dates, and what proves the order of the axes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyproj
import pytest
from pydantic import ValidationError

from sdi.errors import SourceError
from sdi.harvest.run import accept
from sdi.model.expectations import Known

from .conftest import SOUTH, WEST, Node, field_at

FIELD = [WEST + 105, SOUTH + 205]


def crops(count: int = 30, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"p{n}", "attributes": {"id_pola": f"041501_1.0001.{n}"}, "wkt": field_at(20 * n, 0)} | more
            for n in range(count)] + [{"id": "known", "attributes": {"id_pola": "041501_1.0001.99"},
                                       "wkt": field_at(100, 200)} | more]


def known(**more: Any) -> dict[str, Any]:
    return {"known": [{"feature_type": "pola", "id": "known", "near": FIELD, "within_m": 20} | more]}


def check(node: Node, name: str) -> dict[str, Any]:
    """A check as the last run's summary has it."""
    (row,) = node.rows("select summary from sdi.run order by run desc limit 1")
    return next(c for c in row["summary"]["checks"] if c["name"] == name)


def sources(node: Node) -> list[str]:
    return [issue["code"] for issue in node.issues() if issue["code"].startswith("source-")]


@pytest.mark.parametrize("more", [{}, {"id": "041501_1.0001.99"}, {"near": list(
    pyproj.Transformer.from_crs(2180, "OGC:CRS84", always_xy=True).transform(*FIELD))}])
def test_a_known_object_at_its_place_proves_the_axes(node: Node, more: dict[str, Any]) -> None:
    node.declare(expect=known(**more))
    node.deliver(crops())
    assert node.harvest().state == "committed"
    assert check(node, "known")["passed"] and "known objects prove" in check(node, "axes")["message"]


def test_a_known_object_that_is_missing_refuses(node: Node) -> None:
    node.declare(expect=known())
    node.deliver(crops()[:-1])
    outcome = node.harvest()
    assert outcome.state == "refused" and "pola known: this known object is not in the delivery" in outcome.message.en
    assert node.current() == {}


def test_a_known_object_elsewhere_refuses(node: Node) -> None:
    node.declare(expect=known())
    node.deliver([*crops()[:-1], {"id": "known", "wkt": field_at(900, 900)}])
    outcome = node.harvest()
    assert outcome.state == "refused"
    assert "km from where it should be" in outcome.message.en and "would not put it right" in outcome.message.en


@pytest.mark.parametrize("crs", [2180, 2177])
def test_the_message_says_where_swapped_axes_would_put_it_right(node: Node, crs: int) -> None:
    there = pyproj.Transformer.from_crs(2180, crs, always_xy=True)
    x, y = there.transform(*FIELD)
    x, y = there.transform(y, x, direction="INVERSE")
    node.declare(expect=known() | {"outside_max": 1, "quarantined_max": 1})
    node.deliver([*crops()[:-1], {"id": "known", "wkt": f"POLYGON (({x} {y}, {x + 2} {y}, {x} {y + 2}, {x} {y}))"}])
    outcome = node.harvest()
    assert outcome.state == "refused"
    if crs == 2180:
        assert "with the axes swapped in EPSG:2180" in outcome.message.en
    else:
        (issue,) = node.issues()
        assert issue["code"] == "impossible-coordinates"


@pytest.mark.parametrize("near", [[53.0, 18.6], [0, 0], [580_000, 6_480_000]])
def test_a_place_outside_poland_cannot_be_declared(near: list[float]) -> None:
    with pytest.raises(ValidationError, match="neither"):
        Known.model_validate({"feature_type": "pola", "id": "x", "near": near})


def test_without_a_polygon_of_the_county_its_bounds_are_looked_at_and_a_warning_says_so(node: Node) -> None:
    path = node.home / "configs" / "regions" / "proba" / "units.geojson"
    units = json.loads(path.read_text(encoding="utf-8"))
    units["features"][0]["geometry"] = None
    path.write_text(json.dumps(units), encoding="utf-8")
    node.deliver(crops())
    assert node.harvest().state == "committed"
    assert not check(node, "axes")["passed"] and sources(node) == ["source-axes"]
    node.deliver(crops(wkt="POLYGON ((580000 480000, 580010 480000, 580010 480010, 580000 480000))"))
    outcome = node.harvest()
    assert outcome.state == "refused" and "lie outside county" in outcome.message.en
    assert len(node.current()) == 31


def test_a_county_that_is_its_own_mirror_image_needs_a_known_object(node: Node) -> None:
    path = node.home / "configs" / "regions" / "proba" / "units.geojson"
    units = json.loads(path.read_text(encoding="utf-8"))
    to_crs84 = pyproj.Transformer.from_crs(2180, "OGC:CRS84", always_xy=True)
    corners = [(500_000, 500_000), (510_000, 500_000), (510_000, 510_000), (500_000, 510_000), (500_000, 500_000)]
    units["features"] = [{**units["features"][0], "geometry": {
        "type": "Polygon", "coordinates": [[to_crs84.transform(*corner) for corner in corners]]}}]
    path.write_text(json.dumps(units), encoding="utf-8")
    items = [{"id": f"p{n}", "wkt": f"POLYGON (({502_000 + n} 508000, {502_001 + n} 508000, {502_000 + n} 508001,"
                                    f" {502_000 + n} 508000))"} for n in range(30)]
    node.deliver(items)
    assert node.harvest().state == "committed"
    assert "would stay within it" in check(node, "axes")["message"] and sources(node) == ["source-axes"]
    node.declare(expect={"known": [{"feature_type": "pola", "id": "p1", "near": [508_000, 502_001]}]})
    outcome = node.harvest()
    assert outcome.state == "refused" and "with the axes swapped in EPSG:2180" in outcome.message.en
    node.declare(expect={"known": [{"feature_type": "pola", "id": "p1", "near": [502_001, 508_000]}]})
    assert node.harvest().state == "unchanged"
    assert sources(node) == []


def test_an_old_delivery_gives_a_warning_also_when_nothing_changes(node: Node) -> None:
    today = datetime.now(UTC)
    node.declare(expect={"fresh_days": 3})
    node.deliver(crops(valid_from=(today - timedelta(days=2)).isoformat()))
    assert node.harvest().state == "committed"
    assert check(node, "fresh")["passed"] and sources(node) == []
    node.declare(expect={"fresh_days": 1})
    assert node.harvest().state == "unchanged"
    assert "2 days old; 1 days may pass" in check(node, "fresh")["message"] and sources(node) == ["source-fresh"]
    assert node.harvest().message.en == "the same bytes as in the last good run"
    assert sources(node) == ["source-fresh"]


def test_a_refusal_says_what_is_wrong_and_not_what_follows_from_it(node: Node) -> None:
    node.declare(expect={"min": {"pola": 20}, **known()})
    node.deliver([{**item, "wkt": "POINT (480100 580100)"} for item in crops()])
    refused = node.harvest()
    assert refused.state == "refused" and refused.message.en == (
        f"none of the {len(crops())} objects delivered can be served; most often: the geometry is of another kind than"
        f" the register has ({len(crops())}); see why with `sdi issues`")
    assert [issue["code"] for issue in node.issues()] == ["wrong-geometry-type"] * len(crops())


def test_dates_to_come_do_not_make_a_delivery_fresh(node: Node) -> None:
    node.declare(expect={"fresh_days": 3})
    node.deliver([{"id": "old", "wkt": field_at(0, 0), "valid_from": "2020-01-01T00:00:00"},
                  {"id": "typo", "wkt": field_at(20, 0), "valid_from": "2918-01-01T00:00:00"}])
    assert node.harvest().state == "committed"
    fresh = check(node, "fresh")
    assert "the newest object is of 2019-12-31" in fresh["message"] and not fresh["passed"]
    assert len(node.current()) == 2


def test_a_delivery_without_dates_cannot_be_fresh(node: Node) -> None:
    node.declare(expect={"fresh_days": 3})
    node.deliver(crops())
    assert node.harvest().state == "committed"
    assert "no object carries a date" in check(node, "fresh")["message"]


def test_a_refused_run_can_be_accepted(node: Node) -> None:
    def adds_up(summary: dict[str, Any]) -> None:
        part = summary["feature_types"]["pola"]
        assert summary["read"] == summary["staged"] + summary["quarantined"] + summary["left_out"]
        assert part["read"] == part["current"] + part["past"] + part["duplicates"] + part["quarantined"]

    node.deliver(crops())
    node.harvest()
    again = [*crops(9), crops()[0], {"id": "p1", "wkt": field_at(700, 0)}, {"id": "new", "wkt": field_at(720, 0)}]
    node.deliver(again)
    refused = node.harvest()
    assert refused.state == "refused" and len(node.current()) == 31
    adds_up(refused.summary)
    outcome = accept(refused.run, "anna", node.region, node.database, node.settings)
    assert (outcome.state, outcome.run) == ("committed", refused.run)
    assert set(node.current()) == {*(f"p{n}" for n in range(9)), "known", "new"}
    adds_up(outcome.summary)
    for count in ("current", "duplicates", "quarantined"):
        assert outcome.summary["feature_types"]["pola"][count] == refused.summary["feature_types"]["pola"][count]
    (version,) = node.rows("select * from sdi.version order by version desc limit 1")
    accepted = version["lineage"]["accepted"]
    assert accepted["by"] == "anna" and "no longer delivered" in accepted["in_spite_of"][0]
    assert version["lineage"]["deliveries"][0]["bytes"] > 0
    assert sorted(i["code"] for i in node.issues()) == ["duplicate-id", "source-vanished"]
    assert node.rows("select 1 from pg_tables where schemaname = 'stage'") == []
    assert node.harvest().state == "unchanged"


def test_only_the_last_run_that_was_refused_can_be_accepted(node: Node) -> None:
    def attempt(run: int) -> None:
        accept(run, "anna", node.region, node.database, node.settings)

    node.deliver(crops())
    good = node.harvest()
    with pytest.raises(SourceError, match="is committed; only a run that was refused"):
        attempt(good.run)
    with pytest.raises(SourceError, match="no run 99"):
        attempt(99)
    node.deliver(crops(3))
    refused = node.harvest()
    node.declare(expect={"vanished_max": 0.4})
    with pytest.raises(SourceError, match="has changed since; harvest again"):
        attempt(refused.run)
    node.declare(expect={})
    node.deliver(crops(29))
    assert node.harvest().state == "committed"
    with pytest.raises(SourceError, match="came after it; harvest again"):
        attempt(refused.run)
    assert len(node.current()) == 30
