"""Compare rendered files with those on disk, and write those that differ.

Owns the comparison, the masking of diffs and the policy for links. Must not know how a file was
rendered. A link is followed inside the folder only: writing through one that leads elsewhere would
change a file outside the project.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from gatewayctl.errors import FileUnwritable
from gatewayctl.files.atomic import write_atomically
from gatewayctl.rendering.plan import RenderedFile
from gatewayctl.settings.masking import mask

DifferenceState = Literal["missing", "changed", "unchanged"]

_NO_NEWLINE: Final = "\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """How a file on disk differs from the rendered one.

    ``diff`` is a unified diff from disk to rendered, secrets masked; empty if unchanged.
    """

    path: PurePosixPath
    state: DifferenceState
    diff: str


def compare_files(files: Sequence[RenderedFile], folder: Path) -> tuple[FileDifference, ...]:
    """Compare rendered files with a folder.

    Raises FileUnwritable for a file that cannot be read, or is a link out of the folder.
    """
    return tuple(_compare_file(file, folder) for file in files)


def write_files(files: Sequence[RenderedFile], folder: Path) -> tuple[FileDifference, ...]:
    """Write the files that differ, each atomically, and return how they differed.

    Unchanged files are not touched. Raises FileUnwritable before anything is written if it can be
    detected then, otherwise after the previous files are complete.
    """
    found = compare_files(files, folder)
    for file, difference in zip(files, found, strict=True):
        if difference.state != "unchanged":
            write_atomically(_resolve_target(file, folder), file.content.encode())
    return found


def _compare_file(file: RenderedFile, folder: Path) -> FileDifference:
    path = _resolve_target(file, folder)
    try:
        old = path.read_bytes()
    except FileNotFoundError:
        state: DifferenceState = "missing"
        old = b""
    except OSError as error:
        raise FileUnwritable(f"Cannot read {path}: {error.strerror}.") from error
    else:
        state = "unchanged" if old == file.content.encode() else "changed"
    diff = "" if state == "unchanged" else _diff(old.decode(errors="replace"), file)
    return FileDifference(path=file.path, state=state, diff=mask(diff))


def _resolve_target(file: RenderedFile, folder: Path) -> Path:
    """The file to read and write, with links resolved."""
    try:
        root = folder.resolve()
        target = (root / file.path).resolve()
    except RuntimeError as error:
        raise FileUnwritable(f"{folder / file.path} is a link to itself.") from error
    if not target.is_relative_to(root):
        raise FileUnwritable(
            f"{folder / file.path} is a link to {target}, outside of {root}.",
            hint="Remove the link, or make the whole folder a link.",
        )
    return target


def _diff(old: str, file: RenderedFile) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        file.content.splitlines(keepends=True),
        f"{file.path} (on disk)",
        f"{file.path} (rendered)",
    )
    return "".join(line if line.endswith("\n") else f"{line}{_NO_NEWLINE}" for line in lines)
