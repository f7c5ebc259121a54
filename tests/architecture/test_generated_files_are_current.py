"""Generated files are current: examples, compose/, the command reference, help, JSON shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.expected import CLUSTERS, GOLDEN, PROJECTS, ROOT, generated

GENERATED = dict(generated())
REGENERATE = "regenerate it with `python -m tests.golden`, and review the difference"


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path], REGENERATE


def test_nothing_else_is_beside_them() -> None:
    folders = {ROOT / "compose", *(GOLDEN / name for name in (*PROJECTS, *CLUSTERS))}

    found = {path for folder in folders for path in folder.rglob("*") if path.is_file()}

    assert found == {path for path in GENERATED if not folders.isdisjoint(path.parents)}
