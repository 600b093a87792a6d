"""Technical settings: read once from the environment, then passed down.

Geospatial settings live in YAML under `configs/`, never here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdi.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Settings:
    """Where this node lives and how it is reached; see `docs/settings.md` for each variable."""

    home: Path
    """SDI_HOME: the folder with `configs/`, `metadata/`, `tiles/` (default: the working directory)."""
    var: Path
    """SDI_VAR: everything that is written: database, archive, build, logs (default: `<home>/var`)."""
    region: str
    """SDI_REGION: the folder under `configs/regions/` that this node serves (default: `demo`)."""
    host: str
    """SDI_HOST: the address to listen on (default: 127.0.0.1)."""
    port: int
    """SDI_PORT: the TCP port to listen on (default: 8080)."""
    public_url: str
    """SDI_PUBLIC_URL: the address users see, no trailing slash (default: http://localhost:<port>)."""
    database_url: str | None
    """SDI_DATABASE_URL: an own PostGIS, as a libpq URL; unset: a private cluster under `var/`."""
    web_workers: int
    """SDI_WEB_WORKERS: processes that answer requests (default: 2)."""
    map_workers: int
    """SDI_MAP_WORKERS: `mapserv` processes (default: the number of processors, at least 2)."""
    downloads_gb: int
    """SDI_DOWNLOADS_GB: what the files of whole collections in `var/downloads` may take (default: 20)."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, **options: object) -> Settings:
        """Read the settings; `options` (from the command line) win where they are not None.

        Raises SettingsError naming the variable, its value and what is allowed.
        """

        def pick(name: str, default: str) -> str:
            given = options.get(name.removeprefix("SDI_").lower())
            return str(given) if given is not None else environ.get(name) or default

        def number(name: str, default: int, low: int, high: int) -> int:
            text = pick(name, str(default))
            if not text.isdecimal() or not low <= int(text) <= high:
                raise SettingsError(f"{name}={text!r}: expected a whole number from {low} to {high}")
            return int(text)

        home = Path(pick("SDI_HOME", ".")).resolve()
        if not (home / "configs").is_dir():
            raise SettingsError(f"{home}: no folder `configs` here; run sdi in the SDI home or set SDI_HOME")
        port = number("SDI_PORT", 8080, 1, 65535)
        public_url = pick("SDI_PUBLIC_URL", f"http://localhost:{port}").rstrip("/")
        if not public_url.startswith(("http://", "https://")):
            raise SettingsError(f"SDI_PUBLIC_URL={public_url!r}: expected an http:// or https:// address")
        return cls(
            home=home,
            var=Path(pick("SDI_VAR", str(home / "var"))).resolve(),
            region=pick("SDI_REGION", "demo"),
            host=pick("SDI_HOST", "127.0.0.1"),
            port=port,
            public_url=public_url,
            database_url=environ.get("SDI_DATABASE_URL") or None,
            web_workers=number("SDI_WEB_WORKERS", 2, 1, 256),
            map_workers=number("SDI_MAP_WORKERS", max(2, os.cpu_count() or 2), 1, 256),
            downloads_gb=number("SDI_DOWNLOADS_GB", 20, 1, 100_000),
        )

    @property
    def region_folder(self) -> Path:
        """The folder that declares the region."""
        return self.home / "configs" / "regions" / self.region
