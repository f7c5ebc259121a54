"""Hints name the program as the user called it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayctl.output.program import find_program, name_program


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script of an installed gatewayctl."""
    path = tmp_path / "venv" / "bin" / "gatewayctl"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def path_of(*folders: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, folders))}


def test_a_program_on_path_is_called_by_its_name(script: Path, tmp_path: Path) -> None:
    assert find_program(str(script), environ=path_of(tmp_path, script.parent)) == "gatewayctl"


def test_a_link_on_path_counts_as_the_program(script: Path, tmp_path: Path) -> None:
    (tmp_path / "gatewayctl").symlink_to(script)

    assert find_program(str(script), environ=path_of(tmp_path)) == "gatewayctl"


def test_a_program_that_is_not_on_path_is_called_by_its_path(script: Path, tmp_path: Path) -> None:
    assert find_program(str(script), environ=path_of(tmp_path)) == str(script)


def test_a_relative_path_stays_relative(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(script.parents[1])

    assert find_program("bin/gatewayctl", environ={"PATH": ""}) == "bin/gatewayctl"


def test_another_gatewayctl_on_path_is_not_this_one(script: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "gatewayctl").write_text("#!/bin/sh\n")
    (other / "gatewayctl").chmod(0o755)

    assert find_program(str(script), environ=path_of(other)) == str(script)


def test_a_path_with_blanks_is_quoted(script: Path, tmp_path: Path) -> None:
    moved = script.parents[1].rename(tmp_path / "my venv") / "bin" / "gatewayctl"

    assert find_program(str(moved), environ={"PATH": ""}) == f"'{moved}'"


@pytest.mark.parametrize("python", ["python3", ".venv/bin/python"])
def test_a_module_is_called_by_its_python(python: str) -> None:
    command_line = [python, "-m", "gatewayctl", "up"]
    called = "/site-packages/gatewayctl/__main__.py"

    assert find_program(called, command_line=command_line) == f"{python} -m gatewayctl"


@pytest.mark.parametrize(
    ("variables", "program"),
    [
        ({"UV": "/bin/uv"}, "uvx gatewayctl"),
        ({"UV": "/bin/uv", "UV_RUN_RECURSION_DEPTH": "1"}, "uv run gatewayctl"),
    ],
)
def test_a_program_that_uv_started_is_called_through_uv(
    variables: dict[str, str], program: str, script: Path, tmp_path: Path
) -> None:
    environ = variables | path_of(script.parent, tmp_path)

    assert find_program(str(script), environ=environ) == program


def test_a_program_below_uv_that_uv_did_not_start_keeps_its_name(
    script: Path, tmp_path: Path
) -> None:
    environ = {"UV": "/bin/uv"} | path_of(tmp_path, script.parent)

    assert find_program(str(script), environ=environ) == "gatewayctl"


def test_another_program_such_as_pytest_knows_the_plain_name_only() -> None:
    assert find_program("/usr/bin/pytest", environ={"PATH": ""}) == "gatewayctl"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Run `gatewayctl up`.", "Run `bin/gatewayctl -C shop up`."),
        ("See `gatewayctl --help`.", "See `bin/gatewayctl --help`."),
        ("Run `gatewayctl -C DIR init`.", "Run `bin/gatewayctl -C DIR init`."),
        (
            "`gatewayctl up`, then `gatewayctl --runtime docker status`.",
            "`bin/gatewayctl -C shop up`, then `bin/gatewayctl -C shop --runtime docker status`.",
        ),
        ("Another gatewayctl is changing it.", "Another gatewayctl is changing it."),
        ("gatewayctl up (pid 7) holds the lock.", "gatewayctl up (pid 7) holds the lock."),
        ("Install `gatewayctl` again.", "Install `gatewayctl` again."),
        ("The component `gatewayctl-chat` calls.", "The component `gatewayctl-chat` calls."),
    ],
)
def test_only_commands_are_named(text: str, named: str) -> None:
    assert name_program(text, "bin/gatewayctl", "shop") == named


def test_a_runtime_of_the_command_line_is_repeated_unless_the_command_has_one() -> None:
    text = "`gatewayctl init`, `gatewayctl --runtime docker up` or `gatewayctl -C DIR down`"

    assert name_program(text, "gatewayctl", runtime="embedded") == (
        "`gatewayctl --runtime embedded init`, `gatewayctl --runtime docker up` "
        "or `gatewayctl -C DIR down`"
    )


def test_a_folder_with_blanks_is_quoted() -> None:
    named = name_program("`gatewayctl up`", "gatewayctl", "my shop")

    assert named == "`gatewayctl -C 'my shop' up`"
