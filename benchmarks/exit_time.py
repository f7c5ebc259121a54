"""`gatewayctl --help` with and without Python's garbage collection at exit, in CPU time."""

from __future__ import annotations

import resource
import subprocess
import sys

PROGRAM = "import sys; from gatewayctl.__main__ import main; sys.argv = ['gatewayctl', '--help']; "
WITHOUT_FREEZE = "import atexit, gc; atexit.register(gc.unfreeze); "
"""Functions registered at exit run last in, first out; `main` registers `gc.freeze` later."""


def measure(rounds: int = 15) -> tuple[list[float], list[float]]:
    """Measure both in turn, after one round to warm the caches."""
    ours, other = [], []
    for _ in range(rounds + 1):
        ours.append(_cpu_seconds(f"{PROGRAM}main()"))
        other.append(_cpu_seconds(f"{WITHOUT_FREEZE}{PROGRAM}main()"))
    return ours[1:], other[1:]


def _cpu_seconds(script: str) -> float:
    """CPU time of a whole process: the difference is small, and wall time varies with load."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
