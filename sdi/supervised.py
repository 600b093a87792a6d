"""For processes that must not outlive the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal


def die_with_parent() -> None:
    """Have the kernel end this process when the one named by SDI_SUPERVISOR dies, however it dies.

    prctl(2), PR_SET_PDEATHSIG: SIGTERM arrives when the thread that started us ends.
    """
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)
    if os.getppid() != int(os.environ["SDI_SUPERVISOR"]):
        os.kill(os.getpid(), signal.SIGTERM)
