"""`logs --follow` on a cluster: no line is lost or printed twice while pods are replaced."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from tests.e2e.conftest import Project
from tests.e2e.kubernetes.stacks import LOGGED, roll_out

pytestmark = pytest.mark.timeout(600)


def test_logs_are_followed_into_the_pods_of_the_next_rollout(stack: Project) -> None:
    followed = stack.start("logs", "litellm", "--follow", "--tail", "0")
    try:
        # Until it follows the pods that there are.
        time.sleep(5)
        chat(stack, times=2)
        roll_out(stack, "restart", "litellm")
        chat(stack, times=3)
        time.sleep(5)
        programs = psutil.Process(followed.pid).children(recursive=True)
    finally:
        followed.send_signal(signal.SIGINT)
        out, err = followed.communicate(timeout=30)

    assert followed.returncode == 130, err
    assert out.count(LOGGED) == 5, out
    assert {line.split()[1] for line in out.splitlines()} == {"litellm"}, out
    assert err == ""
    assert programs
    assert not any(program.is_running() for program in programs)


def chat(project: Project, *, times: int) -> None:
    for _ in range(times):
        project.ok("chat", "--model", "demo", "--no-stream", "Hello")
