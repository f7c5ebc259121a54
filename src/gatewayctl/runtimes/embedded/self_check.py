"""What can be wrong with the embedded runtime itself: its environment, leftovers, old versions.

Owns finding and curing those. Must not know services' answers.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from gatewayctl.runtimes.embedded import orphans
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.self_check import Fault


def find_faults(
    environment: Environment, layout: Layout, supervisor: int | None
) -> tuple[Fault, ...]:
    """Everything that is wrong; ``supervisor`` is the pid of the one that answers."""
    found = []
    missing = environment.missing_paths() if environment.complete else ()
    if missing:
        found.append(Fault(finding="environment_broken", evidence=_format_missing(missing)))
    left = _left(layout, supervisor)
    if left:
        said = ", ".join(f"{name} (pid {pid})" for pid, name in left)
        found.append(Fault(finding="processes_left", evidence=said))
    old = _find_old(environment)
    if old:
        size = sum(map(_measure, old)) / 1e9
        said = f"{size:.1f} GB: {', '.join(str(folder) for folder in old)}"
        found.append(Fault(finding="environments_old", evidence=said))
    return tuple(found)


def fix_fault(
    finding: str, environment: Environment, layout: Layout, supervisor: int | None
) -> str:
    """Put one of them right and say what was done; empty where there was nothing to do."""
    if finding == "environment_broken" and environment.complete and environment.missing_paths():
        environment.complete_mark.unlink(missing_ok=True)
        return f"marked {environment.root} as incomplete: `gatewayctl up` makes it anew"
    if finding == "processes_left":
        ours = {process.pid for process in orphans.process_tree(supervisor)}
        ended = orphans.end_processes(p for p in orphans.find_orphans(layout) if p.pid not in ours)
        return f"ended {ended} processes" if ended else ""
    if finding == "environments_old":
        old = _find_old(environment)
        for folder in old:
            # Without its mark, one that is half removed is never used.
            (folder / environment.complete_mark.name).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        return f"removed {', '.join(str(folder) for folder in old)}" if old else ""
    return ""


def _left(layout: Layout, supervisor: int | None) -> list[tuple[int, str]]:
    if not layout.state_dir.exists():
        return []
    ours = {process.pid for process in orphans.process_tree(supervisor)}
    return [
        (p.pid, p.name())
        for p in orphans.find_orphans(layout)
        if p.pid not in ours and p.is_running()
    ]


def _find_old(environment: Environment) -> list[Path]:
    """Made environments of other versions that no process runs from."""
    try:
        folders = sorted(environment.root.parent.iterdir())
    except OSError:
        return []
    others = [
        folder
        for folder in folders
        if folder.name != environment.root.name
        and (folder / environment.complete_mark.name).is_file()
    ]
    used = orphans.list_programs() if others else frozenset()
    return [folder for folder in others if not any(path.startswith(f"{folder}/") for path in used)]


def _measure(folder: Path) -> int:
    """In bytes; links are counted as links."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _format_missing(paths: tuple[Path, ...]) -> str:
    shown = ", ".join(str(path) for path in paths[:3])
    return f"missing: {shown}" + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
