from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from gatewayctl.rendering.plan import HEADER, RenderedFile, plan_files
from gatewayctl.rendering.yaml_values import to_yaml
from gatewayctl.settings.model import Model, Settings
from tests.fakes.projects import MASTER_KEY, project

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def config_of(settings: Settings) -> RenderedFile:
    """LiteLLM's configuration, one of the two files of the embedded runtime."""
    callbacks, config = plan_files(settings, runtime="embedded")
    assert callbacks.path == PurePosixPath("litellm_callbacks.py")
    assert config.path == PurePosixPath("litellm_config.yaml")
    return config


def rendered(folder: Path, text: str = "") -> Any:
    return yaml.safe_load(config_of(project(folder, text)).content)


def test_the_reference_stack_is_rendered_for_litellm(tmp_path: Path) -> None:
    openai = {"api_key": "os.environ/OPENAI_API_KEY", "num_retries": 3, "timeout": 600}
    config = rendered(tmp_path)

    *config["model_list"], demo, step, classifier = config["model_list"]
    assert (step["model_name"], classifier["model_name"]) == ("demo-step", "demo-classifier")
    assert demo["model_name"] == "demo"
    assert demo["litellm_params"]["mock_response"].startswith("This is the demo model")
    assert "api_key" not in demo["litellm_params"]
    assert config == {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}", **openai}}
            for name in ("gpt-4o", "gpt-4o-mini", "o1-mini")
        ],
        "general_settings": {
            "master_key": "os.environ/LITELLM_MASTER_KEY",
            "database_url": "os.environ/DATABASE_URL",
            "store_model_in_db": True,
            "database_connection_pool_limit": 10,
        },
        "litellm_settings": {
            "callbacks": ["litellm_callbacks.no_housekeeping", "arize_phoenix"],
            "disable_add_user_agent_to_request_tags": True,
        },
    }


def test_each_file_says_what_renders_it_and_where_to_edit(tmp_path: Path) -> None:
    files = plan_files(project(tmp_path))

    assert [str(file.path) for file in files] == ["litellm_callbacks.py", "litellm_config.yaml"]
    assert HEADER.startswith("# Rendered by gatewayctl from gateway.yaml: edit that file")
    assert "`gatewayctl render --check`" in HEADER
    for file in files:
        assert file.content.startswith(HEADER + "\n")
        assert file.content.endswith("\n")


def test_the_callback_in_the_config_is_defined_beside_it(tmp_path: Path) -> None:
    callbacks, config = plan_files(project(tmp_path))
    module, name = yaml.safe_load(config.content)["litellm_settings"]["callbacks"][0].split(".")

    assert f"{module}.py" == str(callbacks.path)
    assigned = [node for node in ast.parse(callbacks.content).body if isinstance(node, ast.Assign)]
    assert name in {ast.unparse(target) for node in assigned for target in node.targets}


def test_rendering_is_repeatable(tmp_path: Path) -> None:
    assert plan_files(project(tmp_path)) == plan_files(project(tmp_path))


def test_parameters_of_a_model_are_rendered(tmp_path: Path) -> None:
    config = rendered(
        tmp_path,
        "profile: production\nmodels:\n  m:\n    model: bedrock/x\n    timeout: 2.5\n"
        "    params: {extra_headers: {A: 'b: c', N: {}}, aws_region_name: eu, list: [1, {a: b}]}\n",
    )

    assert config["model_list"] == [
        {
            "model_name": "m",
            "litellm_params": {
                "model": "bedrock/x",
                "extra_headers": {"A": "b: c", "N": {}},
                "aws_region_name": "eu",
                "list": [1, {"a": "b"}],
                "num_retries": 3,
                "timeout": 2.5,
            },
        }
    ]


def test_no_models_is_an_empty_list(tmp_path: Path) -> None:
    assert rendered(tmp_path, "profile: production\nmodels: {}\n")["model_list"] == []


def test_no_secret_is_rendered(tmp_path: Path) -> None:
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nOPENAI_API_KEY=sk-openai-0123456789\n"

    files = plan_files(project(tmp_path, env=env))

    assert len(files) == 2
    for file in files:
        assert MASTER_KEY not in file.content
        assert "sk-openai" not in file.content


@given(name=TEXT, params=st.dictionaries(TEXT, DATA, max_size=4))
@example(name="x\n- model_name: evil", params={"mock_response": "a: b\n# c\n'\""})
@example(name="{{ 7 * 7 }}", params={"x": "{% raw %}", "no": "yes", "1": "1e3"})
@example(name="\x85\u2028\ufeff\x7f\U0001f600", params={"": "\t", "null": "~"})
def test_no_value_becomes_structure(name: str, params: Mapping[str, Any]) -> None:
    base = project(Path(__file__).parent)
    model = Model(name=name, litellm_params={"model": "m", **params}, api_key_env="A")
    expected = {"model": "m", **params, "api_key": "os.environ/A", "num_retries": 3}

    config = config_of(replace(base, models=(model,)))
    (entry,) = yaml.safe_load(config.content)["model_list"]

    assert entry["model_name"] == name
    assert entry["litellm_params"] == {**expected, "timeout": 600}


@given(DATA)
def test_any_data_reads_back_as_itself(value: Any) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


@given(st.dictionaries(TEXT, DATA, min_size=1, max_size=4))
def test_indented_data_reads_back_as_itself(value: dict[str, Any]) -> None:
    assert yaml.safe_load(f"a:\n  {to_yaml(value, indent=2)}\n") == {"a": value}


@given(st.dictionaries(TEXT, DATA, min_size=1, max_size=4))
@example({"a": "NEL\x85 and LS\u2028 are\nno ends of lines"})
def test_data_in_blocks_reads_back_as_itself(value: dict[str, Any]) -> None:
    assert yaml.safe_load(f"a:\n  {to_yaml(value, indent=2, block=True)}\n") == {"a": value}


@pytest.mark.parametrize("text", ["y", "N", "1e3", "0o17", "yes"])
def test_a_string_that_another_parser_reads_as_something_else_is_quoted(text: str) -> None:
    assert to_yaml(text) == f"'{text}'"


def test_a_template_is_rendered_to_its_own_path(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "embedded"
    folder.mkdir(parents=True)
    (folder / "litellm_callbacks.py").write_text("{{ header }}\n")
    (folder / "litellm_config.yaml").write_text(
        "name: {{ settings.project_name | to_yaml }} # {{ runtime }}\n"
    )

    callbacks, config = plan_files(project(tmp_path / "shop"), templates=tmp_path / "templates")

    assert callbacks == RenderedFile(
        path=PurePosixPath("litellm_callbacks.py"), content=f"{HEADER}\n"
    )
    assert config.content == "name: shop # embedded\n"


def test_a_template_that_refers_to_something_undefined_fails(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "embedded"
    folder.mkdir(parents=True)
    (folder / "litellm_callbacks.py").write_text("{{ settings.nothing }}")

    with pytest.raises(UndefinedError):
        plan_files(project(tmp_path), templates=tmp_path / "templates")


def test_the_resolved_runtime_takes_precedence_over_auto(tmp_path: Path) -> None:
    settings = project(tmp_path)

    assert "docker-compose.yml" not in {str(file.path) for file in plan_files(settings)}
    assert "docker-compose.yml" in {
        str(file.path) for file in plan_files(settings, runtime="docker")
    }


def test_both_runtimes_give_litellm_the_same_files(tmp_path: Path) -> None:
    """So that a stack in the repository's own folder leaves its compose/ as it is."""
    settings = project(tmp_path / "shop")
    embedded, docker = (
        {str(file.path): file.content for file in plan_files(settings, runtime=runtime)}
        for runtime in ("embedded", "docker")
    )

    assert set(docker) - set(embedded) == {"docker-compose.yml"}
    assert all(docker[name] == text for name, text in embedded.items())
