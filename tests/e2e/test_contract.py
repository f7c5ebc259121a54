"""The embedded runtime keeps the contract, and a promise that only it has to make."""

from __future__ import annotations

import os
import signal

import pytest

from gatewayctl.runtimes.embedded.orphans import find_orphans
from tests.e2e.contract.embedded import EmbeddedStack
from tests.e2e.contract.promises import RuntimeContract


class TestEmbedded(RuntimeContract):
    stack = EmbeddedStack

    @pytest.mark.full
    def test_a_killed_supervisor_leaves_nothing_that_the_next_up_cannot_clear(
        self, running: EmbeddedStack
    ) -> None:
        pid = int(running.layout.supervisor_pid.read_text(encoding="ascii"))

        os.kill(pid, signal.SIGKILL)
        again = running.project.data("up")

        assert sorted(again["started"]) == sorted(running.services)
        engines = [p for p in find_orphans(running.layout) if p.cmdline()[:1] == ["query-engine"]]
        assert len(engines) == 1
        running.project.ok("down")
        assert running.leftovers() == []
