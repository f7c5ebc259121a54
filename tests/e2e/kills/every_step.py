"""One verb, killed at each of its steps in turn, and what the next run must bring about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.e2e.conftest import Project
from tests.e2e.killing import Step, backups, kept_keys, killed_at, left_over, steps
from tests.e2e.test_backup import opens, stored_credential, traces

Killed = TypeVar("Killed")
PATIENT = ("--timeout", "280")
EXTRA = ("keys", "create", "extra", "--env", "EXTRA_KEY")


@dataclass(kw_only=True)
class Survivor:
    """A running project whose verbs are killed; ``databases`` lists those of its servers."""

    project: Project
    databases: Callable[[], set[str]]
    trace: str = ""
    file: str = ""
    contents: dict[str, Any] = field(default_factory=dict)
    key: str = ""

    def prepare(self) -> None:
        """A stored credential, a call with its trace, and a backup of both."""
        stored_credential(self.project)
        said = self.project.data("chat", "--model", "demo", "--verify", "before")
        self.trace = said["trace_id"]
        self.key = self.project.secrets()["LITELLM_API_KEY"]
        made = self.project.data("backup", str(self.project.folder / "safe.bak"))
        self.file, self.contents = made["file"], made["contents"]

    def steps_of(self, *words: str) -> list[Step]:
        """The steps of a verb, from a run that nobody disturbs."""
        done = self.project.run(*words)
        assert done.returncode == 0, done.stderr
        found = steps(done.stderr)
        assert len(found) > 10, done.stderr
        return found

    def reset_after_a_kill(self, step: Step) -> None:
        """The keys of before are in a backup, the declared ones are new, the traces stay."""
        words = ("reset", "--yes", *PATIENT)
        before = self._one_key_more()
        assert killed_at(self.project, step, *words), "it was not killed"
        self.project.ok(*words)

        now = self.project.secrets()["LITELLM_API_KEY"]
        assert now != before
        assert opens(self.project, now)
        assert not opens(self.project, before)
        assert 3 in kept_keys(self.project), "the keys of before are in no backup"
        self._whole()

    def restored_after_a_kill(self, step: Step) -> None:
        """Everything is as it was backed up, and what was there instead is in a backup."""
        words = ("restore", self.file, "--yes", *PATIENT)
        self._one_key_more()
        self.project.ok("keys", "rotate", "litellm-dev")
        assert killed_at(self.project, step, *words), "it was not killed"
        if (self.project.folder / ".gatewayctl/restore.json").exists():
            refused = self.project.run("up")
            assert (refused.returncode, self.file in refused.stderr) == (4, True), refused.stderr
        report = self.project.data(*words)

        assert report["contents"] == self.contents
        assert (report["key_opens"], report["credential"]) == (True, "decrypted")
        assert self.project.secrets()["LITELLM_API_KEY"] == self.key
        assert opens(self.project, self.key)
        assert self.contents["virtual_keys"] + 1 in kept_keys(self.project), "keys were lost"
        self._whole()

    def _one_key_more(self) -> str:
        """Something that can be lost; hands back the key of the applications."""
        for file in backups(self.project):
            file.unlink()
        self.project.ok(*EXTRA)
        return self.project.secrets()["LITELLM_API_KEY"]

    def _whole(self) -> None:
        assert len(traces(self.project, self.trace)) > 1, "the traces are gone"
        assert self.databases() == {"litellm", "phoenix"}
        assert left_over(self.project) == []
        assert {key["state"] for key in self.project.data("keys", "list")["keys"]} <= {"ok"}


def not_survived(found: Sequence[Killed], survives: Callable[[Killed], None]) -> dict[str, str]:
    """Kill at one step after another; those that were not survived, and why."""
    failed: dict[str, str] = {}
    for step in found:
        try:
            survives(step)
        except AssertionError as error:
            failed[str(step)] = str(error)
        said = failed.get(str(step), "survived")
        print(f"{step}: {said}", flush=True)  # noqa: T201 - half an hour without a word is long
    return failed
