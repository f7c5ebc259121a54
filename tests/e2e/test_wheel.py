"""The wheel, installed by an ordinary user on a machine without our caches, and by pip."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path, PurePath
from typing import cast

import pytest
from uv import find_uv_bin

from gatewayctl.rendering.plan import TEMPLATES
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.orphans import find_orphans
from gatewayctl.settings.model import RuntimeName
from tests.e2e.conftest import make_project
from tests.e2e.wheel import Distributions, run


@pytest.mark.full
def test_the_installed_wheel_runs_the_demo_as_an_ordinary_user(
    distributions: Distributions,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("this run is by an ordinary user already: every other test shows it")
    python = next((p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if _new(p)), None)
    if python is None:
        pytest.skip("no Python 3.11 outside of root's home, so no other user can run one")
    home = _home_of_nobody(python, distributions.wheel)
    try:
        project = make_project(home / "project")
        project.program = (*_as_nobody(), str(home / "venv/bin/gatewayctl"))
        project.extra_env = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
        _give(home)

        result = project.run("demo", "--json", timeout=400)
        owners = {
            p.uids().real for p in find_orphans(Layout(state_dir=project.folder / ".gatewayctl"))
        }
        project.run("down")
    finally:
        run("rm", "-rf", home)

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["data"]["component"] == "passthrough"
    assert owners == {65534}


@pytest.mark.parametrize("runtime", ["embedded", "docker"])
def test_a_gatewayctl_that_pip_installed_renders(
    installed_by_pip: Path, tmp_path: Path, runtime: str
) -> None:
    words = ["-C", str(tmp_path), "--runtime", runtime, "render", "--json"]
    result = subprocess.run(
        [installed_by_pip / "bin/gatewayctl", *words], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    rendered = {PurePath(file["path"]).name for file in json.loads(result.stdout)["data"]["files"]}
    assert rendered == set(TEMPLATES[cast("RuntimeName", runtime)])


def _new(python: str) -> bool:
    wanted = "import sys; sys.exit(sys.version_info < (3, 11))"
    return (
        os.access(python, os.X_OK)
        and not subprocess.run([python, "-c", wanted], check=False).returncode
    )


def _home_of_nobody(python: str, wheel: Path) -> Path:
    """A folder others can reach, with gatewayctl installed from its wheel."""
    home = Path(tempfile.mkdtemp(prefix="gatewayctl-user-", dir="/tmp"))
    run(find_uv_bin(), "venv", "--quiet", "--python", python, home / "venv")
    run(find_uv_bin(), "pip", "install", "--quiet", "--python", home / "venv/bin/python", wheel)
    return home


def _give(home: Path) -> None:
    run("chown", "-R", "65534:65534", home)


def _as_nobody() -> tuple[str, ...]:
    return ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
