"""A feature type of a county has one owner: objects change hands with a commit, and with nothing else."""

from __future__ import annotations

from .conftest import Node, field_at
from .test_harvest_run import adds_up, fields


def rename(node: Node, name: str, to: str) -> None:
    sources = node.home / "configs" / "regions" / "proba" / "sources"
    (sources / f"{name}.yaml").rename(sources / f"{to}.yaml")


def owners(node: Node) -> tuple[set[str], set[str]]:
    """The sources of the current objects, and those that the counts name."""
    return ({row["source"] for row in node.current().values()},
            {row["source"] for row in node.rows("select source from sdi.count")})


def a_second_county(node: Node) -> None:
    """Declare county 0463, of which no polygon is known."""
    path = node.home / "configs" / "regions" / "proba" / "units.geojson"
    path.write_text(path.read_text().replace('"features": [', '"features": [{"type": "Feature", "geometry": null,'
                    ' "properties": {"teryt": "0463", "name": "inny"}},'), encoding="utf-8")


def test_an_identifier_of_another_county_is_set_aside(node: Node) -> None:
    a_second_county(node)
    node.deliver(fields(3))
    node.harvest()
    node.declare("0463-proba", kind="jsonlines", county="0463", delivers=["proba"], parameters={"path": "delivery"},
                 expect={"quarantined_max": 0.8})
    node.deliver([*fields(3), {"id": "mine", "wkt": field_at(0, 0)}])
    outcome = node.harvest("0463-proba")
    assert outcome.summary["feature_types"]["pola"]["quarantined"] == 3
    assert adds_up(outcome.summary)
    assert {key: row["source"] for key, row in node.current().items()} == {
        "mine": "0463-proba", "p0": "0415-proba", "p1": "0415-proba", "p2": "0415-proba"}
    assert {issue["code"] for issue in node.issues()} == {"foreign-id", "source-axes"}, "the county has no polygon"


def test_a_source_under_a_new_name_takes_over(node: Node) -> None:
    node.deliver(fields(30))
    node.harvest()
    before = node.current()
    rename(node, "0415-proba", "torun")
    node.deliver(fields(29))
    outcome = node.harvest("torun")
    part = outcome.summary["feature_types"]["pola"]
    assert (outcome.state, part["unchanged"], part["gone"]) == ("committed", 29, 1)
    assert node.current()["p3"]["fid"] == before["p3"]["fid"]
    assert [(c["source"], c["objects"]) for c in node.rows("select * from sdi.count")] == [("torun", 29)]


def test_a_source_of_another_county_leaves_nothing_in_the_first(node: Node) -> None:
    a_second_county(node)
    closed = {"id": "old", "wkt": field_at(0, 0), "valid_from": "2019-01-01", "valid_to": "2020-01-01"}
    node.deliver([*fields(30), closed])
    node.harvest()
    node.declare(county="0463")
    node.deliver([*fields(29), closed])
    outcome = node.harvest()
    part = outcome.summary["feature_types"]["pola"]
    assert (outcome.state, part["new"], part["gone"], part["quarantined"]) == ("committed", 29, 30, 0)
    assert {row["county"] for row in node.current().values()} == {"0463"} and len(node.current()) == 29
    history = node.rows("select county, why, known_to is null as stands, count(*) from proba.pola_history"
                        " group by 1, 2, 3 order by 1, 2")
    assert [tuple(row.values()) for row in history] == [
        ("0415", "d", False, 1), ("0415", "g", False, 30), ("0463", "d", True, 1)]
    changes = node.rows("select county, op, count(*) from sdi.change where version = 2 group by 1, 2 order by 1")
    assert [tuple(row.values()) for row in changes] == [("0415", "d", 30), ("0463", "u", 29)]
    assert [(c["county"], c["objects"]) for c in node.rows("select * from sdi.count")] == [("0463", 29)]
    node.declare(county="0415")
    assert node.harvest().state == "committed" and {row["county"] for row in node.current().values()} == {"0415"}


def test_a_refused_delivery_leaves_what_its_source_had_elsewhere(node: Node) -> None:
    a_second_county(node)
    node.deliver(fields(30))
    node.harvest()
    node.declare(county="0463", expect={"min": {"pola": 40}})
    assert node.harvest().state == "refused"
    assert {row["county"] for row in node.current().values()} == {"0415"} and len(node.current()) == 30
    assert [(c["county"], c["objects"]) for c in node.rows("select * from sdi.count")] == [("0415", 30)]


def test_a_refused_delivery_takes_nothing_over(node: Node) -> None:
    node.deliver(fields(30))
    node.harvest()
    rename(node, "0415-proba", "torun")
    node.deliver(fields(10))
    refused = node.harvest("torun")
    assert refused.state == "refused" and owners(node) == ({"0415-proba"}, {"0415-proba"})
    node.deliver(fields(30))
    assert node.harvest("torun").state == "committed" and owners(node) == ({"torun"}, {"torun"})
    assert node.harvest("torun").state == "unchanged"


def test_a_former_owner_that_comes_back_is_not_taken_for_unchanged(node: Node) -> None:
    node.deliver(fields(30))
    node.harvest()
    rename(node, "0415-proba", "torun")
    node.deliver(fields(30, attributes={"nazwa": "inna"}))
    assert node.harvest("torun").state == "committed"
    rename(node, "torun", "0415-proba")
    node.deliver(fields(30))
    outcome = node.harvest()
    assert (outcome.state, outcome.summary["feature_types"]["pola"]["changed"]) == ("committed", 30), "known bytes"
    assert owners(node) == ({"0415-proba"}, {"0415-proba"}) and node.current()["p3"]["nazwa"] == "pole 3"
    assert node.harvest().state == "unchanged"
