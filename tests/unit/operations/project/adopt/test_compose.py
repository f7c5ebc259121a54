from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import EnvFileUnreadable, SettingsInvalid
from tests.unit.operations.project.adopt.adopting import Adopted, adopt_text

CONFIG = "model_list: []\n"
IMAGE = "image: ghcr.io/berriai/litellm:v1.106.2"
MOUNT = "    volumes: [./config.yaml:/app/config.yaml]\n"


def adopt(folder: Path, service: str = "", *, image: str = IMAGE, before: str = "") -> Adopted:
    """Adopt a Compose file whose service `llm` mounts a configuration."""
    (folder / "config.yaml").write_text(CONFIG)
    text = f"services:\n{before}  llm:\n    {image}\n{MOUNT}{service}"
    return adopt_text(folder, text, name="compose.yaml")


@pytest.mark.parametrize(
    "command",
    [
        '[sh, -c, "litellm --config /app/config.yaml"]',
        '[/bin/bash, -c, "exec litellm -c /app/config.yaml --port 4000"]',
        "[-c, /app/config.yaml]",
        "litellm -c /app/config.yaml",
        "[--config, /app/config.yaml]",
        "sh -c 'migrate && litellm --config=/app/config.yaml'",
    ],
)
def test_the_option_of_the_configuration_is_found_in_any_command(
    tmp_path: Path, command: str
) -> None:
    adopted = adopt(tmp_path, f"    command: {command}\n")
    assert adopted.plan.files[0].made_from == tmp_path / "config.yaml"


@pytest.mark.parametrize(
    "other",
    [
        "{image: 'postgres:16.1', command: 'postgres -c max_connections=200'}",
        "{image: 'postgres:16.1', command: [--config=/etc/p.conf]}",
        "{image: 'otel/opentelemetry-collector:0.1', command: [--config=/etc/otel.yaml]}",
        "{image: 'busybox:1', command: [sh, -c, 'sleep 1']}",
    ],
)
@pytest.mark.parametrize("command", ["[--config, /app/config.yaml]", "litellm --port 4000"])
def test_another_service_with_such_an_option_is_not_taken_for_litellm(
    tmp_path: Path, other: str, command: str
) -> None:
    adopted = adopt(
        tmp_path, f"    command: {command}\n", image="build: .", before=f"  other: {other}\n"
    )
    assert adopted.plan.files[0].made_from == tmp_path / "config.yaml"


def test_a_file_of_variables_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "x.env").write_bytes(b"LITELLM_SALT_KEY=sk-salt-0123456789\nC=\xff\n")
    with pytest.raises(SettingsInvalid) as refused:
        adopt(tmp_path, "    env_file: x.env\n")
    (problem,) = refused.value.problems
    assert problem.source.endswith("compose.yaml line 5")
    assert "x.env" in problem.message
    assert "UTF-8" in problem.message


def test_a_dotenv_of_the_compose_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"C=\xff\n")
    with pytest.raises(EnvFileUnreadable):
        adopt(tmp_path)
