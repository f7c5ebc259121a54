from __future__ import annotations

import re
from pathlib import Path

from gatewayctl.settings.generate import generate_missing_secrets, with_generated_secrets
from tests.fakes.projects import MASTER_KEY, project


def test_every_secret_of_the_stack_is_generated_in_its_shape(tmp_path: Path) -> None:
    generated = generate_missing_secrets(project(tmp_path))

    assert list(generated) == [
        "LITELLM_MASTER_KEY",
        "LITELLM_SALT_KEY",
        "LITELLM_POSTGRES_PASSWORD",
        "POSTGRES_PASSWORD",
        "UI_PASSWORD",
    ]
    for name in ("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"):
        assert re.fullmatch(r"sk-[0-9a-f]{64}", generated.pop(name))
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in generated.values())


def test_no_two_secrets_are_alike(tmp_path: Path) -> None:
    settings = project(tmp_path)
    values = [
        *generate_missing_secrets(settings).values(),
        *generate_missing_secrets(settings).values(),
    ]

    assert len(set(values)) == 10


def test_a_secret_that_any_layer_sets_is_not_generated(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        env=f"LITELLM_MASTER_KEY={MASTER_KEY}\nUI_PASSWORD=\n",
        environ={"POSTGRES_PASSWORD": "outside"},
    )

    assert list(generate_missing_secrets(settings)) == [
        "LITELLM_SALT_KEY",
        "LITELLM_POSTGRES_PASSWORD",
        "UI_PASSWORD",
    ]


def test_only_missing_secrets_are_completed(tmp_path: Path) -> None:
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")

    complete = with_generated_secrets(settings)

    assert complete.secrets.master_key == settings.secrets.master_key
    assert generate_missing_secrets(complete) == {}
    assert "LITELLM_SALT_KEY" in generate_missing_secrets(settings)
