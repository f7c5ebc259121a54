from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gatewayctl.errors import SettingsProblem
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser
from gatewayctl.runtimes.embedded.services import (
    SERVICES,
    STOP_SIGNALS,
    Program,
    inherited_variables,
    litellm_program,
    phoenix_program,
    postgres_program,
    read_port,
)
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.projects import MASTER_KEY, project

SALT = Secret("sk-salt-0123456789abcdef")
SECRETS = {
    "LITELLM_MASTER_KEY": MASTER_KEY,
    "LITELLM_SALT_KEY": SALT.reveal(),
    "LITELLM_POSTGRES_PASSWORD": "p@ss/word:litellm",
    "POSTGRES_PASSWORD": "p@ss/word:phoenix",
    "UI_PASSWORD": "password-of-the-ui",
    "OPENAI_API_KEY": "sk-provider-0123456789",
    "AZURE_API_KEY": "azure-0123456789",
    "LITELLM_API_KEY": "sk-virtual-dev-0123456789",
    "LITELLM_EVAL_KEY": "sk-virtual-eval-0123456789",
}


def env_file(secrets: Mapping[str, str] = SECRETS) -> str:
    return "".join(f"{name}='{value}'\n" for name, value in secrets.items())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "project", env=env_file())


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(root=tmp_path / "environment")


def programs(settings: Settings, environment: Environment) -> Iterator[Program]:
    layout = Layout(state_dir=settings.state_dir)
    yield postgres_program(settings, environment, layout, PostgresUser())
    yield litellm_program(settings, environment, layout, os.environ)
    yield phoenix_program(settings, environment, layout, os.environ)


def build_programs(settings: Settings, environment: Environment) -> dict[str, Program]:
    return {program.service: program for program in programs(settings, environment)}


def test_no_secret_is_on_a_command_line(settings: Settings, environment: Environment) -> None:
    for program in programs(settings, environment):
        assert [s for s in SECRETS.values() for word in program.argv if s in word] == []


def test_a_program_does_not_show_its_environment(
    settings: Settings, environment: Environment
) -> None:
    for program in programs(settings, environment):
        assert [secret for secret in SECRETS.values() if secret in repr(program)] == []


def test_litellm_gets_its_own_secrets_and_those_of_no_other_service(
    settings: Settings, environment: Environment
) -> None:
    env = build_programs(settings, environment)["litellm"].environment

    assert env["OPENAI_API_KEY"] == SECRETS["OPENAI_API_KEY"]
    assert env["LITELLM_MASTER_KEY"] == MASTER_KEY
    for foreign in ("LITELLM_API_KEY", "LITELLM_EVAL_KEY", "POSTGRES_PASSWORD", "AZURE_API_KEY"):
        assert foreign not in env
        assert SECRETS[foreign] not in env.values()


def test_the_proxy_of_this_machine_reaches_litellm_from_both_places(
    tmp_path: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"NO_PROXY": "internal", "HTTPS_PROXY": "http://other:1"}
    outside = {"HTTPS_PROXY": "http://proxy:3128"}
    settings = project(tmp_path / "shop", env=env_file({**SECRETS, **more}), environ=outside)

    env = build_programs(settings, environment)["litellm"].environment

    assert env["HTTPS_PROXY"] == "http://proxy:3128"
    assert env["NO_PROXY"] == env["no_proxy"] == "localhost,127.0.0.1,::1,internal"


def test_the_password_of_litellm_is_not_in_its_database_url(
    settings: Settings, environment: Environment
) -> None:
    env = build_programs(settings, environment)["litellm"].environment

    assert env["DATABASE_URL"] == "postgresql://litellm_user@127.0.0.1:5433/litellm"
    assert env["PGPASSWORD"] == SECRETS["LITELLM_POSTGRES_PASSWORD"]


def test_phoenix_gets_its_own_password_and_nothing_else_secret(
    settings: Settings, environment: Environment
) -> None:
    env = build_programs(settings, environment)["phoenix"].environment

    url = "postgresql://phoenix_user:p%40ss%2Fword%3Aphoenix@127.0.0.1:5433/phoenix"
    assert env["PHOENIX_SQL_DATABASE_URL"] == url
    others = [secret for name, secret in SECRETS.items() if name != "POSTGRES_PASSWORD"]
    assert [s for s in others for value in env.values() if s in value] == []
    assert env["PHOENIX_TELEMETRY_ENABLED"] == "false"


def test_postgresql_gets_no_secret(settings: Settings, environment: Environment) -> None:
    env = build_programs(settings, environment)["postgres"].environment

    assert set(env) == {"LC_ALL", "TZ", "PATH"}


@pytest.mark.parametrize("bind", ["0.0.0.0", "192.0.2.7", "::", "2001:db8::7"])  # noqa: S104
def test_postgresql_listens_on_loopback_even_if_the_gateway_does_not(
    bind: str, tmp_path: Path, environment: Environment
) -> None:
    settings = project(tmp_path, f'bind: "{bind}"\n', env=env_file())
    by_service = build_programs(settings, environment)

    assert "listen_addresses=127.0.0.1" in by_service["postgres"].argv
    assert "unix_socket_directories=" in by_service["postgres"].argv
    assert settings.bind in by_service["litellm"].argv
    assert by_service["phoenix"].environment["PHOENIX_HOST"] == settings.bind
    assert "@127.0.0.1:5433" in by_service["litellm"].environment["DATABASE_URL"]
    assert "@127.0.0.1:5433" in by_service["phoenix"].environment["PHOENIX_SQL_DATABASE_URL"]


def test_another_loopback_address_of_the_gateway_is_that_of_postgresql(
    tmp_path: Path, environment: Environment
) -> None:
    """Projects with an address each can have the same ports."""
    by_service = build_programs(project(tmp_path, "bind: 127.0.0.2\n", env=env_file()), environment)

    assert "listen_addresses=127.0.0.2" in by_service["postgres"].argv
    assert "@127.0.0.2:5433" in by_service["litellm"].environment["DATABASE_URL"]


def test_an_ipv6_address_is_in_brackets_in_database_urls(
    tmp_path: Path, environment: Environment
) -> None:
    by_service = build_programs(project(tmp_path, 'bind: "::1"\n', env=env_file()), environment)

    assert "listen_addresses=::1" in by_service["postgres"].argv
    database = urlsplit(by_service["litellm"].environment["DATABASE_URL"])
    traces = urlsplit(by_service["phoenix"].environment["PHOENIX_SQL_DATABASE_URL"])
    assert (database.hostname, database.port) == ("::1", 5433)
    assert (traces.hostname, traces.port) == ("::1", 5433)


def test_ports_are_those_of_the_settings(tmp_path: Path, environment: Environment) -> None:
    ports = "{litellm: 14000, phoenix: 16006, phoenix_grpc: 14317, postgres_litellm: 15433}"
    settings = project(tmp_path, f"ports: {ports}\n", env=env_file())
    by_service = build_programs(settings, environment)

    assert by_service["postgres"].argv[by_service["postgres"].argv.index("-p") + 1] == "15433"
    assert by_service["litellm"].argv[by_service["litellm"].argv.index("--port") + 1] == "14000"
    assert by_service["litellm"].environment["PHOENIX_COLLECTOR_HTTP_ENDPOINT"] == (
        "http://127.0.0.1:16006/v1/traces"
    )
    assert by_service["phoenix"].environment["PHOENIX_PORT"] == "16006"
    assert by_service["phoenix"].environment["PHOENIX_GRPC_PORT"] == "14317"


def test_postgresql_is_in_utc_whatever_the_time_zone_of_the_machine(
    settings: Settings, environment: Environment, layout: Layout
) -> None:
    """initdb takes that of the machine, and LiteLLM would delete spend logs hours early or late."""
    argv = postgres_program(settings, environment, layout, PostgresUser()).argv

    assert "timezone=UTC" in argv


def test_the_prefix_of_the_unprivileged_user_comes_before_postgresql(
    settings: Settings, environment: Environment
) -> None:
    layout = Layout(state_dir=settings.state_dir)
    user = PostgresUser(prefix=("setpriv", "--reuid=65534"))

    argv = postgres_program(settings, environment, layout, user).argv

    assert argv[:3] == ("setpriv", "--reuid=65534", str(environment.postgres_bin / "postgres"))


@pytest.mark.parametrize(
    "missing",
    ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD"],
)
def test_a_missing_secret_of_the_stack_is_a_settings_problem(
    missing: str, tmp_path: Path, environment: Environment
) -> None:
    secrets = {name: value for name, value in SECRETS.items() if name != missing}
    settings = project(tmp_path, env=env_file(secrets))

    with pytest.raises(SettingsProblem, match="secret of the stack is missing") as refused:
        list(programs(settings, environment))

    assert "gatewayctl up" in refused.value.hint


def test_a_variable_of_the_process_environment_overrides_env_file(
    tmp_path: Path, environment: Environment
) -> None:
    settings = project(tmp_path, env=env_file(), environ={"OPENAI_API_KEY": "sk-from-outside"})

    env = build_programs(settings, environment)["litellm"].environment

    assert env["OPENAI_API_KEY"] == "sk-from-outside"


def test_without_an_env_file_the_process_environment_is_enough(
    tmp_path: Path, environment: Environment
) -> None:
    settings = project(tmp_path, environ=SECRETS)

    env = build_programs(settings, environment)["litellm"].environment

    assert env["OPENAI_API_KEY"] == SECRETS["OPENAI_API_KEY"]
    assert "LITELLM_API_KEY" not in env


@pytest.mark.parametrize(
    ("more", "seconds"),
    [("", "75"), ("services: {litellm: {environment: {KEEPALIVE_TIMEOUT: 630}}}\n", "630")],
)
def test_idle_connections_are_kept_for_longer_than_load_balancers_keep_them(
    tmp_path: Path, environment: Environment, more: str, seconds: str
) -> None:
    settings = project(tmp_path, more, env=env_file())

    program = build_programs(settings, environment)["litellm"]

    assert program.environment["KEEPALIVE_TIMEOUT"] == seconds


def test_every_service_has_a_stop_signal() -> None:
    assert tuple(STOP_SIGNALS) == SERVICES


# What the supervisor takes over


def test_settings_of_the_process_environment_are_kept_for_later_restarts(
    tmp_path: Path,
) -> None:
    outside = {
        "LITELLM_PORT": "14000",
        "GATEWAYCTL_BIND": "127.0.0.1",
        "GATEWAYCTL_PROFILE": "production",
        "OPENAI_API_KEY": "sk-from-outside",
        "LITELLM_MASTER_KEY": "sk-master-from-outside",
    }
    settings = project(tmp_path, environ=outside)

    inherited = inherited_variables(settings, outside)

    assert {name: inherited.get(name) for name in outside} == outside
    assert project(tmp_path, environ=inherited).ports == settings.ports


def test_a_service_started_with_the_inherited_variables_has_the_same_settings(
    tmp_path: Path,
) -> None:
    outside = {"PHOENIX_PORT": "16006", "LITELLM_POSTGRES_PORT": "15433", "HOME": "/root"}
    settings = project(tmp_path, env=env_file(), environ=outside)

    again = project(tmp_path, environ=inherited_variables(settings, outside))

    assert (again.ports, again.secrets, again.bind) == (
        settings.ports,
        settings.secrets,
        settings.bind,
    )


def test_unrelated_secrets_of_the_operator_are_not_inherited(tmp_path: Path) -> None:
    settings = project(tmp_path)

    inherited = inherited_variables(
        settings, {"AWS_SECRET_ACCESS_KEY": "x", "GITHUB_TOKEN": "y", "HOME": "/h"}
    )

    assert set(inherited) == {"HOME", "PATH"}


def test_the_path_of_the_operator_is_not_inherited(tmp_path: Path) -> None:
    inherited = inherited_variables(project(tmp_path), {"PATH": "/home/operator/bin"})

    assert "/home/operator/bin" not in inherited["PATH"]
    assert "/usr/bin" in inherited["PATH"]


@pytest.mark.parametrize(
    ("service", "argv", "environ", "port"),
    [
        ("litellm", ("--host", "127.0.0.1", "--port", "4007"), {}, 4007),
        ("postgres", ("-D", "data", "-p", "5437"), {}, 5437),
        ("phoenix", (), {"PHOENIX_PORT": "6007"}, 6007),
        ("litellm", ("--port",), {}, None),
        ("phoenix", (), {}, None),
    ],
)
def test_the_port_of_a_running_service_is_the_one_it_was_started_with(
    service: str, argv: tuple[str, ...], environ: dict[str, str], port: int | None
) -> None:
    program = [sys.executable, "-S", "-E", "-c", "import sys; print(flush=True); sys.stdin.read()"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*program, *argv], env=environ, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()

        assert read_port(service, process.pid) == port
    assert read_port(service, process.pid) is None
