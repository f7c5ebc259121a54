"""`make demo` as a newcomer runs it: a fresh clone, no environment yet, packages cached."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.stack import declare, seconds

ROOT = Path(__file__).parents[1]


def measure() -> tuple[list[float], list[float]]:
    """Once: it takes long. Only uv's and npm's download caches are warm."""
    with tempfile.TemporaryDirectory(prefix="gatewayctl-demo-") as name:
        clone, cache = Path(name) / "clone", Path(name) / "cache"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        declare(clone)
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        env = dict(os.environ) | {
            "XDG_CACHE_HOME": str(cache),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(home / "uv"),
        }
        try:
            return [seconds(["make", "demo"], env=env, cwd=clone)], []
        finally:
            subprocess.run(["make", "down"], env=env, cwd=clone, check=False, capture_output=True)
            shutil.rmtree(clone, ignore_errors=True)
