"""Imported once by the process that web workers are forked from (see sdi.gateway.web): what all of them have in memory.

Nothing here may open a connection or start a thread: neither survives a fork.
"""

from __future__ import annotations

import gc
import os

from sdi.gateway import app
from sdi.services import classes
from sdi.supervised import die_with_parent

__all__ = ["app"]

if os.environ.get("SDI_SUPERVISOR") == str(os.getppid()):
    die_with_parent()
    os.environ["SDI_SUPERVISOR"] = str(os.getpid())
    classes()
    gc.collect()
    gc.freeze()  # a collection would write to every object, and so copy the memory that is shared
