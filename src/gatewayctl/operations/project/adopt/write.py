"""Write a planned adoption so that whatever a kill leaves is finished by a repetition.

Owns the order: what can fail is checked first, then .gitignore, .env, the files, and gateway.yaml
last. A file with another content is never overwritten without `force`, and then kept. Must not know
how the plan was made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import FileUnwritable, Problem, SettingsInvalid
from gatewayctl.files.atomic import PRIVATE, write_atomically
from gatewayctl.files.regular import read_regular_file
from gatewayctl.operations.project.adopt.plan import Adoption, PlannedFile
from gatewayctl.operations.project.adopt.report import AdoptedFile, FileState
from gatewayctl.operations.project.gitignore import ensure_ignored
from gatewayctl.settings.model import STATE_DIR_NAME

REPLACED: Final = "replaced"
"""The folder, in the project's state, of files that were replaced: they can contain secrets."""
_COMMENT: Final = "Taken over from the configuration of LiteLLM. Keep it secret."
_PUBLIC: Final = 0o644


def check_files(adoption: Adoption, project_dir: Path, *, force: bool) -> None:
    """Raise SettingsInvalid for a file that is there with another content, unless ``force``."""
    problems = tuple(
        Problem(
            source=str(planned.target),
            message=f"exists already, and is not what {planned.made_from.name} becomes",
        )
        for planned in adoption.files
        if not force and not _is_original(planned, project_dir) and _is_other(planned, project_dir)
    )
    if problems:
        raise SettingsInvalid(
            problems=problems,
            hint="Nothing was changed. Replace it with --force, which keeps the old file, or adopt"
            " into an empty folder.",
        )


def write_env(adoption: Adoption, project_dir: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write .gitignore and .env; returns the added lines of the first and names of the second."""
    ignored = ensure_ignored(project_dir, more=adoption.ignored)
    done = update_env_file(
        project_dir / ".env", adoption.env, only_missing=True, comment=_COMMENT, sh=False
    )
    return ignored, done.added + done.changed


def write_files(adoption: Adoption, project_dir: Path) -> tuple[AdoptedFile, ...]:
    """Write the files, litellm.yaml last; replaced ones are kept in the project's state."""
    ordered = sorted(adoption.files, key=lambda planned: planned is adoption.files[0])
    states = {planned.target: _write(planned, project_dir) for planned in ordered}
    return tuple(
        AdoptedFile(
            path=str(planned.target),
            made_from=str(planned.made_from),
            state=states[planned.target],
            private=planned.private,
        )
        for planned in adoption.files
    )


def _write(planned: PlannedFile, project_dir: Path) -> FileState:
    path = project_dir / planned.target
    mode = PRIVATE if planned.private else _PUBLIC
    old = _read(path)
    if old == planned.content:
        if planned.private and path.stat().st_mode & ~PRIVATE & 0o777:
            path.chmod(PRIVATE)
        return "unchanged"
    if old is not None:
        _keep(old, project_dir, planned)
    write_atomically(path, planned.content, mode=mode)
    return "written" if old is None else "replaced"


def _keep(old: bytes, project_dir: Path, planned: PlannedFile) -> None:
    folder = project_dir / STATE_DIR_NAME / REPLACED
    number = 1
    while (kept := folder / f"{planned.target.name}.{number}").exists():
        if kept.read_bytes() == old:
            return
        number += 1
    write_atomically(kept, old, mode=PRIVATE)


def _is_other(planned: PlannedFile, project_dir: Path) -> bool:
    old = _read(project_dir / planned.target)
    return old is not None and old != planned.content


def _is_original(planned: PlannedFile, project_dir: Path) -> bool:
    """True if the file itself is adopted: it is in the project already."""
    path = project_dir / planned.target
    return path.exists() and path.samefile(planned.made_from)


def _read(path: Path) -> bytes | None:
    try:
        return read_regular_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileUnwritable(f"Cannot read {path}: {error.strerror}.") from error
