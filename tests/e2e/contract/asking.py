"""Questions that the contract asks repeatedly, through gatewayctl."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import psutil

from tests.e2e.contract.hands import ContractStack


def eventually(what: Callable[[], bool], seconds: float = 60) -> bool:
    """True as soon as ``what`` is; false if it is not within ``seconds``."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        # Each check starts a program, and the awaited work needs the processor too.
        time.sleep(0.8)
    return True


def refusal(it: ContractStack, *words: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, error code, message and hint of a command that must fail."""
    project = replace(it.project, extra_env={**it.project.extra_env, **environment})
    done = project.run(*words, "--json")
    error = json.loads(done.stdout)["error"]
    return done.returncode, error["code"], f"{error['message']}\n{error['hint']}"


def secrets_of(it: ContractStack) -> dict[str, str]:
    return {name: value for name, value in it.project.secrets().items() if len(value) >= 16}


def chats(it: ContractStack) -> bool:
    return it.project.run("chat", "--model", "demo", "Hello").returncode == 0


def requests(it: ContractStack) -> int:
    """The number of requests in LiteLLM's spend logs, which are written some seconds later."""
    found: int = it.project.data("usage", "--since", "1d")["total"]["requests"]
    return found


def traced(it: ContractStack, trace_id: str) -> bool:
    return it.project.run("trace", "show", trace_id).returncode == 0


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    assert all(after.values()), after
    return {name for name in before if before[name] != after[name]}


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
