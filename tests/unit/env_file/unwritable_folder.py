"""Run as a process in a mount namespace of its own: a disk that is full, or read-only.

``python -m tests.unit.env_file.unwritable_folder KIND FOLDER`` mounts a small file system
on FOLDER, which ends with this process, and prints what became of an update.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from gatewayctl.env_file.read import read_env_file
from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import GatewayctlError


def spoil(kind: str, folder: Path) -> None:
    """Make writing to ``folder`` impossible in one of three ways."""
    if kind == "full":
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return
    elif kind == "read-only":
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def main(kind: str, folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], check=True)
    path = folder / ".env"
    path.write_text(f"A=1\nB={'b' * 6000}\n")
    path.chmod(0o600)
    before = path.read_bytes()
    spoil(kind, folder)
    files = sorted(each.name for each in folder.iterdir())
    try:
        update_env_file(path, {"C": "3"})
        code, message = "none", ""
    except GatewayctlError as error:
        code, message = error.code, error.message
    answer = {
        "code": code,
        "message": message,
        "intact": path.read_bytes() == before,
        "nothing_left": sorted(each.name for each in folder.iterdir()) == files,
        "without_a_change": update_env_file(path, {"A": "1"}).unchanged,
        "read": len(read_env_file(path)),
    }
    print(json.dumps(answer))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
