"""Checks of the project's files: settings, .env, what git would take, what was rendered.

Owns finding. Must not know services. They need no runtime, and most no settings.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from gatewayctl.env_file.readable import ambiguous
from gatewayctl.errors import (
    EnvFileMissing,
    EnvFileUnreadable,
    GatewayctlError,
    SettingsInvalid,
    SettingsProblem,
)
from gatewayctl.operations.doctor.checks.subject import Check, Found, Subject
from gatewayctl.operations.project.gitignore import missing_lines
from gatewayctl.operations.project.render import render
from gatewayctl.operations.state.restore_journal import unfinished
from gatewayctl.settings.fields import STACK_SECRETS
from gatewayctl.settings.sources import ENV_NAME


def settings(subject: Subject) -> Iterator[Found]:
    """Every problem of the load, one by one."""
    if isinstance(subject.refused, SettingsInvalid):
        for problem in subject.refused.problems:
            yield Found(finding="settings_invalid", evidence=str(problem))
    elif subject.refused is not None and not isinstance(subject.refused, EnvFileUnreadable):
        yield Found(finding="settings_invalid", evidence=subject.refused.message)


def env_file(subject: Subject) -> Iterator[Found]:
    """Whether .env is there, private, and the same to all its readers."""
    path = subject.project_dir / ENV_NAME
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        yield Found(finding="env_file_missing", evidence=f"{path} does not exist")
        return
    if mode & 0o077:
        yield Found(finding="env_file_mode", evidence=f"{path} has mode {mode:04o}")
    try:
        lines = ambiguous(path)
    except (EnvFileUnreadable, EnvFileMissing) as error:
        yield Found(finding="env_file_unreadable", evidence=error.message)
        return
    for line in lines:
        yield Found(
            finding="env_value_ambiguous",
            evidence=f".env line {line.line}: {line.name} {line.reason}",
        )


def environment(subject: Subject) -> Iterator[Found]:
    """Variables of the process that hide another value of .env."""
    from gatewayctl.env_file.read import read

    try:
        written = read(subject.project_dir / ENV_NAME)
    except SettingsProblem:
        return
    for name in sorted(STACK_SECRETS - {None}, key=str):
        outside, inside = os.environ.get(str(name)), written.get(str(name))
        if outside and inside is not None and inside.value and inside.value != outside:
            said = f"{name} is set in this process's environment and wins over .env"
            yield Found(finding="environment_shadows", evidence=said)


def git(subject: Subject) -> Iterator[Found]:
    """Whether the next `git add .` would take a secret."""
    folder = subject.project_dir
    above = (folder, *folder.parents)
    root = next((n for n, parent in enumerate(above) if (parent / ".git").exists()), None)
    if root is None or not (folder / ENV_NAME).exists():
        return
    # A line in a folder above holds for those below.
    lacking = [set(missing_lines(parent)) for parent in above[: root + 1]]
    missing = sorted(set.intersection(*lacking))
    if missing:
        said = f"{folder / '.gitignore'} lacks {', '.join(missing)}"
        yield Found(finding="env_file_not_ignored", evidence=said)


def reach(subject: Subject) -> Iterator[Found]:
    """Who can reach the ports."""
    bind = subject.project.bind
    if bind in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared with, never bound to
        said = f"bind is {bind!r} (from {subject.project.source_of('bind')})"
        yield Found(finding="bound_to_all", evidence=said)


def workers(subject: Subject) -> Iterator[Found]:
    """Several processes of LiteLLM that share nothing."""
    count = subject.project.workers
    if count > 1 and "redis" not in subject.runtime.services:
        said = f"workers is {count}, and the {subject.runtime.name} runtime starts no Redis"
        yield Found(finding="workers_without_redis", evidence=said)


def files(subject: Subject) -> Iterator[Found]:
    """Rendered files that differ; before the first `up` there are none."""
    report = render(subject.project, check=True, runtime=subject.runtime.name)
    if all(file.state == "missing" for file in report.files):
        return
    for file in report.files:
        if file.state != "unchanged":
            yield Found(finding="files_differ", evidence=f"{file.path} is {file.state}")


def restore(subject: Subject) -> Iterator[Found]:
    """A restore that was interrupted between the databases and their secrets."""
    archive = unfinished(subject.project)
    if archive is not None:
        yield Found(finding="restore_unfinished", evidence=f"it was restoring {archive}")


def runtime(subject: Subject) -> Iterator[Found]:
    """Whether there is a runtime at all."""
    error: GatewayctlError | None = subject.unavailable
    if error is not None:
        yield Found(finding="runtime_unavailable", evidence=error.message)


CHECKS = (
    Check(name="settings", look=settings),
    Check(name=".env", look=env_file),
    Check(name="environment", look=environment),
    Check(name="git", look=git),
    Check(name="reach", look=reach, needs=("settings",)),
    Check(name="workers", look=workers, needs=("runtime",)),
    Check(name="rendered files", look=files, needs=("runtime",)),
    Check(name="restore", look=restore, needs=("settings",)),
    Check(name="runtime", look=runtime, needs=("settings",)),
)
