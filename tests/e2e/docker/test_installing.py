"""Every way to install gatewayctl, with the Pythons of later Debian releases, in containers."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from gatewayctl.rendering.plan import TEMPLATES
from tests.e2e.docker.containers import docker, ok
from tests.e2e.images import trees
from tests.e2e.images.catalogue import CERTIFICATES
from tests.e2e.images.engine import Failed, import_tree, is_here
from tests.e2e.installing import USERS, WAYS, Machine
from tests.e2e.wheel import Distributions

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

RELEASES = {"trixie": "Python 3.13", "forky": "Python 3.14"}
_CERTIFICATES_OF = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_INCLUDED = "python3,python3-venv,ca-certificates"


@dataclass(frozen=True, kw_only=True)
class Container(Machine):
    """A running container."""

    name: str

    def enter(self, user: int) -> tuple[str, ...]:
        return ("docker", "exec", f"--user={user}:{user}", self.name)


def get_image(release: str) -> str:
    """Debian's minimal installation with Python, made once."""
    name = f"gatewayctl/e2e-debian-python:{release}"
    if not is_here(name):
        with tempfile.TemporaryDirectory(prefix="gatewayctl-images-") as folder:
            root = Path(folder) / "root"
            try:
                trees.debian(root, release, included=_INCLUDED)
            except Failed as failure:
                pytest.skip(f"no Debian {release} with Python could be made here: {failure}")
            import_tree(root, name)
    return name


@pytest.fixture(scope="module", params=RELEASES)
def container(request: pytest.FixtureRequest, distributions: Distributions) -> Iterator[Container]:
    """A Debian of each release, with pipx and uv."""
    name = f"gatewayctl-e2e-{secrets.token_hex(4)}"
    # pip, uv and npm: it trusts what this machine trusts.
    trusting = [f"--env={each}={CERTIFICATES}" for each in _CERTIFICATES_OF]
    ok(
        "run", "--detach", "--pull=never", "--init", "--name", name, *trusting,
        "--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro", get_image(request.param),
        "sleep", "infinity",
    )  # fmt: skip
    try:
        home = Path("/home")
        for each in (distributions.wheel, distributions.sdist):
            ok("cp", str(each), f"{name}:{home}")
        machine = Container(
            name=name,
            python="/usr/bin/python3",
            home=str(home),
            distributions=Distributions(
                wheel=home / distributions.wheel.name, sdist=home / distributions.sdist.name
            ),
        )
        assert ok("exec", name, machine.python, "-V").startswith(RELEASES[request.param])
        machine.prepare()
        yield machine
    finally:
        # A demo leaves gigabytes in it.
        docker("rm", "--force", "--volumes", name, timeout=600)


@pytest.mark.parametrize(("user", "distribution"), [("root", "sdist"), ("plain user", "wheel")])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_install_gives_a_program_that_renders(
    container: Container, way: str, user: str, distribution: str
) -> None:
    path = getattr(container.distributions, distribution)

    printed, document = container.try_way(way, USERS[user], path)

    assert printed == f"gatewayctl {version('gatewayctl')}"
    assert len(document["data"]["files"]) == len(TEMPLATES["docker"])


def test_uvx_runs_the_demo_from_the_wheel(container: Container) -> None:
    document = container.run_demo(USERS["plain user"], {})

    assert document["data"]["component"] == "passthrough"
