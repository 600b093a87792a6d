"""The EGiB delivery of a county: parcels, contours, buildings, addresses, boundary points, and who owns them.

The people in it are invented. They are there because a real delivery has them and none of it may be published:
names, PESEL-like numbers (with month 00, so nobody has such a one) and land-register numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sdi.demo import gml
from sdi.demo.buildings import Building, buildings
from sdi.demo.chance import Entity
from sdi.demo.gml import EGIB, GmlFile, Property, measure, reference, text
from sdi.demo.land import RIVER, ROAD, Block, Division, Plot, Rectangle
from sdi.demo.survey import CLASSED, Survey, soils, square_metres
from sdi.demo.units import Commune

DATASETS = {"0404": 4404, "0415": 4415}
"""Numbers of the counties' data sets in the national register of data sets; not TERYT codes."""
STREETS = ("Bydgoska", "Chełmińska", "Dworcowa", "Kościelna", "Kwiatowa", "Leśna", "Lipowa", "Łąkowa", "Ogrodowa",
           "Parkowa", "Polna", "Słoneczna", "Szkolna", "Toruńska", "Zielona")
FIRST_NAMES = ("Adam", "Barbara", "Celina", "Dionizy", "Ewa", "Feliks", "Grażyna", "Hieronim")
LAST_NAMES = ("Przykładowski", "Wzorcowa", "Testowicz", "Niebywały", "Zmyślona", "Fikcyjny", "Bezimienna")


def write_egib(survey: Survey, county: str, path: Path) -> dict[str, int]:
    """Write the delivery; the number of objects written by class."""
    with gml.gml_file(path, EGIB, f"PL.PZGiK.{DATASETS[county]}.EGiB") as file:
        _Delivery(survey, county, file).write()
    return file.objects


class _Delivery:
    """One delivery while it is written."""

    def __init__(self, survey: Survey, county: str, file: GmlFile) -> None:
        self.survey, self.county, self.file = survey, county, file
        self.entity = survey.scenario.entity
        self.point_id = cache(lambda number: file.gml_id(self.point_entity(number)))
        self.used: set[int] = set()

    def point_entity(self, number: int) -> Entity:
        """The boundary point at a corner of the lattice."""
        lattice = self.survey.lattice
        return self.entity(f"punkt/{lattice.x[number]}/{lattice.y[number]}")

    def write(self) -> None:
        divisions = self.survey.county(self.county)
        for commune in dict.fromkeys(division.precinct.commune for division in divisions):
            self._unit(commune)
        for division in divisions:
            self._precinct(division)
            self._contours(division)
            self._owners(division)
            rings = self.survey.rings([plot.area for plot in division.plots])
            for plot, ring in zip(division.plots, rings, strict=True):
                self._parcel(division, plot, ring)
                for building in buildings(self.survey.scenario, division.precinct, plot):
                    self._building(division, plot, building)
        self._points(divisions)

    def _bounds(self, name: str, ring: list[int]) -> list[Property]:
        """References to the points of a boundary. Points do not vanish, whatever a revision does."""
        self.used.update(ring)
        return [reference(name, self.point_id(number)) for number in ring]

    def _ring(self, area: Rectangle) -> list[int]:
        return self.survey.rings([area])[0]

    def _unit(self, commune: Commune) -> None:
        ring = self._ring(commune.square)
        self.file.add("JednostkaEwidencyjna", self._lasting(f"jednostka/{commune.unit_id}"), [
            ("geometria", gml.multi_surface(self.survey.ring(ring))),
            text("idJednostkiEwid", commune.unit_id), text("nazwaWlasna", commune.name),
            *self._bounds("punktGranicyJednEwid", ring),
        ])

    def _lasting(self, name: str) -> Entity:
        """An object that no revision removes, for others refer to it."""
        return self.entity(name).lasting

    def _precinct(self, division: Division) -> None:
        precinct = division.precinct
        ring = self._ring(precinct.area)
        self.file.add("ObrebEwidencyjny", self._lasting(f"obreb/{precinct.id}"), [
            ("geometria", gml.multi_surface(self.survey.ring(ring))),
            text("idObrebu", precinct.id), text("nazwaWlasna", precinct.name),
            *self._bounds("punktGranicyObrebu", ring),
            reference("lokalizacjaObrebu", self.file.gml_id(self._lasting(f"jednostka/{precinct.commune.unit_id}"))),
        ])

    def _located(self, name: str, division: Division) -> Property:
        return reference(name, self.file.gml_id(self._lasting(f"obreb/{division.precinct.id}")))

    def _contours(self, division: Division) -> None:
        blocks = list(division.blocks.values())
        for block, ring in zip(blocks, self.survey.contours([block.area for block in blocks]), strict=True):
            self.file.add("KonturUzytkuGruntowego", self._lasting(f"uzytek/{division.precinct.id}.{block.number}"), [
                ("geometria", gml.polygon(ring)), text("idUzytku", f"{division.precinct.id}.{block.number}"),
                text("OFU", block.use), self._located("lokalizacjaUzytku", division),
            ])
        parts = [(block, number, area, soil) for block in blocks
                 for number, (area, soil) in enumerate(soils(self.survey.scenario, division, block), 1)]
        for (block, number, _, soil), ring in zip(
                parts, self.survey.contours([area for _, _, area, _ in parts]), strict=True):
            name = f"{division.precinct.id}.{block.number}-{number}"
            self.file.add("KonturKlasyfikacyjny", self._lasting(f"kontur/{name}"), [
                ("geometria", gml.polygon(ring)), text("idKonturu", name), text("OZU", CLASSED[block.use]),
                text("OZK", soil), self._located("lokalizacjaKonturu", division),
            ])

    def _register_unit(self, division: Division, block: int) -> Entity:
        return self._lasting(f"jrg/{division.precinct.id}.{block}")

    def _owners(self, division: Division) -> None:
        first = next((block for block in division.blocks.values() if block.use == "B"), None)
        for block in division.blocks.values():
            unit = self._register_unit(division, block.number)
            self.file.add("JednostkaRejestrowaGruntow", unit, [
                text("idJednostkiRejestrowej", f"{division.precinct.id}.G{block.number}"),
                text("grupaRejestrowa", {ROAD: "4", RIVER: "1"}.get(block.use, "7")),
                self._located("lokalizacjaJRG", division),
            ])
            if block.use == "B" and (unit.draw.share(5) < 0.3 or block is first):
                self._owner(division, block)

    def _owner(self, division: Division, block: Block) -> None:
        name = f"{division.precinct.id}.{block.number}"
        home, person = self._lasting(f"adres-podmiotu/{name}"), self._lasting(f"osoba/{name}")
        d = person.draw
        self.file.add("AdresPodmiotu", home, [
            text("kraj", "Polska"), text("miejscowosc", division.precinct.name), text("kodPocztowy", "87-100"),
            text("numerPorzadkowy", d.whole(6, 1, 99)),
        ])
        self.file.add("OsobaFizyczna", person, [
            text("pierwszeImie", d.of(7, FIRST_NAMES)), text("pierwszyCzlonNazwiska", d.of(8, LAST_NAMES)),
            text("imieOjca", d.of(9, FIRST_NAMES)),
            text("pesel", f"{d.whole(10, 40, 99)}00{d.whole(11, 1, 28):02d}{d.whole(12, 0, 65_535) % 100_000:05d}"),
            text("plec", d.of(13, "12")), text("status", 1), reference("adresZameldowania", self.file.gml_id(home)),
        ])

    def _parcel(self, division: Division, plot: Plot, ring: list[int]) -> None:
        entity = parcel_entity(self.survey, division, plot)
        corners = self.survey.ring(ring)
        hectares = square_metres(corners) / 10_000
        self.file.add("DzialkaEwidencyjna", entity, [
            text("idDzialki", f"{division.precinct.id}.{plot.number}"),
            ("geometria", gml.polygon(corners)),
            text("numerKW", f"TO1T/{entity.draw.whole(4, 1, 65_535):08d}/{entity.draw.whole(5, 0, 9)}"),
            measure("poleEwidencyjne", f"{hectares:.4f}", "ha"),
            text("dokladnoscReprezentacjiPola", entity.facts.of(6, "11112")),
            *(("klasouzytek", self._land_class(*part))
              for part in land_classes(self.survey, division, plot, hectares)),
            reference("JRG2", self.file.gml_id(self._register_unit(division, plot.block))),
            *self._bounds("punktGranicyDzialki", ring),
            self._located("lokalizacjaDzialki", division),
        ])

    @staticmethod
    def _land_class(use: str, kind: str | None, soil: str | None, hectares: str) -> str:
        classed = f"<egb:OZU>{kind}</egb:OZU><egb:OZK>{soil}</egb:OZK>" if kind else ""
        return (f"<egb:EGB_Klasouzytek><egb:OFU>{use}</egb:OFU>{classed}"
                f'<egb:powierzchnia uom="ha">{hectares}</egb:powierzchnia></egb:EGB_Klasouzytek>')

    def _building(self, division: Division, plot: Plot, building: Building) -> None:
        parcel = f"{division.precinct.id}.{plot.number}"
        address = self._lasting(f"adres/{parcel}.{building.number}")
        addressed: list[Property] = []
        if building.number == 1:
            self._address(address, division, plot, building)
            addressed = [reference("adresBudynku", self.file.gml_id(address))]
        self.file.add("Budynek", building.entity, [
            text("idBudynku", f"{parcel}.{building.number}_BUD"),
            ("geometria", gml.multi_surface(building.ring)),
            text("rodzajWgKST", building.kind),
            text("liczbaKondygnacjiNadziemnych", building.storeys),
            text("liczbaKondygnacjiPodziemnych", building.basements),
            measure("powZabudowy", f"{square_metres(building.ring):.0f}", "m2"),
            reference("dzialkaZabudowana", self.file.gml_id(parcel_entity(self.survey, division, plot))),
            *addressed,
        ])
        self._attached(parcel, building)

    def _address(self, entity: Entity, division: Division, plot: Plot, building: Building) -> None:
        town = division.precinct.commune.town
        street = STREETS[(plot.block + division.precinct.number) % len(STREETS)]
        place = division.precinct.commune.name.partition(" (")[0] if town else division.precinct.name
        self.file.add("AdresNieruchomosci", entity, [
            text("nazwaMiejscowosci", place), *([text("nazwaUlicy", street)] if town else []),
            text("numerPorzadkowy", plot.number.replace("/", "")), ("geometria", gml.point(building.centre)),
        ])

    def _attached(self, parcel: str, building: Building) -> None:
        """A part of the building of another height, and stairs or a terrace in front of its door."""
        owner, frame, d = self.file.gml_id(building.entity), building.frame, building.entity.draw
        if building.storeys > 1 and d.share(8) < 0.15:
            self.file.add("BlokBudynku", self._lasting(f"blok/{parcel}.{building.number}"), [
                ("geometria", gml.polygon(frame.box(0, 0, building.width * 0.4, building.depth * 0.5))),
                text("rodzajBloku", d.of(9, "nnna")), text("oznaczenieBloku", "a"),
                text("numerNajwyzszejKondygnacji", building.storeys - 1), text("numerNajnizszejKondygnacji", 0),
                reference("budynekZBlokiemBud", owner),
            ])
        if building.number == 1 and d.share(10) < 0.25:
            middle = building.width / 2
            kind = d.of(11, "tsswrd")
            way = [frame.at(middle, -120), frame.at(middle, 0)]
            self.file.add("ObiektTrwaleZwiazanyZBudynkiem", self._lasting(f"przy-budynku/{parcel}"), [
                ("geometria", gml.polygon(frame.box(middle - 75, -120, 150, 120))),
                *([("poliliniaKierunkowa", gml.curve(way))] if kind in "srd" else []),
                text("rodzajObiektuZwiazanegoZBudynkiem", kind), reference("budynekZElementamiZwiazanymi", owner),
            ])

    def _points(self, divisions: list[Division]) -> None:
        for number in sorted(self.used):
            entity = self.point_entity(number).lasting
            self.file.add("PunktGraniczny", entity, [
                ("geometria", gml.point(self.survey.corners[number])),
                text("idPunktu", self._point_number(divisions, number)),
                text("sposobPozyskania", entity.facts.of(5, "1112")),
                text("spelnienieWarunkowDokl", entity.facts.of(6, "1112")),
                text("rodzajStabilizacji", entity.facts.of(7, "123466")),
            ])

    def _point_number(self, divisions: list[Division], number: int) -> str:
        """A number in the precinct that comes from the place, so that a new point does not renumber the others."""
        x, y = int(self.survey.lattice.x[number]), int(self.survey.lattice.y[number])
        for division in divisions:
            west, south, east, north = division.precinct.area
            if west <= x <= east and south <= y <= north:
                return f"{division.precinct.id}.{(x - west) * (north - south + 1) + y - south + 1}"
        raise ValueError(f"corner {number} lies in none of the precincts")


def parcel_entity(survey: Survey, division: Division, plot: Plot) -> Entity:
    """The identity of a parcel."""
    return survey.scenario.entity(f"dzialka/{division.precinct.id}.{plot.number}").lasting


def land_classes(survey: Survey, division: Division, plot: Plot,
                 hectares: float) -> Iterator[tuple[str, str | None, str | None, str]]:
    """OFU, OZU, OZK and area in hectares (four decimals) of the parts of a parcel; they add up to its area."""
    whole = round(hectares * 10_000)
    parts = soils(survey.scenario, division, division.blocks[plot.block])
    shares = [(soil, _common(plot.area, area)) for area, soil in parts]
    shares = [(soil, share) for soil, share in shares if round(share * whole)]
    if not shares:
        yield plot.use, None, None, f"{whole / 10_000:.4f}"
        return
    left = whole
    for number, (soil, share) in enumerate(shares, 1):
        part = left if number == len(shares) else round(share * whole)
        left -= part
        yield plot.use, CLASSED[plot.use], soil, f"{part / 10_000:.4f}"


def _common(area: Rectangle, other: Rectangle) -> float:
    """The share of `area` that lies in `other`."""
    west, south, east, north = area
    width = min(east, other[2]) - max(west, other[0])
    height = min(north, other[3]) - max(south, other[1])
    return max(width, 0) * max(height, 0) / ((east - west) * (north - south))
