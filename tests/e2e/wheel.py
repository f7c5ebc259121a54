"""The distributions of this checkout, and a virtual environment that pip installed one into."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin


def run(*words: str | Path) -> None:
    """Run a program, which has to succeed."""
    subprocess.run(words, check=True)


@dataclass(frozen=True, kw_only=True)
class Distributions:
    """What a release consists of."""

    wheel: Path
    sdist: Path


def build(folder: Path) -> Distributions:
    """Build the sdist, and the wheel from it, into a folder."""
    run(find_uv_bin(), "build", "--quiet", "--out-dir", folder, Path(__file__).parents[2])
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distributions(wheel=wheel, sdist=sdist)


def install_by_pip(folder: Path, wheel: Path) -> Path:
    """Let pip install the wheel, compiled to bytecode, into a virtual environment in a folder."""
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
    run(find_uv_bin(), "pip", "install", *options, build(folder).wheel)
    return folder / "venv/bin/gatewayctl"
