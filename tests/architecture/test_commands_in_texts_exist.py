"""Every command that a message or a page names exists, with its options."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "examples" / "reasoning-api" / "README.md",
         *sorted((ROOT / "docs").rglob("*.md")))  # fmt: skip
IN_BACKTICKS = re.compile(r"`(gatewayctl [^`]+)`")
IN_A_BLOCK = re.compile(r"^(?:\$ )?(?:[^`\n|]*\| )?(gatewayctl [^`|\n]+)", re.MULTILINE)
VALUE = "1"
"""What stands for a value that is known only when a message is made."""


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string of a module but docstrings; the values of a formatted one are replaced."""
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if node in docstrings:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def commands() -> list[str]:
    found: set[str] = set()
    for path in sorted((ROOT / "src").rglob("*.py")):
        for text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            found.update(IN_BACKTICKS.findall(text))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found.update(" ".join(each.split()) for each in IN_BACKTICKS.findall(text))
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL):
            found.update(IN_A_BLOCK.findall(block))
    return sorted(found)


def words(command: str) -> list[str]:
    """The arguments that the shell passes: without redirections, other commands and comments."""
    line = re.split(r" [<>|&]+ |; |…", command.replace("docker|embedded", "docker"))[0]
    return shlex.split(line, comments=True)[1:]


def test_the_texts_name_commands() -> None:
    assert len(commands()) > 50


@pytest.mark.parametrize("command", commands())
def test_a_command_in_a_text_exists_with_its_options(command: str, tmp_path: Path) -> None:
    given = ["docker" if word == VALUE and command.startswith("gatewayctl --runtime") else word
             for word in words(command)]  # fmt: skip

    done = CliRunner().invoke(app, [*given, "--help"], obj=Overrides())

    assert done.exit_code == 0, done.output
