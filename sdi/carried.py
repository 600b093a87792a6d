"""What stays as it was published last, because its file is there but cannot be used now.

Only the publication has it. Harvests go by the declaration alone: what is broken is not harvested.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sdi.model.findings import Loaded
from sdi.model.region import Partner, Region
from sdi.model.register import Register


def with_carried(loaded: Loaded, published: Region | None, home: Path) -> tuple[Region, list[str]]:
    """The region to publish, and of what is no partner the files that count as published last: `sources/a.yaml`."""
    now = loaded.region
    if published is None or published.id != now.id:
        return now, []
    folder = home / "configs" / "regions" / now.id
    registers = _registers(now.registers, published.registers, home / "configs" / "registers")
    sources = _unusable(now.sources, published.sources, folder / "sources")
    partners = _unusable(now.partners, published.partners, folder / "partners")
    units = {}
    if registers or sources or partners or any(found.path == folder / "units.geojson" for found in loaded.findings):
        # A carried file may need a unit that stands there no more.
        units = {teryt: unit for teryt, unit in published.units.items() if teryt not in now.units}
    if not (registers or sources or partners or units):
        return now, []
    taken = {name for one in registers for name in _names(one, registers[one])}
    free = {name: register for name, register in now.registers.items() if not taken & _names(name, register)}
    region = _with(now, units=now.units | units, registers=_in_order(free | registers),
                   sources=_in_order(now.sources | sources))
    partners = {name: partner for name, partner in partners.items() if _has_data(region, partner)}
    files = ["units.geojson"] if units else []
    files += [f"registers/{name}.yaml" for name in registers] + [f"sources/{name}.yaml" for name in sources]
    return _with(region, partners=_in_order(now.partners | partners)), files


def _with(region: Region, **parts: object) -> Region:
    return Region(**{name: getattr(region, name) for name in Region.model_fields} | parts)


def _unusable[T](now: Mapping[str, T], before: Mapping[str, T], folder: Path) -> dict[str, T]:
    """What counted before, has a file in `folder` still, and is not usable now."""
    return {name: item for name, item in before.items() if name not in now and (folder / f"{name}.yaml").exists()}


def _registers(now: Mapping[str, Register], before: Mapping[str, Register], folder: Path) -> dict[str, Register]:
    """Those of `_unusable`, and the last state of those that have taken a name from them since."""
    kept = _unusable(now, before, folder)
    taken = {name for one in kept for name in _names(one, kept[one])}
    return kept | {name: before[name] for name, register in now.items()
                   if name in before and taken & _names(name, register)}


def _names(name: str, register: Register) -> set[str]:
    return {name, *register.feature_types}


def _has_data(region: Region, partner: Partner) -> bool:
    delivered = {ft.name for ft in region.delivered(partner.teryt)}
    return bool(delivered if partner.registers is None
                else delivered & {ft.name for ft in region.expand(partner.registers)})


def _in_order[T](items: dict[str, T]) -> dict[str, T]:
    """As files are read, so that what has not changed makes the same publication."""
    return dict(sorted(items.items(), key=lambda item: f"{item[0]}.yaml"))
