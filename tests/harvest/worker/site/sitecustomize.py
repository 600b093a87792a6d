"""Interpreters with this folder on their path know the kinds of source that only tests have."""

from pathlib import Path

import harvesters

HERE = Path(__file__).parents[1]
harvesters.__path__ += [str(HERE / "kinds"), str(HERE.parent / "run" / "kinds")]
