"""The published CRSs as PROJ strings in a file, where MapServer's PROJ looks before it opens its database.

MapServer opens PROJ's database for every projection of every layer: 700 times for the capabilities of twelve feature
types, two thirds of their time, and 50 times for a map. Its PROJ takes `init=epsg:2180` from a file `epsg` in its
folder of data where there is one (PROJ, "init files").
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from pyproj import CRS

INSTALLED = Path("/usr/share/proj")
"""The data of the PROJ that Debian's MapServer is linked with."""


def write_projections(folder: Path, codes: Iterable[int], installed: Path = INSTALLED) -> Path | None:
    """Make `folder` a folder of data for PROJ: all that is `installed`, and the EPSG `codes` as strings; returns it.

    None where PROJ's database is not `installed` there: PROJ then goes its own way, which is slower and as right.
    The strings name no datum, so that PROJ takes those of the published CRSs for the same; by their codes it does too.
    """
    if not (installed / "proj.db").is_file():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for file in installed.iterdir():
        link = folder / file.name
        if file.name != "epsg" and not link.is_symlink():
            link.symlink_to(file)
    (folder / "epsg").write_text("".join(f"<{code}> {_string(code)} <>\n" for code in codes), encoding="utf-8")
    return folder


def _string(code: int) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a string does not name its datum
        return str(CRS.from_epsg(code).to_proj4()).replace(" +type=crs", "")
