"""Every family of county servers is data: what configs/wfs-families.yaml says of it reads what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from sdi.declare.sources import read_families

from ..run.conftest import HOME, SOUTH, WEST
from .conftest import WfsNode
from .county import County, Dialect, buildings, parcels
from .server import Answer, Asked

BOUNDS = ('<gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG::2180"><gml:lowerCorner>0 0</gml:lowerCorner>'
          "<gml:upperCorner>1 1</gml:upperCorner></gml:Envelope></gml:boundedBy>")
SHORT = 'srsName="EPSG:{crs}"'


@dataclass(frozen=True)
class Vendor:
    """How the servers of a family answer."""

    dialect: Dialect
    kind: str = "m"
    """RODZAJ of a building."""
    advertised: str = ""
    """Prefix in the capabilities, where answers have another."""
    matched: str = ""
    """numberMatched; empty: the number."""
    declared: tuple[tuple[str, int], ...] = ()
    """Parameters of the county beside its family's."""


VENDORS = {
    "geoportal2": Vendor(Dialect(prefix="ewns", uri="http://xsd.geoportal2.pl/ewns", geometry="geometria",
                                 shape="multi", before=BOUNDS)),
    "webewid": Vendor(Dialect(version="1.1.0", geometry="geometry", srs_name=SHORT)),
    "giportal": Vendor(Dialect(before=BOUNDS), kind="budynekMieszkalny"),
    "gugik": Vendor(Dialect(ids=False, before=BOUNDS), kind="budynki mieszkalne"),
    "epodgik": Vendor(Dialect(crs=4326), kind="m - budynki mieszkalne (110)"),
    "ggp": Vendor(Dialect(version="1.1.0", prefix="WMS", geometry="MSGEOMETRY", srs_name=SHORT, crs=2177, ids=False),
                  declared=(("crs", 2177),)),
    "warszawa": Vendor(Dialect(prefix="Q1", uri="https://wms2.example.org/wfs", geometry="GEOMETRY", crs=4326,
                               srs_name='srsName="http://www.opengis.net/gml/srs/epsg.xml#{crs}"', north_first=False,
                               shape="multi"), advertised="wfs"),
    "katowice": Vendor(Dialect(prefix="wms_egib_gugik", uri="https://emapa.example.org/wms_egib_gugik",
                               geometry="SHAPE", crs=2177, dimension=3, shape="multi", pad="\n      "),
                       matched="unknown"),
    "chorzow": Vendor(Dialect(prefix="chorzow_workspace", uri="chorzow.workspace", geometry="the_geom", crs=2177,
                              shape="multi")),
    "czestochowa": Vendor(Dialect(prefix="gmgml", uri="http://www.intergraph.com/geomedia/gml", geometry="geom",
                                  crs=2177)),
}
FAMILIES = read_families(HOME)


def test_every_family_is_played() -> None:
    assert VENDORS.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", VENDORS)
def test_a_family_as_it_is_declared(node: WfsNode, name: str) -> None:
    vendor, family = VENDORS[name], FAMILIES[name]
    declared = family.parameters | dict(vendor.declared)
    houses = [house.having(RODZAJ=vendor.kind) for house in buildings(5)]
    county = County({"dzialki": parcels(30), "budynki": houses}, vendor.dialect)
    if vendor.advertised:
        county.advertised = tuple(f"{vendor.advertised}:{layer}" for layer in county.things)
    county.matched = lambda total, returned: vendor.matched or str(total)

    def respond(asked: Asked) -> Answer:
        given = asked.query
        assert given["VERSION"] == declared["version"]
        if given["REQUEST"] == "GetFeature" and "namespaces" in declared and "NAMESPACES" not in given:
            return Answer(b"unknown prefix", 400)
        return county(asked)

    node.describe(node.play(respond), ("dzialki", "budynki"), **declared)
    node.takes()
    assert node.places() == {f"041501_1.0001.{n}": (int(WEST) + 20 * n, int(SOUTH)) for n in range(30)}
    assert {row["rodzaj"] for row in node.served("budynki")} == {"m"} and len(node.served("budynki")) == 5
    assert {row["numer_dzialki"] for row in node.served()} == set(map(str, range(30)))
    assert {(row["county"], row["commune"]) for row in node.served()} == {("0415", "041501")}
    county.dialect = replace(vendor.dialect, north_first=not vendor.dialect.north_first)
    before = node.served()
    outcome = node.harvest()
    assert outcome.state == "refused", "the order of the axes is checked, whatever the family"
    assert node.served() == before
