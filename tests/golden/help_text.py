"""The help of every command, as it looks on a terminal of 80 columns."""

from __future__ import annotations

from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.cli.syntax.reference import iterate_commands


def help_text() -> str:
    """`gatewayctl --help`, then that of each command."""
    names = ["", *(name for name, _ in iterate_commands())]
    return "\n".join(_help(name) for name in names)


def _help(name: str) -> str:
    environment = {"COLUMNS": "80", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, [*name.split(), "--help"], env=environment)
    lines = (line.rstrip() for line in result.stdout.strip().splitlines())
    return f"$ gatewayctl {name} --help\n".replace("  ", " ") + "\n".join(lines) + "\n"
