"""The verb render: write the files derived from the settings, or compare them.

Owns what counts as drift. Must not know templates, and never starts anything.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from gatewayctl.errors import Drift
from gatewayctl.operations.models.warnings import warn_of_models
from gatewayctl.operations.project.load_check import check_config
from gatewayctl.operations.project.manual_edits import back_up_edited, record_digests
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.rendering.plan import plan_files
from gatewayctl.rendering.write import DifferenceState, FileDifference, compare_files, write_files
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.model import RuntimeName, Settings

FileState = Literal["missing", "changed", "unchanged", "created", "updated"]
_WRITTEN: Final[dict[DifferenceState, FileState]] = {
    "missing": "created",
    "changed": "updated",
    "unchanged": "unchanged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One rendered file; ``path`` is relative to the project.

    ``state`` is missing, changed or unchanged after a comparison, and created, updated or unchanged
    after writing. ``diff`` is from disk to rendered with secrets masked, None unless requested.
    """

    path: Path
    state: FileState
    diff: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport:
    """What render did, or with ``check`` would do; ``warnings`` are for people."""

    compose_dir: Path
    check: bool
    files: tuple[FileReport, ...]
    changed: bool
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> Drift | None:
        """Set if a comparison found a difference."""
        if not self.check or not self.changed:
            return None
        differing = [str(file.path) for file in self.files if file.state != "unchanged"]
        verb = "differs" if len(differing) == 1 else "differ"
        return Drift(f"{', '.join(differing)} {verb} from what gateway.yaml declares.")


def render(
    settings: Settings,
    *,
    check: bool = False,
    diff: bool = False,
    runtime: RuntimeName | None = None,
) -> RenderReport:
    """Write the files in the project's compose folder that differ, or with ``check`` only compare.

    ``runtime`` is the one resolved from `auto`. Raises FileUnwritable, RuntimeUnavailable.
    """
    files = plan_files(settings, runtime=runtime)
    found = compare_files(files, settings.compose_dir)
    warnings: tuple[str, ...] = ()
    if not check:
        edited = [item.path for item in found if item.state == "changed"]
        warnings = back_up_edited(settings, edited)
        write_files(files, settings.compose_dir)
        record_digests(settings, files)
    return RenderReport(
        compose_dir=settings.compose_dir,
        check=check,
        files=tuple(_report_file(item, settings, check=check, diff=diff) for item in found),
        changed=any(item.state != "unchanged" for item in found),
        warnings=warnings,
    )


def render_project(
    settings: Settings, resolved: ResolvedRuntime, *, check: bool = False, diff: bool = False
) -> Generator[Progress, None, RenderReport]:
    """Run `render` as a verb of its own, while holding the project's lock unless it only compares.

    With ``check`` LiteLLM's own loader is asked too, if it is installed. Raises SettingsInvalid for
    what it refuses, Locked and RestoreUnfinished too.
    """
    if check:
        checked = yield from check_config(settings, resolved)
        report = render(settings, check=True, diff=diff, runtime=resolved.name)
        warnings = checked.warnings
    else:
        with change_project(settings, "render"):
            report = render(settings, diff=diff, runtime=resolved.name)
        warnings = report.warnings
    return replace(report, warnings=(*warn_of_models(settings), *warnings))


def _report_file(
    item: FileDifference, settings: Settings, *, check: bool, diff: bool
) -> FileReport:
    return FileReport(
        path=(settings.compose_dir / item.path).relative_to(settings.project_dir),
        state=item.state if check else _WRITTEN[item.state],
        diff=item.diff if diff else None,
    )
