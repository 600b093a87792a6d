"""Measure, print a table, write var/bench/latest.json, and of a full run docs/benchmarks.md.

    python -m tests.bench [--parcels 20000] [--keep] [--only services tenants harvest]

Takes SDI_DATABASE_URL, or a private cluster of its own; makes databases there and drops them at the end. With
SDI_DATABASE_URL and --keep the one that the services are measured on stays for the next run, as sdi_bench_<parcels>.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from sdi.db.cluster import node_database
from sdi.db.database import Database
from sdi.db.migrate import migrate
from sdi.demo.chance import Scenario
from sdi.demo.egib import write_egib
from sdi.demo.geopackage import write_geopackage
from sdi.demo.survey import Survey
from sdi.model.load import load_region
from sdi.settings import Settings
from tests.bench.harvest import first_harvest, harvest_rates, only, peak_memory, wfs_cpu
from tests.bench.items import item_rows
from tests.bench.ows import wfs_rows, wms_rows
from tests.bench.report import circumstances, document
from tests.bench.rows import Row, show, write
from tests.bench.services import bench
from tests.bench.tenants import tenant_rows
from tests.bench.tiles import tile_rows
from tests.conftest import HOME, new_database

FULL = 500_000
"""The size of which docs/benchmarks.md is written."""

BUILDINGS = 0.7
"""For each parcel of the delivery that is harvested."""
REGIONS = (20_000, 200_000)
"""Parcels of the regions whose harvests are looked at for their peak memory; of the first, also its WFS."""

HALVES = ("services", "tenants", "harvest")

Sections = dict[str, list[Row]]


def main() -> None:
    """Run the measurements asked for."""
    options = _options()
    given = Settings.from_environment(home=HOME)
    sections: Sections = {}
    with tempfile.TemporaryDirectory(prefix="sdi-bench-") as name:
        folder = Path(name)
        settings = replace(given, var=folder / "var", region="demo")
        os.environ["SDI_VAR"] = str(settings.var)  # the sources' parameters name it
        with node_database(settings) as server:
            facts = circumstances(server, options.parcels)
            if "services" in options.only:
                _services(server, settings, folder / "services", given.var / "bench" / "peers", options, sections)
            if "tenants" in options.only:
                (folder / "tenants").mkdir()
                _measure(sections, "Many partners", tenant_rows(server, folder / "tenants"))
            if "harvest" in options.only:
                _measure(sections, "Harvest", _harvest(server, settings, folder, options.harvest_parcels))
    rows = [row for section in sections.values() for row in section]
    written = [given.var / "bench" / "latest.json"]
    write(rows, written[0], facts)
    if options.parcels >= FULL and set(options.only) == set(HALVES):
        written.append(HOME / "docs" / "benchmarks.md")
        written[1].write_text(document(sections, facts), encoding="utf-8")
    print(f"Written to {' and '.join(map(str, written))}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure against peers.")
    parser.add_argument("--parcels", type=int, default=20_000,
                        help="size of the region that is served (default: %(default)s; the written table is of "
                             f"{FULL:,})")
    parser.add_argument("--harvest-parcels", type=int, default=20_000,
                        help="parcels of the delivery that is harvested (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the database that is served for the next run")
    parser.add_argument("--only", nargs="+", choices=HALVES, default=HALVES, help="what to measure (default: all)")
    options = parser.parse_args()
    if options.keep and not os.environ.get("SDI_DATABASE_URL"):
        parser.error("--keep needs SDI_DATABASE_URL: the private cluster of the bench goes with it")
    return options


def _measure(sections: Sections, title: str, rows: Iterable[Row]) -> None:
    print(f"\n{title} …", flush=True)
    sections[title] = list(rows)
    show(sections[title])


def _services(
    server: Database, settings: Settings, folder: Path, peers_at: Path, options: argparse.Namespace, sections: Sections
) -> None:
    """All that is asked of one node and its peers."""
    folder.mkdir()
    parts: dict[str, Callable[..., Iterable[Row]]] = {
        "OGC API items": item_rows, "WFS": wfs_rows, "WMS": wms_rows, "Vector tiles": tile_rows}
    with bench(server, settings, folder, peers_at, options.parcels, options.keep) as asked:
        for title, part in parts.items():
            _measure(sections, title, part(asked))


def _harvest(server: Database, settings: Settings, folder: Path, parcels: int) -> Iterable[Row]:
    """Deliveries of one county into empty databases: all classes as they come, then parcels and buildings only."""
    os.environ["SDI_VAR"] = str(settings.var)  # as it was before the database of the services was filled
    region = load_region(HOME, "demo").region
    delivery = settings.var / "demo" / "0415" / "egib.gml"
    size = int(2.2 * parcels)  # of two counties
    print(f"Writing {delivery.name} of a region of {size:,} parcels …", flush=True)
    write_egib(Survey(Scenario(parcels=size)), "0415", delivery)
    write_geopackage(Survey(Scenario(parcels=REGIONS[0])), "0404", folder / "egib.gpkg")
    with new_database(server) as ours, new_database(server) as peer:
        migrate(ours, region.registers.values())
        yield first_harvest(region, ours, peer, settings, delivery, "ten classes")[1]
    only(delivery, {"DzialkaEwidencyjna": parcels, "Budynek": int(BUILDINGS * parcels)})
    with new_database(server) as ours, new_database(server) as peer:
        migrate(ours, region.registers.values())
        yield from harvest_rates(region, ours, peer, settings, delivery, "parcels and buildings")
        yield wfs_cpu(settings, ours, folder / "egib.gpkg")
    for size in REGIONS:
        print(f"Harvesting a region of {size:,} parcels for its peak memory …", flush=True)
        write_egib(Survey(Scenario(parcels=size)), "0415", delivery)
        with new_database(server) as empty:
            migrate(empty, region.registers.values())
            yield peak_memory(empty, settings, size)


if __name__ == "__main__":
    main()
