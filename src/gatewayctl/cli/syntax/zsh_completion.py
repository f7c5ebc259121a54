"""The completion script for zsh: Typer's, whose first TAB in a new shell completes nothing.

zsh loads the installed script at that TAB. Typer's only registers a function then.
"""

from __future__ import annotations

from typing import Final

from typer import _completion_shared as completion

_REGISTER: Final = "compdef %(complete_func)s %(prog_name)s"
_COMPLETE_TOO: Final = """
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
  %(complete_func)s "$@"
fi"""


def answer_first_tab() -> None:
    """Let the script that Typer prints and installs complete when it is loaded."""
    script = completion.COMPLETION_SCRIPT_ZSH.replace(_REGISTER, _REGISTER + _COMPLETE_TOO)
    completion._completion_scripts["zsh"] = script  # noqa: SLF001 - Typer has no setting for it
