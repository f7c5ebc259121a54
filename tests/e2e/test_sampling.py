"""One span for a call, and none of the others: what is asked for is verified all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack
from tests.e2e.test_answers import later
from tests.e2e.test_story import spans_of
from tests.fakes.upstream import Upstream

DECLARED = "tracing: {spans: calls, sample: 0, messages: false}\n"


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    assert embedded_environment.complete
    with own_stack(tmp_path_factory.mktemp("sampling"), upstream=upstream.url) as made:
        with (made.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
            config.write(DECLARED)
        made.ok("up", "--timeout", "240")
        yield made


def ask(project: Project, model: str, words: str) -> httpx.Response:
    """A chat of an application that sends no trace context."""
    return httpx.post(
        f"{project.gateway_url}/v1/chat/completions",
        headers={"authorization": f"Bearer {project.secrets()['LITELLM_API_KEY']}"},
        json={
            "model": model,
            "messages": [{"role": "user", "content": words}],
            "metadata": {"component": "unsampled"},
        },
        timeout=60,
    )


def calls_of(project: Project, component: str) -> list[dict[str, Any]]:
    words = ("trace", "list", "--component", component, "--limit", "50")
    calls: list[dict[str, Any]] = project.data(*words)["calls"]
    return calls


def test_up_and_status_say_what_is_traced(project: Project) -> None:
    assert project.data("status")["trace_sample"] == 0
    assert "Traces: 0 of the requests, and every one that fails" in project.ok("status")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["relay", "demo"])
def test_a_chat_that_is_verified_is_traced_by_its_call_alone(
    project: Project, model: str, stream: bool
) -> None:
    words = ("--verify", *(() if stream else ("--no-stream",)), "A secret question")
    chat = project.data("chat", "--model", model, *words)

    assert chat["verified"] is True
    spans = spans_of(project, trace_id=chat["trace_id"])
    ours = next(span for span in spans if span["name"] == "gatewayctl chat")
    (call,) = (span for span in spans if span is not ours)
    assert (call["span_kind"], call["parent_id"]) == ("LLM", ours["context"]["span_id"])
    assert "A secret question" not in json.dumps(call)
    assert project.data("trace", "verify", chat["trace_id"])["verdict"] == "verified"


def test_of_calls_out_of_the_sample_only_those_that_fail_are_traced(project: Project) -> None:
    assert ask(project, "relay", "Left out").status_code == 200
    assert ask(project, "say-500", "It fails").status_code >= 500

    failed = later(lambda: calls_of(project, "unsampled"))

    assert [each["model"] for each in failed] == ["say-500"]


def test_usage_counts_every_call_and_reconcile_misses_none(project: Project) -> None:
    def counted() -> bool:
        total = project.data("usage", "--by", "component", "--since", "1h")
        found = {row["name"]: row["requests"] for row in total["rows"]}
        return bool(found.get("unsampled", 0) >= 2)

    assert later(counted)

    report = project.data("usage", "reconcile", "--since", "1h")

    assert report["gaps"] == []
    assert {each["cause"] for each in report["known"]} >= {"not_sampled"}
