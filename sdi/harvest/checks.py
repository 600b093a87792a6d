"""What a delivery must look like to be committed: each check is a sentence that a clerk can act on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sdi.harvest.evidence import Evidence, Sighting
from sdi.model.issues import ISSUE_CODES
from sdi.model.region import Source
from sdi.model.text import Text

FEW = 20
"""Shares of fewer objects than this say nothing."""


@dataclass(slots=True)
class Delivered:
    """What one feature type's part of a delivery amounts to."""

    read: int
    quarantined: int
    current: int
    """Objects that would be served."""
    outside: int
    """Of them, outside the county's polygon."""
    before: int
    """Objects of the source that are served now."""
    vanished: int
    """Of them, no longer in the delivery."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    passed: bool
    refuses: bool
    """False: a failure is a warning only."""
    message: Text

    def as_json(self) -> dict[str, Any]:
        """For lineage and summaries."""
        return {"name": self.name, "passed": self.passed, "refuses": self.refuses, "message": self.message.en,
                "message_pl": self.message.pl}

    @classmethod
    def of_json(cls, given: dict[str, Any]) -> Check:
        """As it was written; before it was written in Polish too, in English alone."""
        message = Text(pl=given.get("message_pl", given["message"]), en=given["message"])
        return cls(given["name"], given["passed"], given["refuses"], message)


def check(source: Source, delivered: dict[str, Delivered], evidence: Evidence) -> list[Check]:
    """All checks of a delivery, by feature type name; failures first."""
    if not any(part.current for part in delivered.values()):
        return in_order([_nothing(delivered, evidence), *_tls(source)])  # all else would only follow from it
    known = [_known(sighting) for sighting in evidence.sightings]
    results = [
        *_bounds(source, delivered), *_vanished(source, delivered), *known, *_outside(source, delivered),
        _axes(source, evidence, bool(known) and all(one.passed for one in known)),
        *_quarantined(source, delivered, evidence), *fresh(source, evidence.newest), *_tls(source),
    ]
    return in_order(results)


def in_order(results: list[Check]) -> list[Check]:
    """What refuses first, then what warns, then what passed."""
    return sorted(results, key=lambda result: (result.passed, not result.refuses))


def fresh(source: Source, newest: datetime | None) -> Iterator[Check]:
    """Whether the newest object is as new as was promised; to be asked again when nothing else has changed."""
    most = source.expect.fresh_days
    if most is None:
        return
    if newest is None:
        yield Check("fresh", False, False, Text(
            pl="żaden obiekt nie ma daty, więc nie wiadomo, jak świeża jest dostawa; usuń expect.fresh_days albo"
               " poproś powiat o dostawę z datami",
            en="no object carries a date, so it cannot be told how fresh the delivery is; take expect.fresh_days out,"
               " or ask the county for a dated delivery"))
        return
    days = (datetime.now(UTC) - newest).total_seconds() / 86_400
    yield _checked("fresh", days <= most, False, Text(
        pl=f"najnowszy obiekt jest z {newest:%Y-%m-%d}, sprzed {days:.0f} dni; może minąć {most:g} dni",
        en=f"the newest object is of {newest:%Y-%m-%d}, {days:.0f} days old; {most:g} days may pass",
    ), Text(pl="zapytaj powiat, czy jego usługa nadąża za rejestrem",
            en="ask the county whether its service still follows the register"))


def _checked(name: str, passed: bool, refuses: bool, found: Text, advice: Text) -> Check:
    """A check with what was found, and where it failed with what to do."""
    return Check(name, passed, refuses, found if passed else Text.joined([found, advice]))


def _nothing(delivered: dict[str, Delivered], evidence: Evidence) -> Check:
    read = sum(part.read for part in delivered.values())
    if not read:
        return Check("delivers", False, True, Text(
            pl="w dostawie nie ma żadnego obiektu; sprawdź, czy usługa powiatu działa i czy to właściwe pliki",
            en="the delivery holds no object; look whether the county's service is up, and whether the files are the"
               " right ones"))
    return Check("delivers", False, True, Text(
        pl=f"żadnego z {read} obiektów dostawy nie można udostępnić{_mostly(evidence).pl}; przyczyny pokazuje"
           " `sdi issues`",
        en=f"none of the {read} objects delivered can be served{_mostly(evidence).en}; see why with `sdi issues`"))


def _mostly(evidence: Evidence) -> Text:
    """The commonest reason for which objects were set aside, to be put behind how many they are."""
    if not evidence.causes:
        return Text(pl="", en="")
    code, count = max(evidence.causes.items(), key=lambda cause: cause[1])
    title = ISSUE_CODES[code].title
    return Text(pl=f"; najczęściej: {title.pl} ({count})", en=f"; most often: {title.en} ({count})")


def _bounds(source: Source, delivered: dict[str, Delivered]) -> Iterator[Check]:
    counts = {name: part.current for name, part in delivered.items()}
    few = {name: fewest for name, fewest in source.expect.min.items() if counts.get(name, 0) < fewest}
    if source.expect.min:
        found = [Text(pl=f"{name}: obiektów jest {counts.get(name, 0)}, oczekiwano co najmniej {fewest}",
                      en=f"{name}: {counts.get(name, 0)} objects, at least {fewest} expected")
                 for name, fewest in (few or source.expect.min).items()]
        yield _checked("min", not few, True, Text.joined(found), Text(
            pl="dostawa wygląda na niepełną: zapytaj powiat albo obniż expect.min",
            en="it looks incomplete: ask the county, or lower expect.min"))
    for name, most in source.expect.max.items():
        count = counts.get(name, 0)
        yield Check("max", count <= most, False, Text(
            pl=f"{name}: obiektów jest {count}, oczekiwano najwyżej {most}",
            en=f"{name}: {count} objects, at most {most} expected"))


def _vanished(source: Source, delivered: dict[str, Delivered]) -> Iterator[Check]:
    most = source.expect.vanished_max
    looked_at = {name: part for name, part in delivered.items() if part.before >= FEW}
    many = {name: part for name, part in looked_at.items() if part.vanished > part.before * most}
    if looked_at:
        shown = (many or looked_at).items()
        yield _checked("vanished", not many, True, Text(
            pl="w dostawie już nie ma: " + ", ".join(
                f"{name} {part.vanished} z {part.before}" for name, part in shown)
               + f"; naraz może zniknąć {most:.0%}",
            en="no longer delivered: " + ", ".join(
                f"{name} {part.vanished} of {part.before}" for name, part in shown)
               + f"; {most:.0%} may vanish at once",
        ), Text(pl="dostawa wygląda na niepełną: zapytaj powiat albo podnieś expect.vanished_max",
                en="it looks incomplete: ask the county, or raise expect.vanished_max"))


def _outside(source: Source, delivered: dict[str, Delivered]) -> Iterator[Check]:
    most = source.expect.outside_max
    parts = {name: (part.outside, part.current) for name, part in delivered.items() if part.current >= FEW}
    all_of_them = (sum(part.outside for part in delivered.values()), sum(part.current for part in delivered.values()))
    far = {name: part for name, part in parts.items() if part[0] > part[1] * most}
    passed = not far and all_of_them[0] <= all_of_them[1] * most
    far = far or {"": all_of_them}
    yield _checked("outside", passed, True, Text(
        pl=f"poza powiatem {source.county} leży: " + ", ".join(
            f"{name or 'wszystkich obiektów'} {outside} z {current}" for name, (outside, current) in far.items())
           + f"; może {most:.0%}",
        en=", ".join(f"{name or 'of all objects'} {outside} of {current}" for name, (outside, current) in far.items())
           + f" lie outside county {source.county}, {most:.0%} may",
    ), Text(pl="zamienione są osie, zły jest układ współrzędnych albo to dane innego powiatu",
            en="the axes are swapped, the CRS is wrong, or it is another county's data"))


def _known(sighting: Sighting) -> Check:
    known = sighting.known
    what = f"{known.feature_type} {known.id}"
    if not sighting.delivered:
        return Check("known", False, True, Text(
            pl=f"{what}: tego znanego obiektu nie ma w dostawie; wygląda na niepełną albo powiat podzielił lub"
               " przenumerował obiekt: wtedy popraw expect.known",
            en=f"{what}: this known object is not in the delivery; it looks incomplete, or the county has divided or"
               " renumbered the object: then correct expect.known"))
    if sighting.geometry is None:
        return Check("known", False, True, Text(
            pl=f"{what}: ten znany obiekt przyszedł bez geometrii",
            en=f"{what}: this known object came without a geometry"))
    distance = sighting.distance_m
    if distance <= known.within_m:
        return Check("known", True, True, Text(
            pl=f"{what} jest tam, gdzie powinien ({distance:.0f} m, może {known.within_m:g} m)",
            en=f"{what} is where it should be ({distance:.0f} m, {known.within_m:g} m may)"))
    mirrored = sighting.mirrored_in
    advice = Text(
        pl="zły jest układ współrzędnych albo expect.known; zamiana osi tego nie naprawi",
        en="the CRS is wrong, or expect.known is; swapping the axes would not put it right",
    ) if mirrored is None else Text(
        pl=f"byłby tam po zamianie osi w EPSG:{mirrored}: ustaw lub zmień `axis` w pliku źródła",
        en=f"it would be there with the axes swapped in EPSG:{mirrored}: set or change `axis` in the source's file")
    return Check("known", False, True, Text(
        pl=f"{what} leży {distance / 1000:,.1f} km od miejsca, w którym powinien; {advice.pl}",
        en=f"{what} is {distance / 1000:,.1f} km from where it should be; {advice.en}"))


def _axes(source: Source, evidence: Evidence, known: bool) -> Check:
    """Whether the place of the objects proves the order of the axes: by known objects, else by the county's polygon."""
    if known:
        return Check("axes", True, False, Text(
            pl="znane obiekty potwierdzają kolejność osi", en="known objects prove the order of the axes"))
    if not evidence.polygon:
        return Check("axes", False, False, Text(
            pl=f"w units.geojson nie ma granic powiatu {source.county}: sprawdzono tylko prostokąt wokół niego, a"
               " kolejność osi nie jest potwierdzona; dodaj granice albo expect.known",
            en=f"county {source.county} has no polygon in units.geojson: only the bounds around it were looked at, and"
               " the order of the axes is not proven; add one, or expect.known"))
    if evidence.mirrored_share > source.expect.outside_max:
        return Check("axes", False, False, Text(
            pl=f"{evidence.mirrored_share:.0%} powiatu {source.county} po zamianie osi zostałoby w jego granicach:"
               " kolejność osi nie jest potwierdzona; dodaj expect.known",
            en=f"{evidence.mirrored_share:.0%} of county {source.county} would stay within it with the axes swapped:"
               " the order of the axes is not proven; add expect.known"))
    return Check("axes", True, False, Text(
        pl="granice powiatu potwierdzają kolejność osi", en="the county's polygon proves the order of the axes"))


def _tls(source: Source) -> Iterator[Check]:
    if source.tls is not None:
        yield Check("tls", False, False, Text(
            pl=f"wyjątek od sprawdzania certyfikatów: {source.tls.text.pl}; usuń `tls`, gdy powiat będzie miał"
               " certyfikat, który można sprawdzić",
            en=f"an exception from the verification of certificates: {source.tls.text.en}; take `tls` out when the"
               " county has a certificate that can be verified"))


def _quarantined(source: Source, delivered: dict[str, Delivered], evidence: Evidence) -> Iterator[Check]:
    aside, read = (sum(getattr(part, name) for part in delivered.values()) for name in ("quarantined", "read"))
    most = source.expect.quarantined_max
    yield _checked("quarantined", aside <= read * most, True, Text(
        pl=f"z {read} obiektów trzeba było wstrzymać {aside}, może {most:.0%}{_mostly(evidence).pl}",
        en=f"{aside} of {read} objects had to be set aside, {most:.0%} may{_mostly(evidence).en}",
    ), Text(pl="przyczyny pokazuje `sdi issues`; potem zapytaj powiat albo podnieś expect.quarantined_max",
            en="see why with `sdi issues`, then ask the county, or raise expect.quarantined_max"))
