"""Every command that a message or a page names exists, with its options."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from gatewayctl.cli.app import app

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


def complaint(given: list[str], command: Any) -> str | None:
    """What the command line does not know; None if it knows the command and its options.

    Works on the parsed commands: to run each with --help takes a tenth of a second.
    """
    options: dict[str, Any] = {}
    takes_value = False
    for word in given:
        if takes_value:
            takes_value = False
            continue
        options |= {name: each for each in command.params for name in each.opts}
        if word.startswith("-") and word != "-":
            name, *value = word.split("=", 1)
            if name not in {*options, "-h", "--help"}:
                return f"no option {name}"
            takes_value = not value and name in options and not options[name].is_flag
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return f"no command {word}"
            command = command.commands[word]
    return None


def test_a_command_in_a_text_exists_with_its_options() -> None:
    found, program = commands(), typer.main.get_command(app)

    assert len(found) > 50
    wrong = {command: complaint(words(command), program) for command in found}
    assert {command: why for command, why in wrong.items() if why is not None} == {}


@pytest.mark.parametrize("line", ["nonsense", "keys nonsense", "up --nonsense", "-C x keys -z"])
def test_what_does_not_exist_is_found(line: str) -> None:
    assert complaint(line.split(), typer.main.get_command(app)) is not None
