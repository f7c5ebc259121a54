"""Run as a process: updates files and kills itself, at every system call there is.

``python -m tests.unit.env_file.killed_writer FOLDER`` prints one JSON object a kill. The
code under test knows nothing of it: the kills come from the interpreter's profiling hook,
which sees each call into the operating system begin and end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from gatewayctl.env_file.read import read_env_file
from gatewayctl.env_file.write import update_env_file
from gatewayctl.files.atomic import temporary_name

OLD = b"# mine\r\nKEPT='as it is'\r\nCHANGED=old\r\n"
PURE = {"fspath", "_path_normpath"}
VALUES = {"CHANGED": "new", "ADDED": "two words"}


def kill_at(step: int) -> None:
    """Die at the ``step``-th beginning or end of a call into the operating system."""
    left = step

    def watch(_frame: FrameType, event: str, called: Any) -> None:
        nonlocal left
        if not event.startswith("c_"):
            return
        owner = type(getattr(called, "__self__", None)).__module__
        if called.__name__ in PURE:
            return
        if called.__module__ in {"posix", "fcntl"} or owner == "_io":
            if left == 0:
                os.write(2, f"{event} {called.__name__}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.setprofile(watch)


def prepare(folder: Path, kind: str) -> Path:
    """A fresh folder with the .env of that kind; returns the path to update."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / ".env"
    if kind == "linked":
        (folder / "target").mkdir()
        path.symlink_to("target/secrets")
        path.resolve().write_bytes(OLD)
    elif kind == "existing":
        path.write_bytes(OLD)
    return path


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def after_kill(path: Path, kind: str, step: int) -> dict[str, object]:
    """What a reader finds right after the kill, and after the next update."""
    target = path.resolve()
    leftover = target.with_name(temporary_name(target.name))
    found, left = content(path), leftover.exists()
    result = update_env_file(path, {"NEXT": "1"})
    return {
        "kind": kind,
        "step": step,
        "found": None if found is None else found.decode(),
        "leftover": left,
        "leftover_after_next": leftover.exists(),
        "next_added": result.added,
        "mode_after_next": target.stat().st_mode & 0o7777,
        "read_after_next": {name: each.value for name, each in read_env_file(path).items()},
    }


def main(folder: Path) -> None:
    for kind in ("existing", "missing", "linked"):
        step, killed = 0, True
        while killed:
            path = prepare(folder / kind, kind)
            child = os.fork()
            if child == 0:
                kill_at(step)
                update_env_file(path, VALUES)
                sys.setprofile(None)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            killed = os.WIFSIGNALED(status)
            if killed:
                print(json.dumps(after_kill(path, kind, step)))  # noqa: T201
            else:
                assert os.waitstatus_to_exitcode(status) == 0
            step += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
