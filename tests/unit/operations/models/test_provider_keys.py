from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.operations.models.provider_keys import is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        "sk-your-openai-key",
        "your_api_key",
        "<your key>",
        "<OPENAI_API_KEY>",
        "${OPENAI_API_KEY}",
        "changeme",
        "CHANGE-ME",
        "sk-...",
        "sk-…",
        "sk-",
        "none",
        "TODO",
        "xxxxxxxx",
        "sk-xxxxxxxxxxxx",
        "sk-xxxx",
        "sk-placeholder",
        "replace-with-key",
    ],
)
def test_what_people_write_in_place_of_a_key_is_a_placeholder(text: str) -> None:
    assert is_placeholder(text)


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVW0123456789", min_size=20, max_size=60))
def test_a_random_key_is_not_a_placeholder(random: str) -> None:
    assert not is_placeholder(f"sk-proj-{random}")
