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

KEY = "sk-app-0123456789abcdef"
ENV = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={KEY}\n"


def plan(
    folder: Path,
    *,
    env: str = ENV,
    config: str | None = None,
    environ: dict[str, str] | None = None,
    **asked: Any,
) -> ChatPlan:
    settings = project(folder, config, env=env, environ=environ)
    return plan_chat(settings, ChatInput(**{"prompt": "hi", **asked}), environ or {})


def test_without_options_it_is_passthrough_on_the_offline_model_and_says_so(
    tmp_path: Path,
) -> None:
    made = plan(tmp_path)

    assert (made.component, made.operation, made.model) == ("passthrough", "chat", "demo")
    assert made.note == "No real key in OPENAI_API_KEY: the offline model demo answers."
    assert made.routing_path == "passthrough"
    assert (made.key_env, made.key.reveal()) == ("LITELLM_API_KEY", KEY)


def test_metadata_says_who_asks_and_tags_say_it_again_for_spending(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        component="reasoning-agent",
        operation="synthesis",
        metadata={"team": "a=b", "run": "7"},
    )

    assert dict(made.metadata) == {
        "team": "a=b",
        "run": "7",
        "component": "reasoning-agent",
        "operation": "synthesis",
        "tags": ["component:reasoning-agent", "op:synthesis"],
    }


def test_a_component_with_operations_takes_its_first_unless_told(tmp_path: Path) -> None:
    assert plan(tmp_path, component="routing-classifier").operation == "auto_routing"
    assert plan(tmp_path, component="reasoning-agent").operation == "step_generation"


def test_a_component_without_operations_accepts_any(tmp_path: Path) -> None:
    assert plan(tmp_path, operation="smoke").operation == "smoke"


@pytest.mark.parametrize("value", ["sk-your-key", "", "<key>", "changeme", "sk-...", "${KEY}"])
def test_a_stand_in_for_a_provider_key_is_no_key(tmp_path: Path, value: str) -> None:
    assert plan(tmp_path, env=f"{ENV}OPENAI_API_KEY='{value}'\n").model == "demo"


def test_a_real_provider_key_means_the_first_model_that_has_one(tmp_path: Path) -> None:
    made = plan(tmp_path, env=f"{ENV}OPENAI_API_KEY=sk-proj-0123456789abcdef\n")

    assert (made.model, made.note) == ("gpt-4o", None)


def test_a_model_whose_provider_needs_no_key_can_be_called(tmp_path: Path) -> None:
    config = "models:\n  gpt-4o: openai/gpt-4o\n  local: {model: ollama/llama3}\n"

    assert plan(tmp_path, config=config).model == "local"


def test_without_any_key_or_offline_model_the_first_is_tried_and_that_is_said(
    tmp_path: Path,
) -> None:
    made = plan(tmp_path, config="profile: production\n")

    assert made.model == "gpt-4o"
    assert made.note == "No real key in OPENAI_API_KEY: gpt-4o will likely refuse."


def test_a_model_that_was_asked_for_is_asked_for_even_if_nobody_declared_it(
    tmp_path: Path,
) -> None:
    made = plan(tmp_path, model="undeclared")

    assert (made.model, made.note) == ("undeclared", None)


def test_a_system_message_and_the_history_come_before_the_prompt(tmp_path: Path) -> None:
    history = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})

    made = plan(tmp_path, system="Be brief.", history=history)

    assert [message["role"] for message in made.messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_patience_covers_the_providers_timeout_and_its_retries(tmp_path: Path) -> None:
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
        ({"key_env": "NOBODY_SET_THIS"}, VirtualKeyMissing, "keys create"),
    ],
)
def test_what_cannot_be_sent_is_told_before_anything_is(
    tmp_path: Path, asked: dict[str, Any], expected: type[GatewayctlError], hint: str
) -> None:
    with pytest.raises(expected) as caught:
        plan(tmp_path, **asked)

    assert hint in f"{caught.value.message} {caught.value.hint}"


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"^The prompt is not UTF-8 text\.$"):
        plan(tmp_path, prompt="a\udc80")
    with pytest.raises(UsageProblem, match=r"^--system is not UTF-8 text\.$"):
        plan(tmp_path, system="a\udc80")


def test_a_provider_key_of_a_declared_model_is_never_a_virtual_key(tmp_path: Path) -> None:
    config = "models:\n  own: {model: openai/x, api_key_env: OWN_KEY}\n"

    with pytest.raises(UsageProblem, match="OWN_KEY: this variable is not for virtual keys"):
        plan(tmp_path, config=config, env=f"{ENV}OWN_KEY=sk-real\n", key_env="OWN_KEY")


def test_the_master_key_is_not_sent_even_if_a_virtual_keys_variable_holds_it(
    tmp_path: Path,
) -> None:
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={MASTER_KEY}\n"

    with pytest.raises(VirtualKeyMissing, match="holds the master key"):
        plan(tmp_path, env=env)


def test_a_variable_nobody_declared_is_found_in_the_environment_then_in_env(
    tmp_path: Path,
) -> None:
    env = f"{ENV}MY_KEY=sk-from-the-file-0123\n"

    assert plan(tmp_path, env=env, key_env="MY_KEY").key.reveal() == "sk-from-the-file-0123"
    outside = {"MY_KEY": "sk-from-outside-0123"}
    made = plan(tmp_path, env=env, key_env="MY_KEY", environ=outside)
    assert made.key.reveal() == "sk-from-outside-0123"


def test_a_span_says_names_and_never_what_was_said(tmp_path: Path) -> None:
    made = plan(tmp_path, prompt="tell me", metadata={"team": "a"}, session="s1")

    assert dict(made.span_attributes()) == {
        "gatewayctl.component": "passthrough",
        "gatewayctl.operation": "chat",
        "gatewayctl.model": "demo",
        "gatewayctl.routing_path": "passthrough",
        "session.id": "s1",
    }
    assert KEY not in repr(made)
