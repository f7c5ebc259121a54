from __future__ import annotations

from gatewayctl.settings.masking import mask_keys, mask_secrets, strip_keys
from gatewayctl.settings.model import Secret

KEY = "sk-virtual-0123456789abcdefWXYZ"


def test_a_key_is_masked_to_its_last_four_characters() -> None:
    assert mask_keys(f"key {KEY}.") == "key sk-…WXYZ."
    assert mask_keys("a task-runner-of-mine") == "a task-runner-of-mine"


def test_keys_and_hashes_are_removed_from_messages_of_litellm() -> None:
    said = strip_keys(f"key {KEY}\n with hash {'0a' * 32} and sk-...ab*d")

    assert said == "key sk-…  with hash … and sk-…"


def test_known_secrets_are_masked_in_any_form() -> None:
    text = mask_secrets(
        "pass-word and pass-word-longer", [Secret("pass-word"), Secret("pass-word-longer")]
    )

    assert "word" not in text


def test_a_short_word_is_not_masked() -> None:
    assert mask_secrets("abc of abc", [Secret("abc")]) == "abc of abc"


def test_the_password_in_a_url_is_masked_but_not_the_user() -> None:
    shown = mask_secrets("postgresql://litellm_user:hunter2@127.0.0.1:5433/litellm")

    assert shown == "postgresql://litellm_user:…@127.0.0.1:5433/litellm"


def test_the_password_in_a_url_without_a_user_is_masked() -> None:
    assert mask_secrets("redis://:hunter2@redis:6379/0") == "redis://:…@redis:6379/0"
