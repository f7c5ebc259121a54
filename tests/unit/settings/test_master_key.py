from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import EnvFileMissing, MasterKeyMissing, MasterKeyWeak, SecretOverridden
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret
from tests.fakes.projects import MASTER_KEY, project


def test_a_valid_master_key_is_returned(tmp_path: Path) -> None:
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")

    assert require_master_key(settings) == Secret(MASTER_KEY)


def test_a_missing_env_file_is_the_error_if_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(EnvFileMissing, match=r"There is no .*\.env"):
        require_master_key(project(tmp_path))


@pytest.mark.parametrize("env", ["", "LITELLM_MASTER_KEY=\n", "OTHER=1\n"])
def test_an_env_file_without_the_key_is_an_error(tmp_path: Path, env: str) -> None:
    with pytest.raises(MasterKeyMissing, match="LITELLM_MASTER_KEY is neither in"):
        require_master_key(project(tmp_path, env=env))


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("sk-1234", "is a publicly known key"),
        ("sk-1234567890", "is a publicly known key"),
        ("0123456789abcdefghij", "does not start with sk-"),
        ("SK-0123456789abcdefghij", "does not start with sk-"),
        ("sk-0123456789ab", "is shorter than 16 characters"),
        ("'sk-0123456789abcdef ghij'", "contains a blank"),
        ("sk-0123456789abcdefghié", "contains a blank, or a character that is not ASCII"),
    ],
)
def test_a_weak_key_is_refused_with_its_source_and_without_its_value(
    tmp_path: Path, key: str, why: str
) -> None:
    with pytest.raises(MasterKeyWeak) as caught:
        require_master_key(project(tmp_path, env=f"A=b\nLITELLM_MASTER_KEY={key}\n"))

    assert str(caught.value).startswith(f"LITELLM_MASTER_KEY (.env line 2) {why}")
    assert key not in str(caught.value)


def test_the_source_of_a_weak_key_can_be_the_environment(tmp_path: Path) -> None:
    settings = project(tmp_path, environ={"LITELLM_MASTER_KEY": "sk-1234"})

    with pytest.raises(
        MasterKeyWeak, match=r"\(environment variable LITELLM_MASTER_KEY\)"
    ) as caught:
        require_master_key(settings)

    assert caught.value.hint.startswith("Run `unset LITELLM_MASTER_KEY`.")


@pytest.mark.parametrize("value", ["sk-1234", "sk-another-0123456789"])
def test_another_key_in_the_environment_than_in_env_is_refused(tmp_path: Path, value: str) -> None:
    env, environ = f"LITELLM_MASTER_KEY={MASTER_KEY}\n", {"LITELLM_MASTER_KEY": value}

    with pytest.raises(SecretOverridden, match=r"environment differs from \.env line 1") as caught:
        require_master_key(project(tmp_path, env=env, environ=environ))

    assert caught.value.hint == "Run `unset LITELLM_MASTER_KEY`."
    assert value not in str(caught.value)
