from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.keys.request import KeyRequest, default_variable, resolve_requested_keys
from gatewayctl.settings.declared.keys import DeclaredKey
from tests.fakes.projects import project


def resolve(folder: Path, **options: Any) -> tuple[DeclaredKey, ...]:
    return resolve_requested_keys(project(folder), KeyRequest(**options))


def test_without_an_alias_all_declared_keys_are_requested(tmp_path: Path) -> None:
    assert [key.alias for key in resolve(tmp_path)] == ["litellm-dev", "litellm-eval"]


def test_a_declared_alias_is_as_declared(tmp_path: Path) -> None:
    (key,) = resolve(tmp_path, alias="litellm-eval")

    assert (key.env, key.metadata) == ("LITELLM_EVAL_KEY", {"environment": "evaluation"})


def test_another_alias_is_defined_by_the_options(tmp_path: Path) -> None:
    (key,) = resolve(
        tmp_path,
        alias="my-app",
        models=("demo", "gpt-4o", "demo"),
        metadata={"team": "search"},
        duration="30d",
    )

    assert key == DeclaredKey(
        alias="my-app",
        env="MY_APP_KEY",
        models=("demo", "gpt-4o"),
        metadata={"team": "search"},
        duration="30d",
    )


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("my-app", "MY_APP_KEY"),
        ("my-api-key", "MY_API_KEY"),
        ("2nd app!", "KEY_2ND_APP_KEY"),
        ("app@2", "APP_2_KEY"),
        ("ключ", "KEY"),
    ],
)
def test_a_variable_follows_from_the_alias(alias: str, name: str) -> None:
    assert default_variable(alias) == name


@given(st.text(min_size=1))
def test_every_alias_has_a_variable_that_env_can_hold(alias: str) -> None:
    assert re.fullmatch(r"[A-Z_][A-Z0-9_]*", default_variable(alias))


@pytest.mark.parametrize("duration", ["30s", "30m", "30h", "30d", "2w", "6mo"])
def test_the_durations_of_litellm_are_accepted(tmp_path: Path, duration: str) -> None:
    (key,) = resolve(tmp_path, alias="my-app", duration=duration)

    assert key.duration == duration


@pytest.mark.parametrize(
    "options",
    [
        {"env": "X_KEY"},
        {"models": ("demo",)},
        {"alias": "litellm-dev", "env": "OTHER_KEY"},
        {"alias": "litellm-dev", "duration": "30d"},
        {"alias": ""},
        {"alias": " a"},
        {"alias": "a\nb"},
        {"alias": "a..b"},
        {"alias": "a" * 300},
        {"alias": "my-app", "env": "1ST"},
        {"alias": "my-app", "env": "MY-APP"},
        {"alias": "my-app", "env": "OPENAI_API_KEY"},
        {"alias": "my-app", "env": "LITELLM_MASTER_KEY"},
        {"alias": "my-app", "env": "LITELLM_SALT_KEY"},
        {"alias": "my-app", "env": "POSTGRES_PASSWORD"},
        {"alias": "my-app", "env": "PATH"},
        {"alias": "my-app", "env": "GATEWAYCTL_RUNTIME"},
        {"alias": "my-app", "env": "LITELLM_API_KEY"},
        {"alias": "openai-api-key"},
        {"alias": "my-app", "models": ("gpt-5o",)},
        {"alias": "my-app", "duration": "30"},
        {"alias": "my-app", "duration": "0d"},
        {"alias": "my-app", "duration": "a month"},
        {"alias": "my-app", "duration": "-1d"},
    ],
)
def test_what_litellm_or_env_would_not_accept_is_a_usage_error(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(UsageProblem) as caught:
        resolve(tmp_path, **options)

    assert caught.value.exit_code == 2
