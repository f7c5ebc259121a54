"""The environment of the `docker` program; its command lines are tried in tests/e2e/docker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.runtimes.docker.docker_cli import DockerCli
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
        project="shop", compose_file=tmp_path / "compose.yml", env_file=tmp_path / ".env"
    )

    verb(docker)

    assert (tmp_path / "seen").read_text() == "unset sk-of-the-shell\n"
