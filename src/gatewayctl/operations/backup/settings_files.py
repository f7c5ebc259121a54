"""The files of a backup that a project's settings are in: gateway.yaml and what it refers to.

A file that the project lacks is written; one that exists is kept, whatever is in it. gateway.yaml
is written last: with it but without a file that it refers to the settings could not be loaded, and
an interrupted restore could not be run again. Owns that order, and whether a backup is of this
project. Must not know databases.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from gatewayctl.errors import BackupForeign
from gatewayctl.files.atomic import PRIVATE, write_atomically
from gatewayctl.files.regular import read_regular_file
from gatewayctl.operating_system import real_path
from gatewayctl.operations.backup import own_names
from gatewayctl.operations.backup.archive import CONFIG, Manifest, OwnFile, place_own_file
from gatewayctl.operations.backup.env import MASTER, BackupEnv
from gatewayctl.operations.project.gitignore import ensure_ignored
from gatewayctl.settings.model import Settings

FileOutcome = Literal["restored", "kept", "kept_different", "outside"]
ConfigOutcome = Literal["restored", "kept", "kept_different", "none"]
_READABLE: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredFile:
    """What was done with a file of the backup; ``path`` is relative to the project.

    ``outside`` is one that would be written through a link to another place: it is not.
    """

    path: str
    state: FileOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFiles:
    """What was done with gateway.yaml, and with the files that it refers to."""

    config: ConfigOutcome
    files: tuple[RestoredFile, ...]


def restore_settings_files(
    settings: Settings, manifest: Manifest, work: Path, env: BackupEnv, *, force: bool
) -> SettingsFiles:
    """Write what the project lacks. Raises BackupForeign before, and FileUnwritable."""
    content = (work / CONFIG).read_bytes() if CONFIG in manifest.files else None
    if not force and not _is_of_project(settings, manifest, content, env):
        raise BackupForeign(
            f"The backup is of the project {manifest.project!r}, not of {settings.project_name!r}."
        )
    files = _restore_files(settings.project_dir, manifest, work)
    return SettingsFiles(config=_restore_config(settings.config_file, content), files=files)


def _is_of_project(
    settings: Settings, manifest: Manifest, content: bytes | None, env: BackupEnv
) -> bool:
    """True for a backup of this project, or of the one that an earlier attempt created here.

    Without a name in gateway.yaml a project has that of its folder, and here that may be another.
    """
    if manifest.project == settings.project_name:
        return True
    if content is None:
        return False
    is_new = not settings.env_file.exists()
    if not settings.config_file.exists():
        return is_new
    has_its_key = settings.secrets.master_key == env.values[MASTER]
    return settings.config_file.read_bytes() == content and (is_new or has_its_key)


def _restore_config(target: Path, content: bytes | None) -> ConfigOutcome:
    exists = target.exists()
    if content is None:
        return "kept" if exists else "none"
    if exists:
        return "kept" if target.read_bytes() == content else "kept_different"
    write_atomically(target, content)
    return "restored"


def _restore_files(project: Path, manifest: Manifest, work: Path) -> tuple[RestoredFile, ...]:
    outcomes = {name: _compare(project, name, own) for name, own in manifest.project_files.items()}
    missing = [name for name, outcome in outcomes.items() if outcome == "restored"]
    if private := tuple(name for name in missing if manifest.project_files[name].private):
        # First, so that they are ignored from the moment that they exist.
        ensure_ignored(project, more=private)
    for number, (name, own) in enumerate(manifest.project_files.items()):
        if name in missing:
            content = place_own_file(work, number).read_bytes()
            write_atomically(project / name, content, mode=PRIVATE if own.private else _READABLE)
    return tuple(RestoredFile(path=name, state=state) for name, state in outcomes.items())


def _compare(project: Path, name: str, own: OwnFile) -> FileOutcome:
    """What is to be done with a file: ``restored`` for one that the project lacks."""
    target = project / name
    if os.path.lexists(target):
        return "kept" if _has_content(target, own) else "kept_different"
    folder = real_path(target.parent)
    if not folder.is_relative_to(project):
        return "outside"
    # A link inside of the project may lead to a folder of git or of gatewayctl.
    leads_to = (folder / target.name).relative_to(project).as_posix()
    return "outside" if own_names.explain_unsafe(leads_to) else "restored"


def _has_content(path: Path, own: OwnFile) -> bool:
    try:
        content = read_regular_file(path, most=own_names.MOST_BYTES)
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() == own.sha256
