"""A region of one county with its communes and a city, and commits of two sources: what catalogue tests publish."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import psycopg
from shapely.geometry import box

from sdi.model.region import Contact, Licence, Partner, Region, RegionFile, Source, Unit
from sdi.model.register import Register
from sdi.model.text import Text

PUBLIC_URL = "https://sdi.example.pl"

UNITS = {
    "0415": ("powiat toruński", box(470_000, 560_000, 500_000, 590_000)),
    "041501": ("Chełmża", box(470_000, 575_000, 485_000, 590_000)),
    "041502": ("Lubicz", box(485_000, 560_000, 500_000, 575_000)),
    "0463": ("Toruń", box(465_000, 565_000, 470_000, 575_000)),
}
PARTNERS = {"chelmza": "041501", "lubicz": "041502", "powiat-torunski": "0415", "torun": "0463"}
HOSTILE = 'Gmina "Lubicz" & <Spółka> \'x\''
"""A title with everything that markup must survive."""


def catalogue_region(registers: dict[str, Register], lubicz: str = "Lubicz") -> Region:
    """Every tenant publishes all registers by all four services."""
    titles = {"lubicz": lubicz}
    partners = {
        name: Partner(id=name, teryt=teryt, title=Text(pl=titles.get(name, UNITS[teryt][0]), en=f"{name} in English"))
        for name, teryt in PARTNERS.items()
    }
    return Region(
        id="toruń",
        file=RegionFile(
            title=Text(pl="Region toruński", en="Toruń region"),
            abstract=Text(pl="Rejestry powiatowe regionu.", en="County registers of the region."),
            services=("ogcapi", "wms", "wfs", "csw"),
            contact=Contact(organisation=Text(pl="Urząd Marszałkowski", en="Marshal's Office"),
                            email="geodezja@example.pl", phone="+48 56 000 00 00", url="https://example.pl/"),
            licence=Licence(title=Text(pl="Brak warunków dostępu i użytkowania", en="No conditions apply"),
                            url="http://inspire.ec.europa.eu/metadata-codelist/ConditionsApplyingToAccessAndUse/"
                                "noConditionsApply"),
        ),
        registers=registers,
        units={teryt: Unit(teryt=teryt, name=name, geometry=polygon) for teryt, (name, polygon) in UNITS.items()},
        sources={
            "0415-egib": Source(id="0415-egib", kind="wfs", county="0415", delivers=("egib",),
                                title=Text(pl="WFS powiatu toruńskiego", en="WFS of the county of Toruń")),
            "0463-egib": Source(id="0463-egib", kind="gml", county="0463", delivers=("egib",)),
        },
        partners=partners,
    )


def commit(
    connection: psycopg.Connection, source: str, counts: dict[tuple[str, str], int], origins: tuple[str, ...] = (),
    at: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC),
) -> None:
    """Write what a harvest commits: a version, and counts by feature type and commune (all 10 km squares)."""
    run = connection.execute("insert into sdi.run (source, kind) values (%s, 'gml') returning run", [source]).fetchone()
    lineage = json.dumps({"deliveries": [{"origin": o, "sha256": "0", "bytes": 1} for o in origins]})
    version = connection.execute(
        "insert into sdi.version (run, source, county, committed_at, lineage) values (%s, %s, %s, %s, %s)"
        " returning version",
        [run[0], source, source[:4], at, lineage],  # type: ignore[index]
    ).fetchone()
    for (feature_type, commune), objects in counts.items():
        connection.execute("delete from sdi.count where (feature_type, source, commune) = (%s, %s, %s)",
                           [feature_type, source, commune])
        connection.execute(
            "insert into sdi.count (feature_type, source, county, commune, objects, extent, newest, version)"
            " values (%s, %s, %s, %s, %s, st_makeenvelope(475000, 565000, 485000, 575000, 2180), %s, %s)",
            [feature_type, source, source[:4], commune, objects, at, version[0]],  # type: ignore[index]
        )


def commit_all(connection: psycopg.Connection) -> None:
    """EGiB in every commune but none of Chełmża's buildings."""
    commit(connection, "0415-egib",
           {("dzialki", "041501"): 10, ("dzialki", "041502"): 20, ("budynki", "041502"): 5},
           ("https://clerk:secret@wfs.example.pl/egib?service=WFS&token=1", "https://wfs.example.pl/egib?startIndex=9"))
    commit(connection, "0463-egib", {("dzialki", "046301"): 7}, ("/srv/deliveries/torun.gml",))


def changed(region: Region, **parts: Any) -> Region:
    """The region with other parts, and nothing that was computed of the old ones."""
    return Region(**{name: getattr(region, name) for name in Region.model_fields} | parts)
