from __future__ import annotations

from gatewayctl.settings.masking import mask_keys, mask_secrets, strip_keys
from gatewayctl.settings.model import Secret

KEY = "sk-virtual-0123456789abcdefWXYZ"


def test_a_key_is_known_by_its_last_four_characters() -> None:
    assert mask_keys(f"key {KEY}.") == "key sk-…WXYZ."
    assert mask_keys("a task-runner-of-mine") == "a task-runner-of-mine"


def test_a_message_of_litellm_keeps_neither_key_nor_hash() -> None:
    said = strip_keys(f"key {KEY}\n with hash {'0a' * 32} and sk-...ab*d")

    assert said == "key sk-…  with hash … and sk-…"


def test_known_secrets_go_whatever_they_look_like() -> None:
    text = mask_secrets(
        "pass-word and pass-word-longer", [Secret("pass-word"), Secret("pass-word-longer")]
    )

    assert "word" not in text


def test_a_word_too_short_to_be_a_secret_stays() -> None:
    assert mask_secrets("abc of abc", [Secret("abc")]) == "abc of abc"


def test_a_password_in_an_address_goes_and_its_user_stays() -> None:
    shown = mask_secrets("postgresql://litellm_user:hunter2@127.0.0.1:5433/litellm")

    assert shown == "postgresql://litellm_user:…@127.0.0.1:5433/litellm"


def test_a_password_in_an_address_without_a_user_goes_too() -> None:
    assert mask_secrets("redis://:hunter2@redis:6379/0") == "redis://:…@redis:6379/0"
