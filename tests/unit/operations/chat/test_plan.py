from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import (
    EmptyPrompt,
    GatewayctlError,
    UnknownComponent,
    UsageProblem,
    VirtualKeyMissing,
)
from gatewayctl.operations.chat.plan import ChatInput, ChatPlan, plan_chat
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.operations.chat.conftest import ENV, KEY


def plan(
    folder: Path,
    *,
    env: str = ENV,
    config: str | None = None,
    environ: dict[str, str] | None = None,
    **options: Any,
) -> ChatPlan:
    settings = project(folder, config, env=env, environ=environ)
    return plan_chat(settings, ChatInput(**{"prompt": "hi", **options}), environ or {})


def test_the_default_is_passthrough_on_the_offline_model_with_a_note(
    tmp_path: Path,
) -> None:
    result = plan(tmp_path)

    assert (result.component, result.operation, result.model) == ("passthrough", "chat", "demo")
    assert result.note == "No real key in OPENAI_API_KEY: the offline model demo answers."
    assert result.routing_path == "passthrough"
    assert (result.key_env, result.key.reveal()) == ("LITELLM_API_KEY", KEY)


def test_metadata_and_tags_contain_component_and_operation(tmp_path: Path) -> None:
    result = plan(
        tmp_path,
        component="reasoning-agent",
        operation="synthesis",
        metadata={"team": "a=b", "run": "7"},
    )

    assert dict(result.metadata) == {
        "team": "a=b",
        "run": "7",
        "component": "reasoning-agent",
        "operation": "synthesis",
        "tags": ["component:reasoning-agent", "op:synthesis"],
    }


def test_the_default_operation_is_the_first_that_is_declared(tmp_path: Path) -> None:
    assert plan(tmp_path, component="routing-classifier").operation == "auto_routing"
    assert plan(tmp_path, component="reasoning-agent").operation == "step_generation"


def test_a_component_without_operations_accepts_any_operation(tmp_path: Path) -> None:
    assert plan(tmp_path, operation="smoke").operation == "smoke"


@pytest.mark.parametrize("value", ["sk-your-key", "", "<key>", "changeme", "sk-...", "${KEY}"])
def test_a_placeholder_is_not_a_provider_key(tmp_path: Path, value: str) -> None:
    assert plan(tmp_path, env=f"{ENV}OPENAI_API_KEY='{value}'\n").model == "demo"


def test_the_first_model_with_a_real_provider_key_is_used(tmp_path: Path) -> None:
    result = plan(tmp_path, env=f"{ENV}OPENAI_API_KEY=sk-proj-0123456789abcdef\n")

    assert (result.model, result.note) == ("gpt-4o", None)


def test_a_model_whose_provider_needs_no_key_is_used(tmp_path: Path) -> None:
    config = "models:\n  gpt-4o: openai/gpt-4o\n  local: {model: ollama/llama3}\n"

    assert plan(tmp_path, config=config).model == "local"


def test_without_any_key_or_offline_model_the_first_model_is_tried_with_a_note(
    tmp_path: Path,
) -> None:
    result = plan(tmp_path, config="profile: production\n")

    assert result.model == "gpt-4o"
    assert result.note == "No real key in OPENAI_API_KEY: gpt-4o will likely refuse."


def test_an_explicit_model_is_used_even_if_it_is_not_declared(
    tmp_path: Path,
) -> None:
    result = plan(tmp_path, model="undeclared")

    assert (result.model, result.note) == ("undeclared", None)


def test_a_system_message_and_the_history_come_before_the_prompt(tmp_path: Path) -> None:
    history = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})

    result = plan(tmp_path, system="Be brief.", history=history)

    assert [message["role"] for message in result.messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_the_timeout_covers_the_timeout_of_the_provider_and_its_retries(tmp_path: Path) -> None:
    config = "models:\n  slow: {model: openai/slow, timeout: 10, num_retries: 2}\n"

    assert plan(tmp_path, config=config, model="slow").timeout == 10 * 3 + 30


@pytest.mark.parametrize(
    ("asked", "expected", "hint"),
    [
        ({"prompt": " \n"}, EmptyPrompt, "prompt"),
        ({"prompt": "a\udc80"}, UsageProblem, "--help"),
        ({"component": "reasoning-agnet"}, UnknownComponent, "did you mean 'reasoning-agent'?"),
        ({"component": "zzz"}, UnknownComponent, "(known: passthrough"),
        (
            {"component": "reasoning-agent", "operation": "synthesys"},
            UnknownComponent,
            "did you mean 'synthesis'?",
        ),
        ({"operation": "a\nb"}, UsageProblem, ""),
        ({"model": " "}, UsageProblem, ""),
        ({"metadata": {"component": "x"}}, UsageProblem, "--component"),
        ({"metadata": {"tags": "x"}}, UsageProblem, ""),
        ({"key_env": "OPENAI_API_KEY"}, UsageProblem, "LITELLM_API_KEY"),
        ({"key_env": "LITELLM_MASTER_KEY"}, UsageProblem, ""),
        ({"key_env": "POSTGRES_PASSWORD"}, UsageProblem, ""),
        ({"key_env": "not a name"}, UsageProblem, ""),
        ({"key_env": "LITELLM_EVAL_KEY"}, VirtualKeyMissing, "keys create"),
        ({"key_env": "NOT_SET_KEY"}, VirtualKeyMissing, "keys create"),
    ],
)
def test_invalid_input_is_refused_with_a_hint(
    tmp_path: Path, asked: dict[str, Any], expected: type[GatewayctlError], hint: str
) -> None:
    with pytest.raises(expected) as caught:
        plan(tmp_path, **asked)

    assert hint in f"{caught.value.message} {caught.value.hint}"


def test_input_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"^The prompt is not UTF-8 text\.$"):
        plan(tmp_path, prompt="a\udc80")
    with pytest.raises(UsageProblem, match=r"^--system is not UTF-8 text\.$"):
        plan(tmp_path, system="a\udc80")


def test_a_provider_key_of_a_declared_model_is_never_a_virtual_key(tmp_path: Path) -> None:
    config = "models:\n  own: {model: openai/x, api_key_env: OWN_KEY}\n"

    with pytest.raises(UsageProblem, match="OWN_KEY: this variable is not for virtual keys"):
        plan(tmp_path, config=config, env=f"{ENV}OWN_KEY=sk-real\n", key_env="OWN_KEY")


def test_the_master_key_is_not_sent_even_if_the_variable_of_a_virtual_key_contains_it(
    tmp_path: Path,
) -> None:
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={MASTER_KEY}\n"

    with pytest.raises(VirtualKeyMissing, match="holds the master key"):
        plan(tmp_path, env=env)


def test_an_undeclared_variable_is_read_from_the_environment_then_from_the_env_file(
    tmp_path: Path,
) -> None:
    env = f"{ENV}MY_KEY=sk-from-the-file-0123\n"

    assert plan(tmp_path, env=env, key_env="MY_KEY").key.reveal() == "sk-from-the-file-0123"
    environ = {"MY_KEY": "sk-from-environ-0123"}
    result = plan(tmp_path, env=env, key_env="MY_KEY", environ=environ)
    assert result.key.reveal() == "sk-from-environ-0123"


def test_a_span_contains_names_but_no_contents(tmp_path: Path) -> None:
    result = plan(tmp_path, prompt="tell me", metadata={"team": "a"}, session="s1")

    assert dict(result.span_attributes()) == {
        "gatewayctl.component": "passthrough",
        "gatewayctl.operation": "chat",
        "gatewayctl.model": "demo",
        "gatewayctl.routing_path": "passthrough",
        "session.id": "s1",
    }
    assert KEY not in repr(result)
