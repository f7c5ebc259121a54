from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.model import Component
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("components: [a]", "components must be a mapping, not a list"),
        ("components: {c: 3}", "components.c must be a mapping, not '3'"),
        ("components: {c: [a, a]}", "'a' is given twice in components.c.operations"),
        ("components: {c: {operations: {}}}", "each of components.c.operations must be a text"),
        ("components: {c: {operation: [a]}}", "unknown setting 'operation' in components.c (did"),
        ("components: {'a b': ~}", "the component name 'a b' may hold letters, digits"),
        ("components: {'a,b': ~}", "the component name 'a,b' may hold letters, digits"),
        ("components: {c: ['x:y']}", "the operation 'x:y' may hold letters, digits"),
        ("components: {c: {metadata: [1]}}", "components.c.metadata must be a mapping"),
        ("components: {c: {metadata: {component: x}}}", "components.c.metadata must not set"),
        ("components: {c: ~, c: ~}", "'c' is given twice"),
    ],
)
def test_a_wrong_component_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    (found,) = problems(tmp_path, text + "\n")

    assert found.startswith("gateway.yaml line 1 column ")
    assert found.split(": ", 1)[1].startswith(message)
