from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.models.loopback import from_container, warn_loopback
from gatewayctl.runtimes.runtime_marker import write_runtime
from tests.fakes.projects import project


@pytest.mark.parametrize(
    ("address", "instead"),
    [
        ("http://127.0.0.1:8080/v1", "http://host.docker.internal:8080/v1"),
        ("https://me:pw@localhost/x?y=z", "https://me:pw@host.docker.internal/x?y=z"),
        ("http://[::1]:11434", "http://host.docker.internal:11434"),
        ("http://127.8.9.1", "http://host.docker.internal"),
        ("http://models.localhost:1", "http://host.docker.internal:1"),
        ("http://0.0.0.0:1", "http://host.docker.internal:1"),
        ("http://host.docker.internal:8080/v1", None),
        ("https://api.openai.com/v1", None),
        ("http://localhost.example.com", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_a_loopback_address_has_another_one_in_a_container(
    address: str, instead: str | None
) -> None:
    assert from_container(address) == instead


YAML = "runtime: {runtime}\nmodels:\n  mine: {model}\n"


@pytest.mark.parametrize(
    ("model", "env", "written"),
    [
        ("{model: openai/x, api_base: 'http://localhost:1/v1'}", "", "localhost:1/v1"),
        ("{model: openai/x, api_base: os.environ/MINE}", "MINE=http://[::1]:2/", "[::1]:2/"),
        ("ollama/llama3", "", "localhost:11434"),
        ("ollama_chat/llama3", "OLLAMA_API_BASE=http://127.0.0.1:3", "127.0.0.1:3"),
        ("{model: openai/x, params: {custom_llm_provider: xinference}}", "", "127.0.0.1:9997/v1"),
    ],
)
def test_a_model_on_loopback_is_warned_of_in_docker_with_the_right_address(
    model: str, env: str, written: str, tmp_path: Path
) -> None:
    (warning,) = warn_loopback(
        project(tmp_path, YAML.format(runtime="docker", model=model), env=env)
    )

    assert warning.startswith(f"models.mine: http://{written} is the container of LiteLLM itself.")
    assert "Write api_base: http://host.docker.internal" in warning
    assert warn_loopback(project(tmp_path, YAML.format(runtime="embedded", model=model))) == ()


@pytest.mark.parametrize(
    ("model", "env"),
    [
        ("{model: openai/x, api_base: 'http://gpu.example:1/v1'}", ""),
        ("{model: openai/x, api_base: os.environ/MINE}", ""),
        ("{mock_response: hello, api_base: 'http://localhost:1/v1'}", ""),
        ("ollama/llama3", "OLLAMA_API_BASE=http://gpu.example:3"),
        ("openai/gpt-4o", ""),
    ],
)
def test_any_other_model_is_not(model: str, env: str, tmp_path: Path) -> None:
    settings = project(tmp_path, YAML.format(runtime="docker", model=model), env=env)

    assert warn_loopback(settings) == ()


def test_where_the_runtime_is_chosen_automatically_the_stack_that_there_is_counts(
    tmp_path: Path,
) -> None:
    settings = project(tmp_path, YAML.format(runtime="auto", model="ollama/llama3"))
    assert warn_loopback(settings) == ()

    write_runtime(settings.state_dir, "docker")

    assert len(warn_loopback(settings)) == 1
