"""The text of ``docs/reference/commands.md``, generated from the commands themselves.

Owns its layout. This prints it: ``python -m gatewayctl.cli.syntax.reference``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import typer.main

from gatewayctl.cli.app import app

_INTRODUCTION: Final = """\
# Command reference

Generated from the code by `python -m gatewayctl.cli.syntax.reference`. Options of all commands are
accepted before and after the command: `gatewayctl -C DIR up`, `gatewayctl up -C DIR`. If one is
given twice, the last one wins.
"""
_EXIT_CODES: Final = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | internal error |
| 2 | usage: the command line |
| 3 | settings: `gateway.yaml`, `.env`, environment |
| 4 | runtime: an engine or process failed, port in use, not healthy in time, locked, disk full |
| 5 | gateway or Phoenix unreachable |
| 6 | gateway refused: credentials, unknown model, conflict |
| 7 | not verified, partly done, or a problem found |
| 8 | drift: files or keys differ from what is declared |
| 130 | interrupted |
"""
_OR: Final = "\\|"
"""A vertical bar in a cell of a Markdown table."""
_STANDARD: Final = frozenset({"--help", "--install-completion", "--show-completion"})


def iterate_commands(group: Any = None, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name, in the order of the help."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        full = f"{path} {name}".strip()
        nested = hasattr(command, "commands")
        if not nested or command.invoke_without_command:
            yield full, command
        if nested:
            yield from iterate_commands(command, full)


def render_page() -> str:
    """Render the whole page."""
    root = typer.main.get_command(app)
    sections = [_INTRODUCTION, "## Options of all commands\n\n" + _render_table(root)]
    sections += [_render_command(name, command) for name, command in iterate_commands()]
    return "\n".join([*sections, _EXIT_CODES])


def _render_command(name: str, command: Any) -> str:
    arguments = [_usage(each) for each in command.params if _is_argument(each)]
    usage = " ".join(["gatewayctl", name, *arguments, "[OPTIONS]"])
    return f"## {name}\n\n{command.help}\n\n```\n{usage}\n```\n\n{_render_table(command)}"


def _usage(argument: Any) -> str:
    is_bare = argument.required or argument.metavar.startswith("[")
    return str(argument.metavar if is_bare else f"[{argument.metavar}]")


def _render_table(command: Any) -> str:
    rows = [
        f"| `{_signature(each)}` | {each.help}{_default(each)} |"
        for each in command.params
        if not _STANDARD & set(each.opts) and not each.hidden
    ]
    return "\n".join(["| option | description |", "|---|---|", *rows, ""])


def _signature(parameter: Any) -> str:
    if _is_argument(parameter):
        return str(parameter.metavar)
    names = ", ".join(parameter.opts)
    if parameter.is_flag:
        return names
    return f"{names} {parameter.metavar.replace('|', _OR)}"


def _default(parameter: Any) -> str:
    is_shown = isinstance(parameter.default, str | int | float) and parameter.default is not False
    default = f" Default: `{parameter.default}`." if is_shown else ""
    environment = f" Environment: `{parameter.envvar}`." if parameter.envvar else ""
    return default + environment


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


if __name__ == "__main__":
    sys.stdout.write(render_page())
