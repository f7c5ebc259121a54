"""``.env.example`` says what the table of settings says."""

from __future__ import annotations

from pathlib import Path

from gatewayctl.env_file.read import problems, read
from gatewayctl.settings import fields
from gatewayctl.settings.env_example import env_example

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_env_example_is_what_the_settings_generate() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == env_example(), (
        "write it anew: python -c 'from gatewayctl.settings.env_example import env_example;"
        ' print(env_example(), end="")\' > .env.example'
    )


def test_env_example_can_be_copied_to_env() -> None:
    values = read(EXAMPLE)

    assert problems(EXAMPLE) == ()
    assert set(values) == {field.env for field in fields.SECRETS}
    assert not any(entry.value for entry in values.values())
