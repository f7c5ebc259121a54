"""gatewayctl killed with signal 9 at a line it says; what a backup file holds."""

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
_SAID: Final = re.compile(rf"^\S.*? (?:{_STATES})(?=$|[:( ])")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A line of progress less its details, and the how many-th of these it is."""

    line: str
    number: int = 1

    def __str__(self) -> str:
        return self.line if self.number == 1 else f"{self.line} ({self.number})"


def steps(stderr: str) -> list[Step]:
    """The steps of a verb that ran to its end, in their order."""
    seen: Counter[str] = Counter()
    found: list[Step] = []
    for line in stderr.splitlines():
        said = _SAID.match(line)
        if said is not None:
            seen[said[0]] += 1
            found.append(Step(line=said[0], number=seen[said[0]]))
    return found


def killed_at(project: Project, step: Step | str, *words: str) -> bool:
    """Run gatewayctl and kill it as soon as it says a line; false if it ended before."""
    wanted = step if isinstance(step, Step) else Step(line=step)
    process = project.start(*words)
    assert process.stderr is not None
    seen = 0
    try:
        for said in process.stderr:
            seen += said.startswith(wanted.line)
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
    """What a backup says of itself."""
    with tarfile.open(file) as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        found: dict[str, Any] = json.loads(member.read())
        return found


def keys_in(file: Path) -> int:
    """How many virtual keys a backup holds."""
    # A database that was dropped when the kill came has no table any more.
    held: int = manifest(file)["rows"]["litellm"].get("LiteLLM_VerificationToken", 0)
    return held


def kept_keys(project: Project) -> set[int]:
    """How many virtual keys each backup of the project holds."""
    return {keys_in(file) for file in backups(project)}


def left_over(project: Project) -> list[str]:
    """What a verb that was killed left in the project's folder and no later one removed."""
    state = project.folder / ".gatewayctl"
    known = ("restore.json", "salt_key.partial")
    half = [*state.glob("backups/.*"), *(state / name for name in known)]
    return sorted(path.name for path in (*half, *project.folder.glob(".env.*")) if path.exists())
