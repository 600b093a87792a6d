"""What a unit is called as a partner: its id and its title, made from `units.geojson`."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sdi.model.region import Unit
from sdi.model.text import Text

COUNTY = "powiat "
"""What the names of counties begin with; those of cities with county rights do not."""


@dataclass(frozen=True, slots=True)
class Named:
    """A unit's id as a partner and its title."""

    id: str
    title: Text


def named(units: Mapping[str, Unit]) -> dict[str, Named]:
    """Ids and titles of all counties and communes by TERYT; no id stands twice, and each depends on `units` only.

    Communes of one name are told apart by what they are (`radziejow-miasto`, `radziejow-gmina`), and where that is
    the same as well, by their county (`rogowo-zninski`).
    """
    communes = [unit for unit in units.values() if len(unit.teryt) == 6]
    names = Counter(slug(unit.name) for unit in communes)
    kinds = Counter((slug(unit.name), _is_town(unit)) for unit in communes)
    found: dict[str, Named] = {}
    for teryt, unit in sorted(units.items()):
        if len(teryt) == 4:
            found[teryt] = _county(unit)
        elif kinds[slug(unit.name), _is_town(unit)] > 1:
            found[teryt] = _commune(unit, units.get(teryt[:4]))
        else:
            kind = "" if names[slug(unit.name)] == 1 else "-miasto" if _is_town(unit) else "-gmina"
            found[teryt] = Named(slug(unit.name) + kind, _commune(unit, None).title)
    return found


def slug(name: str) -> str:
    """A name in a-z, 0-9 and hyphens: `Świecie nad Osą` is `swiecie-nad-osa`."""
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:50].rstrip("-")


def _is_town(unit: Unit) -> bool:
    return unit.commune_type == "1"


def _is_city(teryt: str) -> bool:
    """Whether a county is a city with county rights: their codes begin at 61."""
    return int(teryt[2:4]) >= 61


def _county(unit: Unit) -> Named:
    bare = unit.name.removeprefix(COUNTY)
    english = unit.name_en or bare
    if _is_city(unit.teryt):
        title = Text(pl=f"Miasto na prawach powiatu {bare}", en=f"{english}, city with county rights")
    else:
        title = Text(pl=f"Powiat {bare}", en=f"{english} county")
    return Named(f"powiat-{slug(bare)}", title)


def _commune(unit: Unit, county: Unit | None) -> Named:
    """`county`: the one to be named with it, None where it is clear without."""
    english = unit.name_en or unit.name
    if not _is_town(unit):
        title = Text(pl=f"Gmina {unit.name}", en=f"{english} commune")
    else:
        title = Text(pl=f"Miasto {unit.name}", en=f"{'City' if _is_city(unit.teryt) else 'Town'} of {english}")
    if county is None:
        return Named(f"{slug(unit.name)}-{unit.teryt}", title)
    place = _county(county).title
    title = Text(pl=f"{title.pl} ({place.pl[0].lower()}{place.pl[1:]})", en=f"{title.en} ({place.en})")
    return Named(f"{slug(unit.name)}-{slug(county.name.removeprefix(COUNTY))}", title)
