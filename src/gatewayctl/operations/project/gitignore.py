"""The lines of .gitignore that keep secrets and state out of a repository.

Owns which lines, and whether one is present. Everything else in the file stays unchanged, byte for
byte. Must not know what is in the ignored files.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from gatewayctl.errors import FileUnwritable
from gatewayctl.files.atomic import write_atomically

IGNORED: Final = (".env", ".env.gatewayctl-tmp", ".gatewayctl/", "*.gatewayctl-backup")
_REASON: Final = "# gatewayctl: secrets and state"


def ensure_ignored(project_dir: Path, *, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Append the missing lines and return them; ``more`` are paths of files with secrets.

    Follows a symbolic link, since the file may be shared. Raises FileUnwritable.
    """
    path = Path(os.path.realpath(project_dir / ".gitignore"))
    old = _read(path)
    missing = _missing(old, (*IGNORED, *map(pattern_of, more)))
    if missing:
        end = b"\r\n" if b"\r\n" in old else b"\n"
        lines = [line.encode() for line in (_REASON, *missing)]
        start = old if not old or old.endswith(b"\n") else old + end
        gap = end if start else b""
        write_atomically(path, start + gap + b"".join(line + end for line in lines))
    return missing


def find_missing_lines(folder: Path) -> tuple[str, ...]:
    """Return the lines that the folder's .gitignore lacks. Raises FileUnwritable."""
    return _missing(_read(folder / ".gitignore"))


def pattern_of(path: str) -> str:
    """The line of .gitignore that means this path alone."""
    escaped = re.sub(r"([\\\[\]*?]|^[#!]| (?= *$))", r"\\\1", path)
    # A pattern ends with its line: there is no escape for a line end.
    return re.sub(r"[\r\n]", "?", escaped)


def _missing(content: bytes, wanted: tuple[str, ...] = IGNORED) -> tuple[str, ...]:
    lines = (line.removesuffix("\r") for line in content.decode(errors="replace").split("\n"))
    # A blank at the end counts where a backslash is before it.
    present = {text.strip("/") for line in lines for text in (line, line.strip())}
    return tuple(line for line in wanted if line.strip("/") not in present)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise FileUnwritable(f"Cannot read {path}: {error.strerror}.") from error
