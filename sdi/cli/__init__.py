"""The command line: one module per verb, its docstring is the help text.

A verb module has `configure(parser)` for its options and `run(settings, options) -> int` for the exit code.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from sdi import __version__
from sdi.errors import SdiError
from sdi.settings import Settings


def verbs() -> dict[str, str]:
    """The help text of each verb: its module's docstring. Read, not imported: a verb pays for its own imports only."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    texts = {name: (Path(__path__[0]) / f"{name}.py").read_text(encoding="utf-8") for name in names}
    return {name.replace("_", "-"): ast.get_docstring(ast.parse(text)) or "" for name, text in texts.items()}


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sdi", description="Spatial data infrastructure server: county registers in, OGC services out."
    )
    parser.add_argument("--version", action="version", version=f"sdi {__version__}")
    parser.add_argument("--home", help="the folder with configs/, metadata/ and tiles/ (SDI_HOME)")
    parser.add_argument("--region", help="the region under configs/regions/ (SDI_REGION)")
    commands = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in verbs().items():
        command = commands.add_parser(
            name, help=text.partition("\n")[0], description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in arguments:
            module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
            module.configure(command)
            command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns its exit code. 1: something failed, 2: wrong usage, 130: interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(arguments).parse_args(arguments)
    try:
        settings = Settings.from_environment(home=options.home, region=options.region)
        return int(options.run(settings, options))
    except SdiError as error:
        print(f"sdi {options.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
