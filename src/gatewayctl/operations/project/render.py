"""The verb render: write the files derived from the settings, or compare them.

Owns what counts as drift. Must not know templates, and never starts anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from gatewayctl.errors import Drift
from gatewayctl.operations.models.warnings import warn_of_models
from gatewayctl.operations.project.load_check import check_config
from gatewayctl.operations.project.manual_edits import (
    back_up_edited,
    find_obsolete,
    record_digests,
)
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.rendering.plan import plan_files
from gatewayctl.rendering.targets import Target, plan_target
from gatewayctl.rendering.write import DifferenceState, FileDifference, compare_files, write_files
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.model import RuntimeName, Settings

FileState = Literal["missing", "changed", "unchanged", "created", "updated", "obsolete", "removed"]
_WRITTEN: Final[dict[DifferenceState, FileState]] = {
    "missing": "created",
    "changed": "updated",
    "unchanged": "unchanged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One rendered file; ``path`` is relative to the project, absolute if it is elsewhere.

    ``state`` is missing, changed, unchanged or obsolete after a comparison, and created, updated,
    unchanged or removed after writing. ``diff`` is from disk to rendered with secrets masked, None
    unless requested.
    """

    path: Path
    state: FileState
    diff: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport:
    """What render did, or with ``check`` would do; ``warnings`` are for people.

    ``compose_dir`` is the folder of the files, also if it is another one.
    """

    compose_dir: Path
    check: bool
    files: tuple[FileReport, ...]
    changed: bool
    warnings: tuple[str, ...] = ()
    target: Target | None = None
    output: Path | None = None

    @property
    def problem(self) -> Drift | None:
        """Set if a comparison found a difference."""
        if not self.check or not self.changed:
            return None
        differing = [str(file.path) for file in self.files if file.state != "unchanged"]
        verb = "differs" if len(differing) == 1 else "differ"
        options = [f"--target {self.target}"] if self.target else []
        options += [f"--output {shlex.quote(str(self.output))}"] if self.output else []
        again = f"Run `gatewayctl render {' '.join(options)}` to regenerate the files."
        return Drift(
            f"{', '.join(differing)} {verb} from what gateway.yaml declares.",
            hint=again if options else None,
        )


def render(
    settings: Settings,
    *,
    check: bool = False,
    diff: bool = False,
    runtime: RuntimeName | None = None,
    target: Target | None = None,
    output: Path | None = None,
) -> RenderReport:
    """Write the files in the project's compose folder that differ, or with ``check`` only compare.

    ``runtime`` is the one resolved from `auto`, and ``target`` what is rendered instead of its
    files; ``output`` is another folder. Raises FileUnwritable, RuntimeUnavailable.
    """
    folder = output or settings.compose_dir
    files = (
        plan_files(settings, runtime=runtime, folder=folder)
        if target is None
        else plan_target(settings, target, folder=folder)
    )
    found, obsolete = compare_files(files, folder), find_obsolete(settings, files, folder)
    warnings: tuple[str, ...] = ()
    if not check:
        edited = [item.path for item in found if item.state == "changed"]
        warnings = back_up_edited(settings, edited, folder)
        write_files(files, folder)
        record_digests(settings, files, folder)
        for path in obsolete:
            (folder / path).unlink()
    reports = [_report_file(item, settings, folder, check=check, diff=diff) for item in found]
    state: FileState = "obsolete" if check else "removed"
    reports += (
        FileReport(path=_place(settings, folder / path), state=state, diff=None)
        for path in obsolete
    )
    return RenderReport(
        compose_dir=folder,
        check=check,
        files=tuple(reports),
        changed=any(report.state != "unchanged" for report in reports),
        warnings=warnings,
        target=target,
        output=output,
    )


def render_project(
    settings: Settings,
    resolved: ResolvedRuntime | None,
    *,
    check: bool = False,
    diff: bool = False,
    target: Target | None = None,
    output: Path | None = None,
) -> Generator[Progress, None, RenderReport]:
    """Run `render` as a verb of its own, while holding the project's lock unless it only compares.

    ``resolved`` can be None if there is a target. With ``check`` LiteLLM's own loader is asked too,
    if it is installed. Raises SettingsInvalid for what it refuses, Locked and RestoreUnfinished
    too.
    """
    run = partial(
        render,
        settings,
        diff=diff,
        runtime=None if resolved is None else resolved.name,
        target=target,
        output=output,
    )
    if check:
        checked = None if resolved is None else (yield from check_config(settings, resolved))
        report = run(check=True)
        warnings = () if checked is None else checked.warnings
    else:
        with change_project(settings, "render"):
            report = run()
        warnings = report.warnings
    return replace(report, warnings=(*warn_of_models(settings), *warnings))


def _place(settings: Settings, path: Path) -> Path:
    """The path as a report has it."""
    inside = path.is_relative_to(settings.project_dir)
    return path.relative_to(settings.project_dir) if inside else path


def _report_file(
    item: FileDifference, settings: Settings, folder: Path, *, check: bool, diff: bool
) -> FileReport:
    return FileReport(
        path=_place(settings, folder / item.path),
        state=item.state if check else _WRITTEN[item.state],
        diff=item.diff if diff else None,
    )
