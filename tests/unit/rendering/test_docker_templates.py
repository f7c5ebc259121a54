"""What the files of the Docker runtime mean; how they look is in tests/golden."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatewayctl.rendering.plan import HEADER, plan_files
from gatewayctl.runtimes.embedded.services import tracing_variables
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.model import Settings
from tests.fakes.projects import MASTER_KEY, project

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
STACK = ["postgres-litellm", "postgres-phoenix", "phoenix", "litellm"]
PRODUCTION = "profile: production\nworkers: 4\n"
SECRETS = {
    "LITELLM_MASTER_KEY": {"litellm"},
    "LITELLM_SALT_KEY": {"litellm"},
    "UI_PASSWORD": {"litellm"},
    "LITELLM_POSTGRES_PASSWORD": {"litellm", "postgres-litellm"},
    "POSTGRES_PASSWORD": {"phoenix", "postgres-phoenix"},
    "REDIS_PASSWORD": {"litellm", "redis"},
}
VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$\{([A-Za-z_]+)")
# Compose's own grammar: two dollars are one, anything else that begins with one is a variable.
DOLLAR = re.compile(r"\$(\$|\{[^}]*\}|[A-Za-z_][A-Za-z0-9_]*)?")


def files(settings: Settings) -> dict[str, str]:
    return {str(file.path): file.content for file in plan_files(settings, runtime="docker")}


def compose(settings: Settings) -> Any:
    return yaml.load(files(settings)["docker-compose.yml"], Loader=yaml.CSafeLoader)


def services(folder: Path, gateway_yaml: str = "") -> Any:
    return compose(project(folder, gateway_yaml))["services"]


def interpolated(value: str) -> str:
    """The value as Compose hands it on; fails where it would put a variable in."""

    def meant(found: re.Match[str]) -> str:
        assert found[1] == "$", f"{value!r} contains a variable"
        return "$"

    return DOLLAR.sub(meant, value)


@pytest.mark.parametrize("gateway_yaml", ["", PRODUCTION, "workers: 2\n"])
def test_every_service_has_a_health_check_a_restart_policy_and_the_network(
    tmp_path: Path, gateway_yaml: str
) -> None:
    found = services(tmp_path, gateway_yaml)

    for service in found.values():
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert service["restart"] == "unless-stopped"
        assert service["networks"] == ["gateway"]
        assert "container_name" not in service
        # Podman splits a program at its blanks, but passes on what is for the shell as it is
        # (podman-container-tools/podman#26519).
        kind, *words = service["healthcheck"]["test"]
        assert kind == "CMD-SHELL" or not any(len(word.split()) > 1 for word in words)
    assert found["litellm"]["depends_on"]["postgres-litellm"] == {"condition": "service_healthy"}
    assert found["phoenix"]["depends_on"]["postgres-phoenix"] == {"condition": "service_healthy"}


def test_the_stack_has_its_four_services_in_order_and_redis_with_the_second_worker(
    tmp_path: Path,
) -> None:
    assert list(services(tmp_path / "1")) == STACK
    assert list(services(tmp_path / "2", "workers: 2\n")) == [*STACK[:2], "redis", *STACK[2:]]


def test_each_secret_reaches_only_the_services_that_need_it(tmp_path: Path) -> None:
    found = services(tmp_path, f"{PRODUCTION}apps: {{a: {{image: x, ports: [1]}}}}\n")

    for secret, readers in SECRETS.items():
        readers_found = {name for name, it in found.items() if secret in VARIABLE.findall(str(it))}
        assert readers_found == readers, secret
    everywhere = {name for it in found.values() for name in VARIABLE.findall(str(it))}
    others = {"PHOENIX_COLLECTOR_HTTP_ENDPOINT", "NO_PROXY", "no_proxy"}
    assert everywhere == {*SECRETS, "LITELLM_API_KEY", *others}


def test_no_secret_is_in_a_command_a_label_or_a_file(tmp_path: Path) -> None:
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nOPENAI_API_KEY=sk-openai-0123456789\n"
    env += "LITELLM_API_KEY=sk-virtual-0123456789\nREDIS_PASSWORD=redis-0123456789\n"
    settings = project(tmp_path, f"{PRODUCTION}apps: {{a: x}}\n", env=env)

    assert "0123456789" not in "".join(files(settings).values())
    for service in compose(settings)["services"].values():
        assert not VARIABLE.search(str(service.get("command", "")))
        assert not VARIABLE.search(str(service.get("labels", "")))
        assert not VARIABLE.search(str(service.get("healthcheck", "")))


def test_every_port_is_bound_to_the_configured_address(tmp_path: Path) -> None:
    found = services(
        tmp_path, "bind: '::1'\nports: {litellm: 4100}\napps: {a: {image: x, ports: [9]}}\n"
    )

    ports = {name: service["ports"] for name, service in found.items() if "ports" in service}
    assert {port["host_ip"] for several in ports.values() for port in several} == {"::1"}
    assert [(port["published"], port["target"]) for port in ports["litellm"]] == [("4100", 4000)]
    assert {name: len(several) for name, several in ports.items()} == {
        "postgres-litellm": 1,
        "phoenix": 2,
        "litellm": 1,
        "a": 1,
    }


def test_the_settings_decide_which_ports_are_published(tmp_path: Path) -> None:
    ports = "ports: {phoenix_grpc: none, postgres_litellm: none, postgres_phoenix: 5432}\n"
    found = services(tmp_path, ports)

    assert {
        name: [port["target"] for port in service["ports"]]
        for name, service in found.items()
        if "ports" in service
    } == {"postgres-phoenix": [5432], "phoenix": [6006], "litellm": [4000]}


def test_production_publishes_no_database(tmp_path: Path) -> None:
    found = services(tmp_path, PRODUCTION)

    assert {name for name, service in found.items() if "ports" in service} == {"phoenix", "litellm"}


def test_production_limits_every_service(tmp_path: Path) -> None:
    for name, service in services(tmp_path, PRODUCTION).items():
        assert re.fullmatch(r"[0-9]+m", service["mem_limit"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}
        assert service.get("read_only", False) == (name != "litellm")


def test_production_has_the_settings_of_its_profile(tmp_path: Path) -> None:
    settings = project(tmp_path, PRODUCTION)
    config = yaml.safe_load(files(settings)["litellm_config.yaml"])
    litellm = compose(settings)["services"]["litellm"]

    assert litellm["environment"]["LITELLM_MODE"] == "PRODUCTION"
    assert litellm["command"][-2:] == ["--num_workers", "4"]
    assert config["litellm_settings"]["json_logs"] is True
    assert config["general_settings"]["proxy_batch_write_at"] == 10
    assert config["general_settings"]["database_connection_pool_limit"] == 10
    assert config["general_settings"]["coordination_redis"]["host"] == "redis"
    assert config["router_settings"]["redis_password"] == "os.environ/REDIS_PASSWORD"
    assert all(not model["model_name"].startswith("demo") for model in config["model_list"])


def test_workers_times_connections_stay_below_the_maximum_of_the_database(tmp_path: Path) -> None:
    settings = project(tmp_path, "profile: production\nworkers: 64\n")
    config = yaml.safe_load(files(settings)["litellm_config.yaml"])
    command = compose(settings)["services"]["postgres-litellm"]["command"]

    (maximum,) = (word for word in command if word.startswith("max_connections="))
    pool = config["general_settings"]["database_connection_pool_limit"]
    assert 64 * pool < int(maximum.split("=")[1]) - 3


def test_litellm_traces_in_docker_as_it_does_embedded(tmp_path: Path) -> None:
    settings = project(tmp_path)
    here = compose(settings)["services"]["litellm"]["environment"]
    there = tracing_variables(settings)

    collector = there.pop("PHOENIX_COLLECTOR_HTTP_ENDPOINT")
    assert here == {**here, **there}
    assert collector.endswith("/v1/traces")
    assert here["PHOENIX_COLLECTOR_HTTP_ENDPOINT"] == (
        "${PHOENIX_COLLECTOR_HTTP_ENDPOINT:-http://phoenix:6006/v1/traces}"
    )


def test_the_label_changes_with_the_files_litellm_reads_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    def label(gateway_yaml: str) -> str:
        labels = services(tmp_path, gateway_yaml)["litellm"]["labels"]
        return str(labels["gatewayctl.config-sha256"])

    before = label("")
    assert re.fullmatch("[0-9a-f]{64}", before)
    assert label("ports: {litellm: 4100}\n") == before
    assert label("models: {x: openai/x}\n") != before


def test_every_file_has_the_header(tmp_path: Path) -> None:
    found = files(project(tmp_path))

    assert sorted(found) == ["docker-compose.yml", "litellm_callbacks.py", "litellm_config.yaml"]
    assert all(content.startswith(HEADER) for content in found.values())


def test_an_app_waits_for_the_gateway(tmp_path: Path) -> None:
    built = services(tmp_path, "apps: {a: {build: ./a, command: 'serve $HOME'}}\n")["a"]

    assert built["depends_on"]["litellm"] == {"condition": "service_healthy"}
    assert (built["build"], built["command"]) == ("../a", ["serve", "$$HOME"])
    assert "image" not in built
    assert "ports" not in built


def test_an_image_may_be_a_digest(tmp_path: Path) -> None:
    digest = "postgres@sha256:" + "0" * 64
    found = services(tmp_path, f"images: {{postgres: '{digest}'}}\n")

    assert {found[name]["image"] for name in ("postgres-litellm", "postgres-phoenix")} == {digest}


@pytest.mark.parametrize("text", ["1e3", "0o17", "0x1f", "1_000", "on", "null", "2026-01-01", "~"])
def test_a_string_that_another_yaml_version_reads_differently_is_quoted(
    tmp_path: Path, text: str
) -> None:
    app = App(name="a", image="x", key="litellm-dev", environment={"V": text})
    content = files(replace(project(tmp_path), apps=(app,)))["docker-compose.yml"]

    assert f"      V: '{text}'\n" in content


PLAIN = App(name="app", build="x", key="litellm-dev", environment={"V": "v"}, command=("c",))


def around(app: App) -> tuple[dict[str, Any], Any]:
    """What a text of the app stands in, and the whole file without it."""
    found = compose(replace(project(Path(__file__).parent), apps=(app,)))
    service = found["services"]["app"]
    texts = {"V": service["environment"].pop("V")}
    texts |= {part: service.pop(part) for part in ("command", "build")}
    return texts, found


REST = around(PLAIN)[1]


@settings(deadline=None, max_examples=40)
@given(value=TEXT, command=st.lists(TEXT, min_size=1, max_size=3), folder=TEXT)
@example(value="${LITELLM_MASTER_KEY}", command=["$HOME", "a\n    privileged: true"], folder="$x")
@example(value="$$ $${A} {{ 7 * 7 }} {% raw %}", command=["#", ": ", "'\"", ""], folder="a: b")
@example(value="a\n  evil:\n    image: x", command=["\x85\u2028"], folder="- x\n")
def test_no_value_becomes_structure_or_a_variable(
    value: str, command: list[str], folder: str
) -> None:
    # A value that begins with os.environ/ is a variable, and is meant to be.
    environment = MappingProxyType({"V": f"x{value}"})
    app = replace(PLAIN, build=f"x{folder}", command=tuple(command), environment=environment)

    texts, rest = around(app)

    assert interpolated(texts["V"]) == f"x{value}"
    assert [interpolated(word) for word in texts["command"]] == command
    assert isinstance(interpolated(texts["build"]), str)
    assert rest == REST


def test_the_config_refers_to_the_callbacks_file_beside_it(tmp_path: Path) -> None:
    found = files(project(tmp_path))
    config = yaml.safe_load(found["litellm_config.yaml"])
    mounts = compose(project(tmp_path))["services"]["litellm"]["volumes"]

    module, name = config["litellm_settings"]["callbacks"][0].split(".")
    assert f"{name} = " in found[f"{module}.py"]
    assert f"/app/{module}.py" in {mount["target"] for mount in mounts}
    assert {mount["source"].removeprefix("./") for mount in mounts} <= set(found)
