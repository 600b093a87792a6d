"""The BDOT500 delivery of a county: roads, fences, trees, waters, slopes and small structures."""

from __future__ import annotations

from math import hypot
from pathlib import Path

from sdi.demo import gml
from sdi.demo.buildings import Frame, buildings, front_size, inside
from sdi.demo.chance import Entity
from sdi.demo.egib import DATASETS
from sdi.demo.gesut import height
from sdi.demo.gml import BDOT500, GmlFile, Point, Property, reference, text
from sdi.demo.land import Division, Plot, Rectangle, Road
from sdi.demo.survey import Survey, outline, path, spot


def write_bdot500(survey: Survey, county: str, path: Path) -> dict[str, int]:
    """Write the delivery; the number of objects written by class."""
    with gml.gml_file(path, BDOT500, f"PL.PZGiK.{DATASETS[county]}.BDOT500") as file:
        _Delivery(survey, file).write(county)
    return file.objects


class _Delivery:
    """One delivery while it is written."""

    def __init__(self, survey: Survey, file: GmlFile) -> None:
        self.survey, self.file = survey, file

    def write(self, county: str) -> None:
        for division in self.survey.county(county):
            for road in division.roads:
                self._road(division, road)
            for plot in division.plots:
                self._plot(division, plot)

    def _add(self, class_name: str, name: str, properties: list[Property], lasting: bool = False) -> Entity:
        entity = self.survey.scenario.entity(f"{class_name}/{name}")
        entity = entity.lasting if lasting else entity
        self.file.add(class_name, entity, [text("zrodlo", entity.facts.of(9, "OOODX")), *properties])
        return entity

    def _road(self, division: Division, road: Road) -> None:
        """Carriageway and pavement, kerb, trees and heights along a road; a plain track between fields."""
        name = f"{division.precinct.id}.{road.number}"
        surface = "mb" if road.built_up and road.width >= 1_000 else "kb" if road.built_up else "gr"
        self._way(f"{name}/jezdnia", "j", outline(lanes(road, 0.22, 0.78)), surface)
        west, south, east, north = lanes(road, 0.22, 0.78)
        for number in range(1, 2 + (east - west + north - south) // 25_000):
            share = number / (2 + (east - west + north - south) // 25_000)
            at = spot(*((west + east) // 2, south + round((north - south) * share)) if road.upright
                      else (west + round((east - west) * share), (south + north) // 2))
            self._add("Rzedna", f"{name}/{number}", [
                ("geometria", gml.point(at)), text("rodzajRzednej", "ns"[road.built_up]), text("rzedna", height(at))])
        if road.built_up:
            self._way(f"{name}/chodnik", "c", outline(lanes(road, 0.8, 0.97)), "kb")
            kerb = ((west, south), (west, north)) if road.upright else ((west, south), (east, south))
            self._add("Komunikacja", f"{name}/kraweznik", [
                ("geometria", gml.curve(path(*kerb))), text("rodzajObiektu", "k"), text("polozenie", 0)])

    def _way(self, name: str, kind: str, ring: list[Point], surface: str) -> None:
        self._add("Komunikacja", name, [
            ("geometria", gml.polygon(ring)), text("rodzajObiektu", kind), text("rodzajNawierzchni", surface),
            text("polozenie", 0)])

    def _plot(self, division: Division, plot: Plot) -> None:
        name = f"{division.precinct.id}.{plot.number}"
        draw = self.survey.scenario.entity(f"teren/{name}").draw
        match plot.use:
            case "Wp":
                self._river(name, plot.area)
            case "W":
                self._ditch(name, plot.area)
            case "Ws":
                self._add("Wody", name, [
                    ("geometria", gml.polygon(outline(shrunk(plot.area, 0.2)))), text("rodzajObiektu", "s"),
                    text("nazwaWlasna", f"Staw {plot.number}")])
            case "Ls":
                self._add("ZagospodarowanieTerenu", name, [
                    ("geometria", gml.polygon(outline(shrunk(plot.area, 0.01)))), text("rodzajObiektu", "z")])
            case "Bz":
                self._park(name, plot)
            case "B" | "Br" | "Bi" | "Ba":
                self._yard(division, name, plot)
            case _:
                if draw.share(0) < 0.3:
                    self._tree(name, 1, plot, draw.share(1), draw.share(2))

    def _river(self, name: str, area: Rectangle) -> None:
        """Running water between two banks, a bridge over it and a weir in it."""
        west, south, east, north = area
        wide = east - west
        water = outline((west + wide // 4, south, east - wide // 4, north))
        self._add("Wody", name, [("geometria", gml.polygon(water)), text("rodzajObiektu", "p"),
                                 ("poczatekGorySkarpy", gml.point(spot(west + wide // 8, south))),
                                 ("koniecGorySkarpy", gml.point(spot(west + wide // 8, north))),
                                 text("nazwaWlasna", "Struga Przykładowa")])
        for side, (top, foot) in (("w", (west + wide // 8, west + wide // 4)),
                                  ("e", (east - wide // 8, east - wide // 4))):
            bank = outline((min(top, foot), south, max(top, foot), north))
            self._add("Skarpa", f"{name}/{side}", [
                ("geometria", gml.polygon(bank)), text("rodzajSkarpy", "k" if side == "w" else "u"),
                ("poczatekGorySkarpy", gml.point(spot(top, south))), ("koniecGorySkarpy", gml.point(spot(top, north)))],
                lasting=True)
        middle = (south + north) // 2
        self._add("Komunikacja", f"{name}/most", [
            ("geometria", gml.polygon(outline((west, middle, east, middle + 700)))), text("rodzajObiektu", "m"),
            text("rodzajNawierzchni", "bt"), text("polozenie", 1),
            ("poliliniaKierunkowa", gml.curve(path((west, middle + 350), (east, middle + 350))))], lasting=True)
        self._add("Wody", f"{name}/jaz", [
            ("geometria", gml.curve(path((west + wide // 4, middle + 5_000), (east - wide // 4, middle + 5_000)))),
            text("rodzajObiektu", "j")])

    def _ditch(self, name: str, area: Rectangle) -> None:
        west, south, east, north = area
        middle = (west + east) // 2
        self._add("Wody", name, [
            ("geometria", gml.curve(path((middle, south), (middle, north)))), text("rodzajObiektu", "m")])
        for side, top, foot in (("w", west, middle - 60), ("e", east, middle + 60)):
            self._add("Skarpa", f"{name}/{side}", [
                ("geometria", gml.polygon(outline((min(top, foot), south, max(top, foot), north)))),
                text("rodzajSkarpy", "k"), ("poczatekGorySkarpy", gml.point(spot(top, south))),
                ("koniecGorySkarpy", gml.point(spot(top, north)))], lasting=True)

    def _park(self, name: str, plot: Plot) -> None:
        """A lawn with a playground or a pitch, trees, a monument or a shelter."""
        west, south, east, north = plot.area
        half = (west + east) // 2
        self._add("ZagospodarowanieTerenu", f"{name}/trawnik", [
            ("geometria", gml.polygon(outline(shrunk((west, south, half, north), 0.08)))), text("rodzajObiektu", "t")])
        entity = self._add("SportIRekreacja", name, [
            ("geometria", gml.polygon(outline(shrunk((half, south, east, north), 0.15)))), text("RodzajObiektu", "z")])
        kind = entity.draw.of(5, "pfta")
        self._add("Budowle", name, [
            ("geometria", gml.point(spot((west + half) // 2, (south + north) // 2))), text("rodzajBudowli", kind)])
        for number in range(1, 5):
            self._tree(name, number, plot, number / 5, 0.05)

    def _tree(self, name: str, number: int, plot: Plot, s: float, t: float) -> None:
        west, south, east, north = plot.area
        at = spot(west + round((east - west) * (0.1 + 0.8 * s)), south + round((north - south) * (0.1 + 0.8 * t)))
        entity = self.survey.scenario.entity(f"drzewo/{name}/{number}")
        self.file.add("ZagospodarowanieTerenu", entity, [
            text("zrodlo", "O"), ("geometria", gml.point(at)), text("rodzajObiektu", entity.draw.of(4, "llg"))])

    def _yard(self, division: Division, name: str, plot: Plot) -> None:
        """Around houses: a fence with a gate, a tree, bins, a retaining wall; on empty plots a building begun."""
        draw = self.survey.scenario.entity(f"teren/{name}").draw
        front, depth = front_size(plot)
        if plot.front < 0 or front < 1_200 or depth < 1_500:
            return
        if not buildings(self.survey.scenario, division.precinct, plot):
            if draw.share(3) < 0.5:
                self._building_site(name, plot)
            return
        if draw.share(0) < 0.5:
            self._fence(name, plot)
        if draw.share(1) < 0.5:
            self._tree(name, 1, plot, draw.share(2), draw.share(4))
        if draw.share(5) < 0.08 or plot.use == "Bi":
            bins = frame_at(plot, 150, depth - 350).box(0, 0, 200, 200)
            self._add("Budowle", f"{name}/smietnik", [("geometria", gml.polygon(bins)), text("rodzajBudowli", "m")])
        if draw.share(6) < 0.03:
            wall = [spot(*inside(plot, 100, depth - 100)), spot(*inside(plot, front - 100, depth - 100))]
            self._add("Budowle", f"{name}/sciana", [
                ("geometria", gml.curve(wall)), text("rodzajBudowli", "n"), ("poliliniaKierunkowa", gml.curve(wall))])

    def _fence(self, name: str, plot: Plot) -> None:
        """Three sides and what the gate leaves of the fourth; the gate is an object of its own."""
        front, depth = front_size(plot)
        inset = 20
        gate = (front // 4, front // 4 + min(400, front // 3))
        corners = [(gate[0], inset), (inset, inset), (inset, depth - inset), (front - inset, depth - inset),
                   (front - inset, inset), (gate[1], inset)]
        points = [spot(*inside(plot, s, t)) for s, t in corners]
        self._add("Ogrodzenia", name, [
            ("geometria", gml.multi_curve([points[:3], points[2:]])), text("rodzajOgrodzenia", "o")])
        self._add("Ogrodzenia", f"{name}/brama", [
            ("geometria", gml.multi_curve([[points[0], points[-1]]])), text("rodzajOgrodzenia", "b")])

    def _building_site(self, name: str, plot: Plot) -> None:
        """A building that is not in EGiB yet, with a lower part and steps to its door."""
        front, depth = front_size(plot)
        width, deep = round(min(front * 0.5, 1_200)), round(min(depth * 0.35, 1_000))
        frame = frame_at(plot, (front - width) // 2, round(depth * 0.3))
        owner = self._add("BudynekNiewykazanyWEGIB", name, [
            ("geometria", gml.multi_surface(frame.box(0, 0, width, deep))), text("rodzajKST", "m"),
            text("status", "b"), text("liczbaKondygnacjiNadziemnych", 1)], lasting=True)
        self._add("BlokBudynku", name, [
            ("geometria", gml.polygon(frame.box(0, 0, width // 2, deep))), text("rodzajBloku", "n"),
            text("numerNajwyzszejKondygnacji", 0), text("numerNajnizszejKondygnacji", 0),
            reference("blokZBudynkiem", self.file.gml_id(owner))])
        self._add("ObiektTrwaleZwiazanyZBudynkami", name, [
            ("geometria", gml.polygon(frame.box(width // 2, -120, 150, 120))), text("rodzajObiektu", "s"),
            ("poliliniaKierunkowa", gml.curve([frame.at(width / 2 + 75, -120), frame.at(width / 2 + 75, 0)])),
            reference("budynekZObiektami", self.file.gml_id(owner))])


def lanes(road: Road, low: float, high: float) -> Rectangle:
    """Part of a road, from and to a share of its width, on the plane."""
    west, south, east, north = road.area
    if road.upright:
        return west + round((east - west) * low), south, west + round((east - west) * high), north
    return west, south + round((north - south) * low), east, south + round((north - south) * high)


def shrunk(area: Rectangle, share: float) -> Rectangle:
    """A rectangle without a margin of `share` of its width and height on each side."""
    west, south, east, north = area
    dx, dy = round((east - west) * share), round((north - south) * share)
    return west + dx, south + dy, east - dx, north - dy


def frame_at(plot: Plot, s: int, t: int) -> Frame:
    """A right-angled frame at a point of a parcel, along its front."""
    here, ahead = spot(*inside(plot, s, t)), spot(*inside(plot, s + 500, t))
    far = hypot(ahead[0] - here[0], ahead[1] - here[1])
    return Frame(here, ((ahead[0] - here[0]) / far, (ahead[1] - here[1]) / far))
