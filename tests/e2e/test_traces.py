"""Verification of traces on the real stack, with injected faults between LiteLLM and Phoenix."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.client.calls import component_call
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.chat.plan import ChatInput
from gatewayctl.operations.chat.send import send_chat
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.settings.load import load_settings
from gatewayctl.transport import new_http_client
from tests.e2e.conftest import Project, make_project
from tests.fakes import otlp_fault_proxy as faults
from tests.fakes.driving import report_of
from tests.fakes.otlp_fault_proxy import EVERY, Fault, FaultProxy
from tests.fakes.upstream import Upstream

SEEDED = {"seed-a": 80, "seed-b": 60, "seed-c": 40, "seed-d": 20}


@pytest.fixture(scope="module")
def proxied(
    embedded_environment: Environment,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Project, FaultProxy]]:
    """Its own stack, whose LiteLLM sends its spans through the proxy."""
    project = make_project(tmp_path_factory.mktemp("traces"), upstream=upstream.url)
    with faults.inject_faults(project.phoenix_url) as proxy:
        with (project.folder / ".env").open("a", encoding="utf-8") as env:
            env.write(f"PHOENIX_COLLECTOR_HTTP_ENDPOINT={proxy.url}\n")
        try:
            assert start_until_traced(project)
            yield project, proxy
        finally:
            project.run("down")


def start_until_traced(project: Project) -> bool:
    """Start the stack, again if its trace was late: `up` only waits a moment for it."""
    for _ in range(3):
        if project.data("up")["tracing"] == "verified":
            return True
        project.ok("down")
    return False


@pytest.fixture
def project(proxied: tuple[Project, FaultProxy]) -> Project:
    return proxied[0]


@pytest.fixture
def proxy(proxied: tuple[Project, FaultProxy]) -> Iterator[FaultProxy]:
    yield proxied[1]
    proxied[1].faults.clear()
    proxied[1].release()


def chat_in_trace(project: Project, trace_id: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Chat with this trace id; return the exit code and the JSON document."""
    inbound = {"TRACEPARENT": f"00-{trace_id}-00f067aa0ba902b7-01"}
    caller = replace(project, extra_env={**project.extra_env, **inbound})
    done = caller.run("chat", "--model", "demo", "--verify", "--json", *arguments, "hello")
    return done.returncode, json.loads(done.stdout)


def failed_checks(document: dict[str, Any]) -> dict[str, str]:
    checks = document["data"]["verification"]["checks"]
    return {each["name"]: each["detail"] for each in checks if each["state"] == "failed"}


FAULTS: dict[str, tuple[Fault, str, str]] = {
    "model span dropped": (faults.drop_model_span, "one_llm_span_per_call", "no model span"),
    "gateway root dropped": (faults.drop_gateway_root, "no_missing_parent", "not in the trace"),
    "wrong parent": (faults.set_wrong_parent, "no_missing_parent", "deadbeefdeadbeef"),
    "no parent": (faults.remove_parent, "gateway_descends", "does not descend"),
    "new trace id": (faults.change_trace_id, "same_trace", "in another trace"),
    "component missing": (faults.remove_component, "component", "the span has none"),
    "component wrong": (faults.change_component, "component", "the span has 'other-component'"),
    "two model spans": (faults.duplicate_model_span, "one_llm_span_per_call", "2 model spans"),
    "accepted and lost": (faults.drop_all, "one_llm_span_per_call", "no model span"),
}


@pytest.fixture(scope="module")
def fault_results(proxied: tuple[Project, FaultProxy]) -> dict[str, tuple[int, dict[str, Any]]]:
    """Inject every fault at once, each in its own trace, since most of the time is waiting."""
    project, proxy = proxied
    ids = {name: secrets.token_hex(16) for name in FAULTS}
    proxy.faults = {ids[name]: fault for name, (fault, _, _) in FAULTS.items()}
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        answers = pool.map(
            lambda name: chat_in_trace(project, ids[name], "--timeout", "10"), FAULTS
        )
        results = dict(zip(FAULTS, answers, strict=True))
    assert set(ids.values()) <= proxy.seen
    proxy.faults = {}
    return results


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_the_check_that_is_about_it(
    fault_results: dict[str, tuple[int, dict[str, Any]]], name: str
) -> None:
    exit_code, document = fault_results[name]
    _, check, detail = FAULTS[name]

    assert (exit_code, document["data"]["verified"]) == (7, False)
    assert detail in failed_checks(document)[check]
    assert document["error"]["code"] == "not_verified"
    assert check in document["error"]["message"]


def test_a_trace_with_late_spans_is_unknown_and_verified_once_they_arrive(
    project: Project, proxy: FaultProxy
) -> None:
    trace_id = secrets.token_hex(16)
    proxy.hold()

    exit_code, document = chat_in_trace(project, trace_id, "--timeout", "2")
    proxy.release()

    assert (exit_code, document["data"]["verified"]) == (5, None)
    assert document["error"]["code"] == "trace_unknown"
    assert "may still be on their way" in document["error"]["message"]
    later = json.loads(project.ok("trace", "verify", trace_id, "--json"))
    assert later["data"]["verdict"] == "verified"


def test_a_trace_is_unknown_if_no_spans_arrive_any_more(
    project: Project, proxy: FaultProxy
) -> None:
    proxy.faults[EVERY] = faults.drop_all

    exit_code, document = chat_in_trace(project, secrets.token_hex(16), "--timeout", "2")

    assert (exit_code, document["data"]["verified"]) == (5, None)


def test_if_phoenix_does_not_answer_the_verdict_is_unknown(project: Project) -> None:
    data = project.data("chat", "--model", "demo", "--verify", "hello")
    config = project.folder / "gateway.yaml"
    before = config.read_text(encoding="utf-8")
    config.write_text(before.replace(f"phoenix: {project.ports['phoenix']}", "phoenix: 1"))
    try:
        done = project.run("trace", "verify", data["trace_id"], "--timeout", "1", "--json")
        listed = project.run("trace", "list", "--json")
    finally:
        config.write_text(before, encoding="utf-8")

    assert (done.returncode, json.loads(done.stdout)["data"]["verdict"]) == (5, "unknown")
    assert json.loads(done.stdout)["error"]["code"] == "phoenix_unreachable"
    assert listed.returncode == 5


@pytest.mark.full
def test_a_hundred_clean_runs_raise_no_false_alarm(project: Project, proxy: FaultProxy) -> None:
    settings = load_settings(project.folder, environ={})

    def chat(number: int) -> tuple[str, ...]:
        component = ("passthrough", "reasoning-agent", "routing-classifier")[number % 3]
        with new_http_client() as http:
            ask = ChatInput(
                prompt=f"clean {number}",
                component=component,
                model="demo",
                stream=number % 2 == 0,
                verify=60,
            )
            report = report_of(send_chat(settings, GatewayClient(http, settings.gateway_url), ask,
                                  environ={}))  # fmt: skip
        verification = report.verification
        assert verification is not None
        failed = [each.name for each in verification.checks if each.state != "passed"]
        return (verification.verdict, *failed)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(chat, range(100)))

    assert answers == [("verified",)] * 100


def test_auto_on_the_demo_model_is_one_trace_of_both_components(project: Project) -> None:
    data = project.data("chat", "--route", "auto", "--model", "demo", "--verify", "Why?")

    assert data["verified"] is True
    assert [(step["component"], step["operation"]) for step in data["steps"]] == [
        ("routing-classifier", "auto_routing"),
        ("reasoning-agent", "step_generation"),
        ("reasoning-agent", "synthesis"),
    ]
    spans = project.data("trace", "show", data["trace_id"])["spans"]
    assert [span["depth"] for span in spans if span["service"] == "gatewayctl"] == [0, 1, 1, 1]
    assert {span["component"] for span in spans if span["kind"] == "LLM"} == {
        "routing-classifier",
        "reasoning-agent",
    }
    assert not any(span["orphan"] for span in spans)


def test_auto_on_an_upstream_that_answers_in_json(project: Project, upstream: Upstream) -> None:
    before = len(upstream.requests)

    data = project.data("chat", "--route", "auto", "--model", "relay", "--verify", "Why?")

    sent = [seen.body for seen in upstream.requests[before:]]
    forms = [(body.get("response_format") or {}).get("type") for body in sent]
    assert forms == ["json_schema", "json_object", "json_object", None]
    assert [step["operation"] for step in data["steps"]] == [
        "auto_routing",
        "step_generation",
        "step_generation",
        "synthesis",
    ]
    assert (data["verified"], data["routing_path"]) == (True, "reasoning")


@pytest.mark.parametrize(
    ("route", "components"),
    [
        ("passthrough", ["passthrough/chat"]),
        ("reasoning", ["reasoning-agent/step_generation", "reasoning-agent/synthesis"]),
    ],
)
def test_each_path_is_streamed_and_verified(
    project: Project, route: str, components: list[str]
) -> None:
    done = project.run("chat", "--route", route, "--model", "demo", "--verify", "hello")

    assert done.returncode == 0, done.stderr
    assert "demo model of the gateway" in done.stdout
    assert "verified" in done.stderr
    assert all(component in done.stderr for component in components)


def test_the_list_by_component_is_exactly_the_calls_of_that_component(project: Project) -> None:
    before = {call["trace_id"] for call in list_classifier_calls(project)}
    chats = [
        project.data("chat", "--component", name, "--model", "demo", "--verify", "which?")
        for name in ("routing-classifier", "passthrough", "routing-classifier")
    ]

    calls = [call for call in list_classifier_calls(project) if call["trace_id"] not in before]

    expected = [each["trace_id"] for each in chats if each["component"] == "routing-classifier"]
    assert [call["trace_id"] for call in reversed(calls)] == expected
    assert {call["component"] for call in calls} == {"routing-classifier"}


def list_classifier_calls(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = project.data(
        "trace", "list", "--component", "routing-classifier", "--since", "1h", "--limit", "1000"
    )["calls"]
    return found


@pytest.mark.full
def test_usage_counts_every_call_and_reconcile_lists_deleted_traces(
    project: Project,
) -> None:
    began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 1))
    time.sleep(1.5)
    sent = [name for name, count in SEEDED.items() for _ in range(count)]
    key = project.secrets()["LITELLM_API_KEY"]

    def call_as(name: str) -> tuple[str, str, int]:
        trace_id = secrets.token_hex(16)
        call = component_call(name, "work")
        answer = httpx.post(
            f"{project.gateway_url}/v1/chat/completions",
            headers={
                "authorization": f"Bearer {key}",
                "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01",
            },
            json={
                "model": "demo",
                "messages": [
                    {"role": "user", "content": "word " * (len(trace_id) + ord(name[-1]))}
                ],
                **call["extra_body"],
            },
            timeout=60,
        ).raise_for_status()
        return name, trace_id, answer.json()["usage"]["total_tokens"]

    with ThreadPoolExecutor(8) as pool:
        calls = list(pool.map(call_as, sent))
    expected = {
        name: (count, sum(tokens for each, _, tokens in calls if each == name))
        for name, count in SEEDED.items()
    }

    def read_usage() -> dict[str, tuple[int, int]]:
        rows = project.data("usage", "--by", "component", "--since", began)["rows"]
        return {row["name"]: (row["requests"], row["total_tokens"]) for row in rows}

    until = time.monotonic() + 120
    while sum(count for count, _ in read_usage().values()) < len(sent) and time.monotonic() < until:
        time.sleep(1)
    assert read_usage() == expected

    command = ("usage", "reconcile", "--since", began, "--settle", "0")
    while project.run(*command).returncode and time.monotonic() < until:
        time.sleep(1)
    assert project.data(*command)["matched"] == len(sent)

    deleted = {trace_id for _, trace_id, _ in calls[::29]}
    for trace_id in deleted:
        httpx.delete(f"{project.phoenix_url}/v1/traces/{trace_id}", timeout=30).raise_for_status()
    after = project.run(*command, "--json")

    document = json.loads(after.stdout)
    assert (after.returncode, document["data"]["matched"]) == (7, len(sent) - len(deleted))
    assert {gap["trace_id"] for gap in document["data"]["gaps"]} == deleted
    assert {gap["missing_in"] for gap in document["data"]["gaps"]} == {"phoenix"}


def test_the_trace_of_a_program_without_spans_in_phoenix_is_not_verified(project: Project) -> None:
    trace_id, key = secrets.token_hex(16), project.secrets()["LITELLM_API_KEY"]
    httpx.post(
        f"{project.gateway_url}/v1/chat/completions",
        headers={
            "authorization": f"Bearer {key}",
            "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01",
        },
        json={"model": "demo", "messages": [{"role": "user", "content": "hi"}]},
        timeout=60,
    ).raise_for_status()

    done = project.run("trace", "verify", trace_id, "--timeout", "8", "--json")

    assert done.returncode == 7
    assert "no_missing_parent" in json.loads(done.stdout)["error"]["message"]


def test_the_calls_of_the_example_are_attributed_sync_and_async(
    project: Project, embedded_environment: Environment
) -> None:
    """With the OpenAI SDK of LiteLLM's environment."""
    began = datetime.now(UTC).isoformat()
    root = Path(__file__).parents[2]
    lines = (line.split("=", 1) for line in project.ok("env").splitlines())
    done = subprocess.run(
        [str(embedded_environment.python("litellm")), str(root / "examples" / "ask.py"), "Hello"],
        env={**project.environment(), **dict(lines), "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "demo model of the gateway" in done.stdout
    until, found = time.monotonic() + 60, list[str]()
    while len(found) < 2 and time.monotonic() < until:
        time.sleep(0.5)
        calls = project.data("trace", "list", "--since", began)["calls"]
        found = [f"{call['component']}/{call['operation']}" for call in reversed(calls)]
    assert found == ["passthrough/chat", "reasoning-agent/synthesis"]


def test_commands_other_than_chat_leave_no_spans(project: Project) -> None:
    began = datetime.now(UTC).isoformat()
    for arguments in (("usage",), ("models", "list"), ("keys", "list")):
        project.ok(*arguments)
    # LiteLLM sends its spans in order: those of the commands would arrive before the chat's.
    chat = project.data("chat", "--model", "demo", "--verify", "and then this")

    spans = httpx.get(
        f"{project.phoenix_url}/v1/projects/gateway/spans",
        params={"limit": 1000, "start_time": began},
        timeout=30,
    ).json()["data"]

    assert chat["trace_id"] in {span["context"]["trace_id"] for span in spans}
    routes = {span["attributes"].get("http.route") for span in spans}
    assert routes <= {None, "/v1/chat/completions", "/chat/completions", "/v1/models"}
