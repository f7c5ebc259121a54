"""The example application uses the same components, prompts and models as the stack."""

from __future__ import annotations

import re
from pathlib import Path

from gatewayctl.operations.chat import route
from gatewayctl.settings import reference
from gatewayctl.settings.load import load_settings
from reasoning_api import calls, paths

EXAMPLE = Path(__file__).parents[2] / "examples" / "reasoning-api"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")


def test_its_calls_are_those_of_chat_route() -> None:
    ours = {(each.component, each.operation) for each in (calls.STEP, calls.SYNTHESIS)}

    assert ours == set(route.PATHS["reasoning"])
    assert (calls.ROUTING.component, calls.ROUTING.operation) == route.ROUTING
    assert calls.PASSTHROUGH.component == route.PASSTHROUGH[0]


def test_its_prompts_are_those_of_the_reference_stack() -> None:
    assert paths.STEP_PROMPT == reference.STEP_PROMPT
    assert paths.SYNTHESIS_PROMPT == reference.SYNTHESIS_PROMPT
    assert paths.ROUTING_PROMPT == reference.ROUTING_PROMPT


def test_the_offline_models_answer_in_the_formats_it_requires() -> None:
    assert paths.Step.model_validate_json(reference.DEMO.parts["demo-step"]).done
    assert paths.Route.model_validate_json(reference.DEMO.parts["demo-classifier"]).route


def test_the_gateway_yaml_of_its_readme_is_valid_and_its_models_are_served(
    tmp_path: Path,
) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "gateway.yaml").write_text(block, encoding="utf-8")

    settings = load_settings(tmp_path, environ={})

    (app,) = settings.apps
    served = {model.name for model in settings.served}
    assert {value for name, value in app.environment.items() if name.endswith("MODEL")} <= served
    assert app.build == EXAMPLE.relative_to(EXAMPLE.parents[1]).as_posix()
    assert f"EXPOSE {app.ports[8000]}" in (EXAMPLE / "Dockerfile").read_text(encoding="utf-8")


def test_its_demo_env_and_its_gateway_yaml_use_the_same_models() -> None:
    lines = (EXAMPLE / "demo.env").read_text(encoding="utf-8").splitlines()
    models = [line.split("=") for line in lines if re.match(r"[A-Z_]*MODEL=", line)]

    assert len(models) == 3
    for name, value in models:
        assert f"      {name}: {value}\n" in README
