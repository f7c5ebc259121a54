"""The wheel, installed on a machine that has nothing of ours, by somebody who is not root."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.orphans import find_orphans
from tests.e2e.conftest import make_project


@pytest.mark.full
def test_the_installed_wheel_tells_the_story_as_an_ordinary_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("this run is by an ordinary user already: every other test shows it")
    python = next((p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if _new(p)), None)
    if python is None:
        pytest.skip("no Python 3.11 outside of root's home, so no other user can run one")
    home = _home_of_nobody(python)
    try:
        project = make_project(home / "project")
        project.program = (*_as_nobody(), str(home / "venv/bin/gatewayctl"))
        project.extra_env = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
        _give(home)

        told = project.run("demo", "--json", timeout=400)
        owners = {
            p.uids().real for p in find_orphans(Layout(state_dir=project.folder / ".gatewayctl"))
        }
        project.run("down")
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)

    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["data"]["component"] == "passthrough"
    assert owners == {65534}


def _new(python: str) -> bool:
    wanted = "import sys; sys.exit(sys.version_info < (3, 11))"
    return (
        os.access(python, os.X_OK)
        and not subprocess.run([python, "-c", wanted], check=False).returncode
    )


def _home_of_nobody(python: str) -> Path:
    """A folder others can reach, with gatewayctl installed from its wheel."""
    home = Path(tempfile.mkdtemp(prefix="gatewayctl-user-", dir="/tmp"))
    uv = find_uv_bin()
    root = Path(__file__).parents[2]
    for words in (
        ["build", "--quiet", "--wheel", "--out-dir", str(home / "dist"), str(root)],
        ["venv", "--quiet", "--python", python, str(home / "venv")],
    ):
        subprocess.run([uv, *words], check=True)
    wheel = next((home / "dist").glob("*.whl"))
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(home / "venv/bin/python"), str(wheel)],
        check=True,
    )
    return home


def _give(home: Path) -> None:
    subprocess.run(["chown", "-R", "65534:65534", str(home)], check=True)


def _as_nobody() -> tuple[str, ...]:
    return ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
