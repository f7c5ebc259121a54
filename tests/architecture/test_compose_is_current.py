"""``compose/``, for people without the tool, is what the tool renders by default."""

from __future__ import annotations

from pathlib import Path

from gatewayctl.rendering.plan import plan
from gatewayctl.rendering.write import differences
from tests.fakes.projects import project

ROOT = Path(__file__).parents[2]


def test_the_reference_stack_is_as_rendered(tmp_path: Path) -> None:
    found = differences(plan(project(tmp_path), runtime="embedded"), ROOT / "compose")

    assert found
    assert [file.diff for file in found] == [""] * len(found), (
        "render an empty project and copy its compose/ here"
    )
