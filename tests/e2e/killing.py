"""Kill gatewayctl with signal 9 at a line of progress; read what a backup contains."""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from gatewayctl.runtimes.base import ProgressState
from tests.e2e.conftest import Project

_STATES: Final = "|".join(get_args(ProgressState))
_LINE: Final = re.compile(rf"^\S.*? (?:{_STATES})(?=$|[:( ])")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A line of progress without its details; ``number`` counts equal ones from 1."""

    line: str
    number: int = 1

    def __str__(self) -> str:
        return self.line if self.number == 1 else f"{self.line} ({self.number})"


def steps(stderr: str) -> list[Step]:
    """The steps of a completed verb, in order."""
    seen: Counter[str] = Counter()
    found: list[Step] = []
    for line in stderr.splitlines():
        match = _LINE.match(line)
        if match is not None:
            seen[match[0]] += 1
            found.append(Step(line=match[0], number=seen[match[0]]))
    return found


def kill_at(project: Project, step: Step | str, *words: str) -> bool:
    """Run gatewayctl and kill it at a line of progress; false if it ended before."""
    wanted = step if isinstance(step, Step) else Step(line=step)
    process = project.start(*words)
    assert process.stderr is not None
    seen = 0
    try:
        for line in process.stderr:
            seen += line.startswith(wanted.line)
            if seen == wanted.number:
                process.kill()
                return True
        return False
    finally:
        process.kill()
        process.communicate()


def backups(project: Project) -> list[Path]:
    """The backups in the project's own folder."""
    return sorted((project.folder / ".gatewayctl/backups").glob("*.gatewayctl-backup"))


def manifest(file: Path) -> dict[str, Any]:
    """Read the manifest of a backup."""
    with tarfile.open(file) as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        found: dict[str, Any] = json.loads(member.read())
        return found


def count_keys(file: Path) -> int:
    """How many virtual keys a backup contains."""
    # A kill between drop and create leaves a database without tables.
    count: int = manifest(file)["rows"]["litellm"].get("LiteLLM_VerificationToken", 0)
    return count


def count_kept_keys(project: Project) -> set[int]:
    """How many virtual keys each backup of the project contains."""
    return {count_keys(file) for file in backups(project)}


def find_leftovers(project: Project) -> list[str]:
    """What a killed verb left in the project's folder and no later one removed."""
    state = project.folder / ".gatewayctl"
    known = ("restore.json", "salt_key.partial")
    partial = [*state.glob("backups/.*"), *(state / name for name in known)]
    return sorted(path.name for path in (*partial, *project.folder.glob(".env.*")) if path.exists())
