"""Whatever gateway.yaml holds, loading ends in Settings or in a list of problems."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import SettingsInvalid
from gatewayctl.rendering.plan import plan
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

NAMES = st.text(max_size=5) | st.sampled_from(
    [
        *("models", "keys", "components", "ports", "litellm", "bind", "runtime", "profile"),
        *("m", "demo", "model", "params", "api_key", "api_key_env", "api_base", "timeout"),
        *("mock_response", "num_retries", "custom_llm_provider", "password", "a..b"),
        *("env", "metadata", "duration", "operations", "component", "sk-0123456789abcdefghij"),
    ]
)
VALUES = st.text(max_size=5) | st.sampled_from(
    [
        *("embedded", "docker", "production", "127.0.0.1", "openai/x", "none", "30d"),
        *("os.environ/X", "os.environ/", "MY_KEY", "LITELLM_MASTER_KEY"),
        "sk-0123456789abcdefghij",
    ]
)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)
SECTION = st.dictionaries(NAMES, st.dictionaries(NAMES, DATA, max_size=5) | DATA, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"models": SECTION, "keys": SECTION, "components": SECTION, "ports": DATA}
)


def loaded(data: Any) -> Settings | None:
    """The settings of a file with that data (JSON is YAML), or None if it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return project(Path(folder), json.dumps(data))
        except SettingsInvalid as error:
            refusal = error
    assert refusal.problems
    assert "0123456789abcdefghij" not in str(refusal)
    return None


@given(DATA | DOCUMENTS | st.dictionaries(NAMES, DATA, max_size=4))
def test_any_data_is_settings_or_problems(data: Any) -> None:
    settings = loaded(data)

    assert settings is None or plan(settings, runtime="embedded")


@given(
    models=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9.\-]{0,8}", fullmatch=True),
        st.fixed_dictionaries(
            {"model": st.sampled_from(["openai/x", "groq/y", "z"])},
            optional={
                "num_retries": st.integers(0, 9),
                "timeout": st.floats(0.5, 900) | st.integers(1, 900),
                "params": st.dictionaries(
                    st.sampled_from(["temperature", "seed", "extra_body"]),
                    st.integers(-9, 9),
                    max_size=2,
                ),
            },
        ),
        max_size=4,
    )
)
def test_right_models_are_never_refused(models: dict[str, Any]) -> None:
    settings = loaded({"profile": "production", "models": models})

    assert settings is not None
    assert {model.name: model.litellm_params["model"] for model in settings.models} == {
        name: entry["model"] for name, entry in models.items()
    }
