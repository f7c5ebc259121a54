from __future__ import annotations

import pytest

from gatewayctl.files.json_text import parse_json


def test_json_is_parsed() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a":' * 100_000, "9" * 5000])
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)expect|deep|digits"):
        parse_json(text)
