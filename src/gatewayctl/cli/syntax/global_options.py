"""The options of the program, accepted after every command too: ``gatewayctl up -q``.

Each command gets a copy of the options that are declared once, at the root. A copy is hidden in the
command's help, where one line refers to them, and has no spelling that the command uses itself.
Shell completion offers the copies, too.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gatewayctl.cli.context import App

_EPILOG: Final = "Global options can be given here too, see `gatewayctl --help`."
_COMPLETES: Final = "_GATEWAYCTL_COMPLETE"
"""Set by the completion script of a shell that asks what can follow."""
_ABOUT_COMPLETION: Final = frozenset({"install_completion", "show_completion"})
"""Typer's own options, used once in a lifetime: not offered after each command."""


def accept_globals(command: Any, options: Sequence[Any]) -> None:
    """Add the global options to a command or group, and mention them in its help."""
    taken = {word for own in command.params for word in own.opts}
    for option in options:
        words = [word for word in option.opts if word not in taken]
        if words:
            command.params.append(_copy(option, words))
    command.epilog = _EPILOG


def _copy(option: Any, words: list[str]) -> Any:
    copied = copy.copy(option)
    copied.opts = words
    # Completion and help leave out what is hidden, and only the help has a line that refers to it.
    copied.hidden = _COMPLETES not in os.environ or option.name in _ABOUT_COMPLETION
    copied.expose_value = False
    # A command may have a parameter of the same name.
    copied.name = f"global_{option.name}"
    if option.callback is None:
        copied.callback = _override
    return copied


def _override(ctx: Any, option: Any, value: Any) -> None:
    """Let the later one win, as it does for an option that is given twice in one place."""
    app, source = ctx.find_root().obj, ctx.get_parameter_source(option.name)
    if not isinstance(app, App) or source.name != "COMMANDLINE":
        return
    name = option.name.removeprefix("global_")
    if name == "project_dir":
        app.project_dir = Path(value).absolute()
    elif name == "quiet":
        app.quiet = value
    elif name == "verbose":
        app.log()
    else:
        app.flags = {**app.flags, name: value}
