"""Which project a port-forward belongs to: its files in the state folder, and its process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LOCK: Final = "port-forward.lock"
"""Held by the process as long as it lives; it writes into it what others read."""
SPECIFICATION: Final = "port-forward.json"
"""What is to be served, from a start to `down`."""
MARK: Final = "GATEWAYCTL_PORT_FORWARD"
"""Environment variable of the process: the state folder that it belongs to."""


def project_of(pid: int) -> Path | None:
    """The folder of the project whose port-forward a process is; None if it is none."""
    import psutil

    try:
        state_dir = psutil.Process(pid).environ().get(MARK)
    except (psutil.Error, OSError):
        return None
    return Path(state_dir).parent if state_dir else None
