from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.model import Component, Operation
from tests.fakes.projects import problems, project


def test_declared_components_replace_those_of_the_reference_stack(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        "components:\n  ingest: {operations: [parse, embed], metadata: {tier: gold}}\n"
        "  answer: [draft]\n  bare:\n",
    )

    assert settings.components == (
        Component(name="ingest", operations=("parse", "embed"), metadata={"tier": "gold"}),
        Component(name="answer", operations=("draft",)),
        Component(name="bare"),
    )


def test_an_operation_may_declare_its_model_and_its_prompt(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        "components:\n  writer:\n    operations:\n"
        "      draft: {model: gpt-4o, prompt: Be brief.}\n      review:\n",
    )

    (writer,) = settings.components
    assert writer.operations == ("draft", "review")
    assert writer.operation("draft") == Operation(model="gpt-4o", prompt="Be brief.")
    assert writer.operation("review") == writer.operation("other") == Operation()


def test_every_operation_of_the_reference_stack_has_a_prompt(tmp_path: Path) -> None:
    operations = [
        component.operation(name)
        for component in project(tmp_path).components
        for name in component.operations
    ]

    assert len(operations) == 3
    assert all(operation.prompt for operation in operations)


def test_the_offline_models_of_operations_are_served_in_development_only(tmp_path: Path) -> None:
    wanted = {"demo", "demo-step", "demo-classifier"}

    development = {model.name for model in project(tmp_path).served}
    production = {model.name for model in project(tmp_path, "profile: production\n").served}

    assert wanted <= development
    assert not wanted & production


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("components: [a]", "components must be a mapping, not a list"),
        ("components: {c: 3}", "components.c must be a mapping, not '3'"),
        ("components: {c: [a, a]}", "'a' is given twice in components.c.operations"),
        ("components: {c: {operations: 3}}", "components.c.operations must be a string"),
        ("components: {c: {operations: {a: x}}}", "components.c.operations.a must be a mapping"),
        ("components: {c: {operations: {a: {modle: x}}}}", "unknown setting 'modle' in compo"),
        ("components: {c: {operations: {a: {prompt: 3}}}}", "components.c.operations.a.prompt"),
        (
            "components: {c: {operations: {'a:b': ~}}}",
            "the operation 'a:b' must contain only",
        ),
        ("components: {c: {operation: [a]}}", "unknown setting 'operation' in components.c (did"),
        ("components: {'a b': ~}", "the component name 'a b' must contain only letters, digits"),
        ("components: {'a,b': ~}", "the component name 'a,b' must contain only letters, digits"),
        ("components: {c: ['x:y']}", "the operation 'x:y' must contain only letters, digits"),
        ("components: {c: {metadata: [1]}}", "components.c.metadata must be a mapping"),
        ("components: {c: {metadata: {component: x}}}", "components.c.metadata must not set"),
        ("components: {c: ~, c: ~}", "'c' is given twice"),
    ],
)
def test_a_wrong_component_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (found,) = problems(tmp_path, text + "\n")

    assert found.startswith("gateway.yaml line 1 column ")
    assert found.split(": ", 1)[1].startswith(message)
