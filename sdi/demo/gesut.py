"""The GESUT delivery of a county: mains along the roads, service pipes to the buildings, devices and heights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sdi.demo import gml
from sdi.demo.buildings import Building, Frame, buildings, front_size, inside
from sdi.demo.chance import Entity
from sdi.demo.egib import DATASETS
from sdi.demo.gml import GESUT, GmlFile, Point, Property, reference, text
from sdi.demo.land import EAST, NORTH, Division, Plot, Road
from sdi.demo.survey import Survey, path, spot
from sdi.demo.units import SIDE

OWNERS = ("Wodociągi Przykładowe", "Energetyka Przykładowa", "Gazownia Przykładowa")


@dataclass(frozen=True, slots=True)
class Network:
    """A network as it runs along roads."""

    class_name: str
    devices: str
    lane: float
    """Where it runs, as a share of the road's width from its western or southern side."""
    types: tuple[str, ...]
    diameters: tuple[int, ...]
    """In millimetres; none for cables."""
    device: str
    """Kind of the devices that stand along it."""
    spacing: int
    """Distance of the devices in centimetres."""
    town_only: bool = False
    connected: float = 1.0
    """Share of the buildings with a service pipe or cable."""


NETWORKS = (
    Network("PrzewodWodociagowy", "UrzadzeniaSiecWodociagowa", 0.25, ("o", "o", "l"), (90, 110, 160), "h", 12_000),
    Network("PrzewodKanalizacyjny", "UrzadzeniaSiecKanalizacyjna", 0.5, ("s", "s", "o"), (200, 250, 315), "s", 5_500,
            connected=0.8),
    Network("PrzewodGazowy", "UrzadzeniaSiecGazowa", 0.7, ("s", "n"), (63, 90, 125), "w", 30_000, connected=0.5),
    Network("PrzewodElektroenergetyczny", "UrzadzeniaSiecElektroenergetyczna", 0.9, ("n", "n", "s"), (), "o", 4_000),
    Network("PrzewodTelekomunikacyjny", "UrzadzeniaSiecTelekomunikacyjna", 0.1, ("s", "i"), (), "k", 15_000,
            connected=0.6),
    Network("PrzewodCieplowniczy", "UrzadzeniaSiecCieplownicza", 0.38, ("w", "n"), (65, 100, 150), "w", 20_000,
            town_only=True, connected=0.4),
)


def write_gesut(survey: Survey, county: str, path: Path) -> dict[str, int]:
    """Write the delivery; the number of objects written by class."""
    with gml.gml_file(path, GESUT, f"PL.PZGiK.{DATASETS[county]}.GESUT") as file:
        _Delivery(survey, file).write(county)
    return file.objects


def height(point: Point) -> float:
    """Height of the ground in metres (PL-EVRF2007-NH): a plain that rises from the river to the north-east."""
    easting, northing = point
    return round(62 + (easting / 100 - 6_530_000) * 0.0009 + (northing / 100 - 5_873_000) * 0.0011, 2)


class _Delivery:
    """One delivery while it is written."""

    def __init__(self, survey: Survey, file: GmlFile) -> None:
        self.survey, self.file = survey, file
        self.entity = survey.scenario.entity

    def write(self, county: str) -> None:
        for division in self.survey.county(county):
            town = division.precinct.commune.town
            networks = [network for network in NETWORKS if town or not network.town_only]
            for road in division.roads:
                if road.built_up:
                    for network in networks:
                        self._main(division, road, network)
            for plot in division.plots:
                houses = buildings(self.survey.scenario, division.precinct, plot)
                if houses and plot.road:
                    for network in networks:
                        self._service(division, plot, houses[0], network)
            self._rarities(division)

    def _common(self, entity: Entity, source: str = "OOOODX") -> list[Property]:
        f = entity.facts
        return [text("zrodlo", f.of(9, source)), text("status", "p" if f.share(10) < 0.03 else "i"),
                text("eksploatacja", "n" if f.share(11) < 0.04 else "c"), text("wladajacy", f.of(12, OWNERS))]

    def _line(self, name: str, network: Network, line: list[Point], function: str,
              heights: list[Entity] | None = None) -> None:
        entity = self.entity(name)
        f = entity.facts
        sizes = [text("srednica", f.of(5, network.diameters) if function == "g" else 40)] if network.diameters else []
        above = network.class_name == "PrzewodElektroenergetyczny" and f.share(7) < 0.3
        bundle = [text("wiazka", "true" if f.share(8) < 0.5 else "false")] if "Telekom" in network.class_name else []
        kind = [text("rodzaj", "t" if f.share(6) < 0.1 else "g")] if "Kanalizacyjny" in network.class_name else []
        self.file.add(network.class_name, entity, [
            *self._common(entity),
            *(reference("rzednaObiektu", self.file.gml_id(at)) for at in heights or ()),
            ("geometria", gml.curve(line)), text("funkcja", function), text("przebieg", "n" if above else "p"),
            text("typPrzewodu", f.of(4, network.types)), *kind, *sizes, *bundle,
        ])

    def _main(self, division: Division, road: Road, network: Network) -> None:
        """A main from crossing to crossing, its devices, and heights where a sewer has its manholes."""
        name = f"{network.class_name}/{division.precinct.id}.{road.number}"
        start, end = lane(road, network.lane)
        upright = road.upright
        length = (end[1] - start[1]) if upright else (end[0] - start[0])
        heights: list[Entity] = []
        for number in range(1, max(length // network.spacing, 1) + 1):
            along = number * length // (max(length // network.spacing, 1) + 1)
            at = spot(start[0], start[1] + along) if upright else spot(start[0] + along, start[1])
            device = self.entity(f"{name}/{number}")
            self.file.add(network.devices, device, [
                *self._common(device), ("geometria", gml.point(at)),
                *([text("ksztaltUrzadzenia", "o")] if network.device == "s" else []),
                text("rodzajUrzadzenia", network.device),
            ])
            if network.device == "s" and len(heights) < 8:
                heights.append(self._height(f"rzedna/{name}/{number}", at))
        self._line(name, network, path(start, end), "g", heights)

    def _height(self, name: str, at: Point) -> Entity:
        entity = self.entity(name).lasting
        top = height(at)
        self.file.add("Rzedna", entity, [
            text("zrodlo", "O"), ("geometria", gml.point(at)), text("rzednaGory", top),
            text("rzednaDolu", round(top - 1.6 - entity.draw.share(4), 2)),
        ])
        return entity

    def _service(self, division: Division, plot: Plot, house: Building, network: Network) -> None:
        """The pipe or cable from the main in front of a parcel to the door of its house."""
        name = f"przylacze/{network.class_name}/{division.precinct.id}.{plot.number}"
        if self.entity(name).draw.share(4) >= network.connected:
            return
        front, _ = front_size(plot)
        lane_from_front = network.lane if plot.front not in (EAST, NORTH) else 1 - network.lane
        shift = round((network.lane - 0.5) * house.width * 0.7)
        at = inside(plot, front // 2 + shift, -round(plot.road * (1 - lane_from_front)))
        self._line(name, network, [spot(*at), house.frame.at(house.width / 2 + shift, 0)], "p")

    def _rarities(self, division: Division) -> None:
        """What stands in a precinct once: a transformer, a pole, a casing, lines of special and of unknown networks."""
        built = [road for road in division.roads if road.built_up] or division.roads
        if not built:
            return
        road = max(built, key=lambda candidate: candidate.area[2] - candidate.area[0] + candidate.area[3]
                   - candidate.area[1])
        precinct = division.precinct.id
        middle = ((road.area[0] + road.area[2]) // 2, (road.area[1] + road.area[3]) // 2)
        here, ahead = spot(*middle), spot(middle[0] + 1_000 * (not road.upright), middle[1] + 1_000 * road.upright)
        frame = Frame(here, ((ahead[0] - here[0]) / 1_000, (ahead[1] - here[1]) / 1_000))
        special = Network("PrzewodSpecjalny", "", 0, ("b", "i"), (100,), "", 0)
        self._line(f"specjalny/{precinct}", special, [frame.at(-3_000, 180), frame.at(3_000, 180)], "g")
        unknown = self.entity(f"niezidentyfikowany/{precinct}").lasting
        self.file.add("PrzewodNiezidentyfikowany", unknown, [
            *self._common(unknown, "XDI"), ("geometria", gml.curve([frame.at(-2_500, -240), frame.at(1_500, -240)])),
            text("przebieg", "p"), text("srednica", 50),
        ])
        for class_name, at, shape, properties in (
            ("UrzadzeniaSiecElektroenergetyczna", frame.at(900, 420), "p", [text("rodzajUrzadzenia", "t")]),
            ("UrzadzeniaSiecTelekomunikacyjna", frame.at(1_300, 420), "p", [text("rodzajUrzadzenia", "s")]),
            ("UrzadzeniaSiecGazowa", frame.at(1_700, 420), "p", [text("rodzajUrzadzenia", "s")]),
            ("UrzadzeniaSiecWodociagowa", frame.at(600, -60), "o", [text("rodzajUrzadzenia", "w")]),
            ("UrzadzeniaTechniczneSieciSpecjalnej", frame.at(-3_000, 180), "k", [text("rodzajUrzadzenia", "u")]),
            ("UrzadzenieNiezidentyfikowane", frame.at(1_500, -240), "n", []),
        ):
            entity = self.entity(f"{class_name}/{precinct}/osobne").lasting
            geometry = gml.point(at) if shape in "on" else gml.polygon(Frame(at, frame.along).box(0, 0, 240, 180))
            self.file.add(class_name, entity, [
                *self._common(entity), ("geometria", geometry), text("ksztaltUrzadzenia", shape), *properties])
        self._companions(precinct, frame)

    def _companions(self, precinct: str, frame: Frame) -> None:
        """A casing under the road, a chamber with its cover, and poles of an overhead line."""
        casing = self.entity(f"oslona/{precinct}").lasting
        self.file.add("UrzadzeniaTowarzyszczaceLiniowe", casing, [
            *self._common(casing), ("geometria", gml.curve([frame.at(-400, -120), frame.at(400, -120)])),
            text("rodzajUrzadzenia", "o"), text("rodzajSieci", "w"), text("srednica", 200),
        ])
        for number, (kind, geometry) in enumerate((
            ("k", gml.polygon(frame.box(-900, -150, 300, 240))),
            ("w", gml.point(frame.at(-750, -30))),
            *(("p", gml.point(frame.at(-3_000 + step * 1_500, 330))) for step in range(5)),
        ), 1):
            entity = self.entity(f"towarzyszace/{precinct}/{number}").lasting
            self.file.add("InneUrzadzeniaTowarzyszace", entity, [
                *self._common(entity), ("geometria", geometry), text("rodzajUrzadzenia", kind),
                text("rodzajSieci", "e" if kind == "p" else "w"),
            ])


def lane(road: Road, share: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where a main runs in a road, on the plane: to the same lane of the roads that it meets at its ends."""
    west, south, east, north = road.area
    before, after = round(road.ends[0] * (1 - share)), round(road.ends[1] * share)
    if road.upright:
        x = west + round((east - west) * share)
        return (x, max(south - before, 0)), (x, min(north + after, 2 * SIDE))
    y = south + round((north - south) * share)
    return (max(west - before, 0), y), (min(east + after, 2 * SIDE), y)
