"""Whatever gateway.yaml holds, loading ends in Settings or in a list of problems."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gatewayctl.errors import SettingsInvalid
from gatewayctl.rendering.plan import plan_files
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

NAMES = st.text(max_size=5) | st.sampled_from(
    [
        *("models", "keys", "components", "ports", "litellm", "bind", "runtime", "profile"),
        *("m", "demo", "model", "params", "api_key", "api_key_env", "api_base", "timeout"),
        *("mock_response", "num_retries", "custom_llm_provider", "password", "a..b"),
        *("env", "metadata", "duration", "operations", "component", "sk-0123456789abcdefghij"),
        *("apps", "images", "workers", "image", "build", "key", "command", "environment"),
    ]
)
VALUES = st.text(max_size=5) | st.sampled_from(
    [
        *("embedded", "docker", "production", "127.0.0.1", "openai/x", "none", "30d"),
        *("os.environ/X", "os.environ/", "MY_KEY", "LITELLM_MASTER_KEY"),
        *("sk-0123456789abcdefghij", "postgres:16", "x:latest", "8080:80", "litellm-dev", "$A"),
    ]
)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)
SECTION = st.dictionaries(NAMES, st.dictionaries(NAMES, DATA, max_size=5) | DATA, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("models", "keys", "components", "apps"), SECTION),
        **dict.fromkeys(("ports", "images", "workers"), DATA),
    },
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


@hypothesis(deadline=None)
@given(DATA | DOCUMENTS | st.dictionaries(NAMES, DATA, max_size=4))
def test_any_data_is_settings_or_problems(data: Any) -> None:
    settings = loaded(data)

    if settings is not None:
        assert plan_files(settings, runtime="embedded")
        assert all(
            yaml.safe_load(file.content) for file in plan_files(settings, runtime="docker")[::2]
        )


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
APP = st.fixed_dictionaries(
    {"image": st.sampled_from(["x", "shop/web:3"])},
    optional={
        "ports": st.lists(st.integers(7000, 7100), max_size=3, unique=True),
        "command": st.lists(WORDS, max_size=3),
        "environment": st.dictionaries(st.sampled_from(["A", "B"]), WORDS),
        "key": st.sampled_from(["litellm-dev", "litellm-eval"]),
    },
)


@hypothesis(deadline=None, max_examples=30)
@given(app=APP, workers=st.integers(1, 256))
def test_a_right_app_is_never_refused(app: dict[str, Any], workers: int) -> None:
    settings = loaded({"apps": {"api": app}, "workers": workers})
    texts = [*app.get("command", []), *app.get("environment", {}).values()]

    if settings is None:
        assert any("\0" in text or text.startswith("os.environ/") for text in texts)
    else:
        (compose, *_) = plan_files(settings, runtime="docker")
        service = yaml.safe_load(compose.content)["services"]["api"]
        assert service["image"] == app["image"]
        assert len(service.get("ports", [])) == len(app.get("ports", []))


@hypothesis(deadline=None)
@given(
    models=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9.\-]{0,8}", fullmatch=True),
        st.fixed_dictionaries(
            {"model": st.sampled_from(["openai/x", "groq/y", "gpt-4o"])},
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
