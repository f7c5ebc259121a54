from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl import network
from gatewayctl.errors import EnvFileUnreadable, SettingsInvalid
from gatewayctl.settings.sections.litellm_service import OWNED
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


@pytest.mark.parametrize(
    ("tag", "is_taken"),
    [
        ("v1.106.2", True),
        ("v1.82.3-stable", True),
        ("main-v1.82.3-stable", True),
        ("v1.63.2-nightly", True),
        ("main-stable", False),
        ("main-latest", False),
    ],
)
def test_an_image_with_a_version_is_taken_over(tmp_path: Path, tag: str, is_taken: bool) -> None:
    adopted = adopt(tmp_path, image=f"image: ghcr.io/berriai/litellm:{tag}")
    assert ("images.litellm" in adopted.plan.services) is is_taken
    assert ("changes without notice" in adopted.notices) is not is_taken


def test_no_variable_that_gatewayctl_sets_is_declared(tmp_path: Path) -> None:
    names = sorted(OWNED | {*network.VARIABLES, "PORT", "OTEL_EXPORTER_OTLP_ENDPOINT", "HOME"})
    lines = "".join(f"      {name}: x\n" for name in (*names, "LITELLM_ENABLE_MCP_STDIO", "EXTRA"))
    adopted = adopt(tmp_path, f"    environment:\n{lines}")
    assert adopted.plan.environment == ("LITELLM_ENABLE_MCP_STDIO", "EXTRA")
    proxies = {*network.PROXY_VARIABLES, "NO_PROXY", "no_proxy"}
    declared = {*adopted.plan.environment, "EXTERNAL_DATABASE_URL"}
    assert set(adopted.env) == proxies | declared
    for name, reason in (
        ("MAPPER_NAMES", "gatewayctl sets it itself"),
        ("SSL_CERT_FILE", "set ca_bundle:"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "gatewayctl sends traces to Phoenix itself"),
        ("HOME", "in .env it would change more than LiteLLM"),
    ):
        assert f"{name} is not taken over: {reason}" in adopted.notices


@pytest.mark.parametrize(
    ("address", "note"),
    [
        ("192.168.1.5:", "port 4100 was on 192.168.1.5, and is on 127.0.0.1 now"),
        ("", "port 4100 was open on every address of this machine"),
        ("127.0.0.1:", ""),
        ("[::1]:", ""),
    ],
)
def test_an_address_that_is_not_kept_is_reported(tmp_path: Path, address: str, note: str) -> None:
    adopted = adopt(tmp_path, f"    ports: ['{address}4100:4000']\n")
    assert adopted.plan.services["ports.litellm"] == "4100"
    assert note in adopted.notices
    assert note or "port 4100" not in adopted.notices


def test_only_true_and_false_are_truth_values_to_compose(tmp_path: Path) -> None:
    values = "A: yes, B: True, C: off, D: FALSE, ON: '1', F: 'NO', 'no': 2"
    adopted = adopt(tmp_path, f"    environment: {{{values}}}\n")
    assert adopted.env == {
        "A": "yes", "B": "true", "C": "off", "D": "false", "ON": "1", "F": "NO", "no": "2",
    }  # fmt: skip


def test_configs_and_secrets_of_a_compose_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "llm.yaml").write_text("model_list: []\nx-note: file\n")
    (tmp_path / "key.json").write_text('{"private_key": "x"}')
    text = (
        "configs: {gate: {file: ./llm.yaml}}\nsecrets: {key: {file: ./key.json}}\n"
        f"services:\n  llm:\n    {IMAGE}\n    command: [--config, /etc/gate.yaml]\n"
        "    configs: [{source: gate, target: /etc/gate.yaml}]\n    secrets: [key]\n"
    )
    adopted = adopt_text(tmp_path, text, name="compose.yaml")
    assert adopted.data["x-note"] == "file"
    inline = text.replace("{file: ./llm.yaml}", '{content: "model_list: []\\nx-note: ${N}"}')
    assert adopt_text(tmp_path, inline, name="compose.yaml", environ={"N": "inline"}).data == {
        "model_list": [], "x-note": "inline",
    }  # fmt: skip
