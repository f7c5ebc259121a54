"""The wheel of this checkout, and a virtual environment that pip installed it into."""

from __future__ import annotations

import subprocess
from pathlib import Path

from uv import find_uv_bin


def run(*words: str | Path) -> None:
    """Run a program, which has to succeed."""
    subprocess.run(words, check=True)


def build_wheel(folder: Path) -> Path:
    """Build the wheel into `dist` of a folder."""
    root = Path(__file__).parents[2]
    run(find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder / "dist", root)
    return next((folder / "dist").glob("*.whl"))


def install_by_pip(folder: Path) -> Path:
    """Let pip install the wheel, compiled to bytecode, into a virtual environment in a folder."""
    wheel = build_wheel(folder)
    venv, python = folder / "venv", folder / "venv/bin/python"
    run(find_uv_bin(), "venv", "--quiet", "--seed", venv)
    # uv for the dependencies, because it is fast; pip for the wheel itself.
    run(find_uv_bin(), "pip", "install", "--quiet", "--python", python, wheel)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    assert list(venv.rglob("templates/docker/__pycache__/*.pyc"))
    return venv


def install_for_others(folder: Path) -> Path:
    """Install the wheel for all users, with the system's Python; return the program.

    The Python of the tests may be in a home folder, which other users cannot enter.
    """
    python = "/usr/bin/python3"
    assert Path(python).exists(), "another user needs the system's Python: apt-get install python3"
    run(find_uv_bin(), "venv", "--quiet", "--python", python, folder / "venv")
    own = folder / "venv/bin/python"
    # Copies: links into the cache of this user would have its modes.
    options = ("--quiet", "--link-mode", "copy", "--python", own)
    run(find_uv_bin(), "pip", "install", *options, build_wheel(folder))
    return folder / "venv/bin/gatewayctl"
