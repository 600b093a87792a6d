"""Steps 3 and 4 of loading: what one file says of another, and the Region that is left."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from sdi.model import yaml
from sdi.model.findings import Loaded
from sdi.model.region import REGION_TENANT, Partner, Region, Source
from sdi.model.register import Register

TAKEN = frozenset({REGION_TENANT, "health", "metrics", "static"})
"""First parts of addresses that the node has itself."""


def link(loaded: Loaded, broken: set[tuple[str, str]], units_known: bool) -> None:
    """Check what the files of `loaded` say of each other, add findings, and leave the wrong ones out of its region.

    `broken`: files (folder, id) that have no model, because of mistakes that are found already. Where something may
    stand in one of them, its absence is no finding; what cannot do without it is left out with a note.
    `units_known`: False where `units.geojson` has mistakes, so that a TERYT code may be missing because of them.
    """
    _Links(loaded, broken, units_known).check()


class _Links:
    def __init__(self, loaded: Loaded, broken: set[tuple[str, str]], units_known: bool) -> None:
        self.loaded, self.broken, self.units_known = loaded, broken, units_known
        self.left_out: set[tuple[str, str]] = set()

    def check(self) -> None:
        for check in (self._registers, self._sources, self._partners):
            check(self.loaded.region)
            self.loaded.region = _without(self.loaded.region, self.left_out)

    def _find(self, folder: str, name: str, where: yaml.Where, message: str) -> None:
        self.loaded.find(folder, name, where, message)
        self.left_out.add((folder, name))

    def _note(self, folder: str, name: str, cause: str) -> None:
        if (folder, name) not in self.left_out:
            self.loaded.note(folder, name, f"is left out as well: {cause}")
            self.left_out.add((folder, name))

    def _wrong(self, folder: str) -> list[str]:
        return sorted({name for kind, name in self.broken | self.left_out if kind == folder})

    def _registers(self, region: Region) -> None:
        owners: dict[str, str] = {}
        for name, register in region.registers.items():
            for feature_type in register.feature_types:
                first = owners.setdefault(feature_type, name)
                if first != name:
                    self._find("registers", name, ("feature_types", feature_type),
                               f"feature type `{feature_type}` is also declared in {first}.yaml; rename one")
        for name in owners.keys() & region.registers.keys():
            self._find("registers", owners[name], ("feature_types", name),
                       f"feature type `{name}` has the name of a register; rename it")

    def _sources(self, region: Region) -> None:
        for name, source in region.sources.items():
            self._county(region, name, source)
            self._known(region.registers, "sources", name, "delivers", source.delivers)
            if not source.delivers:
                self._find("sources", name, ("delivers",), "delivers nothing: name registers or feature types")
            owned = [feature_type.name for feature_type in region.owned_by(source)]
            for bound, limits in (("min", source.expect.min), ("max", source.expect.max)):
                for feature_type in limits.keys() - set(owned):
                    if ("sources", name) not in self.left_out:
                        self._find("sources", name, ("expect", bound, feature_type),
                                   f"`{feature_type}` is not delivered by this source")
            for index, known in enumerate(source.expect.known):
                if known.feature_type not in owned and ("sources", name) not in self.left_out:
                    self._find("sources", name, ("expect", "known", index, "feature_type"),
                               f"`{known.feature_type}` is not delivered by this source")
        self._owners(_without(region, self.left_out))

    def _owners(self, region: Region) -> None:
        """Of two sources with the same data neither counts: which one is wrong cannot be told."""
        for one, other in combinations(region.sources.values(), 2):
            if one.county != other.county:
                continue
            theirs = {feature_type.name for feature_type in region.owned_by(other)}
            both = [f"`{ft.name}`" for ft in region.owned_by(one) if ft.name in theirs]
            if both:
                for source, rival in ((one, other), (other, one)):
                    self._find("sources", source.id, ("delivers",),
                               f"source {rival.id} delivers {', '.join(both)} of county {source.county} as well; "
                               "take each from one of the two; until then neither is harvested")

    def _county(self, region: Region, name: str, source: Source) -> None:
        if source.county not in region.units:
            self._unknown_teryt("sources", name, "county", source.county)
        if source.commune is not None and not source.commune.startswith(source.county):
            self._find("sources", name, ("commune",),
                       f"commune {source.commune} does not lie in county {source.county}")

    def _unknown_teryt(self, folder: str, name: str, field: str, teryt: str) -> None:
        if self.units_known:
            self._find(folder, name, (field,),
                       f"unknown TERYT {teryt}: not in units.geojson; correct it or add it there")
        else:
            self._note(folder, name, f"TERYT {teryt} is not in units.geojson, which has mistakes")

    def _partners(self, region: Region) -> None:
        for name, partner in region.partners.items():
            if name in TAKEN:
                self._find("partners", name, (), f"the id {name!r} is taken by the node itself; rename the file")
            if partner.teryt not in region.units:
                self._unknown_teryt("partners", name, "teryt", partner.teryt)
            self._known(region.registers, "partners", name, "registers", partner.registers or ())
            if ("partners", name) not in self.left_out:
                self._data(region, name, partner)

    def _data(self, region: Region, name: str, partner: Partner) -> None:
        delivered = {ft.name for ft in region.delivered(partner.teryt)}
        wanted = delivered if partner.registers is None else {ft.name for ft in region.expand(partner.registers)}
        if delivered & wanted:
            return
        wrong = [source for source in self._wrong("sources") if self._may_serve(source, partner.teryt[:4])]
        if wrong:
            self._note("partners", name, f"its data would come from sources with mistakes: {', '.join(wrong)}")
            return
        self._find("partners", name, ("registers",) if partner.registers is not None else ("teryt",),
                   f"a partner without data: no source delivers any of its registers for county "
                   f"{partner.teryt[:4]}; add one under sources/ or leave the partner out")

    def _may_serve(self, source: str, county: str) -> bool:
        """Whether a source with mistakes may be one of that county, as far as it can be read."""
        document = self.loaded.documents.get(("sources", source))
        given = document.data.get("county") if document and isinstance(document.data, dict) else None
        return str(given) == county or str(given) not in self.loaded.region.units

    def _known(
        self, registers: dict[str, Register], folder: str, name: str, field: str, given: tuple[str, ...]
    ) -> None:
        known = registers.keys() | {ft for register in registers.values() for ft in register.feature_types}
        for index, wanted in enumerate(given):
            if wanted in known:
                continue
            if wrong := self._wrong("registers"):
                self._note(folder, name, f"`{wanted}` may be declared in a register with mistakes: {', '.join(wrong)}")
            else:
                self._find(folder, name, (field, index),
                           f"unknown register or feature type `{wanted}`; registers are: {', '.join(registers)}")


def _without(region: Region, left_out: set[tuple[str, str]]) -> Region:
    def keep(folder: str, items: dict[str, Any]) -> dict[str, Any]:
        return {name: item for name, item in items.items() if (folder, name) not in left_out}

    return Region.model_construct(
        id=region.id, file=region.file, units=region.units, registers=keep("registers", region.registers),
        sources=keep("sources", region.sources), partners=keep("partners", region.partners),
    )
