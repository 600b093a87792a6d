"""Objects of a declared register: identifiers, life cycles, values, and what is left out or set aside."""

from __future__ import annotations

import io
from typing import Any

import pytest

from sdi.harvest.contract import Feature, Issue, LeftOut, Read
from sdi.harvest.gml.document import Document
from sdi.harvest.gml.geometry import GeometryReader
from sdi.harvest.gml.reader import RegisterChooser, read_document
from sdi.model.register import Register

NEW, OLD = "ewidencjaGruntowIBudynkow:1.0", "urn:gugik:specyfikacje:gmlas:ewidencjaGruntowBudynkow:1.0"


def text(value: str) -> dict[str, str]:
    return {"pl": value, "en": value}


def attribute(**body: Any) -> dict[str, Any]:
    return {"title": text("a"), **body}


REGISTER = Register.model_validate(
    {
        "id": "egib",
        "title": text("r"),
        "abstract": text("r"),
        "legal_basis": text("r"),
        "namespaces": [NEW, OLD],
        "inspire_theme": "CP",
        "topic_category": "planningCadastre",
        "code_lists": {
            "kst": {"m": {"title": text("m"), "aliases": ["mieszkalny"]}, "g": {"title": text("g")}},
            "ofu": {"R": {"title": text("R")}, "Ł": {"title": text("Ł")}},
        },
        "not_read": {"EGB_OsobaFizyczna": "personal"},
        "not_read_attributes": {"numerKW": "personal"},
        "divided": {"EGB_Stary": {"by": "rodzajStary", "into": {"mur": "mury"}, "otherwise": "rzeczy"}},
        "feature_types": {
            "rzeczy": {
                "title": text("t"),
                "abstract": text("t"),
                "gml": {"EGB_Rzecz": {}, "EGB_RzeczMieszkalna": {"rodzaj": "mieszkalny"}, "EGB_Stary": {}},
                "geometry": "any",
                "geometries": {"polilinia": "line", "poczatek": "point"},
                "geometry_gml": {"polilinia": ["poliliniaKierunkowa"], "poczatek": ["poczatek", "poczatekKolejny"]},
                "attributes": {
                    "nazwa": attribute(gml=["nazwa", "nazwaWlasna"]),
                    "numer": attribute(gml=["idRzeczy"], pattern=r"([^.]+)$"),
                    "rodzaj": attribute(gml=["rodzaj"], code_list="kst"),
                    "ofu": attribute(gml=["OFU"], code_list="ofu", many=True),
                    "pole": attribute(gml=["pole"], type="number", unit="ha"),
                    "srednica": attribute(gml=["srednica"], type="integer", unit="mm"),
                    "wiazka": attribute(gml=["wiazka"], type="boolean"),
                    "data": attribute(gml=["data"], type="date"),
                    "chwila": attribute(gml=["chwila"], type="datetime"),
                    "operat": attribute(gml=["operat/EGB_Operat/numer"]),
                    "adres": attribute(gml=["adres"], reading="href"),
                    "uzytki": attribute(gml=["klasouzytek/EGB_Klasouzytek"], reading="klasouzytek", many=True),
                },
            },
            "mury": {
                "title": text("t"),
                "abstract": text("t"),
                "gml": {"EGB_Stary": {}},
                "geometry": "any",
                "attributes": {"nazwa": attribute(gml=["nazwa"])},
            },
            "inne": {
                "title": text("t"),
                "abstract": text("t"),
                "gml": {"EGB_Inne": {}},
                "geometry": "any",
                "attributes": {},
            },
        },
    }
)

IIP = (
    "<e:idIIP><e:EGB_IdentyfikatorIIP><e:lokalnyId> 1-a </e:lokalnyId><e:przestrzenNazw>PL.PZGiK.1.EGiB"
    "</e:przestrzenNazw><e:wersjaId>2024-01-01T12:00:00</e:wersjaId></e:EGB_IdentyfikatorIIP></e:idIIP>"
)
POINT = (
    '<e:geometria><gml:Point srsName="urn:ogc:def:crs:EPSG::2177"><gml:pos>5880000 6550000</gml:pos></gml:Point>'
    "</e:geometria>"
)


def read(members: str, namespace: str = NEW) -> list[Read]:
    data = f"""<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:e="{namespace}"
        xmlns:bt="urn:gugik:specyfikacje:gmlas:modelPodstawowy:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
        <gml:featureMember>{members}</gml:featureMember></gml:FeatureCollection>"""
    owned = [REGISTER.feature_types["rzeczy"], REGISTER.feature_types["mury"]]
    chooser = RegisterChooser({"egib": REGISTER}, owned, GeometryReader())
    return list(read_document(Document(io.BytesIO(data.encode()), "d.gml"), chooser))


def one(properties: str, class_name: str = "EGB_Rzecz", **options: Any) -> tuple[Feature, list[Issue]]:
    """The feature that has these properties, and all issues."""
    found = read(f"<e:{class_name}>{IIP}{properties}</e:{class_name}>", **options)
    (feature,) = [item for item in found if isinstance(item, Feature)]
    return feature, [item for item in found if isinstance(item, Issue)]


def test_identifier_and_life_cycle_of_2021() -> None:
    feature, issues = one(
        "<e:startObiekt>2020-01-01</e:startObiekt><e:startWersjaObiekt>2021-02-03T04:05:06</e:startWersjaObiekt>"
        f"<e:koniecWersjaObiekt>2022-01-01T00:00:00Z</e:koniecWersjaObiekt>{POINT}"
    )
    assert not issues
    assert (feature.id, feature.namespace, feature.version_id) == ("1-a", "PL.PZGiK.1.EGiB", "2024-01-01T12:00:00")
    assert (feature.started_at, feature.valid_from) == ("2020-01-01", "2021-02-03T04:05:06")
    assert feature.valid_to == "2022-01-01T00:00:00Z"
    assert feature.geometry is not None and feature.geometry.coords[0] == (6550000, 5880000)
    assert feature.position == "d.gml:4"


def test_identifier_and_life_cycle_of_2015() -> None:
    found = read(
        "<e:EGB_Rzecz><e:idIIP><bt:BT_Identyfikator><bt:lokalnyId>7</bt:lokalnyId><bt:przestrzenNazw>N"
        "</bt:przestrzenNazw></bt:BT_Identyfikator></e:idIIP><e:cyklZyciaObiektu><bt:BT_CyklZyciaInfo>"
        "<bt:poczatekWersjiObiektu>2022-08-13T17:56:00</bt:poczatekWersjiObiektu><bt:koniecWersjiObiektu>2023-01-01"
        "</bt:koniecWersjiObiektu></bt:BT_CyklZyciaInfo></e:cyklZyciaObiektu></e:EGB_Rzecz>",
        OLD,
    )
    (feature,) = found
    assert isinstance(feature, Feature)
    assert (feature.id, feature.valid_from, feature.valid_to) == ("7", "2022-08-13T17:56:00", "2023-01-01")
    assert feature.geometry is None


def test_the_end_of_the_object_ends_its_version() -> None:
    feature, _ = one("<e:koniecObiekt>2022-01-01</e:koniecObiekt>")
    assert feature.valid_to == "2022-01-01"


@pytest.mark.parametrize(
    ("xml", "name", "value"),
    [
        ("<e:nazwa>\n  Nowa\n  Wieś </e:nazwa>", "nazwa", "Nowa Wieś"),
        ("<e:nazwa/><e:nazwaWlasna>b</e:nazwaWlasna>", "nazwa", "b"),
        ("<e:nazwaWlasna>b</e:nazwaWlasna><e:nazwa>a</e:nazwa>", "nazwa", "a"),
        ('<e:nazwa xsi:nil="true" nilReason="missing"/>', "nazwa", None),
        ("<e:idRzeczy>041501_1.0001.12/3</e:idRzeczy>", "numer", "12/3"),
        ("<e:idRzeczy>.</e:idRzeczy>", "numer", None),
        ("<e:rodzaj>m</e:rodzaj>", "rodzaj", "m"),
        ("<e:rodzaj>Mieszkalny</e:rodzaj>", "rodzaj", "m"),
        ("<e:OFU>R</e:OFU><e:OFU>Ł</e:OFU>", "ofu", "R, Ł"),
        ('<e:pole uom="ha">0.25</e:pole>', "pole", 0.25),
        ('<e:pole uom="m2">2500</e:pole>', "pole", 0.25),
        ("<e:pole>0,25</e:pole>", "pole", 0.25),
        ('<e:srednica uom="urn:ogc:def:uom:OGC:1.0:m">0.11</e:srednica>', "srednica", None),
        ('<e:srednica uom="mm">110</e:srednica>', "srednica", 110),
        ("<e:wiazka>false</e:wiazka>", "wiazka", False),
        ("<e:wiazka>1</e:wiazka>", "wiazka", True),
        ("<e:operat><e:EGB_Operat><e:numer>P.1</e:numer></e:EGB_Operat></e:operat>", "operat", "P.1"),
        ('<e:adres xlink:href="#a1"/>', "adres", "a1"),
        ("<e:klasouzytek><e:EGB_Klasouzytek><e:OFU>R</e:OFU><e:OZU>R</e:OZU><e:OZK>IVa</e:OZK></e:EGB_Klasouzytek>"
         "</e:klasouzytek><e:klasouzytek><e:EGB_Klasouzytek><e:OFU>Br</e:OFU><e:OZU>R</e:OZU><e:OZK>V</e:OZK>"
         "</e:EGB_Klasouzytek></e:klasouzytek><e:klasouzytek><e:EGB_Klasouzytek><e:OFU>B</e:OFU></e:EGB_Klasouzytek>"
         "</e:klasouzytek>", "uzytki", "RIVa, Br-RV, B"),
    ],
)
def test_values(xml: str, name: str, value: object) -> None:
    feature, _ = one(xml)
    assert feature.attributes.get(name) == value


def test_dates_have_their_types() -> None:
    feature, issues = one("<e:data>2024-02-29</e:data><e:chwila>2024-02-29T12:00:00+01:00</e:chwila>")
    assert not issues
    assert feature.attributes["data"].isoformat() == "2024-02-29"
    assert feature.attributes["chwila"].isoformat() == "2024-02-29T12:00:00+01:00"


@pytest.mark.parametrize(
    ("xml", "code", "field"),
    [
        ("<e:rodzaj>zamek</e:rodzaj>", "unknown-code", "rodzaj"),
        ("<e:pole>dużo</e:pole>", "bad-value", "pole"),
        ("<e:pole>NaN</e:pole>", "bad-value", "pole"),
        ('<e:pole uom="pręt">5</e:pole>', "bad-value", "pole"),
        ("<e:srednica>1.5</e:srednica>", "bad-value", "srednica"),
        ("<e:wiazka>może</e:wiazka>", "bad-value", "wiazka"),
        ("<e:data>2024-02-30</e:data>", "bad-value", "data"),
        ("<e:data>0001-01-01</e:data>", "bad-value", "data"),
        ("<e:startWersjaObiekt>0001-01-01T00:00:00</e:startWersjaObiekt>", "bad-value", "startWersjaObiekt"),
        ("<e:koniecWersjaObiekt>9999-12-31T23:59:59</e:koniecWersjaObiekt>", "bad-value", "koniecWersjaObiekt"),
        ("<e:startWersjaObiekt>wczoraj</e:startWersjaObiekt>", "bad-value", "startWersjaObiekt"),
        ("<e:startWersjaObiekt>2018-W01-1T12:00:00</e:startWersjaObiekt>", "bad-value", "startWersjaObiekt"),
    ],
)
def test_values_that_are_not_taken(xml: str, code: str, field: str) -> None:
    feature, issues = one(xml)
    assert field not in feature.attributes and feature.valid_from is None
    (issue,) = issues
    assert (issue.severity, issue.code, issue.field, issue.object_id) == ("warning", code, field, "1-a")
    assert xml.partition(">")[2].partition("<")[0] in issue.message.en and issue.message.pl != issue.message.en


def test_the_class_implies_values_that_the_object_overrules() -> None:
    assert one("", "EGB_RzeczMieszkalna")[0].attributes == {"rodzaj": "m"}
    assert one("<e:rodzaj>g</e:rodzaj>", "EGB_RzeczMieszkalna")[0].attributes == {"rodzaj": "g"}


def test_a_second_geometry_is_kept() -> None:
    line = ('<e:poliliniaKierunkowa><gml:LineString srsName="urn:ogc:def:crs:EPSG::2177"><gml:posList>1 10 2 20'
            "</gml:posList></gml:LineString></e:poliliniaKierunkowa>")
    feature, issues = one(line + POINT)
    assert not issues
    assert feature.geometry is not None and feature.geometry.geom_type == "Point"
    assert feature.geometries["polilinia"].coords[1] == (20, 2)
    feature, _ = one(POINT)
    assert feature.geometries == {}


def test_a_divided_class_goes_by_its_property() -> None:
    wall, issues = one("<e:rodzajStary>mur</e:rodzajStary><e:nazwa>a</e:nazwa>", "EGB_Stary")
    assert (wall.feature_type, wall.attributes, issues) == ("mury", {"nazwa": "a"}, [])
    thing, issues = one("<e:rodzajStary>plot</e:rodzajStary>", "EGB_Stary")
    assert (thing.feature_type, issues) == ("rzeczy", [])


def test_undeclared_properties_are_reported_once_without_their_values() -> None:
    thing = f"<e:EGB_Rzecz>{IIP}<e:pesel>44051401359</e:pesel><e:numerKW>TO1T/1</e:numerKW></e:EGB_Rzecz>"
    found = read(thing * 3)
    issues = [item for item in found if isinstance(item, Issue)]
    assert len(found) == 4
    assert [(i.severity, i.code, i.field) for i in issues] == [("warning", "unknown-attribute", "pesel")]
    assert "3 times" in issues[0].message.en
    assert "44051401359" not in repr(found) and "TO1T" not in repr(found)


def test_an_excerpt_shows_only_what_may_be_read() -> None:
    feature, issues = one(
        "<e:rodzaj>zamek</e:rodzaj><e:pesel>44051401359</e:pesel><e:operat><e:EGB_Operat><e:numer>P.1</e:numer>"
        '<e:osoba>Kowalski</e:osoba></e:EGB_Operat></e:operat><e:nazwa xlink:title="Nowak">a</e:nazwa>'
    )
    assert feature.attributes == {"nazwa": "a", "operat": "P.1"}
    excerpt = next(issue.excerpt for issue in issues if issue.code == "unknown-code")
    assert "zamek" in excerpt and "P.1" in excerpt and "1-a" in excerpt
    assert not any(secret in repr(issues) for secret in ("44051401359", "Kowalski", "Nowak"))


def test_an_excerpt_is_cut() -> None:
    _, issues = one("<e:rodzaj>zamek</e:rodzaj><e:nazwa>" + "ż" * 9000 + "</e:nazwa>")
    assert 4000 < len(issues[0].excerpt.encode()) <= 4096


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ("<e:EGB_Rzecz/>", "missing-id"),
        (f"<e:EGB_Rzecz>{IIP.replace(' 1-a ', ' ')}</e:EGB_Rzecz>", "missing-id"),
        (f"<e:EGB_Rzecz>{IIP}{POINT.replace('5880000 ', '')}</e:EGB_Rzecz>", "unreadable-geometry"),
        (f"<e:EGB_Rzecz>{IIP}{POINT.replace('5880000', 'x')}</e:EGB_Rzecz>", "unreadable-geometry"),
        (f"<e:EGB_Rzecz>{IIP}{POINT.replace('2177', '99999')}</e:EGB_Rzecz>", "unreadable-geometry"),
        (f"<e:EGB_Nowa>{IIP}<e:pesel>44051401359</e:pesel></e:EGB_Nowa>", "unknown-class"),
    ],
)
def test_objects_that_are_set_aside(member: str, code: str) -> None:
    found = read(member + f"<e:EGB_Rzecz>{IIP}{POINT}</e:EGB_Rzecz>")
    issue, feature = found
    assert isinstance(issue, Issue) and isinstance(feature, Feature)
    assert (issue.severity, issue.code, issue.position) == ("quarantined", code, "d.gml:4")
    assert issue.excerpt.startswith("<e:EGB_") and "44051401359" not in repr(issue)


def test_classes_that_are_left_out() -> None:
    assert read("<e:EGB_OsobaFizyczna><e:pesel>1</e:pesel></e:EGB_OsobaFizyczna><e:EGB_Inne/>") == [
        LeftOut("EGB_OsobaFizyczna"),
        LeftOut("EGB_Inne"),
    ]


def test_a_known_class_in_an_unknown_namespace_is_read_and_reported_once() -> None:
    found = read(f"<e:EGB_Rzecz>{IIP}</e:EGB_Rzecz>" * 2, "ewidencjaGruntowIBudynkow:2.0")
    issues = [item for item in found if isinstance(item, Issue)]
    assert len(found) == 3
    assert [(i.severity, i.code) for i in issues] == [("warning", "unknown-namespace")]
    assert "ewidencjaGruntowIBudynkow:2.0" in issues[0].message.en and "2 objects" in issues[0].message.en


def test_more_values_than_the_attribute_takes_are_reported() -> None:
    feature, issues = one("<e:nazwa>a</e:nazwa><e:nazwa>b</e:nazwa>")
    assert feature.attributes["nazwa"] == "a"
    assert [issue.code for issue in issues] == ["repeated-attribute"]


def point(name: str, x: int) -> str:
    return f'<e:{name}><gml:Point srsName="urn:ogc:def:crs:EPSG::2177"><gml:pos>1 {x}</gml:pos></gml:Point></e:{name}>'


def test_a_second_geometry_that_repeats_is_a_multipoint_over_all_its_names() -> None:
    feature, issues = one(POINT + point("poczatek", 1) + point("poczatekKolejny", 3) + point("poczatek", 2))
    assert issues == []
    assert feature.geometries["poczatek"].wkt == "MULTIPOINT ((1 1), (2 1), (3 1))"


def test_a_main_geometry_that_repeats_is_kept_whole() -> None:
    feature, issues = one(POINT + POINT.replace("6550000", "6550001"))
    assert issues == []
    assert feature.geometry is not None and feature.geometry.wkt == "MULTIPOINT ((6550000 5880000), (6550001 5880000))"


def test_the_envelope_of_an_object_gives_its_geometries_a_crs() -> None:
    feature, issues = one(
        '<gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG::2178"/></gml:boundedBy>'
        + POINT.replace(' srsName="urn:ogc:def:crs:EPSG::2177"', "")
    )
    assert (feature.srid, issues) == (2178, [])
