"""How many files a process of the cloud's may have open at once."""

from __future__ import annotations

import resource


def raise_limit() -> int:
    """Let this process have as many open files as it is allowed at all (its hard limit); return how many.

    A shell's soft limit, mostly 1,024, is for programs that wait by select(2). Whoever serves instances has a few for each of them.
    Instances set their own (`guest/init/pid1.py`).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
