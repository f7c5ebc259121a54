"""The hint of a command that needs a running stack is the next command that helps."""

from __future__ import annotations

import httpx
import pytest

from tests.fakes.answers import REFUSED
from tests.integration.stack_project import Project, document

NEEDS_LITELLM = (
    ["usage"],
    ["keys", "list"],
    ["keys", "create"],
    ["models", "list"],
    ["chat", "Hello"],
)
NEEDS_PHOENIX = (["trace", "list"], ["trace", "show", "0af7651916cd43dd8448eb211c80319c"])
every_command = pytest.mark.parametrize("words", [*NEEDS_LITELLM, *NEEDS_PHOENIX], ids=" ".join)


def silence(request: httpx.Request) -> httpx.Response:
    raise REFUSED


def hint(project: Project, words: list[str]) -> str:
    project.litellm.planted = dict.fromkeys(PATHS, silence)
    found = document(project.run(*words, "--json"))
    return str(found["error"]["hint"])


PATHS = (
    *("/health/readiness", "/healthz", "/spend/logs/v2", "/v1/projects/gateway/spans"),
    *("/key/list", "/key/info", "/key/generate", "/v2/model/info", "/v1/chat/completions"),
    *("/v1/traces", "/v1/models", "/global/activity"),
)


@every_command
def test_a_stopped_stack_is_to_be_started(words: list[str], project: Project) -> None:
    project.run("init")

    assert hint(project, words) == "Start the stack with `gatewayctl up`."


@every_command
def test_a_crash_loop_is_to_be_looked_at(words: list[str], ready: Project) -> None:
    for service in ("litellm", "phoenix"):
        ready.runtime.processes[service] = "failed"
        ready.runtime.details[service] = "exit code 7"
        ready.runtime.words[service] = "Traceback"

    service = "phoenix" if words in NEEDS_PHOENIX else "litellm"
    assert f"`gatewayctl logs {service}`" in hint(ready, words)


@every_command
def test_a_service_that_is_starting_is_to_be_waited_for(words: list[str], ready: Project) -> None:
    ready.runtime.uptime = 3

    assert hint(ready, words).startswith("Wait for")


@pytest.mark.parametrize("words", [["chat", "Hello"], ["env"]], ids=" ".join)
def test_a_missing_key_is_created_by_up_if_the_stack_is_stopped(
    words: list[str], project: Project
) -> None:
    project.run("init")

    stopped = document(project.run(*words, "--json"))["error"]
    project.run("up", "--no-keys")
    running = document(project.run(*words, "--json"))["error"]

    assert stopped["code"] == running["code"] == "virtual_key_missing"
    assert stopped["hint"] == "Start the stack with `gatewayctl up`."
    assert "`gatewayctl keys create`" in running["hint"]
