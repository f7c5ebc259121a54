from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import ImageMissing
from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.releases import Releases
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.driving import report_of
from tests.fakes.projects import project
from tests.fakes.releases import NEW, OLD


def runtime(folder: Path, docker: FakeDocker) -> DockerRuntime:
    settings = project(folder, f"project_name: shop\nimages:\n  litellm: {NEW}\n")
    return DockerRuntime(settings, docker=docker)


def test_the_running_release_is_that_of_the_container_and_the_wanted_one_that_of_the_settings(
    tmp_path: Path,
) -> None:
    made = runtime(tmp_path, FakeDocker(running={"litellm": inspected("litellm", image=OLD)}))

    running = made.running_release()
    assert isinstance(made, Releases)
    assert running is not None
    assert (running.name, running.version) == (OLD, "1.106.2")
    assert (made.wanted_release().name, made.wanted_release().version) == (NEW, "1.108.14")


def test_nothing_runs_where_there_is_no_container(tmp_path: Path) -> None:
    assert runtime(tmp_path, FakeDocker()).running_release() is None


def test_a_release_that_no_registry_has_is_reported(tmp_path: Path) -> None:
    docker = FakeDocker(ends={"pull": f"manifest for {OLD} not found: manifest unknown"})

    with pytest.raises(ImageMissing, match=r"v1\.106\.2"):
        report_of(runtime(tmp_path, docker).fetch_release(OLD))


def test_the_pre_flight_uses_files_that_are_not_written_yet(tmp_path: Path) -> None:
    done = Completed(returncode=0, stdout="LiteLLM: config OK (1 models)\n", stderr="")
    docker = FakeDocker(once=[done, done])
    made = runtime(tmp_path, docker)

    checks = report_of(made.run_preflight(plan_files(project(tmp_path), runtime="docker")))

    assert [check.passed for check in checks] == [True, True]
    assert not (tmp_path / "compose").exists()
