"""Every way to install gatewayctl, with the Pythons of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from gatewayctl.rendering.plan import TEMPLATES
from tests.e2e.conftest import free_ports
from tests.e2e.installing import USERS, WAYS, Machine
from tests.e2e.wheel import Distributions

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

PYTHONS = ("3.11", "3.12")
"""Later ones come from Debian, in containers: `docker/test_installing.py`."""


@dataclass(frozen=True, kw_only=True)
class Here(Machine):
    """This machine."""

    def enter(self, user: int) -> tuple[str, ...]:
        if user == os.geteuid():
            return ()
        return ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")


def find_python(release: str) -> str | None:
    """One that has venv, where any user may run it if there is one such."""
    name = f"python{release}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [f"/usr/bin/{name}", f"/usr/local/bin/{name}", shutil.which(name)]
    places += [str(each) for each in sorted(pyenv.glob(f"{release}.*/bin/{name}"))]
    return next((each for each in places if each and _has_venv(each)), None)


def _has_venv(python: str) -> bool:
    argv = [python, "-c", "import venv, ensurepip"]
    return os.access(python, os.X_OK) and not subprocess.run(argv, check=False).returncode


@pytest.fixture(scope="module", params=PYTHONS)
def here(request: pytest.FixtureRequest, distributions: Distributions) -> Iterator[Here]:
    """Each Python of this machine, with pipx and uv."""
    python = find_python(request.param)
    if python is None:
        pytest.skip(
            f"no Python {request.param} with venv here: apt-get install python3-venv, or pyenv"
        )
    if os.geteuid() != 0:
        pytest.skip("only root can try it as root and as another user")
    home = Path(tempfile.mkdtemp(prefix="gatewayctl-installing-", dir="/tmp"))
    try:
        home.chmod(0o755)
        copies = {
            name: shutil.copy(getattr(distributions, name), home) for name in ("wheel", "sdist")
        }
        machine = Here(
            python=python,
            home=str(home),
            distributions=Distributions(**{name: Path(each) for name, each in copies.items()}),
        )
        machine.prepare()
        yield machine
    finally:
        shutil.rmtree(home)


def as_user(machine: Machine, name: str) -> int:
    """The user's number; skips if that user cannot run this Python."""
    user = USERS[name]
    argv = (*machine.enter(user), machine.python, "-V")
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip(f"{machine.python} is where a {name} may not read")
    return user


@pytest.mark.parametrize("distribution", ["wheel", "sdist"])
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_install_gives_a_program_that_renders(
    here: Here, way: str, user: str, distribution: str
) -> None:
    path = getattr(here.distributions, distribution)

    printed, document = here.try_way(way, as_user(here, user), path)

    assert printed == f"gatewayctl {version('gatewayctl')}"
    assert len(document["data"]["files"]) == len(TEMPLATES["docker"])


def test_uvx_runs_the_demo_from_the_wheel(here: Here) -> None:
    names = ("litellm", "phoenix", "phoenix_grpc", "postgres_litellm")
    readable = here.python.startswith("/usr/")
    user = USERS["plain user" if readable else "root"]

    document = here.run_demo(user, dict(zip(names, free_ports(4), strict=True)))

    assert document["data"]["component"] == "passthrough"
