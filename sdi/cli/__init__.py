"""The command line: one module per verb, its docstring is the help text.

A verb module has `configure(parser)` for its options and `run(settings, options) -> int` for the exit code.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

from sdi import __version__
from sdi.errors import SdiError
from sdi.settings import Settings


def verbs() -> dict[str, ModuleType]:
    """The verb modules by name; an underscore in a module's name is a hyphen in the verb."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return {name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}") for name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sdi", description="Spatial data infrastructure server: county registers in, OGC services out."
    )
    parser.add_argument("--version", action="version", version=f"sdi {__version__}")
    parser.add_argument("--home", help="the folder with configs/, metadata/ and tiles/ (SDI_HOME)")
    parser.add_argument("--region", help="the region under configs/regions/ (SDI_REGION)")
    commands = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, module in verbs().items():
        text = module.__doc__ or ""
        command = commands.add_parser(
            name, help=text.partition("\n")[0], description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns its exit code. 1: something failed, 2: wrong usage, 130: interrupted."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment(home=options.home, region=options.region)
        return int(options.run(settings, options))
    except SdiError as error:
        print(f"sdi {options.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
