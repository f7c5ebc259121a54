"""The command that runs gatewayctl as the user started it, put into the hints that name one.

Texts name commands in backticks, such as ``Run `gatewayctl up`.``; only those are changed. JSON
documents, files and external text keep the plain name.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

NAME: Final = "gatewayctl"
_IN_TEXT: Final = re.compile(rf"`{NAME} ([^\s`]+)([^`]*)`")


def find_program(
    called: str | None = None,
    *,
    command_line: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """What to type to run this program again, quoted for a shell.

    That is ``gatewayctl`` if PATH leads to it, else its path as typed, ``python -m gatewayctl``,
    ``uvx gatewayctl`` or ``uv run gatewayctl``. By default for this process: ``called`` is
    sys.argv[0], ``command_line`` is sys.orig_argv.
    """
    script = Path(sys.argv[0] if called is None else called)
    environ = os.environ if environ is None else environ
    if script.name == "__main__.py" and script.parent.name == NAME:
        python = (sys.orig_argv if command_line is None else command_line)[0]
        return f"{shlex.quote(python)} -m {NAME}"
    # Not started by its script, such as from a test: the plain name is all that is known.
    if script.name != NAME or script.parent == Path():
        return NAME
    path = environ.get("PATH", "")
    found = shutil.which(NAME, path=path)
    if found is None or not _same_file(Path(found), script):
        return shlex.quote(str(script) if script.is_absolute() else os.path.relpath(script))
    # uv puts the program in the first folder of a PATH that ends with it.
    if "UV" in environ and _same_file(Path(path.split(os.pathsep)[0]), script.parent):
        return f"uv run {NAME}" if "UV_RUN_RECURSION_DEPTH" in environ else f"uvx {NAME}"
    return NAME


def name_program(
    text: str, program: str, project_dir: str | None = None, runtime: str | None = None
) -> str:
    """Put the program, and the options that a command needs to do the same, into a text.

    These are the folder it works in unless that is the current one, and the runtime that was given
    on the command line, without which another one may be chosen.
    """
    options = "" if project_dir is None else f" -C {shlex.quote(project_dir)}"
    chosen = "" if runtime is None else f" --runtime {runtime}"

    def replace(found: re.Match[str]) -> str:
        first, rest = found[1], found[2]
        if first in {"-C", "--project-dir"} or first.startswith("--help"):
            return f"`{program} {first}{rest}`"
        also = "" if "--runtime" in f"{first}{rest}" else chosen
        return f"`{program}{options}{also} {first}{rest}`"

    return _IN_TEXT.sub(replace, text)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
