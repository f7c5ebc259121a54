from __future__ import annotations

import re
from pathlib import Path

import pytest
import trustme
import yaml

from gatewayctl.errors import SettingsInvalid
from gatewayctl.rendering.litellm_config import find_conflicts
from gatewayctl.rendering.plan import plan_files
from gatewayctl.settings.model import RuntimeName
from tests.fakes.projects import project

THEIRS = """\
litellm:
  model_list:
    - {model_name: demo, litellm_params: {model: groq/x, api_key: os.environ/G}}
    - {model_name: m, litellm_params: {model: openai/m}}
    - {model_name: m, litellm_params: {model: openai/m}}
  general_settings: {master_key: os.environ/OTHER, store_model_in_db: false, alerting: [slack]}
  litellm_settings: {callbacks: [hooks.one, arize_phoenix], json_logs: false, cost: 1.0e-06}
  router_settings: {redis_url: os.environ/MY_REDIS, fallbacks: [{m: [demo]}]}
"""


def rendered(folder: Path, text: str, runtime: RuntimeName = "docker") -> dict[str, str]:
    (folder / "hooks.py").write_text("one = 1\n")
    files = plan_files(project(folder, text), runtime=runtime)
    return {str(file.path): file.content for file in files}


def test_it_is_the_operators_configuration_with_ours_over_it(tmp_path: Path) -> None:
    config = yaml.safe_load(rendered(tmp_path, f"workers: 2\n{THEIRS}")["litellm_config.yaml"])

    theirs = yaml.safe_load(THEIRS)["litellm"]
    assert config["model_list"][:3] == theirs["model_list"]
    assert [each["model_name"] for each in config["model_list"][3:]] == []
    assert config["general_settings"] | {"master_key": None} == {
        "master_key": None,
        "database_url": "os.environ/DATABASE_URL",
        "store_model_in_db": False,
        "alerting": ["slack"],
        "database_connection_pool_limit": config["general_settings"][
            "database_connection_pool_limit"
        ],
        "coordination_redis": config["general_settings"]["coordination_redis"],
        "user_api_key_cache_ttl": 10,
    }
    assert config["general_settings"]["master_key"] == "os.environ/LITELLM_MASTER_KEY"
    assert config["litellm_settings"] == {
        "callbacks": ["litellm_callbacks.no_housekeeping", "hooks.one", "arize_phoenix"],
        "json_logs": False,
        "cost": 1e-06,
        "disable_add_user_agent_to_request_tags": True,
    }
    assert config["router_settings"] == theirs["router_settings"]


def test_each_conflict_is_named_with_its_place_and_what_counts(tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text("")

    found = find_conflicts(project(tmp_path, f"workers: 2\n{THEIRS}models: {{m: openai/other}}\n"))

    assert [(each.path, each.source.line) for each in found] == [
        ("general_settings.master_key", 7),
        ("router_settings.redis_url", 9),
        ("models.m", 10),
    ]
    assert "os.environ/LITELLM_MASTER_KEY counts instead" in str(found[0])


@pytest.mark.parametrize("runtime", ["docker", "embedded"])
def test_modules_and_files_are_beside_the_configuration(
    runtime: RuntimeName, tmp_path: Path
) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "bad.txt").write_text("marmalade\n")

    files = rendered(
        tmp_path, f"{THEIRS}services: {{litellm: {{files: [words/bad.txt]}}}}\n", runtime
    )

    assert files["hooks.py"] == "one = 1\n"
    assert files["words/bad.txt"] == "marmalade\n"


def test_the_service_gets_its_variables_files_and_mounts(tmp_path: Path) -> None:
    (tmp_path / "key file.json").write_text("{}")

    text = (
        "services:\n  litellm:\n"
        "    environment: {LITELLM_LOG: ERROR, COST: $5, LANGFUSE_SECRET_KEY:, N: 7, B: true}\n"
        "    mounts: {/run/secrets/key.json: key file.json, /etc/machine: /etc}\n"
    )
    compose = yaml.safe_load(rendered(tmp_path, THEIRS + text)["docker-compose.yml"])

    litellm = compose["services"]["litellm"]
    assert (
        litellm["environment"] | {"LITELLM_LOG": "ERROR", "COST": "$$5", "N": "7"}
        == (litellm["environment"])
    )
    assert litellm["environment"]["B"] == "True"
    for name in ("LANGFUSE_SECRET_KEY", "G", "MY_REDIS"):
        assert litellm["environment"][name] is None
    binds = {each["target"]: each["bind"] for each in litellm["volumes"]}
    assert binds["/run/secrets/key.json"] == {"selinux": "z"}
    assert binds["/etc/machine"] == {"create_host_path": False}
    mounts = {each["target"]: each["source"] for each in litellm["volumes"]}
    assert mounts["/app/hooks.py"] == "./hooks.py"
    assert mounts["/run/secrets/key.json"] == "../key file.json"
    assert "OTHER" not in litellm["environment"]


def test_no_variable_is_given_twice(tmp_path: Path) -> None:
    text = (
        "ca_bundle: ca.pem\nworkers: 2\nservices:\n  litellm:\n"
        "    environment: {HTTPS_PROXY: 'http://proxy:3128', http_proxy:, OPENAI_API_KEY:, A: b}\n"
    )
    (tmp_path / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
    compose = rendered(tmp_path, THEIRS + text)["docker-compose.yml"]

    service = compose[compose.index("\n  litellm:") :]
    block = service[service.index("environment:") : service.index("volumes:")]
    names = re.findall(r"^      ([A-Za-z_]+):", block, re.MULTILINE)
    assert len(names) == len(set(names)) > 10


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("{environment: {LITELLM_MODE: dev}}", "gatewayctl sets LITELLM_MODE itself"),
        ("{environment: [LITELLM_MASTER_KEY]}", "gatewayctl sets LITELLM_MASTER_KEY itself"),
        ("{environment: {MY_API_KEY: plain-password-1}}", "leave the value out and put MY_API_KEY"),
        ("{environment: {A: [1]}}", "must be a string, a number or nothing, not a list"),
        ("{environment: {'a b': c}}", "'a b' is not the name of an environment variable"),
        ("{files: [none.txt]}", "there is no file none.txt"),
        ("{files: [../out.txt]}", "../out.txt is outside the project: use mounts"),
        ("{mounts: {key.json: key.json}}", "'key.json' must be an absolute path in the service"),
        ("{mounts: {/key.json: none.json}}", "there is no none.json"),
        ("{mounts: {/app/../key.json: gateway.yaml}}", "must be an absolute path in the service"),
        ("{mounts: {/app: .}}", "'/app' is in the place of '/app/config.yaml'"),
        ("{mounts: {/a: ., /a/b: .}}", "'/a/b' is in the place of '/a'"),
        (
            "{files: [gateway.yaml], mounts: {/app/gateway.yaml: gateway.yaml}}",
            "'/app/gateway.yaml' is in the place of '/app/gateway.yaml'",
        ),
        ("{volumes: {}}", "unknown setting 'volumes' in services.litellm"),
    ],
)
def test_a_wrong_setting_of_the_service_is_refused(
    section: str, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsInvalid, match=r"services\.litellm") as caught:
        project(tmp_path, f"services: {{litellm: {section}}}\n")

    assert complaint in str(caught.value)
    assert "plain-password-1" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"KEY = 'sk-0123456789abcdefghij'", "contains a secret"), (b"\xff", "is not UTF-8 text")],
)
def test_a_file_that_cannot_be_copied_is_named(
    content: bytes, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "side.txt").write_bytes(content)
    settings = project(tmp_path, "services: {litellm: {files: [side.txt]}}\n")

    with pytest.raises(SettingsInvalid, match=complaint) as caught:
        plan_files(settings, runtime="embedded")

    assert "side.txt" in str(caught.value)


def test_several_deployments_and_model_info_are_rendered_from_the_short_form(
    tmp_path: Path,
) -> None:
    text = (
        "models:\n  fast:\n  - groq/one\n"
        "  - {model: openai/two, api_base: 'http://h/v1', model_info: {mode: chat}}\n"
        "  '*': {model: '*'}\n"
    )

    files = rendered(tmp_path, text)
    config = yaml.safe_load(files["litellm_config.yaml"])
    environment = yaml.safe_load(files["docker-compose.yml"])["services"]["litellm"]["environment"]

    first, second, every = config["model_list"][:3]
    assert first["litellm_params"]["api_key"] == "os.environ/GROQ_API_KEY"
    assert second["litellm_params"]["api_key"] == "none"
    assert second["model_info"] == {"mode": "chat"}
    assert every["litellm_params"].get("api_key") is None
    assert {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"} <= environment.keys()
