from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.declared.keys import DeclaredKey
from tests.fakes.projects import problems, project


def complaint(folder: Path, body: str) -> str:
    """The one problem of a key, without its place."""
    (found,) = problems(folder, f"keys:\n  k: {body}\n")
    assert found.startswith("gateway.yaml line 2 column ")
    return found.split(": ", 1)[1]


def test_declared_keys_replace_those_of_the_reference_stack(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        "keys:\n  app@1:\n    env: APP_KEY\n    models: [gpt-4o, demo]\n    duration: 30d\n"
        "    metadata: {team: a, n: {x: [1]}}\n  other: OTHER_KEY\n",
    )

    assert settings.keys == (
        DeclaredKey(
            alias="app@1",
            env="APP_KEY",
            models=("gpt-4o", "demo"),
            metadata={"team": "a", "n": {"x": [1]}},
            duration="30d",
        ),
        DeclaredKey(alias="other", env="OTHER_KEY"),
    )


def test_one_model_may_be_written_without_a_list(tmp_path: Path) -> None:
    (key,) = project(tmp_path, "keys: {k: {env: K, models: gpt-4o}}\n").keys

    assert key.models == ("gpt-4o",)


@pytest.mark.parametrize("duration", ["30s", "15m", "12h", "7d", "2w", "6mo"])
def test_durations_of_litellm_are_understood(tmp_path: Path, duration: str) -> None:
    (key,) = project(tmp_path, f"keys: {{k: {{env: K, duration: {duration}}}}}\n").keys

    assert key.duration == duration


@pytest.mark.parametrize("duration", ["30", "0d", "-1d", "1y", "forever", "1.5h", "[1d]"])
def test_other_durations_are_refused(tmp_path: Path, duration: str) -> None:
    message = complaint(tmp_path, f"{{env: K, duration: {duration}}}")

    assert message.startswith("keys.k.duration must be a number and a unit, such as 12h")


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "LITELLM_MASTER_KEY",
        "LITELLM_PORT",
        "DATABASE_URL",
        "PATH",
        "LLM_BASE_URL",
        "GATEWAYCTL_ANYTHING",
    ],
)
def test_reserved_variables_cannot_hold_a_virtual_key(tmp_path: Path, name: str) -> None:
    assert complaint(tmp_path, f"{{env: {name}}}") == (
        f"keys.k.env: {name} is reserved, choose another name"
    )


@pytest.mark.parametrize("name", ["LITELLM_API_KEY", "LITELLM_EVAL_KEY", "LLM_API_KEY", "_x"])
def test_other_variables_can(tmp_path: Path, name: str) -> None:
    assert project(tmp_path, f"keys: {{k: {name}}}\n").keys[0].env == name


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "keys.k needs env:"),
        ("~", "keys.k needs env:"),
        ("[K]", "keys.k must be a mapping"),
        ("1K", "keys.k.env must be the name of an environment variable, not '1K'"),
        ("{env: [K]}", "keys.k.env must be the name of an environment variable, not a list"),
        ("{env: K, models: {}}", "keys.k.models must be a string, not a mapping"),
        ("{env: K, models: [demo, demo]}", "'demo' is given twice in keys.k.models"),
        ("{env: K, metadata: 3}", "keys.k.metadata must be a mapping"),
        ("{env: K, metadata: {x: .nan}}", "keys.k.metadata.x must not be infinity"),
        ("{env: K, budget: 3}", "unknown setting 'budget' in keys.k"),
        (
            "{env: K, models: [gpt-4]}",
            "keys.k.models: unknown model 'gpt-4' (did you mean 'gpt-4o'?)",
        ),
    ],
)
def test_a_wrong_key_is_refused_with_a_message(tmp_path: Path, body: str, message: str) -> None:
    assert complaint(tmp_path, body).startswith(message)


def test_two_keys_cannot_share_a_variable(tmp_path: Path) -> None:
    assert problems(tmp_path, "keys:\n  a: {env: K}\n  b: {env: K}\n") == [
        "gateway.yaml line 3 column 7: keys.b: K already holds the key a"
    ]


def test_a_key_cannot_share_a_variable_with_a_provider(tmp_path: Path) -> None:
    text = "models: {m: {model: groq/x}}\nkeys: {k: GROQ_API_KEY}\n"

    (found,) = problems(tmp_path, text)

    assert found == (
        "gateway.yaml line 2 column 8: keys.k: GROQ_API_KEY already holds the key of the"
        " provider of m"
    )


def test_a_model_cannot_use_the_variable_of_a_reference_key(
    tmp_path: Path,
) -> None:
    text = "models: {m: {model: openai/x, api_key_env: LITELLM_API_KEY}}\n"

    (found,) = problems(tmp_path, text)

    assert found.startswith("gateway.yaml line 1 column 1: keys.litellm-dev: LITELLM_API_KEY")


@pytest.mark.parametrize("alias", ['""', '" a"', '"a\\tb"', "a..b"])
def test_an_alias_litellm_would_refuse_is_refused_here(tmp_path: Path, alias: str) -> None:
    assert len(problems(tmp_path, f"keys: {{{alias}: K}}\n")) == 1


def test_two_keys_of_one_alias_are_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "keys:\n  k: A\n  k: B\n")

    assert found == "gateway.yaml line 3 column 3: 'k' is given twice, first on line 2"


def test_the_models_of_a_key_must_exist_in_the_profile(
    tmp_path: Path,
) -> None:
    text = "profile: production\nkeys: {k: {env: K, models: [demo]}}\n"

    (found,) = problems(tmp_path, text)

    assert "unknown model 'demo'" in found
