from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayctl.errors import EnvFileMissing, EnvFileUnreadable, SettingsInvalid, UsageProblem
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import DEFAULT_SOURCE, Ports, Secret, Source
from tests.fakes.projects import MASTER_KEY, problems, project


def test_an_empty_folder_is_the_reference_stack(tmp_path: Path) -> None:
    settings = project(tmp_path / "My Gateway")

    assert settings.project_name == "my-gateway"
    assert (settings.runtime, settings.profile, settings.bind) == (
        "auto",
        "development",
        "127.0.0.1",
    )
    assert settings.ports == Ports()
    assert [model.name for model in settings.models] == ["gpt-4o", "gpt-4o-mini", "o1-mini", "demo"]
    assert {(model.num_retries, model.timeout) for model in settings.models} == {(3, 600)}
    assert [(key.alias, key.env) for key in settings.keys] == [
        ("litellm-dev", "LITELLM_API_KEY"),
        ("litellm-eval", "LITELLM_EVAL_KEY"),
    ]
    assert {name.name: name.operations for name in settings.components} == {
        "passthrough": (),
        "reasoning-agent": ("step_generation", "synthesis"),
        "routing-classifier": ("auto_routing",),
    }
    assert settings.origins == {}
    assert settings.source_of("ports.litellm") == DEFAULT_SOURCE


def test_production_has_no_offline_model(tmp_path: Path) -> None:
    settings = project(tmp_path, "profile: production\n")

    assert [model.name for model in settings.models] == ["gpt-4o", "gpt-4o-mini", "o1-mini"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "{}\n", "ports:\nkeys:\n"])
def test_an_empty_gateway_yaml_is_the_reference_stack(tmp_path: Path, text: str) -> None:
    assert project(tmp_path, text).ports == Ports()
    assert len(project(tmp_path, text).keys) == 2


def test_each_layer_wins_over_the_one_below(tmp_path: Path) -> None:
    yaml, env = "ports:\n  litellm: 4001\n", "A=b\nLITELLM_PORT=4002\n"

    def port(**layers: object) -> tuple[int, str]:
        settings = project(tmp_path, yaml, **layers)  # type: ignore[arg-type]
        return settings.ports.litellm, str(settings.source_of("ports.litellm"))

    assert port() == (4001, "gateway.yaml line 2 column 12")
    assert port(env=env) == (4002, ".env line 2")
    assert port(environ={"LITELLM_PORT": "4003"}) == (4003, "environment variable LITELLM_PORT")
    assert port(environ={"LITELLM_PORT": "4003"}, flags={"ports.litellm": 4004}) == (
        4004,
        "flag ports.litellm",
    )


def test_the_source_of_a_flag_is_the_flag(tmp_path: Path) -> None:
    settings = project(
        tmp_path, environ={"GATEWAYCTL_RUNTIME": "docker"}, flags={"runtime": "embedded"}
    )

    assert settings.runtime == "embedded"
    assert settings.source_of("runtime") == Source(name="--runtime")


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        env="LITELLM_PORT=\nLITELLM_MASTER_KEY=\n",
        environ={"GATEWAYCTL_RUNTIME": "", "LITELLM_MASTER_KEY": ""},
    )

    assert (settings.ports.litellm, settings.runtime) == (4000, "auto")
    assert settings.secrets.master_key is None


def test_every_setting_has_its_variable(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        environ={
            "GATEWAYCTL_PROJECT_NAME": "one",
            "GATEWAYCTL_RUNTIME": "docker",
            "GATEWAYCTL_PROFILE": "production",
            "GATEWAYCTL_BIND": "10.0.0.1",
            "LITELLM_PORT": "1",
            "PHOENIX_PORT": "2",
            "PHOENIX_GRPC_PORT": "3",
            "LITELLM_POSTGRES_PORT": "4",
            "PHOENIX_POSTGRES_PORT": "5",
        },
    )

    assert settings.project_name == "one"
    assert (settings.runtime, settings.profile, settings.bind) == (
        "docker",
        "production",
        "10.0.0.1",
    )
    assert settings.ports == Ports(
        litellm=1, phoenix=2, phoenix_grpc=3, postgres_litellm=4, postgres_phoenix=5
    )


def test_secrets_and_keys_come_from_env_file_and_environment(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        env=f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY=sk-virtual\nOTHER=x\n",
        environ={"OPENAI_API_KEY": "sk-openai", "LITELLM_API_KEY": "sk-from-outside"},
    )

    assert settings.secrets.master_key == Secret(MASTER_KEY)
    assert settings.secrets.salt_key is None
    assert settings.source_of("LITELLM_MASTER_KEY") == Source(name=".env", line=1)
    assert dict(settings.environment) == {
        "OPENAI_API_KEY": Secret("sk-openai"),
        "LITELLM_API_KEY": Secret("sk-from-outside"),
    }


def test_the_process_environment_is_read_unless_one_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_PORT", "4100")

    assert load_settings(tmp_path).ports.litellm == 4100


def test_all_problems_come_at_once_and_in_order(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "prots: {}\nruntime: dokcer\nmodels:\n  m: {}\nkeys:\n  k: {}\n",
        environ={"GATEWAYCTL_BIND": "everywhere"},
    )

    starts = [
        "environment variable GATEWAYCTL_BIND: bind must be an IP address such as 127.0.0.1",
        "gateway.yaml line 1 column 1: unknown setting 'prots' (did you mean 'ports'?)",
        "gateway.yaml line 2 column 10: runtime must be one of auto, embedded, docker",
        "gateway.yaml line 4 column 3: models.m needs model:, for example model: openai/gpt-4o",
        "gateway.yaml line 6 column 3: keys.k needs env:, its variable in .env",
    ]
    assert len(found) == len(starts)
    assert all(line.startswith(start) for line, start in zip(found, starts, strict=True))


def test_malformed_yaml_is_one_problem_among_others(tmp_path: Path) -> None:
    found = problems(tmp_path, "ports: {litellm: 4000\nkeys: x\n", environ={"LITELLM_PORT": "x"})

    assert found[0].startswith("environment variable LITELLM_PORT: ports.litellm must be a port")
    assert found[1].startswith("gateway.yaml line 2 column 5: is not valid YAML: ")
    assert len(found) == 2


def test_a_broken_line_of_env_file_is_named_and_not_shown(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, env='A=b\nLITELLM_MASTER_KEY="sk-never-closed-secret\n')

    assert found.startswith(".env line 2: ")
    assert "never" not in found


def test_an_env_file_that_is_not_text_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(EnvFileUnreadable):
        load_settings(tmp_path, environ={})


def test_a_missing_env_file_is_an_error_only_if_required(tmp_path: Path) -> None:
    assert load_settings(tmp_path, environ={}).secrets.master_key is None
    with pytest.raises(EnvFileMissing):
        load_settings(tmp_path, environ={}, require_env_file=True)


def test_a_missing_folder_is_a_usage_problem(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="no folder"):
        load_settings(tmp_path / "nowhere", environ={})


@pytest.mark.parametrize("name", ["two\nlines", "escape\x1b[0m", os.fsdecode(b"not-utf-8-\xff")])
def test_a_folder_that_no_configuration_can_name_is_a_usage_problem(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()

    with pytest.raises(UsageProblem, match="No configuration can hold the path") as caught:
        load_settings(tmp_path / name, environ={})

    assert str(caught.value).isprintable()


def test_gateway_yml_is_not_silently_ignored(tmp_path: Path) -> None:
    (tmp_path / "gateway.yml").write_text("runtime: docker\n")

    assert problems(tmp_path) == ["gateway.yml: is not read: rename it to gateway.yaml"]


def test_gateway_yaml_that_is_a_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").mkdir()

    assert problems(tmp_path) == ["gateway.yaml: cannot be read: Is a directory"]


def test_gateway_yaml_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_bytes("runtime: dückér".encode("latin-1"))

    assert problems(tmp_path) == ["gateway.yaml: is not UTF-8 text (byte 11)"]


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_bytes("runtime: docker\n".encode("utf-8-sig"))

    assert project(tmp_path).runtime == "docker"


def test_the_message_about_an_unknown_port_suggests_the_nearest(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "ports:\n  phoenx: 1\n")

    assert found == (
        "gateway.yaml line 2 column 3: unknown setting 'phoenx' in ports (did you mean 'phoenix'?)"
    )


@pytest.mark.parametrize("text", ["ports: 4000\n", "ports: [1]\n"])
def test_ports_must_be_a_mapping(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, text)

    assert "ports must be a mapping" in found


def test_problems_are_available_as_data(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("prots: 1\n")

    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path, environ={})

    (problem,) = caught.value.problems
    assert problem.source == "gateway.yaml line 1 column 1"
    assert problem.message == "unknown setting 'prots' (did you mean 'ports'?)"
    assert caught.value.exit_code == 3


def test_an_ipv6_address_is_in_brackets_in_urls(tmp_path: Path) -> None:
    settings = project(tmp_path, 'bind: "::1"\n')

    assert settings.gateway_url == "http://[::1]:4000"
    assert settings.connect_host == "::1"
