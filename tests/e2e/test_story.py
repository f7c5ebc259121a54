"""The main job on the real stack, as a person would drive it."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from typing import Any

import httpx

from gatewayctl.settings.model import PHOENIX_PROJECT
from tests.e2e.conftest import PROVIDER_KEY, Project
from tests.fakes.upstream import REPLY, Upstream


def spans_of(project: Project, **params: str) -> list[dict[str, Any]]:
    """What Phoenix's REST interface answers; spans are stored a moment after they arrive."""
    url = f"{project.phoenix_url}/v1/projects/{PHOENIX_PROJECT}/spans"
    answer = httpx.get(url, params={"limit": "1000", **params}, timeout=30)
    if answer.status_code == 404:
        return []
    found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
    return found


def wait_for_spans(project: Project, count: int, **params: str) -> list[dict[str, Any]]:
    """Poll until there are at least ``count`` spans, then once more for any too many."""
    until = time.monotonic() + 30
    while len(spans_of(project, **params)) < count and time.monotonic() < until:
        time.sleep(0.3)
    time.sleep(1)
    return spans_of(project, **params)


def test_a_chat_streams_a_reply_through_the_offline_model(stack: Project) -> None:
    said = stack.ok("chat", "--component", "passthrough", "--model", "demo", "Hello")

    assert "demo model of the gateway" in said


def test_phoenix_holds_exactly_the_llm_span_of_a_call_under_our_own_root(stack: Project) -> None:
    chat = stack.data("chat", "--component", "passthrough", "--model", "demo", "Which span?")
    trace_id = chat["trace_id"]

    trace = wait_for_spans(stack, 3, trace_id=trace_id)
    by_component = spans_of(stack, trace_id=trace_id, attribute="metadata.component:passthrough")

    calls = [span for span in by_component if span["span_kind"] == "LLM"]
    roots = [span for span in trace if not span["parent_id"]]
    known = {span["context"]["span_id"] for span in trace}
    assert len(calls) == len([s for s in trace if s["span_kind"] == "LLM"]) == 1
    assert [root["context"]["span_id"] for root in roots] == [chat["span_id"]]
    assert [s["name"] for s in trace if s["parent_id"] and s["parent_id"] not in known] == []


def test_the_component_filter_finds_the_call_and_no_other_component_s(stack: Project) -> None:
    other = stack.data("chat", "--component", "routing-classifier", "--model", "demo", "route me")
    wait_for_spans(stack, 3, trace_id=other["trace_id"])

    found = spans_of(stack, attribute="metadata.component:passthrough")

    assert other["trace_id"] not in {span["context"]["trace_id"] for span in found}
    assert {span["span_kind"] for span in found} <= {"LLM", "CHAIN"}


def test_a_streamed_chat_reaches_the_provider_with_the_provider_s_key_only(
    stack: Project, upstream: Upstream
) -> None:
    before = len(upstream.requests)
    virtual_key = stack.secrets()["LITELLM_API_KEY"]

    said = stack.ok("chat", "--component", "passthrough", "--model", "relay", "Hello upstream")

    seen = upstream.requests[before:]
    assert said.strip() == "".join(REPLY)
    assert [request.authorization for request in seen] == [f"Bearer {PROVIDER_KEY}"]
    assert seen[0].body["stream"] is True
    assert virtual_key not in str(seen)


def test_usage_of_a_streamed_chat_is_what_the_provider_counted(stack: Project) -> None:
    data = stack.data("chat", "--model", "relay", "count me")

    assert data["usage"]["total_tokens"] == 11


def test_control_c_in_a_stream_ends_with_130(stack: Project) -> None:
    chat = stack.start("chat", "--model", "slow", "take your time")
    assert chat.stdout is not None
    first = chat.stdout.read(5)

    chat.send_signal(signal.SIGINT)
    _, err = chat.communicate(timeout=30)

    assert first == "Hello"
    assert chat.returncode == 130, err
    assert "Traceback" not in err


def test_an_application_s_trace_goes_on_in_the_gateway(stack: Project) -> None:
    trace_id = hashlib.sha256(b"an application").hexdigest()[:32]
    stack.extra_env["TRACEPARENT"] = f"00-{trace_id}-00f067aa0ba902b7-01"
    try:
        first = stack.data("chat", "--model", "demo", "as part of a trace")
        second = stack.data("chat", "--model", "demo", "--verify", "in the same trace")
    finally:
        del stack.extra_env["TRACEPARENT"]

    assert first["trace_id"] == second["trace_id"] == trace_id
    assert second["verified"]
    # Of each chat: its own span, that of the request, and that of the call.
    assert len(wait_for_spans(stack, 6, trace_id=trace_id)) >= 6
    assert stack.data("trace", "verify", trace_id)["verdict"] == "verified"


def test_the_virtual_keys_are_for_model_calls_only(stack: Project) -> None:
    key = stack.secrets()["LITELLM_EVAL_KEY"]

    refused = httpx.get(
        f"{stack.gateway_url}/key/list", headers={"authorization": f"Bearer {key}"}, timeout=30
    )

    assert refused.status_code in {401, 403}


def test_keys_list_joins_declared_gateway_and_env(stack: Project) -> None:
    keys = {key["alias"]: key for key in stack.data("keys", "list")["keys"]}

    assert keys["litellm-dev"]["state"] == keys["litellm-eval"]["state"] == "ok"


def test_models_list_shows_what_is_declared_as_served(stack: Project) -> None:
    models = {model["model"]: model for model in stack.data("models", "list")["models"]}

    assert models["relay"]["served"] is True
    assert models["demo"]["served"] is True


def test_env_gives_an_application_what_works(stack: Project) -> None:
    lines = dict(line.split("=", 1) for line in stack.ok("env").splitlines())

    answer = httpx.post(
        f"{lines['LLM_BASE_URL']}/v1/chat/completions",
        headers={"authorization": f"Bearer {lines['LLM_API_KEY']}"},
        json={"model": "demo", "messages": [{"role": "user", "content": "hi"}]},
        timeout=60,
    )

    assert answer.status_code == 200


def test_the_services_listen_on_loopback_only(stack: Project) -> None:
    import psutil

    ports = set(stack.ports.values())
    listening = {
        (each.laddr.ip.removeprefix("::ffff:"), each.laddr.port)
        for each in psutil.net_connections(kind="tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port in ports
    }

    assert listening == {("127.0.0.1", port) for port in ports}


def test_no_secret_is_on_a_command_line_in_a_log_or_in_a_rendered_file(stack: Project) -> None:
    import psutil

    stack.run("chat", "--model", "relay", "canary")
    secrets = set(stack.secrets().values())
    texts = [
        "\0".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    ]
    for folder in ("compose", ".gatewayctl/logs", ".gatewayctl/run"):
        files = (path for path in (stack.folder / folder).iterdir() if path.is_file())
        texts += [path.read_text(encoding="utf-8", errors="replace") for path in files]

    assert len(secrets) >= 8
    assert [text[:200] for text in texts for secret in secrets if secret in text] == []


def test_verbose_logs_programs_requests_and_files_and_no_secret(stack: Project) -> None:
    created = stack.run("-v", "keys", "create", "verbose-job")
    seen = stack.run("status", "-v", "--json")
    lines = created.stderr + seen.stderr

    assert (created.returncode, seen.returncode) == (0, 0)
    assert json.loads(seen.stdout)["status"] == "success"
    assert "psql -X" in lines
    assert f"POST {stack.gateway_url}/key/generate: 200 (" in lines
    assert f"wrote {stack.folder / '.env'}" in lines
    assert [name for name, value in stack.secrets().items() if value in lines] == []


def test_logs_leave_polling_out_unless_everything_is_wanted(stack: Project) -> None:
    stack.ok("status")
    probe = "GET /health/readiness HTTP/1.1"

    assert probe not in stack.ok("logs", "litellm")
    assert probe in stack.ok("logs", "litellm", "--all")
    assert len(stack.ok("logs", "litellm", "--tail", "3").splitlines()) == 3
