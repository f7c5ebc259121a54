"""Checks of the project's files: settings, .env, .gitignore, rendered files.

Most need neither a runtime nor settings. Must not know services.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from gatewayctl.env_file.readable import find_ambiguous_lines
from gatewayctl.errors import (
    CaBundleUnusable,
    EnvFileMissing,
    EnvFileUnreadable,
    FolderUnusable,
    GatewayctlError,
    SettingsInvalid,
)
from gatewayctl.operations.diagnosis.findings.table import find_finding
from gatewayctl.operations.doctor.checks.subject import DoctorCheck, Observation, Subject
from gatewayctl.operations.models.loopback import warn_loopback
from gatewayctl.operations.project.gitignore import find_missing_lines
from gatewayctl.operations.project.proxies import warn_of_proxies
from gatewayctl.operations.project.render import render
from gatewayctl.operations.state.restore_journal import unfinished_restore
from gatewayctl.settings.model import ENVIRONMENT
from gatewayctl.settings.overrides import advise_unset, stored_names
from gatewayctl.settings.sources import ENV_FILE_NAME


def check_settings(subject: Subject) -> Iterator[Observation]:
    """Report every problem of the settings."""
    if isinstance(subject.settings_error, SettingsInvalid):
        for problem in subject.settings_error.problems:
            yield Observation.of(subject.settings_error, evidence=str(problem))
    elif subject.settings_error is not None and not isinstance(
        subject.settings_error, EnvFileUnreadable
    ):
        error = subject.settings_error
        yield Observation(finding="settings_invalid", evidence=error.message, remedy=error.hint)


def check_env_file(subject: Subject) -> Iterator[Observation]:
    """Check that .env exists, is private, and is read alike by all programs."""
    path = subject.project_dir / ENV_FILE_NAME
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        yield Observation(finding="env_file_missing", evidence=f"{path} does not exist")
        return
    if mode & 0o077:
        yield Observation(finding="env_file_mode", evidence=f"{path} has mode {mode:04o}")
    try:
        lines = find_ambiguous_lines(path)
    except (EnvFileUnreadable, EnvFileMissing) as error:
        yield Observation.of(error)
        return
    for line in lines:
        yield Observation(
            finding="env_value_ambiguous",
            evidence=f".env line {line.line}: {line.name} {line.reason}",
        )


def check_environment(subject: Subject) -> Iterator[Observation]:
    """Find environment variables that override another value in .env."""
    stored = stored_names(subject.project)
    for source in subject.project.origins.values():
        if source.overrides is None:
            continue
        name = source.name.removeprefix(ENVIRONMENT)
        yield Observation(
            finding="environment_shadows",
            evidence=f"{name} in the environment differs from {source.overrides}",
            severity=None if name in stored else "info",
            remedy=advise_unset(name),
        )


def check_git(subject: Subject) -> Iterator[Observation]:
    """Check whether the next `git add .` would add a secret."""
    folder = subject.project_dir
    above = (folder, *folder.parents)
    root = next((n for n, parent in enumerate(above) if (parent / ".git").exists()), None)
    if root is None or not (folder / ENV_FILE_NAME).exists():
        return
    # A line in a parent folder applies to the folders below.
    lines = [set(find_missing_lines(parent)) for parent in above[: root + 1]]
    missing = sorted(set.intersection(*lines))
    if missing:
        evidence = f"{folder / '.gitignore'} lacks {', '.join(missing)}"
        yield Observation(finding="env_file_not_ignored", evidence=evidence)


def check_bind(subject: Subject) -> Iterator[Observation]:
    """Check which machines can reach the ports."""
    bind = subject.project.bind
    if bind in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared with, never bound to
        evidence = f"bind is {bind!r} (from {subject.project.source_of('bind')})"
        yield Observation(finding="bound_to_all", evidence=evidence)


def check_proxies(subject: Subject) -> Iterator[Observation]:
    """Find proxies of this machine that LiteLLM does not get."""
    for evidence in warn_of_proxies(subject.project, subject.runtime.name):
        yield Observation(finding="proxy_unusable", evidence=evidence)


def check_loopback(subject: Subject) -> Iterator[Observation]:
    """Find models whose server LiteLLM would look for in its own container."""
    for evidence in warn_loopback(subject.project):
        yield Observation(finding="provider_on_loopback", evidence=evidence)


def check_workers(subject: Subject) -> Iterator[Observation]:
    """Find several LiteLLM workers without a Redis to share state."""
    count = subject.project.workers
    if count > 1 and "redis" not in subject.runtime.services:
        evidence = f"workers is {count}, but the {subject.runtime.name} runtime starts no Redis"
        yield Observation(finding="workers_without_redis", evidence=evidence)


def check_rendered_files(subject: Subject) -> Iterator[Observation]:
    """Find rendered files that differ; before the first `up` there are none."""
    try:
        report = render(subject.project, check=True, runtime=subject.runtime.name)
    except CaBundleUnusable as error:
        yield Observation.of(error)
        return
    if all(file.state == "missing" for file in report.files):
        return
    for file in report.files:
        if file.state != "unchanged":
            yield Observation(finding="files_differ", evidence=f"{file.path} is {file.state}")


def check_restore(subject: Subject) -> Iterator[Observation]:
    """Find a restore that was interrupted between the databases and their secrets."""
    try:
        archive = unfinished_restore(subject.project.state_dir)
    except FolderUnusable as error:
        yield Observation.of(error)
        return
    if archive is not None:
        yield Observation(finding="restore_unfinished", evidence=f"it was restoring {archive}")


def check_runtime(subject: Subject) -> Iterator[Observation]:
    """Check whether a runtime is available."""
    error: GatewayctlError | None = subject.runtime_error
    if error is not None:
        found = find_finding(error) or "runtime_unavailable"
        yield Observation(finding=found, evidence=error.message, remedy=error.hint)


CHECKS = (
    DoctorCheck(name="settings", run=check_settings),
    DoctorCheck(name=".env", run=check_env_file),
    DoctorCheck(name="environment", run=check_environment, needs=("settings",)),
    DoctorCheck(name="git", run=check_git),
    DoctorCheck(name="reach", run=check_bind, needs=("settings", "own_stack")),
    DoctorCheck(name="proxies", run=check_proxies, needs=("runtime", "own_stack")),
    DoctorCheck(name="addresses", run=check_loopback, needs=("settings", "own_stack")),
    DoctorCheck(name="workers", run=check_workers, needs=("runtime", "own_stack")),
    DoctorCheck(name="rendered files", run=check_rendered_files, needs=("runtime", "own_stack")),
    DoctorCheck(name="restore", run=check_restore, needs=("settings", "own_stack")),
    DoctorCheck(name="runtime", run=check_runtime, needs=("settings",)),
)
