"""The Docker runtime on Podman: the docker program and its Compose, at the socket of Podman."""

from __future__ import annotations

import json
import os
import resource
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewayctl.settings.model import Images
from tests.e2e.conftest import Project, make_project
from tests.e2e.docker.containers import docker
from tests.e2e.failure import failed

ENGINE_SH = Path(__file__).parents[3] / "tools/engine.sh"
IMAGES = (Images().litellm, Images().phoenix, Images().postgres)


@dataclass(frozen=True, kw_only=True)
class Podman:
    """Podman with containers, images and networks of its own, in a folder."""

    folder: Path

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/podman.sock"

    @property
    def argv(self) -> tuple[str, ...]:
        places = {"root": "root", "runroot": "run", "network-config-dir": "networks"}
        given = [f"--{option}={self.folder / place}" for option, place in places.items()]
        return ("podman", *given, "--network-backend=netavark", "--cgroup-manager=cgroupfs")

    @property
    def environment(self) -> dict[str, str]:
        # Without systemd nothing would run the health checks, and Podman would fail instead.
        return {
            **os.environ,
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "DISABLE_HC_SYSTEMD": "true",
        }

    def run(self, *words: str, stdin: int | None = None) -> str:
        """Run Podman's own program."""
        done = subprocess.run(
            [*self.argv, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"podman {words}: {done.stderr}"
        return done.stdout

    def configure(self) -> None:
        """Write its settings: limits as they are here, since it cannot raise them everywhere."""
        files, processes = (
            min(resource.getrlimit(kind)[1], 20_000)
            for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)
        )
        limits = f'["nofile={files}:{files}", "nproc={processes}:{processes}"]'
        # crun refuses the mixed control groups of some machines.
        runtime = '[engine]\nruntime = "runc"\n' if shutil.which("runc") else ""
        text = f"[containers]\ndefault_ulimits = {limits}\n{runtime}"
        (self.folder / "containers.conf").write_text(text)

    def load_images(self) -> None:
        """Copy the images of the stack from Docker, under the names that Podman looks for."""
        with subprocess.Popen(["docker", "save", *IMAGES], stdout=subprocess.PIPE) as saving:
            assert saving.stdout is not None
            self.run("load", stdin=saving.stdout.fileno())
        for name in IMAGES:
            host = name.partition("/")[0]
            if "." not in host:
                full = f"docker.io/{name if '/' in name else f'library/{name}'}"
                self.run("tag", f"localhost/{name}", full)

    def check_health(self, ends: threading.Event) -> None:
        """Do what systemd's timers do for Podman."""
        while not ends.wait(2):
            for container in self.run("ps", "--quiet").split():
                words = [*self.argv, "healthcheck", "run", container]
                subprocess.run(words, env=self.environment, capture_output=True, check=False)


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """A Podman service with the images. It is installed if it can be, and never skipped."""
    done = subprocess.run(["sh", ENGINE_SH, "podman"], capture_output=True, text=True, check=False)
    if done.returncode != 0 or os.geteuid() != 0:
        pytest.fail(f"These tests need root and Podman. {done.stderr.strip()}")
    podman = Podman(folder=tmp_path_factory.mktemp("podman"))
    podman.configure()
    podman.load_images()
    ends = threading.Event()
    checking = threading.Thread(target=podman.check_health, args=(ends,))
    words = [*podman.argv, "system", "service", "--time=0", podman.host]
    with (podman.folder / "service.log").open("wb") as log:
        service = subprocess.Popen(
            words, env=podman.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + 30
        while docker("version", env={"DOCKER_HOST": podman.host}).returncode != 0:
            assert time.monotonic() < until, (podman.folder / "service.log").read_text()
            time.sleep(0.2)
        checking.start()
        yield podman
    finally:
        ends.set()
        if checking.ident is not None:
            checking.join()
        podman.run("rm", "--all", "--force", "--volumes")
        podman.run("network", "prune", "--force")
        service.terminate()
        service.wait()
        podman.run("system", "reset", "--force")
        # Its folder stays mounted on itself, and could not be removed.
        subprocess.run(["umount", podman.folder / "root/overlay"], capture_output=True, check=False)


@pytest.fixture
def project(podman: Podman, tmp_path: Path) -> Iterator[Project]:
    """A project whose engine is Podman."""
    made = make_project(tmp_path / "shop", runtime="auto", name=f"e2e-{secrets.token_hex(4)}")
    made.extra_env["DOCKER_HOST"] = podman.host
    yield made
    made.run("down", "--volumes", "--yes")


@pytest.mark.full
def test_the_stack_lives_its_life_on_podman(project: Project, tmp_path: Path) -> None:
    report = project.data("up", "--timeout", "280")
    assert report["runtime"] == "docker"
    assert report["tracing"] == "verified"
    assert project.data("up")["changed"] is False
    assert project.data("chat", "--model", "demo", "--verify", "hello")["verified"] is True

    # Another project learns who uses the ports.
    other = make_project(tmp_path / "other", runtime="docker", name=f"{project.name}-b")
    other.extra_env = project.extra_env
    text = (project.folder / "gateway.yaml").read_text()
    (other.folder / "gateway.yaml").write_text(text.replace(project.name, other.name))
    other.ok("init")
    taken = failed(other, "up")
    assert taken.where[:2] == (4, "port_taken")
    assert f"the gatewayctl project {project.folder}" in taken.error["message"]

    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write("images: {phoenix: 'registry.invalid/phoenix:v0'}\n")
    assert failed(project, "up").where[:2] == (4, "image_missing")

    changed = text.replace(f"phoenix: {project.ports['phoenix']}", "phoenix: 20999")
    (project.folder / "gateway.yaml").write_text(changed)
    services = json.loads(project.run("plan", "--json").stdout)["data"]["services"]
    reasons = {each["service"]: each["why"] for each in services}
    assert reasons["phoenix"] == ["docker-compose.yml"]
    (project.folder / "gateway.yaml").write_text(text)

    project.ok("restart", "phoenix")
    archive = project.data("backup")["file"]
    project.ok("restore", archive, "--yes")
    assert project.data("keys", "check")
    project.ok("down", "--volumes", "--yes")
    left = docker("ps", "--all", "--quiet", env=project.extra_env)
    volumes = docker("volume", "ls", "--quiet", env=project.extra_env)
    assert left.stdout + volumes.stdout == ""
