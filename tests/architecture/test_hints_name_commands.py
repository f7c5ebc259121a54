"""Commands in messages are in backticks: there the output puts the program as it was called."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from gatewayctl.cli.syntax.reference import iterate_commands

SOURCE = Path(__file__).parents[2] / "src" / "gatewayctl"
COMMANDS = {name.split()[0] for name, _ in iterate_commands()}
BARE = re.compile(rf"(?<!`)(?<!\ba )\bgatewayctl (?:(?:{'|'.join(COMMANDS)})\b(?!-)|-)")
# What they contain is written to files, pages or spans.
NOT_SHOWN = {
    "cli/syntax/reference.py",
    "operations/chat/route.py",
    "operations/chat/send.py",
    "operations/diagnosis/findings/document.py",
    "operations/upgrade/setting.py",
    "rendering/compose.py",
    "settings/gateway_yaml.py",
}


def find_texts(tree: ast.AST) -> list[str]:
    """Every string of a module that is not a docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docstrings
    ]


def test_every_command_in_a_message_is_in_backticks() -> None:
    bare = [
        f"{path}: {text}"
        for path in sorted(SOURCE.rglob("*.py"))
        if str(path.relative_to(SOURCE)) not in NOT_SHOWN
        for text in find_texts(ast.parse(path.read_text(encoding="utf-8")))
        if BARE.search(text)
    ]

    assert bare == []


def test_the_pattern_finds_what_it_is_for() -> None:
    assert BARE.search("Next: gatewayctl up")
    assert BARE.search("gatewayctl -C DIR up")
    assert not BARE.search("Run `gatewayctl up`.")
    assert not BARE.search("another gatewayctl is running")
