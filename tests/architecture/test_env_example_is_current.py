"""The examples of ``.env`` name what the table of settings names, and nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.env_file.read import find_unparsable_lines, read_env_file
from gatewayctl.settings import fields

ROOT = Path(__file__).parents[2]
SECRETS = {field.env for field in fields.SECRETS}


@pytest.mark.parametrize(
    ("example", "filled"),
    [(".env.example", {}), (".env.prod.example", {"GATEWAYCTL_PROFILE": "production"})],
)
def test_an_example_can_be_copied_to_env(example: str, filled: dict[str, str]) -> None:
    values = read_env_file(ROOT / example)

    assert find_unparsable_lines(ROOT / example) == ()
    assert set(values) == SECRETS | set(filled)
    assert {name: entry.value for name, entry in values.items() if entry.value} == filled
