"""Images pinned by digest, from a real registry on this machine and without one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gatewayctl.settings.model import Images
from tests.e2e.conftest import free_ports
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.docker.containers import docker, ok, until
from tests.e2e.failure import failed

NAMES = ("litellm", "phoenix", "postgres")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry with one small image under three names; removed with what was pulled from it."""
    if shutil.which("docker-registry") is None:
        argv = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "docker-registry"]
        subprocess.run(argv, check=True, capture_output=True)
    (port,) = free_ports(1)
    config, address = tmp_path / "registry.yml", f"127.0.0.1:{port}"
    config.write_text(
        f"version: 0.1\nhttp: {{addr: '{address}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\n"
    )
    argv = ["docker-registry", "serve", str(config)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            until(lambda: _answers(address), seconds=30, what="the registry answers")
            for name in NAMES:
                ok("tag", Images().postgres, f"{address}/{name}:1.0")
                ok("push", f"{address}/{name}:1.0")
                ok("image", "rm", f"{address}/{name}:1.0")
            yield address
        finally:
            for name in NAMES:
                docker("image", "rm", f"{address}/{name}:1.0")
            server.terminate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/v2/").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.full
def test_images_of_a_registry_are_pulled_and_pinned(
    new_project: MakeProject, registry: str
) -> None:
    project = new_project()
    config = project.folder / "gateway.yaml"
    images = "".join(f"  {name}: {registry}/{name}:1.0  # mine\n" for name in NAMES)
    before = config.read_text() + f"images:\n{images}"
    config.write_text(before)

    found = project.data("images", "pin")
    again = project.data("images", "pin")

    pinned = {image["before"]: image["after"] for image in found["images"]}
    expected = before
    for name in NAMES:
        old = f"{registry}/{name}:1.0"
        assert pinned[old].startswith(f"{old}@sha256:")
        expected = expected.replace(old, pinned[old])
    assert config.read_text() == expected
    assert (found["changed"], again["changed"]) == (True, False)


def test_an_image_without_a_registry_cannot_be_pinned(new_project: MakeProject) -> None:
    project = new_project()
    project.ok("init")
    config = project.folder / "gateway.yaml"
    before = config.read_text() + "images: {postgres: 'registry.invalid/postgres:0.1'}\n"
    config.write_text(before)

    found = failed(project, "images", "pin")

    assert found.where[:2] == (4, "image_missing")
    assert config.read_text() == before
