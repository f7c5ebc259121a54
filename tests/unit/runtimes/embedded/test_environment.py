from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.environment import (
    HERE,
    LOCKS,
    VENVS,
    Environment,
    count_locked_packages,
    key,
    locate,
)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A copy of everything that goes into an environment."""
    copy = tmp_path / "inputs"
    shutil.copytree(HERE / "locks", copy / "locks")
    skipped = shutil.ignore_patterns("node_modules", "__pycache__")
    shutil.copytree(HERE / "prisma", copy / "prisma", ignore=skipped)
    return copy


def append(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a lock changes": lambda here: append(here / "locks" / "litellm.txt"),
    "a lock is added": lambda here: (here / "locks" / "other.txt").write_text(""),
    "the engine changes": lambda here: append(here / "prisma" / "query_engine.mjs"),
    "a file of the engine is renamed": lambda here: (here / "prisma" / "metrics.mjs").rename(
        here / "prisma" / "numbers.mjs"
    ),
    "a program of the engine changes": lambda here: append(here / "prisma" / "bin" / "prisma"),
}


def test_the_same_inputs_have_the_same_key_wherever_they_are(inputs: Path) -> None:
    assert key(inputs) == key()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_key_changes_when(change: Callable[[Path], object], inputs: Path) -> None:
    before = key(inputs)

    change(inputs)

    assert key(inputs) != before


def test_files_of_tools_are_not_part_of_the_key(inputs: Path) -> None:
    before = key(inputs)

    for folder in ("node_modules", "__pycache__"):
        (inputs / "prisma" / folder).mkdir()
        (inputs / "prisma" / folder / "left.behind").write_text("x")
    (inputs / "locks" / "litellm.in").write_text("the requirements of the lock")

    assert key(inputs) == before


def test_the_environment_is_in_the_cache_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert locate().root == tmp_path / "gatewayctl" / "embedded" / key()


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_a_cache_folder_that_is_not_absolute_is_ignored(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert locate().root.is_relative_to(tmp_path / ".cache")


def test_an_environment_without_its_mark_is_not_complete(tmp_path: Path) -> None:
    environment = locate(tmp_path)
    environment.postgres_bin.mkdir(parents=True)
    environment.complete_mark.with_suffix(".partial").write_text("{}")
    assert not environment.complete

    environment.complete_mark.write_text("{}")

    assert environment.complete


def test_versions_are_read_from_the_mark(tmp_path: Path) -> None:
    environment = Environment(root=tmp_path)
    environment.complete_mark.write_text(json.dumps({"versions": {"litellm": "1.106.2"}}))

    assert environment.versions() == {"litellm": "1.106.2"}


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"versions": null}', "\udcff"])
def test_an_unreadable_mark_means_no_versions(text: str | None, tmp_path: Path) -> None:
    environment = Environment(root=tmp_path)
    if text is not None:
        environment.complete_mark.write_bytes(text.encode("utf-8", "surrogateescape"))

    assert environment.versions() == {}


@pytest.mark.parametrize("venv", VENVS)
def test_every_locked_package_is_pinned_with_a_hash(venv: str) -> None:
    text = (LOCKS / f"{venv}.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^(\S+==\S+)( ;.*)? \\\n    --hash=sha256:", text, re.MULTILINE)

    assert len(pinned) == count_locked_packages(venv) > 1


def test_programs_are_inside_the_environment(tmp_path: Path) -> None:
    environment = Environment(root=tmp_path)

    programs = [environment.python(venv) for venv in VENVS]
    programs += [environment.node, environment.npm_cli, environment.query_engine]
    programs += [environment.postgres_bin, environment.migrations, environment.node_modules]

    assert len(set(programs)) == len(programs)
    assert all(program.is_relative_to(tmp_path) for program in programs)
