"""What can be wrong with the embedded runtime itself: its environment, orphans, old versions.

Owns finding and fixing those. Must not know what the services answer.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayctl.runtimes.embedded import orphans
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.self_check import Fault

if TYPE_CHECKING:
    import psutil


def find_faults(
    environment: Environment, layout: Layout, supervisor: int | None
) -> tuple[Fault, ...]:
    """Find everything that is wrong; ``supervisor`` is the pid of the running supervisord."""
    faults = []
    if environment.complete and (missing := environment.missing_paths()):
        faults.append(Fault(finding="environment_broken", evidence=_format_missing(missing)))
    if processes := _find_orphans(layout, supervisor):
        evidence = ", ".join(f"{process.name()} (pid {process.pid})" for process in processes)
        faults.append(Fault(finding="processes_left", evidence=evidence))
    if old := _find_old(environment):
        evidence = f"{sum(map(_measure, old)) / 1e9:.1f} GB: {_join(old)}"
        faults.append(Fault(finding="environments_old", evidence=evidence))
    return tuple(faults)


def fix_fault(
    finding: str, environment: Environment, layout: Layout, supervisor: int | None
) -> str:
    """Fix one of them and return what was done; empty where there was nothing to do."""
    if finding == "environment_broken" and environment.complete and environment.missing_paths():
        environment.complete_mark.unlink(missing_ok=True)
        return f"marked {environment.root} as incomplete: `gatewayctl up` reinstalls it"
    if finding == "processes_left":
        ended = orphans.end_processes(_find_orphans(layout, supervisor))
        return f"ended {ended} processes" if ended else ""
    if finding == "environments_old" and (old := _find_old(environment)):
        for folder in old:
            # Without its mark, a folder that is half removed is never used.
            (folder / environment.complete_mark.name).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        return f"removed {_join(old)}"
    return ""


def _find_orphans(layout: Layout, supervisor: int | None) -> list[psutil.Process]:
    if not layout.state_dir.exists():
        return []
    supervised = {process.pid for process in orphans.process_tree(supervisor)}
    return [
        process
        for process in orphans.find_orphans(layout)
        if process.pid not in supervised and process.is_running()
    ]


def _find_old(environment: Environment) -> list[Path]:
    """Complete environments of other versions that no process runs from."""
    mark = environment.complete_mark.name
    others = [
        folder
        for folder in sorted(environment.root.parent.glob("*"))
        if folder.name != environment.root.name and (folder / mark).is_file()
    ]
    used = orphans.list_programs() if others else frozenset()
    return [folder for folder in others if not any(path.startswith(f"{folder}/") for path in used)]


def _measure(folder: Path) -> int:
    """In bytes; a link counts as a link."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _join(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _format_missing(paths: tuple[Path, ...]) -> str:
    shown = _join(list(paths[:3]))
    return f"missing: {shown}" + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
