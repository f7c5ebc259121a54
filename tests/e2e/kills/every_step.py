"""A verb killed at each of its steps in turn, and the state after the next run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.e2e.conftest import Project
from tests.e2e.killing import Step, backups, count_kept_keys, find_leftovers, kill_at, steps
from tests.e2e.test_backup import is_accepted, store_credential, traces

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
        """Store a credential, make a call with a trace, and back up both."""
        store_credential(self.project)
        chat = self.project.data("chat", "--model", "demo", "--verify", "before")
        self.trace = chat["trace_id"]
        self.key = self.project.secrets()["LITELLM_API_KEY"]
        backup = self.project.data("backup", str(self.project.folder / "safe.bak"))
        self.file, self.contents = backup["file"], backup["contents"]

    def steps_of(self, *words: str) -> list[Step]:
        """The steps of a verb, from a run without a kill."""
        done = self.project.run(*words)
        assert done.returncode == 0, done.stderr
        found = steps(done.stderr)
        assert len(found) > 10, done.stderr
        return found

    def verify_reset(self, step: Step) -> None:
        """Kill a reset: old keys are in a backup, declared ones are new, traces are kept."""
        words = ("reset", "--yes", *PATIENT)
        before = self._add_key()
        assert kill_at(self.project, step, *words), "it was not killed"
        self.project.ok(*words)

        now = self.project.secrets()["LITELLM_API_KEY"]
        assert now != before
        assert is_accepted(self.project, now)
        assert not is_accepted(self.project, before)
        assert 3 in count_kept_keys(self.project), "the previous keys are in no backup"
        self._verify_state()

    def verify_restore(self, step: Step) -> None:
        """Kill a restore: everything is as backed up, and the previous data is in a backup."""
        words = ("restore", self.file, "--yes", *PATIENT)
        self._add_key()
        self.project.ok("keys", "rotate", "litellm-dev")
        assert kill_at(self.project, step, *words), "it was not killed"
        if (self.project.folder / ".gatewayctl/restore.json").exists():
            refused = self.project.run("up")
            assert (refused.returncode, self.file in refused.stderr) == (4, True), refused.stderr
        report = self.project.data(*words)

        assert report["contents"] == self.contents
        assert (report["key_opens"], report["credential"]) == (True, "decrypted")
        assert self.project.secrets()["LITELLM_API_KEY"] == self.key
        assert is_accepted(self.project, self.key)
        assert self.contents["virtual_keys"] + 1 in count_kept_keys(self.project), "keys were lost"
        self._verify_state()

    def _add_key(self) -> str:
        """Add something that can be lost; returns the key of the applications."""
        for file in backups(self.project):
            file.unlink()
        self.project.ok(*EXTRA)
        return self.project.secrets()["LITELLM_API_KEY"]

    def _verify_state(self) -> None:
        assert len(traces(self.project, self.trace)) > 1, "the traces are lost"
        assert self.databases() == {"litellm", "phoenix"}
        assert find_leftovers(self.project) == []
        assert {key["state"] for key in self.project.data("keys", "list")["keys"]} <= {"ok"}


def find_failures(found: Sequence[Killed], verify: Callable[[Killed], None]) -> dict[str, str]:
    """Kill at one step after another; returns the steps whose verification failed, and why."""
    failed: dict[str, str] = {}
    for step in found:
        try:
            verify(step)
        except AssertionError as error:
            failed[str(step)] = str(error)
        result = failed.get(str(step), "passed")
        print(f"{step}: {result}", flush=True)  # noqa: T201 - progress of a test of half an hour
    return failed
