"""Publish the region and answer requests until Ctrl-C.

Starts the private database (unless SDI_DATABASE_URL names another), the mapserv workers and the web workers;
stops all of them at the end. SDI_PORT, SDI_HOST and SDI_PUBLIC_URL say where; see docs/settings.md.
"""

from __future__ import annotations

import argparse
import sys

from sdi.gateway import web
from sdi.model.load import load_region
from sdi.serve import serve
from sdi.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """No options: the settings come from the environment."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve; mistakes in the declaration are printed, and what they concern stays as it was published last."""
    web.prepare()  # its imports go on while the declaration is read
    loaded = load_region(settings.home, settings.region)
    for line in loaded.lines():
        print(f"warning: {line}", file=sys.stderr)
    return serve(settings, loaded, say=lambda text: print(text, flush=True))
