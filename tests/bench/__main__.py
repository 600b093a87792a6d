"""Measure, print a table, write var/bench/latest.json.

    python -m tests.bench [--parcels 20000]

Takes SDI_DATABASE_URL, or a private cluster of its own; makes two databases there and drops them at the end.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from sdi.db.cluster import node_database
from sdi.db.migrate import migrate
from sdi.demo.chance import Scenario
from sdi.demo.egib import write_egib
from sdi.demo.geopackage import write_geopackage
from sdi.demo.survey import Survey
from sdi.model.load import load_region
from sdi.settings import Settings
from tests.bench.harvest import harvest_rates, peak_memory, wfs_cpu
from tests.bench.pages import page_latency
from tests.bench.rows import show, write
from tests.conftest import HOME, new_database


def main() -> None:
    """Run every measurement."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure against peers.")
    parser.add_argument("--parcels", type=int, default=20_000, help="size of the sample region (default: 20,000)")
    parcels = parser.parse_args().parcels
    given = Settings.from_environment(home=HOME)
    with tempfile.TemporaryDirectory(prefix="sdi-bench-") as name:
        folder = Path(name)
        settings = replace(given, var=folder / "var", region="demo")
        os.environ["SDI_VAR"] = str(settings.var)  # the sources' parameters name it
        region = load_region(HOME, "demo").region
        delivery = settings.var / "demo" / "0415" / "egib.gml"
        print(f"Writing {delivery.name} of a region of {parcels:,} parcels …", flush=True)
        survey = Survey(Scenario(parcels=parcels))
        write_egib(survey, "0415", delivery)
        write_geopackage(survey, "0404", folder / "egib.gpkg")
        with node_database(settings) as server, new_database(server) as ours, new_database(server) as peer:
            migrate(ours, region.registers.values())
            print("Harvesting …", flush=True)
            rows = harvest_rates(region, ours, peer, settings, delivery)
            rows.append(wfs_cpu(settings, ours, folder / "egib.gpkg"))
            print("Asking for pages …", flush=True)
            rows += page_latency(ours, folder)
            for size in (parcels, 10 * parcels):
                print(f"Harvesting a region of {size:,} parcels for its peak memory …", flush=True)
                write_egib(Survey(Scenario(parcels=size)), "0415", delivery)
                with new_database(server) as empty:
                    migrate(empty, region.registers.values())
                    rows.append(peak_memory(empty, settings, size))
    show(rows)
    write(rows, given.var / "bench" / "latest.json", parcels)
    print(f"Written to {given.var / 'bench' / 'latest.json'}")


if __name__ == "__main__":
    main()
