"""The environment and the answers of `docker`; its command lines are tried in tests/e2e/docker."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.errors import ProgramTimeout, RuntimeProblem
from gatewayctl.rendering.plan import TEMPLATES
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from tests.fakes.docker import inspected
from tests.fakes.driving import driven

PROGRAM = """\
#!/bin/sh
echo "${LITELLM_MASTER_KEY-unset} ${OPENAI_API_KEY-unset}" > "$(dirname "$0")/seen"
"""


@pytest.mark.parametrize(
    "verb",
    [
        lambda docker: driven(docker.up(["litellm"])),
        lambda docker: driven(docker.build(["shop"])),
        lambda docker: docker.restart(["litellm"]),
        lambda docker: docker.run_once("services: {}", "litellm", ["true"]),
        lambda docker: docker.service_hashes("services: {}"),
    ],
    ids=["up", "build", "restart", "run_once", "service_hashes"],
)
def test_an_empty_variable_counts_as_unset_for_compose_too(
    verb: Callable[[DockerCli], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text(PROGRAM)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("LITELLM_MASTER_KEY", "")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-shell")
    docker = DockerCli(
        project="shop", compose_file=tmp_path / "docker-compose.yml", env_file=tmp_path / ".env"
    )
    for rendered in TEMPLATES["docker"]:
        (tmp_path / rendered).touch()

    verb(docker)

    assert (tmp_path / "seen").read_text() == "unset sk-of-the-shell\n"


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> DockerCli:
    """Docker, with a shell script in the place of its program."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return DockerCli(project="shop", compose_file=folder / "c.yml", env_file=folder / ".env")


@pytest.mark.parametrize(
    "words",
    [
        "Error: No such image: postgres:16",
        (
            "Error response from daemon: failed to find image postgres:16: "
            "docker.io/library/postgres:16: No such image"
        ),
        "Error: inspecting object: postgres:16: image not known",
    ],
)
def test_a_missing_image_is_missing_in_the_words_of_docker_and_of_podman(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = stand_in(tmp_path, monkeypatch, f"echo '{words}' >&2; exit 125")

    assert docker.image_id("postgres:16") is None


def test_any_other_failure_does_not_mean_that_the_image_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = stand_in(tmp_path, monkeypatch, "echo 'the disk is on fire' >&2; exit 1")

    with pytest.raises(RuntimeProblem, match="disk is on fire"):
        docker.image_id("postgres:16")


def test_who_publishes_a_port_is_found_without_a_filter_that_podman_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [inspected("shop", ports={8080: 80}), inspected("api", ports={8081: 80})]
    (tmp_path / "known.json").write_text(json.dumps(known))
    docker = stand_in(
        tmp_path,
        monkeypatch,
        'case "$*" in\n'
        "*publish=*) echo 'Error: publish is an invalid filter' >&2; exit 1;;\n"
        "ps*) echo id-shop id-api;;\n"
        f"*) cat {tmp_path}/known.json;;\n"
        "esac",
    )

    assert [item["Id"] for item in docker.containers_publishing(8081)] == ["id-api"]


ENDLESS = """\
echo "$*" >> {folder}/calls
case "$*" in
ps*) echo shop-litellm-check-{missing}-0a1b2c shop-litellm-check-{living}-0a1b2c shop-job-run-0a1b;;
compose*) exec sleep 60;;
esac"""


def test_a_check_that_does_not_end_in_time_leaves_no_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = ENDLESS.format(folder=tmp_path, missing=2**22 + 1, living=os.getpid())
    docker = stand_in(tmp_path, monkeypatch, script)

    with pytest.raises(ProgramTimeout):
        docker.run_once("services: {}", "litellm", ["true"], timeout=0.5)

    _, abandoned, run, own = (tmp_path / "calls").read_text().splitlines()
    (name,) = re.findall(r"--name=(\S+)", run)
    assert abandoned == f"container rm --force --volumes shop-litellm-check-{2**22 + 1}-0a1b2c"
    assert own == f"container rm --force --volumes {name}"
    assert name.startswith(f"shop-litellm-check-{os.getpid()}-")
